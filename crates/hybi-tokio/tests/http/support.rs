//! What all conversations have in common.

use std::iter;

use hybi::connection::Closed;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi::{Client, CloseCode, Config, Message, Server, Uri};
use hybi_tokio::WebSocket;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

pub(crate) const ORIGIN: &str = "http://example.com";

pub(crate) fn uri() -> Uri {
    Uri::parse("ws://example.com/chat").unwrap()
}

pub(crate) fn config() -> Config {
    Config::default().deflate(DeflateConfig::default())
}

/// A client's request with everything that can be negotiated.
pub(crate) fn request(uri: &Uri) -> ClientRequest<'_> {
    ClientRequest::new(uri)
        .origin(ORIGIN)
        .subprotocol("v1.chat")
        .subprotocol("v2.chat")
        .config(config())
}

/// A server's terms for that request.
pub(crate) fn acceptance() -> Acceptance<'static> {
    Acceptance::from_same_origin().subprotocol("v2.chat").config(config())
}

/// Sends everything back. Returns how it ended.
pub(crate) async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    mut ws: WebSocket<S, Server>,
) -> Closed {
    assert!(ws.deflate().is_some());
    assert_eq!(ws.subprotocol(), Some("v2.chat"));
    while let Some(message) = ws.receive().await.unwrap() {
        ws.send(&message).await.unwrap();
    }
    ws.closed().unwrap().clone()
}

/// Talks to an echo: of nothing, of little, of much that compresses and of much that does not.
/// Then closes, without any wait for a clock.
pub(crate) async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut ws: WebSocket<S, Client>,
    seed: u32,
) {
    assert!(ws.deflate().is_some());
    assert_eq!(ws.subprotocol(), Some("v2.chat"));
    let start = Instant::now();
    let json = format!("{{\"id\":{seed},\"name\":\"Grüße 😀\"}},").repeat(5_000);
    let texts = [String::new(), "Hello".into(), json].map(Message::from);
    let noise = noise(seed).take(300_000).collect::<Vec<_>>();
    for message in texts.into_iter().chain([Message::from(noise)]) {
        ws.send(&message).await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), Some(message));
    }
    ws.close(CloseCode::NORMAL, "that was all").await.unwrap();
    assert_eq!(ws.receive().await.unwrap(), None);
    assert_eq!(ws.closed().unwrap().to_string(), "1000 (normal closure) \"that was all\"");
    assert_eq!(start.elapsed().as_millis(), 0);
}

pub(crate) fn noise(seed: u32) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_add(1);
    iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
}
