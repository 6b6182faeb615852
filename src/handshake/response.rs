//! The response of a server or proxy (RFC 6455 §4.1).

use alloc::string::String;
use core::fmt;

use super::error::ResponseError;
use super::known::{Field, Head};
use crate::escaped::Escaped;
use crate::extension::{ExtensionsError, Offer, Offers};
use crate::http::fields::{Fields, Pair};
use crate::http::head::HttpVersion;
use crate::http::list::text;

/// The head of a server's or proxy's response: from the handshakes, which read bytes, or
/// [from parts](Self::from_parts), which an HTTP stack has parsed. It is well-formed.
///
/// It borrows the input if the head arrived in one piece; nothing was copied then.
#[derive(Clone)]
pub struct Response<'a> {
    pub(super) head: Head<'a>,
}

impl<'a> Response<'a> {
    /// Makes a response of what an HTTP stack has parsed, for
    /// [`PreparedRequest::open`](super::PreparedRequest::open). The same rules hold as for bytes,
    /// but for [`HeadLimits`](super::HeadLimits): how long a head may be is the stack's decision.
    ///
    /// # Errors
    ///
    /// The status is not 100 to 999, a field name is no token, or a field value has a control
    /// character.
    pub fn from_parts(parts: &ResponseParts<'a>) -> Result<Self, ResponseError> {
        let ResponseParts { status, version, fields } = *parts;
        Ok(Self { head: Head::of_response(status, version, fields)? })
    }

    /// Returns the status code, from 100 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Returns the reason phrase: any bytes but control characters, for people only. `Display` of
    /// the response prints it safely.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        self.head.word()
    }

    /// Returns the version of HTTP.
    #[must_use]
    pub fn version(&self) -> HttpVersion {
        self.head.version()
    }

    /// Returns all fields, in their order, repeats kept.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        self.head.fields()
    }

    /// Returns the value of the first field of that name, in any case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.head.find(name)
    }

    /// Returns the subprotocol that the server has chosen. `None`: it speaks none of those that
    /// were offered. RFC 6455 allows that, and browsers take it for a failure; so does
    /// [`ClientRequest::require_subprotocol`](super::ClientRequest::require_subprotocol).
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        // In responses that open nothing, nobody has checked it.
        let opens = match self.version() {
            HttpVersion::Http10 | HttpVersion::Http11 => self.status() == 101,
            HttpVersion::Http2 | HttpVersion::Http3 => matches!(self.status(), 200..=299),
        };
        opens.then(|| self.head.first(Field::Protocol).map(text)).flatten()
    }

    /// Returns the extensions that the server has chosen.
    ///
    /// # Errors
    ///
    /// [`ExtensionsError`] once for each line that does not follow the grammar, in place of its bad
    /// element and all that follow.
    pub fn extensions(&self) -> impl Iterator<Item = Result<Offer<'_>, ExtensionsError>> + Clone {
        self.head.all(Field::Extensions).flat_map(Offers::new)
    }

    /// Copies what the response borrows, so that it can be kept.
    #[must_use]
    pub fn into_owned(self) -> Response<'static> {
        Response { head: self.head.into_owned() }
    }
}

/// Such as `404 Not Found`. The reason phrase is [escaped](crate::escaped).
impl fmt::Display for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status())?;
        match self.reason() {
            [] => Ok(()),
            reason => write!(f, " {}", Escaped(&String::from_utf8_lossy(reason))),
        }
    }
}

/// Prints the status and the names of the fields: values may be credentials.
impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("fields", &self.fields())
            .finish_non_exhaustive()
    }
}

/// The parts of a response that an HTTP stack has parsed, for [`Response::from_parts`].
#[derive(Clone, Copy)]
#[must_use]
pub struct ResponseParts<'a> {
    status: u16,
    version: HttpVersion,
    fields: &'a [Pair<'a>],
}

impl<'a> ResponseParts<'a> {
    /// Starts with a status, in HTTP/1.1 and without fields.
    pub const fn new(status: u16) -> Self {
        Self { status, version: HttpVersion::Http11, fields: &[] }
    }

    /// Sets the version of HTTP.
    pub const fn version(mut self, version: HttpVersion) -> Self {
        self.version = version;
        self
    }

    /// Sets the fields: names and values, in their order, repeats kept. Names are in any case in
    /// HTTP/1.1, in lower case in HTTP/2 and HTTP/3 (RFC 9113 §8.2.1).
    pub const fn fields(mut self, fields: &'a [(&'a [u8], &'a [u8])]) -> Self {
        self.fields = fields;
        self
    }
}

/// Prints the status and the number of the fields: nothing has been checked yet.
impl fmt::Debug for ResponseParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseParts")
            .field("status", &self.status)
            .field("version", &self.version)
            .field("fields", &self.fields.len())
            .finish()
    }
}
