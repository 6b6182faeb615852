//! nago-wss, over a stream that has both of its fast paths.

use super::task::Echoes;
use super::{MESSAGE_BYTES_MAX, Result, Socket};
use ::nago_wss::conn::{Connection, Role};
use ::nago_wss::proto::{Limits, Message};

pub struct NagoWss;

impl Echoes for NagoWss {
    async fn echo(socket: Socket) -> Result<()> {
        let limits = Limits { max_frame: MESSAGE_BYTES_MAX as u64, max_message: MESSAGE_BYTES_MAX };
        let mut ws = Connection::new(socket, Role::Server, limits);
        while let Some(message) = ws.read().await.map_err(|error| format!("{error:?}"))? {
            match message {
                Message::Text(_) | Message::Binary(_) => {
                    ws.write(message).await.map_err(|error| format!("{error:?}"))?
                }
                Message::Ping(payload) => {
                    ws.pong(payload).await.map_err(|error| format!("{error:?}"))?
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}
