//! Sends every message back. Ctrl-C ends it in order.
//!
//! ```sh
//! cargo run -p hybi-tokio --example echo -- 127.0.0.1:9001
//! ```

use std::error::Error;
use std::time::Duration;

use hybi::handshake::Acceptance;
use tokio::net::{TcpListener, TcpStream};
use tokio::{select, signal, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on ws://{}", listener.local_addr()?);
    let (connections, stop) = (TaskTracker::new(), CancellationToken::new());
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let serving = serve(stream, stop.clone());
                    connections.spawn(async {
                        serving.await.unwrap_or_else(|error| eprintln!("{error}"));
                    });
                }
                // Too many open files, perhaps. That passes.
                Err(_) => time::sleep(Duration::from_millis(100)).await,
            },
            _ = signal::ctrl_c() => break,
        }
    }
    stop.cancel();
    connections.close();
    connections.wait().await;
    Ok(())
}

async fn serve(
    stream: TcpStream,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let pending = hybi_tokio::receive_request(stream).await?;
    // Anybody may connect. A server that knows its users by cookies allows its own pages only.
    let mut ws = pending.accept(&Acceptance::from_any_origin()).await?;
    loop {
        select! {
            message = ws.receive() => match message? {
                Some(message) => ws.send(&message).await?,
                None => return Ok(()),
            },
            () = stop.cancelled() => {
                ws.terminate(Duration::from_secs(5)).await; // tells the peer 1001
                return Ok(());
            }
        }
    }
}
