//! A stream of HTTP/2 in place of a TCP connection (RFC 8441 §5).

use std::future::poll_fn;
use std::io;

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use hybi::{Inbox, Outbox};
use hybi_http_shared::pump::{Sink, Source};

/// The DATA that arrives.
pub struct Incoming(pub RecvStream);

/// The DATA that leaves.
pub struct Outgoing(pub SendStream<Bytes>);

impl Source for Incoming {
    async fn read(&mut self, inbox: &mut Inbox) -> io::Result<usize> {
        loop {
            match self.0.data().await {
                // A frame may be empty, and is not the end then.
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    inbox.append(&data);
                    // The peer may send as much again.
                    self.0.flow_control().release_capacity(data.len()).map_err(io::Error::other)?;
                    return Ok(data.len());
                }
                Some(Err(error)) if error.reason() != Some(Reason::CANCEL) => {
                    return Err(io::Error::other(error));
                }
                // END_STREAM, or RST_STREAM with CANCEL, which is how a program gives up.
                Some(Err(_)) | None => return Ok(0),
            }
        }
    }
}

impl Sink for Outgoing {
    async fn write(&mut self, out: &mut Outbox, is_last: bool) -> io::Result<()> {
        while !out.is_empty() {
            // h2 queues whatever it is given, so ask how much the peer takes.
            self.0.reserve_capacity(out.len());
            let capacity = match self.0.capacity() {
                0 => poll_fn(|cx| self.0.poll_capacity(cx)).await,
                n => Some(Ok(n)),
            };
            let capacity = capacity.ok_or(io::ErrorKind::BrokenPipe)?.map_err(io::Error::other)?;
            let front = out.front();
            let data = Bytes::copy_from_slice(front.get(..capacity).unwrap_or(front));
            let n = data.len();
            self.0.send_data(data, false).map_err(io::Error::other)?;
            out.sent(n);
        }
        match is_last {
            true => self.0.send_data(Bytes::new(), true).map_err(io::Error::other),
            false => Ok(()),
        }
    }
}
