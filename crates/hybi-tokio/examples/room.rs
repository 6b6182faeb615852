//! A chat room: everybody gets what anybody says.
//!
//! A message is encoded once for all. A member that reads too slowly misses messages, and delays
//! nobody.
//!
//! ```sh
//! cargo run -p hybi-tokio --example room -- 127.0.0.1:9001
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hybi::connection::Prepared;
use hybi::handshake::Acceptance;
use hybi::{CloseCode, Config, Limits};
use hybi_tokio::{Reader, Writer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time;

/// How many messages a member may be behind.
const BEHIND_MAX: usize = 64;
/// How long a message may be, in bytes.
const MESSAGE_MAX: u64 = 1000;
/// How long a member may take to read one message.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

type Room = broadcast::Sender<Arc<Prepared>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("listening on ws://{}", listener.local_addr()?);
    let room = Room::new(BEHIND_MAX);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let member = join(stream, room.clone());
                tokio::spawn(async { member.await.unwrap_or_else(|error| eprintln!("{error}")) });
            }
            // Too many open files, perhaps. That passes.
            Err(_) => time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// One task receives, the other sends. Whichever ends first ends both.
async fn join(stream: TcpStream, room: Room) -> Result<(), Box<dyn Error + Send + Sync>> {
    let limits = Limits::default().message_bytes_max(MESSAGE_MAX);
    let acceptance = Acceptance::from_same_origin().config(Config::default().limits(limits));
    let ws = hybi_tokio::receive_request(stream).await?.accept(&acceptance).await?;
    let messages = room.subscribe();
    let (reader, writer) = ws.split();
    tokio::select! {
        received = say(reader, room) => received?,
        sent = hear(writer, messages) => sent?,
    }
    Ok(())
}

async fn say(
    mut reader: Reader<TcpStream, hybi::Server>,
    room: Room,
) -> Result<(), hybi_tokio::Error> {
    while let Some(message) = reader.receive().await? {
        if let Some(text) = message.as_text() {
            let _ = room.send(Arc::new(Prepared::new(text))); // fails if nobody hears it
        }
    }
    Ok(())
}

async fn hear(
    mut writer: Writer<TcpStream, hybi::Server>,
    mut messages: broadcast::Receiver<Arc<Prepared>>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    loop {
        match messages.recv().await {
            Ok(message) => time::timeout(WRITE_WITHIN, writer.send_prepared(&message)).await??,
            Err(RecvError::Lagged(_)) => {} // goes on with the oldest that is left
            Err(RecvError::Closed) => return Ok(writer.close(CloseCode::GOING_AWAY, "").await?),
        }
    }
}
