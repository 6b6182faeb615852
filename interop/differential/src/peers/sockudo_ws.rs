//! sockudo-ws: its `Protocol`, which works on buffers and leaves replies to its user: they are sent here.

use bytes::BytesMut;
use sockudo_ws::deflate::DeflateWindowBits;
use sockudo_ws::error::Error;
use sockudo_ws::handshake::server_handshake;
use sockudo_ws::protocol::{CompressedProtocol, Protocol};
use sockudo_ws::{DeflateConfig, Message, Role as TheirRole};

use super::pipe::{Notes, Pipe, run};
use super::{Peer, body};
use crate::case::{Case, Deflate, End, Outcome, Role};
use crate::frames::MESSAGE_BYTES_MAX;

pub struct SockudoWs;

/// Two types without a common trait.
macro_rules! connection {
    ($ws:expr, $role:expr, $reads:expr) => {{
        let mut ws = $ws;
        let (mut outcome, mut inbox, mut out, mut messages) =
            (Outcome::default(), BytesMut::new(), BytesMut::new(), Vec::new());
        'reads: for read in $reads {
            inbox.extend_from_slice(read);
            let result = ws.process_into(&mut inbox, &mut messages);
            for message in messages.drain(..) {
                match message {
                    Message::Text(text) => outcome.text(&text),
                    Message::Binary(data) => outcome.binary(&data),
                    Message::Ping(payload) => ws.encode_pong(&payload, &mut out),
                    Message::Pong(_) => {}
                    Message::Close(reason) => {
                        ws.encode_close_response(&mut out);
                        outcome.end = End::Closed(
                            reason.map_or_else(Vec::new, |told| body(told.code, &told.reason)),
                        );
                        // It is the user who stops here.
                        break 'reads;
                    }
                }
            }
            outcome.end = match result {
                Ok(()) => continue,
                // What cannot be decompressed: no code is named for it.
                Err(Error::InvalidUtf8 | Error::Compression(_)) => End::Failed(1007),
                Err(Error::FrameTooLarge | Error::MessageTooLarge) => End::Failed(1009),
                Err(_) => End::Failed(1002),
            };
            break;
        }
        outcome.sent($role, &out)
    }};
}

impl Peer for SockudoWs {
    fn name(&self) -> &'static str {
        "sockudo-ws"
    }

    fn frames(&self, role: Role, reads: &[&[u8]]) -> Outcome {
        let theirs = match role {
            Role::Server => TheirRole::Server,
            Role::Client => TheirRole::Client,
        };
        connection!(Protocol::new(theirs, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX), role, reads)
    }

    fn compressed(&self, role: Role, agreed: Deflate, reads: &[&[u8]]) -> Option<Outcome> {
        let window_bits = DeflateWindowBits::try_from(agreed.window_bits).expect("it is one");
        let config = DeflateConfig {
            server_max_window_bits: window_bits,
            client_max_window_bits: window_bits,
            server_no_context_takeover: !agreed.takeover,
            client_no_context_takeover: !agreed.takeover,
            ..DeflateConfig::default()
        };
        let new = match role {
            Role::Server => CompressedProtocol::server,
            Role::Client => CompressedProtocol::client,
        };
        Some(connection!(new(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX, config), role, reads))
    }

    fn head(&self, case: &Case) -> Option<Outcome> {
        if case.role == Role::Client {
            return None;
        }
        let (pipe, notes) = (Pipe::default(), Notes::default());
        run(&pipe, &notes, &case.reads(&case.wire), accept(pipe.clone()));
        let answer = pipe.take_outgoing();
        Some(Outcome { answer, ..notes.take() })
    }
}

async fn accept(mut pipe: Pipe) -> End {
    match server_handshake(&mut pipe).await {
        Ok(_) => End::Accepted,
        Err(_) => End::Refused,
    }
}
