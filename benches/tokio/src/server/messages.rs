//! Echoing over streams and sinks of messages.

use super::Result;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use std::error::Error;
use std::future::poll_fn;
use std::task::{Poll, ready};

/// Sends each message by itself.
pub async fn each<W, M, E, F>(mut ws: W, is_message: impl Fn(&M) -> bool) -> Result<()>
where
    W: Stream<Item = std::result::Result<M, E>> + Sink<M, Error = F> + Unpin,
    E: Error + Send + Sync + 'static,
    F: Error + Send + Sync + 'static,
{
    while let Some(message) = ws.next().await {
        let message = message?;
        if is_message(&message) {
            ws.send(message).await?;
        }
    }
    Ok(())
}

/// Flushes when there is nothing more to receive, as `forward` does, but without `split`.
pub async fn gathered<W, M, E, F>(mut ws: W, is_message: impl Fn(&M) -> bool) -> Result<()>
where
    W: Stream<Item = std::result::Result<M, E>> + Sink<M, Error = F> + Unpin,
    E: Error + Send + Sync + 'static,
    F: Error + Send + Sync + 'static,
{
    let mut received = None;
    poll_fn(|cx| {
        loop {
            if received.is_some() {
                ready!(ws.poll_ready_unpin(cx))?;
                if let Some(message) = received.take() {
                    ws.start_send_unpin(message)?;
                }
            }
            match ws.poll_next_unpin(cx)? {
                Poll::Ready(Some(message)) if is_message(&message) => received = Some(message),
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(ws.poll_flush_unpin(cx))?;
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}
