//! The crate under test.

use hybi::connection::Connection;
use hybi::extension::Offers;
use hybi::extension::deflate::{self, DeflateConfig};
use hybi::frame::CloseReason;
use hybi::handshake::{Acceptance, Answer, ClientRequest, HeadLimits};
use hybi::{ClientHandshake, Config, Event, Input, Limits, Outbox, ServerHandshake, Uri};

use super::{Peer, accepted, body};
use crate::case::{Case, Deflate, End, Outcome, Role};
use crate::frames::MESSAGE_BYTES_MAX;
use crate::heads;

pub struct Hybi;

impl Peer for Hybi {
    fn name(&self) -> &'static str {
        "hybi"
    }

    fn frames(&self, role: Role, reads: &[&[u8]]) -> Outcome {
        match role {
            Role::Server => receive(Connection::server(config()), role, reads),
            Role::Client => receive(Connection::client(config()), role, reads),
        }
    }

    fn compressed(
        &self,
        role: Role,
        Deflate { takeover, window_bits }: Deflate,
        reads: &[&[u8]],
    ) -> Option<Outcome> {
        let mut response = format!(
            "permessage-deflate; server_max_window_bits={window_bits}; client_max_window_bits={window_bits}"
        );
        if !takeover {
            response += "; server_no_context_takeover; client_no_context_takeover";
        }
        let response = Offers::new(response.as_bytes()).next().expect("one").expect("well-formed");
        let deflate = DeflateConfig::default().inflated_bytes_max(MESSAGE_BYTES_MAX as u64);
        let agreed = deflate::conclude(&deflate, &response).expect("nothing is wrong with it");
        Some(match role {
            Role::Server => {
                receive(Connection::server(config()).with_deflate(&agreed, &deflate), role, reads)
            }
            Role::Client => {
                receive(Connection::client(config()).with_deflate(&agreed, &deflate), role, reads)
            }
        })
    }

    fn head(&self, case: &Case) -> Option<Outcome> {
        let mut out = Outbox::new();
        match case.role {
            Role::Server => {
                let mut handshake = ServerHandshake::new(HeadLimits::default());
                for read in case.reads(&case.wire) {
                    let mut inbox = read.to_vec();
                    match handshake.receive(&mut Input::new(&mut inbox), &mut out) {
                        Ok(None) => {}
                        Ok(Some(request)) => {
                            let mut accept = Acceptance::from_any_origin();
                            if request.subprotocols().next() == Some(heads::SUBPROTOCOL) {
                                accept = accept.subprotocol(heads::SUBPROTOCOL);
                            }
                            let result = handshake.accept(&request, &accept, &mut out);
                            let is_accepted = result.is_ok();
                            return Some(accepted(is_accepted, out.take()));
                        }
                        Err(_) => return Some(accepted(false, out.take())),
                    }
                }
            }
            Role::Client => {
                let uri = Uri::parse(heads::URI).expect("it is one");
                let request = ClientRequest::new(&uri).subprotocol(heads::SUBPROTOCOL);
                let mut handshake =
                    ClientHandshake::new(&request, &mut out).expect("nothing is wrong with it");
                let wire = heads::with_accept(&case.wire, &out.take());
                for read in case.reads(&wire) {
                    let mut inbox = read.to_vec();
                    match handshake.receive(&mut Input::new(&mut inbox)) {
                        Ok(None) => {}
                        Ok(Some(answer)) => {
                            return Some(accepted(matches!(answer, Answer::Open(..)), Vec::new()));
                        }
                        Err(_) => return Some(accepted(false, Vec::new())),
                    }
                }
                // A refusal whose body has no length, say.
                if handshake.end_of_input().is_some() {
                    return Some(accepted(false, Vec::new()));
                }
            }
        }
        Some(Outcome::default())
    }
}

fn config() -> Config {
    let max = MESSAGE_BYTES_MAX as u64;
    Config::default().limits(Limits::default().frame_bytes_max(max).message_bytes_max(max))
}

fn receive<R: hybi::Role>(mut ws: Connection<R>, role: Role, reads: &[&[u8]]) -> Outcome {
    let (mut outcome, mut out, mut sent) = (Outcome::default(), Outbox::new(), Vec::new());
    for read in reads {
        let mut inbox = read.to_vec();
        let mut input = Input::new(&mut inbox);
        loop {
            match ws.receive(&mut input, &mut out) {
                Ok(Some(Event::Text(text))) => outcome.text(text.as_bytes()),
                Ok(Some(Event::Binary(data))) => outcome.binary(&data),
                Ok(Some(Event::Close(None))) => outcome.end = End::Closed(Vec::new()),
                Ok(Some(Event::Close(Some(CloseReason { code, reason })))) => {
                    outcome.end = End::Closed(body(code.number(), &reason));
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(violation) => {
                    outcome.end = End::Failed(violation.close_code().number());
                    break;
                }
            }
        }
        // Written.
        sent.append(&mut out.take());
    }
    outcome.sent(role, &sent)
}
