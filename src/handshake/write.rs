//! Requests and responses as HTTP/1.1 bytes (RFC 9112 §2.1).

use core::fmt::{self, Write};

use super::acceptance::Accepted;
use super::client_request::PreparedRequest;
use super::key::AcceptKey;
use super::rejection::Rejection;
use crate::buffers::Outbox;

/// Writes a client's request.
pub(super) fn write_request(request: &PreparedRequest<'_>, out: &mut Outbox) {
    for part in [request.method(), " ", request.target(), " HTTP/1.1\r\n"] {
        out.append(part.as_bytes());
    }
    let (host, authority) = request.host();
    write_field(host, authority, out);
    out.append(request.lines());
    request.further_fields().for_each(|(name, value)| write_field(name, value, out));
    out.append(b"\r\n");
}

/// Writes the 101 that opens a connection.
pub(super) fn write_accepted(accepted: &Accepted<'_>, out: &mut Outbox) {
    let accept = accepted.accept().map(AcceptKey::as_bytes);
    out.append(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: ",
    );
    out.append(accept.map_or(&[], |accept| accept));
    out.append(b"\r\n");
    accepted.further_fields().for_each(|(name, value)| write_field(name, value, out));
    out.append(b"\r\n");
}

/// Writes any other response, which has been checked and closes the connection. The response to a
/// HEAD request has no body (RFC 9110 §9.3.2).
pub(super) fn write_rejection(rejection: &Rejection<'_>, without_body: bool, out: &mut Outbox) {
    let (status, content) = (rejection.status(), rejection.content());
    let _ = write!(Text(out), "HTTP/1.1 {status} {}\r\n", reason(status));
    // RFC 9110 §7.8: a sender of Upgrade also lists it in Connection.
    let connection: &[u8] = if status == 426 { b"close, Upgrade" } else { b"close" };
    write_field("Connection", connection, out);
    let names = ["Upgrade", "Sec-WebSocket-Version", "Content-Type"];
    rejection.further_fields(names).for_each(|(name, value)| write_field(name, value, out));
    // RFC 9110 §8.6: not in a 204, and in a 304 it would be the length of something else.
    if !matches!(status, 204 | 304) {
        let _ = write!(Text(out), "Content-Length: {}\r\n", content.len());
    }
    out.append(b"\r\n");
    if !without_body {
        out.append(content);
    }
}

/// Writes a field line.
pub(super) fn write_field(name: &str, value: &[u8], out: &mut Outbox) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.append(part);
    }
}

/// Formatted text for an outbox, which never fails.
struct Text<'a>(&'a mut Outbox);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.append(text.as_bytes());
        Ok(())
    }
}

/// Returns the usual reason phrase, or none, which is allowed (RFC 9112 §4).
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
