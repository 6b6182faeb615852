//! A server.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hybi::connection::Closed;
use hybi::handshake::{Acceptance, HandshakeUsageError};
use hybi::{Connection, Outbox, Server};
use hybi_http_shared::answer::{answer, echo};
use hybi_http_shared::pump;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedSender;

/// Serves one HTTP/1.1 connection, and reports how its WebSocket has ended, if it became one.
///
/// # Errors
///
/// The HTTP/1.1 connection has failed.
pub async fn serve(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    terms: Acceptance<'static>,
    ends: UnboundedSender<Closed>,
) -> hyper::Result<()> {
    let service = service_fn(|request| {
        let response = respond_to(request, &terms, ends.clone());
        std::future::ready(response)
    });
    Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades().await
}

fn respond_to(
    mut request: Request<Incoming>,
    terms: &Acceptance<'_>,
    ends: UnboundedSender<Closed>,
) -> Result<Response<Full<Bytes>>, HandshakeUsageError> {
    let (response, ws) = answer(&request, None, terms)?;
    if let Some(ws) = ws {
        let version = request.version();
        tokio::spawn(open(hyper::upgrade::on(&mut request), ws, version, ends));
    }
    Ok(response.map(Full::new))
}

async fn open(
    upgrade: OnUpgrade,
    ws: Connection<Server>,
    version: http::Version,
    ends: UnboundedSender<Closed>,
) {
    let Ok(io) = upgrade.await else { return };
    let transport = tokio::io::split(TokioIo::new(io));
    match pump::run(ws, Outbox::new(), transport, echo(version)).await {
        Ok(closed) => drop(ends.send(closed)),
        Err(error) => eprintln!("{error}"),
    }
}
