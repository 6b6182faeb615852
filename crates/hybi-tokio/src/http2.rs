//! WebSocket over HTTP/2 (RFC 8441): many WebSockets on one connection, by extended CONNECT. For
//! programs that use the crate [h2]. Under hyper or axum, [`hyper`](crate::hyper) and
//! [`axum`](crate::axum) do it.
//!
//! A server:
//!
//! ```
//! use bytes::Bytes;
//! use h2::RecvStream;
//! use h2::server::SendResponse;
//! use http::Request;
//! use hybi::handshake::{Acceptance, Rejection};
//! use hybi_tokio::http2;
//! use tokio::net::TcpStream;
//!
//! // After TLS, with ALPN `h2`.
//! async fn serve(stream: TcpStream) -> Result<(), h2::Error> {
//!     let mut connection = http2::server_builder().handshake(stream).await?;
//!     while let Some(request) = connection.accept().await {
//!         let (request, respond) = request?;
//!         tokio::spawn(async {
//!             if let Err(error) = echo(request, respond).await {
//!                 eprintln!("{error}");
//!             }
//!         });
//!     }
//!     Ok(())
//! }
//!
//! async fn echo(
//!     request: Request<RecvStream>,
//!     respond: SendResponse<Bytes>,
//! ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     if request.uri().path() != "/echo" {
//!         return Ok(http2::reject(&request, respond, &Rejection::new(404))?);
//!     }
//!     let mut ws = http2::accept(request, respond, &Acceptance::from_same_origin())?;
//!     while let Some(message) = ws.receive().await? {
//!         ws.send(&message).await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A client: [`Connector::connect_over_http2`].
//!
//! # Many WebSockets on one connection
//!
//! They share the flow-control window of the connection. With h2's own settings it is that of one
//! stream, so a program that does not receive from one WebSocket stops all others. And h2 ends the
//! connection when too many small frames wait unread. [`server_builder`] and [`client_builder`] set
//! a window of 16 MiB: 255 WebSockets may be full, or five of the smallest messages, and the others
//! go on. That is also how much memory a peer can make a connection take, and half as much again.
//!
//! Each [`send`](crate::WebSocket::send) makes a DATA frame. Small messages in a row cost less with
//! [`feed`](crate::WebSocket::feed).
//!
//! A keep-alive ping of HTTP/2 says that the connection works, and one of WebSocket that the
//! program at its other end does. They do not replace each other.
//!
//! [h2]: https://docs.rs/h2/0.4

use std::io;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{RecvStream, client, server};
use http::Method;
use hybi::adapter::{AcceptError, ConnectError, Opening, REFUSAL_WITHIN};
use hybi::handshake::{
    Acceptance, ClientRequest, HandshakeUsageError, HttpVersion, Refusal, Rejection, Request,
    RequestError, Response, ResponseError, ServerHandshakeError,
};
use hybi::{Client, Connection, Inbox, Outbox, RandomKeys, Server};
use tokio::time::{Instant, sleep};

use crate::connector::Connector;
use crate::exchange::{after, until};
pub use crate::http2_stream::Http2Stream;
use crate::http2_stream::io_error;
use crate::websocket::WebSocket;

/// The window of a whole connection: 256 times that of a stream, which h2 leaves at the 65,535
/// bytes of RFC 9113 §6.9.2.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// How long to wait for the server's settings, which are the first that it sends.
const SETTINGS_WITHIN: Duration = Duration::from_secs(5);

/// Returns settings for a server: h2's own, with extended CONNECT allowed (RFC 8441 §3), and with
/// a window of the connection of 16 MiB, for
/// [many WebSockets](self#many-websockets-on-one-connection) on it.
#[must_use]
pub fn server_builder() -> server::Builder {
    let mut builder = server::Builder::new();
    builder.enable_connect_protocol().initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Returns settings for a client: h2's own, without pushes, and with a window of the connection of
/// 16 MiB, for [many WebSockets](self#many-websockets-on-one-connection) on it.
#[must_use]
pub fn client_builder() -> client::Builder {
    let mut builder = client::Builder::new();
    builder.enable_push(false).initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Reads a request of h2's: an extended CONNECT, or any other.
///
/// # Errors
///
/// As [`Request::from_http`].
pub fn read_request<B>(request: &http::Request<B>) -> Result<Request<'_>, RequestError> {
    Request::from_http(request, request.extensions().get::<Protocol>().map(Protocol::as_str))
}

/// Checks that a request is a WebSocket handshake and that its origin is allowed, answers, and
/// opens the WebSocket.
///
/// # Errors
///
/// [`AcceptError::Request`] if the request breaks a rule or its origin is not allowed; it has been
/// answered with the right status. [`AcceptError::Usage`] if the response cannot be sent; the
/// client has received a 500. [`AcceptError::Io`] if the client is gone.
pub fn accept(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    acceptance: &Acceptance<'_>,
) -> Result<WebSocket<Http2Stream, Server>, AcceptError> {
    match check(&request, acceptance) {
        Ok((response, connection)) => {
            let outgoing = respond.send_response(response, false).map_err(io_error)?;
            let stream = Http2Stream::new(request.into_body(), outgoing);
            let (inbox, out) = (Inbox::new(), Outbox::new());
            let opening = Opening::accepted(acceptance);
            Ok(WebSocket::from_handshake(stream, connection, inbox, out, opening))
        }
        Err(ServerHandshakeError::Request(error)) => {
            // Report the bad request, not a failure to send the refusal.
            let _ = reject(&request, respond, &error.rejection());
            Err(AcceptError::Request(error))
        }
        Err(ServerHandshakeError::Usage(error)) => Err(give_up(respond, error)),
        // A mistake that this version does not know.
        Err(_) => Err(AcceptError::Io(io::ErrorKind::Unsupported.into())),
    }
}

fn check<B>(
    request: &http::Request<B>,
    acceptance: &Acceptance<'_>,
) -> Result<(http::Response<()>, Connection<Server>), ServerHandshakeError> {
    Ok(acceptance.check(&read_request(request)?)?.into_http()?)
}

/// Answers with another response: a refusal, a redirect, a page. The response to a HEAD request has
/// no body (RFC 9110 §9.3.2).
///
/// # Errors
///
/// [`AcceptError::Usage`] if the response cannot be sent over HTTP/2, as a 426; the client has
/// received a 500. [`AcceptError::Io`] if the client is gone.
pub fn reject<B>(
    request: &http::Request<B>,
    mut respond: SendResponse<Bytes>,
    rejection: &Rejection<'_>,
) -> Result<(), AcceptError> {
    let checked = rejection.check(HttpVersion::Http2);
    match checked.and_then(|_| rejection.clone().into_http()) {
        Ok(mut response) => {
            if request.method() == Method::HEAD {
                response.body_mut().clear();
            }
            Ok(send(&mut respond, response).map_err(io_error)?)
        }
        Err(error) => Err(give_up(respond, error)),
    }
}

/// Tells the client that the mistake is not its own.
fn give_up(mut respond: SendResponse<Bytes>, error: HandshakeUsageError) -> AcceptError {
    if let Ok(response) = Rejection::new(500).into_http() {
        // Report the mistake, not a failure to send the response.
        let _ = send(&mut respond, response);
    }
    AcceptError::Usage(error)
}

fn send(
    respond: &mut SendResponse<Bytes>,
    response: http::Response<Bytes>,
) -> Result<(), h2::Error> {
    let (head, body) = response.into_parts();
    let head = http::Response::from_parts(head, ());
    if body.is_empty() {
        return respond.send_response(head, true).map(drop);
    }
    respond.send_response(head, false)?.send_data(body, true)
}

/// Over HTTP/2.
impl Connector {
    /// Opens a WebSocket on an HTTP/2 connection that leads to the server already, with TLS and
    /// ALPN `h2` for `wss:`. Any number may be opened, one after another or at the same time, with
    /// clones of the handle.
    ///
    /// ```
    /// use hybi::Uri;
    /// use hybi::handshake::ClientRequest;
    /// use hybi_tokio::{Connector, http2};
    /// use tokio::net::TcpStream;
    ///
    /// async fn chat(stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    ///     let (requests, connection) = http2::client_builder().handshake(stream).await?;
    ///     tokio::spawn(connection); // it must be polled
    ///
    ///     let uri = Uri::parse("ws://example.com/chat")?;
    ///     let request = ClientRequest::new(&uri);
    ///     let mut ws = Connector::new().connect_over_http2(&requests, &request).await?;
    ///     ws.send("Hello").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// If this is dropped, the stream is reset, and the connection goes on.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NoExtendedConnect`] if the server's settings have not allowed it within 5 s.
    /// [`ConnectError::Io`] if the connection fails or the server resets the stream. Otherwise as
    /// [`connect_over`](Self::connect_over).
    pub async fn connect_over_http2(
        &self,
        requests: &SendRequest<Bytes>,
        request: &ClientRequest<'_>,
    ) -> Result<WebSocket<Http2Stream, Client>, ConnectError> {
        self.in_time(open(requests, request)).await
    }
}

async fn open(
    requests: &SendRequest<Bytes>,
    request: &ClientRequest<'_>,
) -> Result<WebSocket<Http2Stream, Client>, ConnectError> {
    let prepared = request.prepare_connect()?;
    let mut head = prepared.to_http()?;
    head.extensions_mut().insert(Protocol::from_static("websocket"));
    // RFC 8441 §3: not before the server has allowed it.
    if !is_allowed(requests).await {
        return Err(ConnectError::NoExtendedConnect);
    }
    // The server may limit how many streams there are: wait for one's turn.
    let mut requests = requests.clone().ready().await.map_err(io_error)?;
    let (response, outgoing) = requests.send_request(head, false).map_err(io_error)?;
    let (head, incoming) = response.await.map_err(io_error)?.into_parts();
    let head = http::Response::from_parts(head, ());
    let response = Response::from_http(&head)?;
    match prepared.open(&response, RandomKeys) {
        Ok(connection) => {
            let stream = Http2Stream::new(incoming, outgoing);
            let (inbox, out) = (Inbox::new(), Outbox::new());
            let opening = Opening::Response(Box::new(response.into_owned()));
            Ok(WebSocket::from_handshake(stream, connection, inbox, out, opening))
        }
        Err(ResponseError::Status { .. }) => {
            let bytes_max = usize::try_from(prepared.refusal_bytes_max()).unwrap_or(usize::MAX);
            let mut body = Vec::new();
            let read = read_body(incoming, bytes_max, &mut body);
            let is_complete = until(after(Some(REFUSAL_WITHIN)), read).await.unwrap_or(false);
            let refusal = Refusal::from_parts(response, body, is_complete);
            Err(ConnectError::Refused(Box::new(refusal)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits for the server's settings. Returns whether they allow extended CONNECT.
async fn is_allowed<B: bytes::Buf>(requests: &SendRequest<B>) -> bool {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    // h2 tells nobody when they arrive. They are the first thing that the server sends.
    while !requests.is_extended_connect_protocol_enabled() {
        if start.elapsed() >= SETTINGS_WITHIN {
            return false;
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(Duration::from_millis(50));
    }
    true
}

/// Reads the body of a refusal, up to a limit. Returns whether that is all of it.
async fn read_body(mut incoming: RecvStream, bytes_max: usize, body: &mut Vec<u8>) -> bool {
    loop {
        match incoming.data().await {
            None => return true,
            // The server needs no more of the request.
            Some(Err(error)) => return error.reason() == Some(h2::Reason::NO_ERROR),
            Some(Ok(data)) => {
                let room = bytes_max.saturating_sub(body.len());
                body.extend_from_slice(data.get(..room).unwrap_or(&data));
                if data.len() > room {
                    return false;
                }
                // It fails if the stream is over.
                let _ = incoming.flow_control().release_capacity(data.len());
            }
        }
    }
}
