//! A chat room: everybody gets what anybody says.
//!
//! A message is encoded once for all. A member that reads too slowly misses messages, and delays
//! nobody. Ctrl-C and SIGTERM end the room: each member is told with code 1001.
//!
//! ```sh
//! cargo run -p hybi-tokio --example room -- 127.0.0.1:9001
//! ```

use std::error::Error;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hybi::connection::Prepared;
use hybi::handshake::Acceptance;
use hybi::{Config, Limits, Server};
use hybi_tokio::{Reader, Writer};
use tokio::net::TcpStream;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::{select, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[path = "shared/program.rs"]
mod program;
use program::{asked_to_end, log};

const USAGE: &str = "usage: room [HOST:PORT]   default: 127.0.0.1:9001";
/// How many members there may be.
const MEMBERS_MAX: usize = 1_000;
/// How many messages a member may be behind.
const BEHIND_MAX: usize = 64;
/// How long a message may be, in bytes.
const MESSAGE_MAX: u64 = 1_000;
/// How long a member may take to read one message.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// How long the members may take to say good-bye.
const END_WITHIN: Duration = Duration::from_secs(5);

type Room = broadcast::Sender<Arc<Prepared>>;
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    match program::address(USAGE) {
        Ok(address) => program::exit_code(listen(&address).await),
        Err(code) => code,
    }
}

async fn listen(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = program::listen_at(address).await?;
    log(format_args!("listening at ws://{}", listener.local_addr()?));
    log("try, in two terminals: cargo run -p hybi-tokio --example lines -- URI");
    let (members, stop) = (TaskTracker::new(), CancellationToken::new());
    let room = Room::new(BEHIND_MAX);
    let mut asked_to_end = pin!(asked_to_end());
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) if members.len() < MEMBERS_MAX => {
                    let (room, stop) = (room.clone(), stop.clone());
                    members.spawn(async move {
                        if let Err(error) = join(stream, room, stop).await {
                            log(format_args!("{address}: {error}"));
                        }
                    });
                }
                Ok(_) => {} // too many
                // Too many open files, perhaps. That passes.
                Err(_) => time::sleep(Duration::from_millis(100)).await,
            },
            () = &mut asked_to_end => break,
        }
    }
    drop(listener);
    stop.cancel();
    members.close();
    members.wait().await;
    Ok(())
}

/// One half receives, the other sends, each in its own time. Whichever ends first ends both.
async fn join(stream: TcpStream, room: Room, stop: CancellationToken) -> Outcome<()> {
    let _ = stream.set_nodelay(true); // fails if the client has left already
    let limits = Limits::default().message_bytes_max(MESSAGE_MAX);
    let acceptance = Acceptance::from_same_origin().config(Config::default().limits(limits));
    let opening = async { hybi_tokio::receive_request(stream).await?.accept(&acceptance).await };
    // Boxed, so that the task has no room for it any more once it is over.
    let opened = stop.run_until_cancelled(Box::pin(opening)).await;
    let Some(ws) = opened else { return Ok(()) };
    let messages = room.subscribe();
    let (mut reader, mut writer) = ws?.split();
    let ended: Option<Outcome<()>> = stop
        .run_until_cancelled(async {
            select! {
                received = say(&mut reader, room) => Ok(received?),
                sent = hear(&mut writer, messages) => sent,
            }
        })
        .await;
    match ended {
        Some(ended) => ended,
        None => {
            reader.terminate(END_WITHIN).await; // sends 1001
            Ok(())
        }
    }
}

async fn say(reader: &mut Reader<TcpStream, Server>, room: Room) -> Result<(), hybi_tokio::Error> {
    while let Some(message) = reader.receive().await? {
        if let Some(text) = message.as_text() {
            let _ = room.send(Arc::new(Prepared::new(text))); // fails if nobody hears it
        }
    }
    Ok(())
}

async fn hear(
    writer: &mut Writer<TcpStream, Server>,
    mut messages: broadcast::Receiver<Arc<Prepared>>,
) -> Outcome<()> {
    loop {
        match messages.recv().await {
            Ok(message) => time::timeout(WRITE_WITHIN, writer.send_prepared(&message)).await??,
            Err(RecvError::Lagged(_)) => {} // goes on with the oldest that is left
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}
