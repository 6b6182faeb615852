//! HTTP/2: connections of the crate h2, and their streams as byte streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{Ping, Reason, RecvStream, SendStream};
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use hybi_conform::Tester;
use hybi_conform::handshake::Fields;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::transport::{self, Connector};

/// The window of a connection: more than all of its streams can fill, so that one which is not read
/// stops no other.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A connection to a server whose settings allow extended CONNECT.
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    task: AbortHandle,
    patience: Duration,
}

/// The reason why there is no connection.
pub(crate) enum Failed {
    /// The server cannot be reached.
    Io(io::Error),
    /// It does not speak HTTP/2, or does not allow extended CONNECT.
    Lacks(String),
    /// It speaks HTTP/2, and breaks a rule of it.
    Broken(String),
}

impl Connection {
    /// Connects, with ALPN or with prior knowledge, and waits for the server's settings.
    pub(crate) async fn open(connector: &Connector, patience: Duration) -> Result<Self, Failed> {
        let lacks = |why: String| Failed::Lacks(format!("it does not speak HTTP/2: {why}"));
        let stream = match connector.connect(transport::Version::Http2).await {
            Ok(stream) => stream,
            Err(error) if transport::lacks_version(&error) => return Err(lacks(error.to_string())),
            Err(error) => return Err(Failed::Io(error)),
        };
        let mut builder = h2::client::Builder::new();
        builder.enable_push(false).initial_connection_window_size(CONNECTION_WINDOW);
        let greeted = timeout(patience, async {
            let (requests, mut connection) = builder.handshake(stream).await?;
            let pings = connection.ping_pong();
            let task = tokio::spawn(connection);
            let this = Self { requests, task: task.abort_handle(), patience };
            // The settings are the first frame of a server (RFC 9113 §3.4), so they have arrived
            // when a ping is answered. h2 does not say when they arrive.
            if let Some(mut pings) = pings
                && let Err(error) = pings.ping(Ping::opaque()).await
            {
                // If the connection is over, that says why.
                return Err(task.await.ok().and_then(Result::err).unwrap_or(error));
            }
            Ok::<_, h2::Error>(this)
        });
        match greeted.await {
            Err(_) => Err(lacks("it did not answer the preface in time".into())),
            // Text, such as that of HTTP/1.1, reads as a frame that is too long.
            Ok(Err(error))
                if error.is_library() && error.reason() != Some(Reason::FRAME_SIZE_ERROR) =>
            {
                Err(Failed::Broken(format!("it breaks a rule of HTTP/2: {error}")))
            }
            Ok(Err(error)) => Err(lacks(error.to_string())),
            Ok(Ok(this)) if !this.requests.is_extended_connect_protocol_enabled() => {
                Err(Failed::Lacks("its settings do not allow extended CONNECT".into()))
            }
            Ok(Ok(this)) => Ok(this),
        }
    }

    /// Opens a stream with the request of a tester, and reports the response to it. `None`: there
    /// is no stream, and the tester is done.
    pub(crate) async fn stream(&self, tester: &mut Tester) -> Option<Stream> {
        let request = tester.stream_request().map(request)?;
        let responding = timeout(self.patience, async {
            let mut requests = self.requests.clone().ready().await?;
            let request = request?;
            // A server may wait for the body of any other request.
            let is_whole = request.method() != Method::CONNECT;
            let (response, outgoing) = requests.send_request(request, is_whole)?;
            Ok::<_, Error>((response.await?, outgoing))
        });
        match responding.await {
            Err(_) => tester.quiet(),
            Ok(Err(error)) => tester.broken(&error.to_string()),
            Ok(Ok((response, outgoing))) => {
                let (head, incoming) = response.into_parts();
                let fields = head.headers.iter();
                let fields: Vec<_> =
                    fields.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
                tester.responded(head.status.as_u16(), &fields);
                return Some(Stream { incoming, outgoing, unread: Bytes::new() });
            }
        }
        tester.proceed();
        None
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Makes a request of a list whose pseudo-header fields come first.
fn request(list: &Fields) -> Result<Request<()>, Error> {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    let mut uri = Uri::builder();
    for (name, value) in list {
        match &name[..] {
            b":method" => *request.method_mut() = Method::from_bytes(value)?,
            b":scheme" => uri = uri.scheme(&value[..]),
            b":authority" => uri = uri.authority(&value[..]),
            b":path" => uri = uri.path_and_query(&value[..]),
            b":protocol" => {
                let protocol = Protocol::from(std::str::from_utf8(value)?);
                request.extensions_mut().insert(protocol);
            }
            _ => {
                let (name, value) =
                    (HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?);
                request.headers_mut().append(name, value);
            }
        }
    }
    *request.uri_mut() = uri.build()?;
    Ok(request)
}

/// The DATA of a stream.
pub(crate) struct Stream {
    incoming: RecvStream,
    outgoing: SendStream<Bytes>,
    /// The rest of a DATA frame that has been read in part.
    unread: Bytes,
}

impl transport::Stream for Stream {
    fn reset(&mut self) {
        self.outgoing.send_reset(Reason::CANCEL);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(self.incoming.poll_data(cx)) {
                // An empty frame is not the end.
                Some(Ok(data)) => self.unread = data,
                // By which a server says, after END_STREAM, that it needs no more of the request
                // (RFC 9113 §8.1).
                Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) => break,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => break,
            }
        }
        let len = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread.split_to(len));
        // The server may send as much again. It fails if the stream is over.
        let _ = self.incoming.flow_control().release_capacity(len);
        Poll::Ready(Ok(()))
    }
}

/// Each write is a DATA frame, or as much of one as the windows allow.
impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outgoing.reserve_capacity(buf.len());
        // It is ready only if the capacity has grown.
        let capacity = match self.outgoing.capacity() {
            0 => ready!(self.outgoing.poll_capacity(cx)),
            capacity => Some(Ok(capacity)),
        };
        let capacity = capacity.ok_or(io::ErrorKind::BrokenPipe)?.map_err(io::Error::other)?;
        let data = buf.get(..capacity).unwrap_or(buf);
        let sent = self.outgoing.send_data(Bytes::copy_from_slice(data), false);
        Poll::Ready(sent.map(|()| data.len()).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Sends END_STREAM.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.outgoing.send_data(Bytes::new(), true).map_err(io::Error::other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hybi_conform::{Group, Size, Target, cases};

    /// Otherwise a request that was not sent would count as one that was refused.
    #[test]
    fn every_request_can_be_sent() {
        let target = Target::new("localhost:9001", "/chat").field("Authorization", "Basic x");
        for case in cases(Group::Http2, Size::Reduced) {
            let tester = Tester::of_stream(&case, &target, true);
            let request = tester.stream_request().map(request);
            assert!(request.is_none_or(|request| request.is_ok()), "{}", case.id());
        }
    }
}
