//! tokio-websockets, with default limits but for the message's length.

use super::task::Echoes;
use super::{MESSAGE_BYTES_MAX, Result, Socket};
use ::tokio_websockets::{Limits, ServerBuilder};
use futures::{SinkExt, StreamExt};

pub struct TokioWebsockets;

impl Echoes for TokioWebsockets {
    async fn echo(socket: Socket) -> Result<()> {
        let limits = Limits::default().max_payload_len(Some(MESSAGE_BYTES_MAX));
        let mut ws = ServerBuilder::new().limits(limits).serve(socket);
        while let Some(message) = ws.next().await {
            let message = message?;
            if message.is_text() || message.is_binary() {
                ws.send(message).await?;
            }
        }
        Ok(())
    }
}
