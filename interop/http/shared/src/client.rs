//! What the clients say, and what they expect to hear.

use std::iter;

use hybi::connection::Closed;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::ClientRequest;
use hybi::{Client, CloseCode, Config, Connection, Event, Outbox, Uri, UsageError};

use crate::answer::WHICH_HTTP;
use crate::pump::{self, Sink, Source};

/// What came of a request.
pub enum Opening<T> {
    /// A connection, the subprotocol that the server has chosen, and the halves of the transport.
    Open(Connection<Client>, Option<String>, T),
    /// Another response.
    Refused(http::Response<bytes::Bytes>),
}

/// Returns the request of the clients, for compression and two subprotocols.
pub fn request<'a>(uri: &'a Uri, origin: &'a str) -> ClientRequest<'a> {
    ClientRequest::new(uri)
        .origin(origin)
        .subprotocol("v1.echo")
        .subprotocol("v2.echo")
        .config(Config::default().deflate(DeflateConfig::default()))
}

/// Sends messages, closes when the last has come back, and returns what came and how it ended.
///
/// # Errors
///
/// A mistake of this client.
pub async fn converse(
    mut ws: Connection<Client>,
    transport: (impl Source, impl Sink),
    messages: &[String],
) -> Result<(Vec<String>, Closed), UsageError> {
    let (mut out, mut answers) = (Outbox::new(), Vec::new());
    ws.send(WHICH_HTTP, &mut out)?;
    for message in messages {
        ws.send(&**message, &mut out)?;
    }
    let closed = pump::run(ws, out, transport, |ws, event, out| {
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
