//! hybi-tokio.

use std::sync::Arc;

use hybi::connection::Prepared;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi::{CloseCode, Uri};
use hybi_tokio::tokio_rustls::rustls::ClientConfig;
use hybi_tokio::{Connector, receive_request};

use crate::Outcome;
use crate::modes::{check, config};
use crate::speech::{self, How, Speech};
use crate::tls::Io;

pub async fn echo(stream: impl Io, mode: &str) -> Outcome<()> {
    let acceptance = Acceptance::from_any_origin().config(config(mode)?);
    let mut ws = receive_request(stream).await?.accept(&acceptance).await?;
    check(ws.deflate(), mode)?;
    // In turn: borrowed, given away, and prepared as for many receivers.
    for turn in (0..3).cycle() {
        let Some(message) = ws.receive().await? else { break };
        match turn {
            0 => ws.send(&message).await?,
            1 => ws.send_owned(message).await?,
            _ => ws.send_prepared(&Prepared::new(&message)).await?,
        }
    }
    match ws.closed() {
        Some(closed) if closed.was_clean() => Ok(()),
        closed => Err(format!("closed: {closed:?}").into()),
    }
}

pub async fn talk(uri: &str, mode: &str, tls: Option<Arc<ClientConfig>>) -> Outcome<()> {
    let uri = Uri::parse(uri)?;
    let mut connector = Connector::new();
    if let Some(tls) = tls {
        connector = connector.tls(tls);
    }
    let mut ws = connector.connect(&ClientRequest::new(&uri).config(config(mode)?)).await?;
    check(ws.deflate(), mode)?;
    for (data, how) in Speech::new().messages() {
        match how {
            How::Whole => ws.send(data).await?,
            How::Prepared => ws.send_prepared(&Prepared::new(data)).await?,
            How::InParts => {
                let [first, second, last] = speech::parts(data);
                for part in [first, second] {
                    ws.send_part(part).await?;
                    ws.ping(b"between").await?;
                }
                ws.send_last_part(last).await?;
            }
        }
        speech::check(data, ws.receive().await?.as_ref())?;
    }
    ws.close(CloseCode::NORMAL, "done").await?;
    while ws.receive().await?.is_some() {}
    match ws.closed() {
        Some(closed) if closed.was_clean() => Ok(()),
        closed => Err(format!("closed: {closed:?}").into()),
    }
}
