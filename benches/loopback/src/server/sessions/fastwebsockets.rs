//! fastwebsockets, with SIMD and its collector of fragments.

use super::task::Echoes;
use super::{MESSAGE_BYTES_MAX, Result, Socket};
use ::fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

pub struct Fastwebsockets;

impl Echoes for Fastwebsockets {
    async fn echo(socket: Socket) -> Result<()> {
        Self::echo_over(socket).await
    }
}

impl Fastwebsockets {
    pub async fn echo_over(stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
        let mut ws = WebSocket::after_handshake(stream, Role::Server);
        ws.set_auto_apply_mask(true);
        ws.set_max_message_size(MESSAGE_BYTES_MAX);
        let mut ws = FragmentCollector::new(ws);
        loop {
            let frame = ws.read_frame().await?;
            match frame.opcode {
                OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
                OpCode::Close => return Ok(()),
                _ => {}
            }
        }
    }
}
