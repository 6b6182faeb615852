//! What the servers do, whatever HTTP stack they are behind: WebSocket at [`ECHO`], with
//! [`SUBPROTOCOLS`] and permessage-deflate, and a page everywhere else.

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use hybi::connection::Closed;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::{
    Acceptance, HandshakeUsageError, OriginError, Rejection, ServerHandshakeError,
};
use hybi::{Config, Connection, Event, Inbox, Outbox, Server, handshake};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::pump::{self, Sink, Source};

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

/// A server, to be cloned for each request.
#[derive(Clone)]
pub struct Echo {
    terms: Acceptance<'static>,
    ends: UnboundedSender<Closed>,
}

impl Echo {
    /// Creates a server with these terms about origins. The other end receives how each connection
    /// has ended.
    pub fn new(terms: Acceptance<'static>) -> (Self, UnboundedReceiver<Closed>) {
        let (ends, ended) = unbounded_channel();
        let config = Config::default().deflate(DeflateConfig::default());
        (Self { terms: terms.config(config), ends }, ended)
    }

    /// Creates a server for pages of these origins, or for its own pages if there are none. It
    /// prints how each connection has ended.
    ///
    /// # Errors
    ///
    /// One of the origins is none. Call it in a tokio runtime.
    pub fn printing(origins: impl Iterator<Item = String>) -> Result<Self, OriginError> {
        let mut origins = origins.peekable();
        let (echo, mut ended) = Self::new(match origins.peek() {
            Some(_) => Acceptance::from_origins(origins)?,
            None => Acceptance::from_same_origin(),
        });
        tokio::spawn(async move {
            while let Some(closed) = ended.recv().await {
                println!("{closed}");
            }
        });
        Ok(echo)
    }

    /// Returns the response to send, and the connection that then is open, if one is. `protocol`
    /// is the `:protocol` of an extended CONNECT.
    ///
    /// # Errors
    ///
    /// The response cannot be sent.
    pub fn answer<B>(
        &self,
        request: &Request<B>,
        protocol: Option<&str>,
    ) -> Result<(Response<Bytes>, Option<Connection<Server>>), HandshakeUsageError> {
        if request.uri().path() != ECHO {
            return Ok((other(request.method()).into_http()?, None));
        }
        match self.open(request, protocol) {
            Ok((response, ws)) => Ok((response.map(|()| Bytes::new()), Some(ws))),
            Err(error) => Ok((error.rejection().into_http()?, None)),
        }
    }

    fn open<B>(
        &self,
        request: &Request<B>,
        protocol: Option<&str>,
    ) -> Result<(Response<()>, Connection<Server>), ServerHandshakeError> {
        let request = handshake::Request::from_http(request, protocol)?;
        let terms = self.terms.clone().subprotocol(request.choose_subprotocol(&SUBPROTOCOLS));
        Ok(terms.check(&request)?.into_http()?)
    }

    /// Echoes what comes on a connection that `version` of HTTP has opened, to its end.
    pub async fn serve(
        &self,
        ws: Connection<Server>,
        version: Version,
        transport: (impl Source, impl Sink),
    ) {
        let echo = |ws: &mut Connection<_>, event: Event<'_>, out: &mut Outbox| match event {
            Event::Text(text) if text == WHICH_HTTP => ws.send(&*format!("{version:?}"), out),
            Event::Text(text) => ws.send(&text, out),
            Event::Binary(data) => ws.send(&data, out),
            _ => Ok(()), // the replies to pings are already in `out`
        };
        match pump::run(ws, Inbox::new(), Outbox::new(), transport, echo).await {
            Ok(closed) => drop(self.ends.send(closed)), // nobody may want to know
            Err(error) => eprintln!("{error}"),
        }
    }
}

fn other(method: &Method) -> Rejection<'static> {
    match *method {
        Method::GET | Method::HEAD => Rejection::new(200).body("text/html; charset=utf-8", PAGE),
        Method::CONNECT => Rejection::new(404),
        _ => Rejection::new(405).field("Allow", "GET, HEAD"),
    }
}
