//! A client without an HTTP stack: hybi reads and writes HTTP/1.1 itself.

use std::error::Error;

use http::Response;
use hybi::handshake::{Answer, ClientRequest, Refusal};
use hybi::{ClientHandshake, Inbox, Outbox};
use hybi_http_shared::client::{Open, Opening};
use hybi_http_shared::pump::{Sink, Source};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};

/// Opens a WebSocket.
///
/// # Errors
///
/// The request cannot be sent, the connection has failed, or the response breaks a rule.
pub async fn open<T: AsyncRead + AsyncWrite + Send>(
    io: T,
    request: &ClientRequest<'_>,
) -> Result<Opening<(ReadHalf<T>, WriteHalf<T>)>, Box<dyn Error + Send + Sync>> {
    let (mut source, mut sink) = tokio::io::split(io);
    let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
    let mut handshake = ClientHandshake::new(request, &mut out)?;
    sink.write(&mut out, false).await?;
    loop {
        if source.read(&mut inbox).await? == 0 {
            let refusal = handshake.end_of_input().ok_or("the connection ended")?;
            return Ok(Opening::Refused(refused(&refusal)?));
        }
        match handshake.receive(&mut inbox.input())? {
            Some(Answer::Open(ws, response)) => {
                let open = Open::new(ws, &response, (source, sink));
                return Ok(Opening::Open(Open { inbox, ..open }));
            }
            Some(Answer::Refused(refusal)) => return Ok(Opening::Refused(refused(&refusal)?)),
            None => {}
        }
    }
}

fn refused(refusal: &Refusal) -> http::Result<Response<bytes::Bytes>> {
    let mut response = Response::builder().status(refusal.response().status());
    for (name, value) in refusal.response().fields() {
        response = response.header(name, value);
    }
    response.body(refusal.body().to_vec().into())
}
