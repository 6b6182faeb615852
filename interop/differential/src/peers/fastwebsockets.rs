//! fastwebsockets, with its collector of fragments. Its handshake needs hyper, which reads the head.

use fastwebsockets::{FragmentCollector, OpCode, Role as TheirRole, WebSocket, WebSocketError};

use super::Peer;
use super::pipe::{Notes, Pipe, run};
use crate::case::{Case, End, Outcome, Role};
use crate::frames::MESSAGE_BYTES_MAX;

pub struct Fastwebsockets;

impl Peer for Fastwebsockets {
    fn name(&self) -> &'static str {
        "fastwebsockets"
    }

    fn frames(&self, role: Role, reads: &[&[u8]]) -> Outcome {
        let (pipe, notes) = (Pipe::default(), Notes::default());
        let theirs = match role {
            Role::Server => TheirRole::Server,
            Role::Client => TheirRole::Client,
        };
        let mut ws = WebSocket::after_handshake(pipe.clone(), theirs);
        // What is as long as the limit is too long.
        ws.set_max_message_size(MESSAGE_BYTES_MAX + 1);
        let ws = FragmentCollector::new(ws);
        run(&pipe, &notes, reads, receive(ws, notes.clone()));
        notes.take().sent(role, &pipe.take_outgoing())
    }

    fn head(&self, _: &Case) -> Option<Outcome> {
        None
    }
}

async fn receive(mut ws: FragmentCollector<Pipe>, notes: Notes) -> End {
    loop {
        match ws.read_frame().await {
            Ok(frame) => match frame.opcode {
                OpCode::Text => notes.borrow_mut().text(&frame.payload),
                OpCode::Binary => notes.borrow_mut().binary(&frame.payload),
                OpCode::Close => return End::Closed(frame.payload.to_vec()),
                _ => {}
            },
            Err(WebSocketError::InvalidUTF8) => return End::Failed(1007),
            Err(WebSocketError::FrameTooLarge) => return End::Failed(1009),
            Err(_) => return End::Failed(1002),
        }
    }
}
