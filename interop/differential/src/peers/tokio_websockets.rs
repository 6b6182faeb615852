//! tokio-websockets.

use futures::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue};
use tokio_websockets::proto::ProtocolError;
use tokio_websockets::{ClientBuilder, Error, Limits, ServerBuilder, WebSocketStream};

use super::pipe::{Notes, Pipe, run};
use super::{Peer, body};
use crate::case::{Case, End, Outcome, Role};
use crate::frames::MESSAGE_BYTES_MAX;
use crate::heads;

pub struct TokioWebsockets;

impl Peer for TokioWebsockets {
    fn name(&self) -> &'static str {
        "tokio-websockets"
    }

    fn frames(&self, role: Role, reads: &[&[u8]]) -> Outcome {
        let (pipe, notes) = (Pipe::default(), Notes::default());
        let limits = Limits::default().max_payload_len(Some(MESSAGE_BYTES_MAX));
        let ws = match role {
            Role::Server => ServerBuilder::new().limits(limits).serve(pipe.clone()),
            Role::Client => ClientBuilder::new().limits(limits).take_over(pipe.clone()),
        };
        run(&pipe, &notes, reads, receive(ws, notes.clone()));
        notes.take().sent(role, &pipe.take_outgoing())
    }

    fn head(&self, case: &Case) -> Option<Outcome> {
        // It leaves what stands in the request line to the crate `http`, which is not under comparison.
        if case.role == Role::Server && !heads::has_good_request_line(&case.wire) {
            return None;
        }
        let (pipe, notes) = (Pipe::default(), Notes::default());
        match case.role {
            Role::Server => run(&pipe, &notes, &case.reads(&case.wire), accept(pipe.clone())),
            Role::Client => {
                let handshake = connect(pipe.clone());
                let mut handshake = std::pin::pin!(handshake);
                run(&pipe, &notes, &[], handshake.as_mut());
                let wire = heads::with_accept(&case.wire, &pipe.take_outgoing());
                run(&pipe, &notes, &case.reads(&wire), handshake);
            }
        }
        let answer = pipe.take_outgoing();
        Some(Outcome { answer, ..notes.take() })
    }
}

async fn receive(mut ws: WebSocketStream<Pipe>, notes: Notes) -> End {
    let end = loop {
        match ws.next().await {
            Some(Ok(message)) => {
                if message.is_text() {
                    notes.borrow_mut().text(message.as_payload());
                } else if message.is_binary() {
                    notes.borrow_mut().binary(message.as_payload());
                } else if message.is_close() {
                    let told = match message.as_close() {
                        Some((code, reason)) if !message.as_payload().is_empty() => {
                            body(code.into(), reason)
                        }
                        _ => Vec::new(),
                    };
                    break End::Closed(told);
                }
            }
            Some(Err(Error::Protocol(ProtocolError::InvalidUtf8))) => break End::Failed(1007),
            Some(Err(Error::PayloadTooLong { .. })) => break End::Failed(1009),
            Some(Err(_)) | None => break End::Failed(1002),
        }
    };
    // The Close frame goes out with the next call.
    let _ = ws.flush().await;
    end
}

async fn accept(pipe: Pipe) -> End {
    match ServerBuilder::new().accept(pipe).await {
        Ok(_) => End::Accepted,
        Err(_) => End::Refused,
    }
}

async fn connect(pipe: Pipe) -> End {
    let uri = heads::URI.parse().expect("it is one");
    let (name, value) = (
        HeaderName::from_static("sec-websocket-protocol"),
        HeaderValue::from_static(heads::SUBPROTOCOL),
    );
    let builder = ClientBuilder::from_uri(uri).add_header(name, value).expect("it may be added");
    match builder.connect_on(pipe).await {
        Ok(_) => End::Accepted,
        Err(_) => End::Refused,
    }
}
