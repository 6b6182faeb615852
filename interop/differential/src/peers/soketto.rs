//! soketto. It leaves the validation of text to its user.

use futures::io::{AsyncRead, AsyncWrite};
use soketto::connection::{Builder, Error, Mode};
use soketto::handshake::server::Response;
use soketto::handshake::{Client, Server, ServerResponse};
use soketto::{Data, Incoming, Receiver, base};

use super::pipe::{Notes, Pipe, run};
use super::{Peer, body};
use crate::case::{Case, End, Outcome, Role};
use crate::frames::MESSAGE_BYTES_MAX;
use crate::heads;

pub struct Soketto;

impl Peer for Soketto {
    fn name(&self) -> &'static str {
        "soketto"
    }

    fn frames(&self, role: Role, reads: &[&[u8]]) -> Outcome {
        let (pipe, notes) = (Pipe::default(), Notes::default());
        let mode = match role {
            Role::Server => Mode::Server,
            Role::Client => Mode::Client,
        };
        let mut builder = Builder::new(pipe.clone(), mode);
        builder.set_max_frame_size(MESSAGE_BYTES_MAX);
        builder.set_max_message_size(MESSAGE_BYTES_MAX);
        let (_sender, receiver) = builder.finish();
        run(&pipe, &notes, reads, receive(receiver, notes.clone()));
        notes.take().sent(role, &pipe.take_outgoing())
    }

    fn head(&self, case: &Case) -> Option<Outcome> {
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

async fn receive<T: AsyncRead + AsyncWrite + Unpin>(
    mut receiver: Receiver<T>,
    notes: Notes,
) -> End {
    let mut message = Vec::new();
    loop {
        match receiver.receive(&mut message).await {
            Ok(Incoming::Data(Data::Text(_))) => notes.borrow_mut().text(&message),
            Ok(Incoming::Data(Data::Binary(_))) => notes.borrow_mut().binary(&message),
            Ok(Incoming::Pong(_)) => {}
            // By a Close frame without a code.
            Err(Error::Closed) => return End::Closed(Vec::new()),
            Ok(Incoming::Closed(reason)) => {
                return End::Closed(body(reason.code, &reason.descr.unwrap_or_default()));
            }
            Err(Error::Utf8(_)) => return End::Failed(1007),
            Err(
                Error::MessageTooLarge { .. } | Error::Codec(base::Error::PayloadTooLarge { .. }),
            ) => {
                return End::Failed(1009);
            }
            Err(_) => return End::Failed(1002),
        }
        message.clear();
    }
}

async fn accept(pipe: Pipe) -> End {
    let mut server = Server::new(pipe);
    let Ok(request) = server.receive_request().await else { return End::Refused };
    let key = request.key();
    let is_chosen = request.protocols().next() == Some(heads::SUBPROTOCOL);
    let protocol = is_chosen.then_some(heads::SUBPROTOCOL);
    match server.send_response(&Response::Accept { key, protocol }).await {
        Ok(()) => End::Accepted,
        Err(_) => End::Refused,
    }
}

async fn connect(pipe: Pipe) -> End {
    let mut client = Client::new(pipe, heads::HOST, heads::PATH);
    client.add_protocol(heads::SUBPROTOCOL);
    match client.handshake().await {
        Ok(ServerResponse::Accepted { .. }) => End::Accepted,
        _ => End::Refused,
    }
}
