//! What the clients say, and what they expect to hear.

use std::iter;

use bytes::Bytes;
use hybi::connection::Closed;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::{ClientRequest, RequestError, Response};
use hybi::{Client, CloseCode, Config, Connection, Event, Inbox, Outbox, Uri, UsageError};

use crate::pump::{self, Sink, Source};
use crate::server::WHICH_HTTP;

/// How much is read of the body of a refusal, in bytes.
pub const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// What came of a request.
pub enum Opening<T> {
    /// A connection.
    Open(Open<T>),
    /// Another response.
    Refused(http::Response<Bytes>),
}

/// An open connection.
pub struct Open<T> {
    /// The connection.
    pub ws: Connection<Client>,
    /// What has arrived for it already.
    pub inbox: Inbox,
    /// The halves of the transport.
    pub transport: T,
    /// The subprotocol that the server has chosen.
    pub subprotocol: Option<String>,
}

impl<T> Open<T> {
    /// Creates an open connection, with what the response has agreed on.
    pub fn new(ws: Connection<Client>, response: &Response<'_>, transport: T) -> Self {
        let subprotocol = response.subprotocol().map(str::to_owned);
        Self { ws, inbox: Inbox::new(), transport, subprotocol }
    }
}

/// Returns the request of the clients, for compression and two subprotocols.
pub fn request<'a>(uri: &'a Uri, origin: &'a str) -> ClientRequest<'a> {
    ClientRequest::new(uri)
        .origin(origin)
        .subprotocol("v1.echo")
        .subprotocol("v2.echo")
        .config(Config::default().deflate(DeflateConfig::default()))
}

impl<T: Source, U: Sink> Open<(T, U)> {
    /// Sends messages, closes when the last has come back, and returns what came and how it ended.
    ///
    /// # Errors
    ///
    /// A mistake of this client.
    pub async fn converse(self, messages: &[String]) -> Result<(Vec<String>, Closed), UsageError> {
        let Self { mut ws, inbox, transport, .. } = self;
        let (mut out, mut answers) = (Outbox::new(), Vec::new());
        ws.send(WHICH_HTTP, &mut out)?;
        for message in messages {
            ws.send(&**message, &mut out)?;
        }
        let closed = pump::run(ws, inbox, out, transport, |ws, event, out| {
            let Event::Text(text) = event else { return Ok(()) };
            answers.push(text.into_owned());
            match answers.len() > messages.len() {
                true => ws.close(CloseCode::NORMAL, "that was all", out),
                false => Ok(()),
            }
        })
        .await?;
        Ok((answers, closed))
    }
}

/// Returns messages to send: short ones, a long one that compresses well, and one that hardly does
/// and is longer than the windows of HTTP/2. `seed` makes them differ.
pub fn messages(seed: u32) -> Vec<String> {
    let mut state = seed.wrapping_add(1);
    let noise = iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + (state >> 24) as u8 % 95)
    });
    let long = format!("{{\"id\":{seed},\"name\":\"Grüße 😀\"}},").repeat(5_000);
    vec!["Hello".into(), String::new(), long, noise.take(300_000).collect()]
}

/// Checks what a server in this version of HTTP has accepted, talks to it, and closes.
///
/// # Panics
///
/// The server has not done as it should.
pub async fn check<T: Source, U: Sink>(opening: Opening<(T, U)>, version: &str, seed: u32) {
    let open = match opening {
        Opening::Open(open) => open,
        Opening::Refused(response) => panic!("refused: {response:?}"),
    };
    assert_eq!(open.subprotocol.as_deref(), Some("v2.echo"));
    assert!(open.ws.deflate().is_some());
    let messages = messages(seed);
    let (answers, closed) = open.converse(&messages).await.expect("it is open");
    assert_eq!(answers[0], version);
    assert!(answers[1..] == messages, "{} answers, {closed}", answers.len()); // they are long
    check_closed(Some(closed));
}

/// Checks that a connection was closed as [`check`] closes it, at either end.
///
/// # Panics
///
/// It was not.
pub fn check_closed(closed: Option<Closed>) {
    let closed = closed.expect("it has ended");
    assert_eq!((closed.code(), closed.reason(), closed.was_clean()), (1000, "that was all", true));
}

/// Checks that a server has refused the origin of a page.
///
/// # Panics
///
/// It has not.
pub fn check_refused<T>(opening: Opening<T>) {
    let Opening::Refused(response) = opening else { panic!("accepted") };
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let error = format!("{}\n", RequestError::Origin);
    assert_eq!(str::from_utf8(response.body()), Ok(&*error));
}
