//! The rules that a server checks in HTTP/2 and HTTP/3: of every request, and of the extended
//! CONNECT that opens a WebSocket there (RFC 8441, RFC 9220).

use super::error::RequestError;
use super::known::{Field, Head, Lines};
use super::request::Request;
use super::request_rules::{check_no_body, check_offers, is_host_port, is_ours};
use crate::http::authority::host_and_port;
use crate::http::head::HttpVersion;

/// Checks the fields of a request or response (RFC 9113 §8.2, RFC 9114 §4.2). One who reads them
/// and one who forwards them in HTTP/1.1 would understand the others in two ways.
pub(super) fn check_fields(head: &Head<'_>) -> Result<(), FieldFault> {
    for (name, value) in head.fields() {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(FieldFault::UpperCase);
        }
        match name {
            "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade" => {
                return Err(FieldFault::ConnectionSpecific);
            }
            "te" if !value.eq_ignore_ascii_case(b"trailers") => {
                return Err(FieldFault::ConnectionSpecific);
            }
            _ => {}
        }
    }
    Ok(())
}

/// A field that HTTP/2 and HTTP/3 do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldFault {
    /// A letter in upper case in a name.
    UpperCase,
    /// A field about the connection and not the message.
    ConnectionSpecific,
}

impl From<FieldFault> for RequestError {
    fn from(fault: FieldFault) -> Self {
        match fault {
            FieldFault::UpperCase => Self::FieldNameCase,
            FieldFault::ConnectionSpecific => Self::ConnectionSpecific,
        }
    }
}

/// Checks what every request needs, whatever it is for.
pub(super) fn check_request(request: &Request<'_>) -> Result<(), RequestError> {
    check_fields(&request.head)?;
    // RFC 9113 §8.3.1, §8.5. An absolute target would seem to name a host.
    match (request.head.word(), request.head.target()) {
        (_, [b'/', ..]) | (b"CONNECT", []) | (b"OPTIONS", b"*") => {}
        _ => return Err(RequestError::TargetForm),
    }
    check_authority(request)
}

/// Checks `:authority` and `Host` (RFC 9113 §8.3.1, RFC 9114 §4.3.1): there is one of them, and
/// they agree.
fn check_authority(request: &Request<'_>) -> Result<(), RequestError> {
    let host = match request.head.lines(Field::Host) {
        Lines::None => None,
        Lines::One(host) if is_host_port(host) => Some(host),
        Lines::One(_) => return Err(RequestError::HostMalformed),
        Lines::Several => return Err(RequestError::HostRepeated),
    };
    match (request.authority(), host) {
        (None, None) => Err(RequestError::AuthorityMissing),
        (Some(authority), Some(host)) if !is_same(authority.as_bytes(), host, request.scheme()) => {
            Err(RequestError::HostDiffers)
        }
        _ => Ok(()),
    }
}

/// Compares hosts without regard to case, and ports with regard to the scheme's default (RFC 3986
/// §6.2.3). Both are well-formed.
fn is_same(authority: &[u8], host: &[u8], scheme: Option<&str>) -> bool {
    let default = match scheme {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    match (host_and_port(authority), host_and_port(host)) {
        (Ok((a, a_port)), Ok((b, b_port))) => {
            a.eq_ignore_ascii_case(b) && a_port.or(default) == b_port.or(default)
        }
        _ => false,
    }
}

/// Checks an extended CONNECT for a WebSocket handshake, after [`check_request`].
///
/// `Sec-WebSocket-Key` is not looked at (RFC 8441 §5).
pub(super) fn check_connect(request: &Request<'_>) -> Result<(), RequestError> {
    let head = &request.head;
    let Some(protocol) = request.protocol() else { return Err(RequestError::ProtocolMissing) };
    check_method(request)?;
    if protocol != "websocket" {
        return Err(RequestError::Protocol);
    }
    if !matches!(request.scheme(), Some("http" | "https")) {
        return Err(RequestError::Scheme);
    }
    if !head.target().starts_with(b"/") {
        return Err(RequestError::TargetForm);
    }
    // A `Host` cannot stand in for it, as it can in other requests.
    if request.authority().is_none() {
        return Err(RequestError::AuthorityMissing);
    }
    check_no_body(head)?;
    match head.lines(Field::Version) {
        Lines::One(version) if is_ours(version) => {}
        Lines::One(_) | Lines::None => return Err(RequestError::ConnectVersion),
        Lines::Several => return Err(RequestError::VersionRepeated),
    }
    check_offers(head)
}

/// Checks that `:protocol` comes with a CONNECT in a version of HTTP that has it.
pub(super) fn check_method(request: &Request<'_>) -> Result<(), RequestError> {
    let may_have_it = request.version() >= HttpVersion::Http2 && request.head.word() == b"CONNECT";
    if request.protocol().is_some() && !may_have_it {
        return Err(RequestError::ProtocolMisplaced);
    }
    Ok(())
}
