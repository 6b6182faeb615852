//! The rules that a server checks in HTTP/1.1 (RFC 6455 §4.2.1): over a method, a target, a version
//! and fields, whatever they came in.

use super::error::RequestError;
use super::key::Key;
use super::known::{Field, Head, Lines};
use super::subprotocol::Subprotocol;
use super::websocket_version::WebSocketVersion;
use crate::extension::Offers;
use crate::http::authority::host_and_port;
use crate::http::head::HttpVersion;
use crate::http::target::Target;

/// Checks the `Host` (RFC 9112 §3.2), which every request needs, whatever it is for.
pub(super) fn check_host(head: &Head<'_>) -> Result<(), RequestError> {
    match head.lines(Field::Host) {
        Lines::None if head.version() == HttpVersion::Http10 => Ok(()),
        Lines::None => Err(RequestError::HostMissing),
        // An empty one is legal for targets without a host. `check_handshake` refuses it.
        Lines::One(host) if host.is_empty() || is_host_port(host) => Ok(()),
        Lines::One(_) => Err(RequestError::HostMalformed),
        Lines::Several => Err(RequestError::HostRepeated),
    }
}

/// Checks a request whose `Host` has been checked for a WebSocket handshake. Returns its key.
pub(super) fn check_handshake(head: &Head<'_>) -> Result<Key, RequestError> {
    if head.word() != b"GET" {
        return Err(RequestError::Method);
    }
    if head.version() == HttpVersion::Http10 {
        return Err(RequestError::Http10);
    }
    let target = Target::of(head.target());
    if !target.path.starts_with(b"/")
        || target.authority.is_some_and(|authority| !is_host_port(authority))
    {
        return Err(RequestError::TargetForm);
    }
    // RFC 6455 §4.2.1: the server's authority, which is not empty.
    if head.first(Field::Host).is_none_or(<[u8]>::is_empty) {
        return Err(RequestError::HostMalformed);
    }
    check_no_body(head)?;
    if !asks_for_websocket(head) {
        return Err(RequestError::UpgradeMissing);
    }
    if !head.has_token(Field::Connection, b"upgrade") {
        return Err(RequestError::ConnectionMissing);
    }
    // The version comes before the key, so that a client of another version learns ours.
    match head.lines(Field::Version) {
        Lines::None => return Err(RequestError::VersionMissing),
        Lines::One(version) if is_ours(version) => {}
        Lines::One(_) => return Err(RequestError::Version),
        Lines::Several => return Err(RequestError::VersionRepeated),
    }
    let key = match head.lines(Field::Key) {
        Lines::None => return Err(RequestError::KeyMissing),
        Lines::One(key) => Key::parse(key).ok_or(RequestError::KeyMalformed)?,
        Lines::Several => return Err(RequestError::KeyRepeated),
    };
    check_offers(head)?;
    Ok(key)
}

/// Checks that no body was announced. Stricter than RFC 6455, which says nothing of bodies: we
/// would read the following bytes as frames where a proxy reads a body, which is request smuggling.
pub(super) fn check_no_body(head: &Head<'_>) -> Result<(), RequestError> {
    let no_body = |length: &[u8]| !length.is_empty() && length.iter().all(|&digit| digit == b'0');
    if head.has(Field::TransferEncoding) || !head.every(Field::ContentLength, no_body) {
        return Err(RequestError::Body);
    }
    Ok(())
}

/// Checks the subprotocols and extensions that are offered.
pub(super) fn check_offers(head: &Head<'_>) -> Result<(), RequestError> {
    // The grammar wants at least one element (RFC 6455 §4.3). A recipient of a list takes empty
    // ones (RFC 9110 §5.6.1.2), and some clients send a field without any.
    if !head.every(Field::Protocol, |list| Subprotocol::list(list).all(|it| it.is_some())) {
        return Err(RequestError::SubprotocolsMalformed);
    }
    if !head.every(Field::Extensions, |list| Offers::new(list).all(|offer| offer.is_ok())) {
        return Err(RequestError::ExtensionsMalformed);
    }
    Ok(())
}

/// Returns whether this is the version that we speak.
pub(super) fn is_ours(version: &[u8]) -> bool {
    WebSocketVersion::parse(version) == Some(WebSocketVersion::V13)
}

/// Returns whether the client asks for WebSocket, correctly or not.
pub(super) fn asks_for_websocket(head: &Head<'_>) -> bool {
    head.has_token(Field::Upgrade, b"websocket")
}

pub(super) fn is_host_port(text: &[u8]) -> bool {
    host_and_port(text).is_ok()
}
