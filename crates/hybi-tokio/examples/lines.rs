//! Sends each line of the standard input, and prints what comes back.
//!
//! ```sh
//! cargo run -p hybi-tokio --example lines -- wss://echo.example.com/
//! ```

use std::error::Error;
use std::time::Duration;

use hybi::Message;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::select;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri = std::env::args().nth(1).ok_or("usage: lines ws://HOST/PATH")?;
    let mut ws = hybi_tokio::connect(&uri).await?;
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        // Both are cancel-safe: what one has begun is there when it is called again.
        select! {
            line = lines.next_line() => match line? {
                Some(line) => ws.send(&line).await?,
                None => break,
            },
            message = ws.receive() => match message? {
                Some(Message::Text(text)) => println!("{}", hybi::escaped(&text)),
                Some(Message::Binary(bytes)) => println!("{} bytes", bytes.len()),
                None => break,
            },
        }
    }
    println!("closed: {}", ws.terminate(Duration::from_secs(5)).await);
    Ok(())
}
