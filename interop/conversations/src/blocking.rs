//! `hybi::blocking`.

use std::net::TcpStream;
use std::sync::Arc;

use hybi::blocking::rustls::{ClientConfig, ServerConfig};
use hybi::blocking::{Connector, MaybeTls, Shared, TlsStream, receive_request};
use hybi::connection::Prepared;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi::{CloseCode, Uri};

use crate::Outcome;
use crate::modes::{check, config};
use crate::speech::{self, How, Speech};

pub fn echo(stream: TcpStream, mode: &str, tls: Option<Arc<ServerConfig>>) -> Outcome<()> {
    let stream = Shared::new(stream);
    let stream = match tls {
        Some(tls) => MaybeTls::Tls(Box::new(TlsStream::server(stream, tls)?)),
        None => MaybeTls::Plain(stream),
    };
    let acceptance = Acceptance::from_any_origin().config(config(mode)?);
    let mut ws = receive_request(stream)?.accept(&acceptance)?;
    check(ws.deflate(), mode)?;
    // Every second one prepared, as for many receivers.
    for is_prepared in [false, true].into_iter().cycle() {
        let Some(message) = ws.receive()? else { break };
        if is_prepared {
            ws.send_prepared(&Prepared::new(&message))?;
        } else {
            ws.send(&message)?;
        }
    }
    Ok(())
}

pub fn talk(uri: &str, mode: &str, tls: Option<Arc<ClientConfig>>) -> Outcome<()> {
    let uri = Uri::parse(uri)?;
    let mut connector = Connector::new();
    if let Some(tls) = tls {
        connector = connector.tls(tls);
    }
    let mut ws = connector.connect(&ClientRequest::new(&uri).config(config(mode)?))?;
    check(ws.deflate(), mode)?;
    for (data, how) in Speech::new().messages() {
        match how {
            How::Whole => ws.send(data)?,
            How::Prepared => ws.send_prepared(&Prepared::new(data))?,
            How::InParts => {
                let [first, second, last] = speech::parts(data);
                for part in [first, second] {
                    ws.send_part(part)?;
                    ws.ping(b"between")?;
                }
                ws.send_last_part(last)?;
            }
        }
        speech::check(data, ws.receive()?.as_ref())?;
    }
    ws.close(CloseCode::NORMAL, "done")?;
    while ws.receive()?.is_some() {}
    match ws.closed() {
        Some(closed) if closed.was_clean() => Ok(()),
        closed => Err(format!("closed: {closed:?}").into()),
    }
}
