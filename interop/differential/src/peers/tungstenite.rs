//! tungstenite, over streams in memory.

use std::io::ErrorKind;

use tungstenite::client::IntoClientRequest;
use tungstenite::error::Error;
use tungstenite::handshake::{HandshakeError, HandshakeRole, MidHandshake};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::{self, WebSocketConfig};
use tungstenite::{ClientHandshake, Message, WebSocket};

use super::pipe::Pipe;
use super::{Peer, accepted, body};
use crate::case::{Case, End, Outcome, Role};
use crate::frames::MESSAGE_BYTES_MAX;
use crate::heads;

pub struct Tungstenite;

impl Peer for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn frames(&self, role: Role, reads: &[&[u8]]) -> Outcome {
        let config = WebSocketConfig::default()
            .max_frame_size(Some(MESSAGE_BYTES_MAX))
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .read_buffer_size(4 << 10);
        let pipe = Pipe::default();
        let theirs = match role {
            Role::Server => protocol::Role::Server,
            Role::Client => protocol::Role::Client,
        };
        let mut ws = WebSocket::from_raw_socket(pipe.clone(), theirs, Some(config));
        let mut outcome = Outcome::default();
        'reads: for read in reads {
            pipe.feed(read);
            loop {
                outcome.end = match ws.read() {
                    Ok(Message::Text(text)) => {
                        outcome.text(text.as_bytes());
                        continue;
                    }
                    Ok(Message::Binary(data)) => {
                        outcome.binary(&data);
                        continue;
                    }
                    Ok(Message::Close(None)) => End::Closed(Vec::new()),
                    Ok(Message::Close(Some(frame))) => {
                        End::Closed(body(frame.code.into(), &frame.reason))
                    }
                    Ok(_) => continue,
                    Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(Error::Utf8(_)) => End::Failed(1007),
                    Err(Error::Capacity(_)) => End::Failed(1009),
                    Err(_) => End::Failed(1002),
                };
                break 'reads;
            }
        }
        // A server is told that the connection is closed when its answer has gone out.
        let _ = ws.flush();
        outcome.sent(role, &pipe.take_outgoing())
    }

    fn head(&self, case: &Case) -> Option<Outcome> {
        let pipe = Pipe::default();
        Some(match case.role {
            Role::Server => {
                let mut reads = case.reads(&case.wire).into_iter();
                let Some(first) = reads.next() else { return Some(Outcome::default()) };
                pipe.feed(first);
                finish(tungstenite::accept(pipe.clone()), &pipe, reads)
            }
            Role::Client => {
                let mut request = heads::URI.into_client_request().expect("it is one");
                request
                    .headers_mut()
                    .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(heads::SUBPROTOCOL));
                let handshake = ClientHandshake::start(pipe.clone(), request, None)
                    .expect("nothing is wrong with it");
                let begun = handshake.handshake();
                let wire = heads::with_accept(&case.wire, &pipe.take_outgoing());
                finish(begun, &pipe, case.reads(&wire).into_iter())
            }
        })
    }
}

fn finish<'w, R: HandshakeRole>(
    mut result: Result<R::FinalResult, HandshakeError<R>>,
    pipe: &Pipe,
    mut reads: impl Iterator<Item = &'w [u8]>,
) -> Outcome {
    loop {
        let waiting: MidHandshake<R> = match result {
            Ok(_) => return accepted(true, pipe.take_outgoing()),
            Err(HandshakeError::Failure(_)) => return accepted(false, pipe.take_outgoing()),
            Err(HandshakeError::Interrupted(waiting)) => waiting,
        };
        let Some(read) = reads.next() else { return Outcome::default() };
        pipe.feed(read);
        result = waiting.handshake();
    }
}
