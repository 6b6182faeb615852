//! A client.

use std::error::Error;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Ping, ext::Protocol};
use hybi::handshake::{ClientRequest, Response, ResponseError};
use hybi::{Inbox, RandomKeys};
use hybi_http_shared::client::{Open, Opening, REFUSAL_BYTES_MAX};
use hybi_http_shared::pump::Source;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::transport::{Incoming, Outgoing};

/// Opens an HTTP/2 connection, for any number of WebSockets.
///
/// # Errors
///
/// The connection has failed, or the server takes no extended CONNECT: use HTTP/1.1 then.
pub async fn connect(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Bytes>, Box<dyn Error>> {
    let (requests, mut connection) = h2::client::handshake(io).await?;
    let mut pings = connection.ping_pong().ok_or("somebody else pings")?;
    tokio::spawn(connection);
    // The server's SETTINGS come before anything else from it, so also before the pong.
    pings.ping(Ping::opaque()).await?;
    let takes_it = requests.is_extended_connect_protocol_enabled();
    if takes_it { Ok(requests) } else { Err("the server takes no extended CONNECT".into()) }
}

/// Opens a WebSocket on that connection.
///
/// # Errors
///
/// The request cannot be sent, the stream has failed, or the response breaks a rule.
pub async fn open(
    requests: &SendRequest<Bytes>,
    request: &ClientRequest<'_>,
) -> Result<Opening<(Incoming, Outgoing)>, Box<dyn Error>> {
    let prepared = request.prepare_connect()?;
    let mut head = prepared.to_http()?;
    head.extensions_mut().insert(Protocol::from_static("websocket"));
    let (response, out) = requests.clone().ready().await?.send_request(head, false)?;
    let (head, body) = response.await?.into_parts();
    let (head, mut body) = (http::Response::from_parts(head, ()), Incoming(body));
    let response = Response::from_http(&head)?;
    match prepared.open(&response, RandomKeys) {
        Ok(ws) => Ok(Opening::Open(Open::new(ws, &response, (body, Outgoing(out))))),
        Err(ResponseError::Status { .. }) => {
            let mut inbox = Inbox::new();
            while inbox.len() < REFUSAL_BYTES_MAX && body.read(&mut inbox).await? > 0 {}
            Ok(Opening::Refused(head.map(|()| Bytes::copy_from_slice(inbox.unread()))))
        }
        Err(error) => Err(error.into()),
    }
}
