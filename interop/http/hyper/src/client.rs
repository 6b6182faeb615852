//! A client.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hybi::RandomKeys;
use hybi::handshake::{ClientRequest, Response, ResponseError};
use hybi_http_shared::conversation::Opening;
use hyper::client::conn::http1::handshake;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};

type Halves<T> = (ReadHalf<T>, WriteHalf<T>);

/// Opens a WebSocket.
///
/// # Errors
///
/// The request cannot be sent, the connection has failed, or the response breaks a rule.
pub async fn open(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: &ClientRequest<'_>,
) -> Result<Opening<Halves<TokioIo<Upgraded>>>, Box<dyn Error>> {
    let prepared = request.prepare()?;
    let (mut requests, connection) = handshake(TokioIo::new(io)).await?;
    tokio::spawn(connection.with_upgrades());
    let head = prepared.to_http()?.map(|()| Empty::<Bytes>::new());
    let mut answer = requests.send_request(head).await?;
    let response = Response::from_http(&answer)?;
    match prepared.open(&response, RandomKeys) {
        Ok(ws) => {
            let subprotocol = response.subprotocol().map(str::to_owned);
            let io = TokioIo::new(hyper::upgrade::on(&mut answer).await?);
            Ok(Opening::Open(ws, subprotocol, tokio::io::split(io)))
        }
        Err(ResponseError::Status) => {
            let (head, body) = answer.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Opening::Refused(http::Response::from_parts(head, body)))
        }
        Err(error) => Err(error.into()),
    }
}
