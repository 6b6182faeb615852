//! yawc, with SIMD, without compression, buffers as in its own benchmarks: 128 KiB to read, 64 KiB to write.

use super::task::Echoes;
use super::{MESSAGE_BYTES_MAX, Result, Socket};
use ::yawc::{OpCode, Options, Role, WebSocket};
use futures::SinkExt;

pub struct Yawc;

impl Echoes for Yawc {
    async fn echo(socket: Socket) -> Result<()> {
        let options = Options::default()
            .with_utf8()
            .with_limits(MESSAGE_BYTES_MAX, 2 * MESSAGE_BYTES_MAX)
            .with_read_buffer_capacity(128 << 10)
            .with_write_buffer_capacity(64 << 10)
            .with_backpressure_boundary(64 << 10)
            .without_compression();
        let mut ws = WebSocket::from_stream(socket, Role::Server, options)?;
        loop {
            let frame = ws.next_frame().await?;
            match frame.opcode() {
                OpCode::Text | OpCode::Binary => ws.send(frame).await?,
                OpCode::Close => return Ok(()),
                _ => {}
            }
        }
    }
}
