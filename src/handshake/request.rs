//! What a client asked for (RFC 6455 §4.2.1).

use super::error::RequestError;
use super::head::{Field, Head, Headers};
use super::key::is_key;
use crate::extension::grammar::{elements, is_token, text};
use crate::extension::{Malformed, Offer, Offers};
use crate::uri::host_and_port;

/// A client's request, as [`ServerHandshake::receive`](super::ServerHandshake::receive) shows it.
///
/// It is well-formed HTTP/1.1 (or 1.0), with exactly one well-formed `Host` unless it is HTTP/1.0. Whether it is a WebSocket
/// handshake at all, [`is_upgrade`](Self::is_upgrade) tells, and whether it is a good one, [`check`](Self::check).
///
/// It borrows the input if the head arrived in one piece, and nothing of it was copied then.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub(super) head: Head<'a>,
}

impl<'a> Request<'a> {
    /// Checks the `Host` (RFC 9112 §3.2), which is due whatever the request is for.
    pub(super) fn new(head: Head<'a>) -> Result<Self, RequestError> {
        match head.count(Field::Host) {
            0 if head.version() == 0 => {}
            0 => return Err(RequestError::HostMissing),
            1 => {
                // An empty one is legal for targets without a host. A WebSocket has one, see `check`.
                if !head
                    .first(Field::Host)
                    .is_some_and(|host| host.is_empty() || is_host_port(host))
                {
                    return Err(RequestError::HostMalformed);
                }
            }
            _ => return Err(RequestError::HostRepeated),
        }
        Ok(Self { head })
    }

    /// The method, such as `GET`. Case matters.
    #[must_use]
    pub fn method(&self) -> &str {
        text(self.head.word())
    }

    /// The request target as it was sent: visible ASCII, percent-encoded or not.
    #[must_use]
    pub fn target(&self) -> &str {
        text(self.head.target())
    }

    /// The path of the target, without its query; not percent-decoded, dots not resolved. `*` or an authority for the methods
    /// that have no path.
    #[must_use]
    pub fn path(&self) -> &str {
        text(Target::of(self.head.target()).path)
    }

    /// The query of the target, behind the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        Target::of(self.head.target()).query.map(text)
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        self.head.headers()
    }

    /// The value of the first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        find(&self.head, name)
    }

    /// The host and port that the client believes to have reached: `Host`, or the authority of a target that is a whole URI,
    /// which takes precedence (RFC 9112 §3.2.2). `None` only in HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host_bytes().map(text)
    }

    /// The host of a request that has passed [`check`](Self::check) is a well-formed one.
    #[inline]
    pub(super) fn host_bytes(&self) -> Option<&[u8]> {
        Target::of(self.head.target()).authority.or_else(|| self.head.first(Field::Host))
    }

    /// The origin of the web page that wants to connect. `None`: not a browser.
    #[must_use]
    pub fn origin(&self) -> Option<&[u8]> {
        self.head.first(Field::Origin)
    }

    /// The subprotocols that the client offers, in its order of preference.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> + Clone {
        self.head
            .all(Field::Protocol)
            .flat_map(elements)
            .filter(|element| is_token(element))
            .map(text)
    }

    /// The extensions that the client offers, in its order of preference.
    ///
    /// # Errors
    ///
    /// [`Malformed`] once, in place of what does not follow the grammar and what follows it in that line. Requests that have
    /// passed [`check`](Self::check) have none.
    pub fn extensions(&self) -> impl Iterator<Item = Result<Offer<'_>, Malformed>> + Clone {
        self.head.all(Field::Extensions).flat_map(Offers::new)
    }

    /// Whether the client asks for WebSocket, correctly or not, rather than for a page.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.head.has_token(Field::Upgrade, "websocket")
    }

    /// Everything that RFC 6455 §4.2.1 demands of a client's handshake. [`accept`](super::ServerHandshake::accept) does this
    /// by itself.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), RequestError> {
        let head = &self.head;
        if head.word() != b"GET" {
            return Err(RequestError::Method);
        }
        if head.version() == 0 {
            return Err(RequestError::Http10);
        }
        let target = Target::of(head.target());
        if !target.path.starts_with(b"/")
            || target.authority.is_some_and(|authority| !is_host_port(authority))
        {
            return Err(RequestError::TargetForm);
        }
        // RFC 6455 §4.2.1: the server's authority; nobody has an empty one.
        if head.first(Field::Host).is_none_or(<[u8]>::is_empty) {
            return Err(RequestError::HostMalformed);
        }
        // Stricter than RFC 6455, which says nothing of bodies: the bytes behind the head are frames or a body, depending on
        // who looks, and a proxy may think otherwise than we.
        let no_body =
            |length: &[u8]| !length.is_empty() && length.iter().all(|&digit| digit == b'0');
        if head.count(Field::TransferEncoding) > 0 || !head.all(Field::ContentLength).all(no_body) {
            return Err(RequestError::Body);
        }
        if !self.is_upgrade() {
            return Err(RequestError::UpgradeMissing);
        }
        if !head.has_token(Field::Connection, "upgrade") {
            return Err(RequestError::ConnectionMissing);
        }
        // The version comes before the key, so that a client of another version learns which we speak.
        match (head.count(Field::Version), head.first(Field::Version)) {
            (0, _) => return Err(RequestError::VersionMissing),
            (1, Some(b"13")) => {}
            (1, _) => return Err(RequestError::Version),
            _ => return Err(RequestError::VersionRepeated),
        }
        match (head.count(Field::Key), head.first(Field::Key)) {
            (0, _) => return Err(RequestError::KeyMissing),
            (1, Some(key)) if is_key(key) => {}
            (1, _) => return Err(RequestError::KeyMalformed),
            _ => return Err(RequestError::KeyRepeated),
        }
        // The grammar wants at least one element (RFC 6455 §4.3).
        if head.count(Field::Protocol) > 0 {
            let mut offered = head.all(Field::Protocol).flat_map(elements).peekable();
            if offered.peek().is_none() || !offered.all(is_token) {
                return Err(RequestError::SubprotocolsMalformed);
            }
        }
        if head.count(Field::Extensions) > 0 {
            let mut offered = self.extensions().peekable();
            if offered.peek().is_none() || !offered.all(|offer| offer.is_ok()) {
                return Err(RequestError::ExtensionsMalformed);
            }
        }
        Ok(())
    }

    /// The request with a copy of what it borrowed.
    #[must_use]
    pub fn into_owned(self) -> Request<'static> {
        Request { head: self.head.into_owned() }
    }
}

/// The value of the first header of that name, in any case.
pub(super) fn find<'h>(head: &'h Head<'_>, name: &str) -> Option<&'h [u8]> {
    match Field::of(name.as_bytes()) {
        Some(field) => head.first(field),
        None => head
            .headers()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value),
    }
}

fn is_host_port(text: &[u8]) -> bool {
    host_and_port(text).is_ok()
}

/// The parts of a request target (RFC 9112 §3.2).
struct Target<'a> {
    /// Of the absolute form.
    authority: Option<&'a [u8]>,
    /// Begins with `/` in the origin form and the absolute form.
    path: &'a [u8],
    query: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    #[inline]
    fn of(target: &'a [u8]) -> Self {
        // Nearly always the origin form.
        let (authority, rest) =
            if target.starts_with(b"/") { (None, target) } else { split_authority(target) };
        let (path, query) = split_at_byte(rest, b'?');
        // The path of the absolute form can be empty, and means this (RFC 9110 §4.2.3).
        Self {
            authority,
            path: if path.is_empty() && authority.is_some() { b"/" } else { path },
            query,
        }
    }
}

/// Cuts an absolute form behind its authority.
#[cold]
fn split_authority(target: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match split_at_byte(target, b':') {
        (scheme, Some([b'/', b'/', rest @ ..])) if is_web_scheme(scheme) => {
            let len = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
            rest.split_at_checked(len)
                .map_or((None, target), |(authority, rest)| (Some(authority), rest))
        }
        _ => (None, target),
    }
}

/// What stands before the first such byte, and behind it.
fn split_at_byte(bytes: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |&other| other == byte);
    (parts.next().unwrap_or_default(), parts.next())
}

fn is_web_scheme(scheme: &[u8]) -> bool {
    ["http", "https", "ws", "wss"].iter().any(|web| scheme.eq_ignore_ascii_case(web.as_bytes()))
}
