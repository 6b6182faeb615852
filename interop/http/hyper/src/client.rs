//! A client.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hybi::RandomKeys;
use hybi::handshake::{ClientRequest, Response, ResponseError};
use hybi_http_shared::client::{Open, Opening, REFUSAL_BYTES_MAX};
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
) -> Result<Opening<Halves<TokioIo<Upgraded>>>, Box<dyn Error + Send + Sync>> {
    let prepared = request.prepare()?;
    let (mut requests, connection) = handshake(TokioIo::new(io)).await?;
    tokio::spawn(connection.with_upgrades());
    let head = prepared.to_http()?.map(|()| Empty::<Bytes>::new());
    let answer = requests.send_request(head).await?;
    let (head, body) = answer.into_parts();
    let mut head = http::Response::from_parts(head, ());
    let upgrade = hyper::upgrade::on(&mut head);
    let response = Response::from_http(&head)?;
    match prepared.open(&response, RandomKeys) {
        Ok(ws) => {
            let transport = tokio::io::split(TokioIo::new(upgrade.await?));
            Ok(Opening::Open(Open::new(ws, &response, transport)))
        }
        Err(ResponseError::Status { .. }) => {
            let content = Limited::new(body, REFUSAL_BYTES_MAX).collect().await?.to_bytes();
            Ok(Opening::Refused(head.map(|()| content)))
        }
        Err(error) => Err(error.into()),
    }
}
