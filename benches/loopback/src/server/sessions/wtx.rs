//! wtx, with its feature `optimization` and the generator of its examples.

use super::task::Echoes;
use super::{MESSAGE_BYTES_MAX, Result, Socket};
use ::wtx::collection::Vector;
use ::wtx::rng::{Xorshift64, simple_seed};
use ::wtx::web_socket::{Frame, OpCode, WebSocket, WebSocketBuffer, WebSocketPayloadOrigin};

pub struct Wtx;

impl Echoes for Wtx {
    async fn echo(socket: Socket) -> Result<()> {
        let rng = Xorshift64::from(simple_seed());
        let mut ws =
            WebSocket::<(), _, _, _, false>::new((), false, rng, socket, WebSocketBuffer::new());
        ws.set_max_payload_len(MESSAGE_BYTES_MAX);
        let (mut common, mut reader, mut writer) = ws.split_mut();
        let mut buffer = Vector::new();
        loop {
            let mut frame = reader
                .read_frame(&mut buffer, &mut common, WebSocketPayloadOrigin::Adaptive)
                .await?;
            match frame.op_code() {
                opcode @ (OpCode::Text | OpCode::Binary) => {
                    let mut echo = Frame::new_fin(opcode, frame.payload_mut());
                    writer.write_frame(&mut common, &mut echo).await?;
                }
                OpCode::Close => return Ok(()),
                _ => {}
            }
        }
    }
}
