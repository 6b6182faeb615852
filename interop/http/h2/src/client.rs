//! A client.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{Ping, ext::Protocol};
use hybi::RandomKeys;
use hybi::handshake::{ClientRequest, Response, ResponseError};
use hybi_http_shared::conversation::Opening;
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
    let mut pings = connection.ping_pong().ok_or("there are no pings")?;
    tokio::spawn(connection);
    // The server's SETTINGS come before anything else from it, so also before the pong.
    pings.ping(Ping::opaque()).await?;
    match requests.is_extended_connect_protocol_enabled() {
        true => Ok(requests),
        false => Err("the server takes no extended CONNECT".into()),
    }
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
    let (head, mut body) = response.await?.into_parts();
    let head = http::Response::from_parts(head, ());
    let response = Response::from_http(&head)?;
    match prepared.open(&response, RandomKeys) {
        Ok(ws) => {
            let subprotocol = response.subprotocol().map(str::to_owned);
            Ok(Opening::Open(ws, subprotocol, (Incoming(body), Outgoing(out))))
        }
        Err(ResponseError::Status) => {
            let mut content = BytesMut::new();
            while let Some(data) = body.data().await {
                content.extend_from_slice(&data?);
            }
            Ok(Opening::Refused(head.map(|()| content.freeze())))
        }
        Err(error) => Err(error.into()),
    }
}
