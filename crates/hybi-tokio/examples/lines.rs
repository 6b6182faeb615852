//! Sends each line of the standard input, and prints what comes back. Ctrl-D, Ctrl-C and SIGTERM
//! close the connection.
//!
//! ```sh
//! cargo run -p hybi-tokio --example lines -- wss://echo.example.com/
//! ```

use std::error::Error;
use std::io::{Write, stdout};
use std::pin::pin;
use std::process::exit;
use std::time::Duration;

use hybi::{CloseCode, Message};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::select;

#[path = "shared/program.rs"]
mod program;
use program::{asked_to_end, log};

const USAGE: &str = "usage: lines URI   such as ws://127.0.0.1:9001/ or wss://example.com/chat";

#[tokio::main]
async fn main() {
    let code = match program::arguments(USAGE).as_deref() {
        Ok([uri]) if !uri.starts_with('-') => match talk(uri).await {
            Ok(()) => 0,
            Err(error) => {
                log(error);
                1
            }
        },
        Ok(_) => {
            program::wrong("one URI, please", USAGE);
            2
        }
        Err(_) => 0,
    };
    // A thread of the runtime waits for a line, and nothing else would end it.
    exit(code);
}

async fn talk(uri: &str) -> Result<(), Box<dyn Error>> {
    let mut ws = hybi_tokio::connect(uri).await?;
    log("connected: each line that you type is a message, Ctrl-D closes the connection");
    let mut lines = BufReader::new(stdin()).lines();
    let mut asked_to_end = pin!(asked_to_end());
    let mut has_lines = true;
    loop {
        // All are cancel-safe: what one has begun is there when it is called again.
        select! {
            line = lines.next_line(), if has_lines => match line? {
                Some(line) => ws.send(&line).await?,
                None => {
                    has_lines = false;
                    ws.close(CloseCode::NORMAL, "").await?; // answers still arrive
                }
            },
            message = ws.receive() => match message? {
                // A terminal obeys some characters.
                Some(Message::Text(text)) => writeln!(stdout(), "{}", hybi::escaped(&text))?,
                Some(Message::Binary(bytes)) => writeln!(stdout(), "{} bytes", bytes.len())?,
                None => break,
            },
            () = &mut asked_to_end => break,
        }
    }
    log(format_args!("closed: {}", ws.terminate(Duration::from_secs(5)).await));
    Ok(())
}
