//! What the servers answer, whatever HTTP stack they are behind: WebSocket at [`ECHO`], with
//! [`SUBPROTOCOLS`] and permessage-deflate, and a page everywhere else.

use bytes::Bytes;
use http::{Method, Request, Response};
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::{Acceptance, HandshakeUsageError, Rejection, ServerHandshakeError};
use hybi::{Config, Connection, Event, Outbox, Server, UsageError, handshake};

/// The path of the WebSocket.
pub const ECHO: &str = "/echo";

/// What the servers speak; the preferred one first.
pub const SUBPROTOCOLS: [&str; 2] = ["v2.echo", "v1.echo"];

/// The message that is answered with the version of HTTP.
pub const WHICH_HTTP: &str = "Which HTTP?";

/// Opens a WebSocket, sends two messages, and shows in its title what came of them, such as
/// `HTTP/2.0: Hello, 1000`.
const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>waiting</title>
<script>
  const ws = new WebSocket(`ws${location.protocol.slice(4)}//${location.host}/echo`, "v1.echo");
  const got = [];
  ws.onopen = () => { ws.send("Which HTTP?"); ws.send("Hello"); };
  ws.onmessage = ({ data }) => { if (got.push(data) == 2) ws.close(1000); };
  ws.onclose = ({ code }) => { document.title = `${got.join(": ")}, ${code}`; };
</script>
"#;

/// Returns the response to send, and the connection that then is open, if one is. `protocol` is
/// the `:protocol` of an extended CONNECT.
///
/// # Errors
///
/// A mistake of ours, to be answered with a 500.
pub fn answer<B>(
    request: &Request<B>,
    protocol: Option<&str>,
    terms: &Acceptance<'_>,
) -> Result<(Response<Bytes>, Option<Connection<Server>>), HandshakeUsageError> {
    if request.uri().path() != ECHO {
        return Ok((other(request.method()).into_http()?, None));
    }
    match open(request, protocol, terms) {
        Ok((response, ws)) => Ok((response.map(|()| Bytes::new()), Some(ws))),
        Err(ServerHandshakeError::Request(error)) => Ok((error.rejection().into_http()?, None)),
        Err(ServerHandshakeError::Usage(error)) => Err(error),
        Err(_) => Ok((Rejection::new(500).into_http()?, None)),
    }
}

fn open<B>(
    request: &Request<B>,
    protocol: Option<&str>,
    terms: &Acceptance<'_>,
) -> Result<(Response<()>, Connection<Server>), ServerHandshakeError> {
    let request = handshake::Request::from_http(request, protocol)?;
    let terms = terms
        .clone()
        .subprotocol(request.choose_subprotocol(&SUBPROTOCOLS))
        .config(Config::default().deflate(DeflateConfig::default()));
    Ok(terms.check(&request)?.into_http()?)
}

fn other(method: &Method) -> Rejection<'static> {
    match *method {
        Method::GET | Method::HEAD => Rejection::new(200).body("text/html; charset=utf-8", PAGE),
        Method::CONNECT => Rejection::new(404),
        _ => Rejection::new(405).field("Allow", "GET, HEAD"),
    }
}

/// Returns what a server does with a message: it echoes it.
pub fn echo(
    version: http::Version,
) -> impl FnMut(&mut Connection<Server>, Event<'_>, &mut Outbox) -> Result<(), UsageError> {
    move |ws, event, out| match event {
        Event::Text(text) if text == WHICH_HTTP => ws.send(&*format!("{version:?}"), out),
        Event::Text(text) => ws.send(&text, out),
        Event::Binary(data) => ws.send(&data, out),
        _ => Ok(()), // replies to pings are already in `out`
    }
}
