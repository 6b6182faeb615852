//! web-socket, on a buffered reader as its benchmarks have it. It reassembles nothing, answers nothing and validates no
//! text; the load is one frame per message, and binary.

use super::task::Echoes;
use super::{Result, Socket};
use ::web_socket::{DataType, Event, MessageType, WebSocket};
use tokio::io::BufReader;

pub struct WebSocketCrate;

impl Echoes for WebSocketCrate {
    async fn echo(socket: Socket) -> Result<()> {
        let mut ws = WebSocket::server(BufReader::with_capacity(64 * 1024, socket));
        loop {
            match ws.recv().await? {
                Event::Data { ty: DataType::Complete(MessageType::Binary), data } => {
                    ws.send(&*data).await?
                }
                Event::Data { ty: DataType::Complete(MessageType::Text), data } => {
                    ws.send(std::str::from_utf8(&data)?).await?
                }
                _ => return Ok(()),
            }
            ws.flash().await?;
        }
    }
}
