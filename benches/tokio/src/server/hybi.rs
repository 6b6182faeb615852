//! hybi-tokio.

use super::{Result, Stream};
use ::hybi::handshake::Acceptance;
use ::hybi::{Event, Server};
use hybi_tokio::{Outgoing, WebSocket};
use std::borrow::Cow;

/// Answers each message while it is lent.
pub async fn receive_with<S: Stream>(stream: S) -> Result<()> {
    let mut ws = accept(stream).await?;
    while let Some(sent) = ws.receive_with(echo).await? {
        sent?;
    }
    Ok(())
}

/// Queues a message. One that was assembled need not be copied.
fn echo(
    event: Event<'_>,
    out: &mut Outgoing<'_, Server>,
) -> std::result::Result<(), hybi_tokio::Error> {
    match event {
        Event::Text(Cow::Borrowed(text)) => out.feed(text),
        Event::Text(Cow::Owned(text)) => out.feed_owned(text),
        Event::Binary(Cow::Borrowed(data)) => out.feed(data),
        Event::Binary(Cow::Owned(data)) => out.feed_owned(data),
        _ => Ok(()),
    }
}

/// Receives a message, and sends it.
pub async fn send<S: Stream>(stream: S) -> Result<()> {
    let mut ws = accept(stream).await?;
    while let Some(message) = ws.receive().await? {
        ws.send_owned(message).await?;
    }
    Ok(())
}

async fn accept<S: Stream>(stream: S) -> Result<WebSocket<S, Server>> {
    let pending = Box::pin(hybi_tokio::receive_request(stream)).await?;
    Ok(Box::pin(pending.accept(&Acceptance::from_any_origin())).await?)
}
