//! What a server or proxy answered (RFC 6455 §4.1).

use super::head::{Field, Head, Headers};
use super::request::find;
use crate::extension::grammar::text;
use crate::extension::{Malformed, Offer, Offers};

/// The head of a server's or proxy's response: well-formed HTTP/1.1 (or 1.0).
///
/// It borrows the input if the head arrived in one piece, and nothing of it was copied then.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    pub(super) head: Head<'a>,
}

impl Response<'_> {
    /// The status code, from 100 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The reason phrase: any bytes but control characters, for human eyes only.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        self.head.word()
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

    /// The subprotocol that the server has chosen. `None`: it speaks none of those that were offered, which RFC 6455 allows
    /// and browsers take for a failure; whether to go on is the caller's decision.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        // Without a connection nobody has checked it.
        (self.status() == 101).then(|| self.head.first(Field::Protocol).map(text)).flatten()
    }

    /// The extensions that the server has chosen.
    ///
    /// # Errors
    ///
    /// [`Malformed`] once, in place of what does not follow the grammar and what follows it in that line.
    pub fn extensions(&self) -> impl Iterator<Item = Result<Offer<'_>, Malformed>> + Clone {
        self.head.all(Field::Extensions).flat_map(Offers::new)
    }

    /// The response with a copy of what it borrowed.
    #[must_use]
    pub fn into_owned(self) -> Response<'static> {
        Response { head: self.head.into_owned() }
    }
}

/// A final response that opens nothing: an error, a redirect (which is never followed), a demand for credentials.
#[derive(Clone, Debug)]
pub struct Refused<'a> {
    pub(super) response: Response<'a>,
    pub(super) body_start: &'a [u8],
}

impl<'a> Refused<'a> {
    /// Status and headers.
    #[must_use]
    pub fn response(&self) -> &Response<'a> {
        &self.response
    }

    /// As much of the body as had arrived with the head, as it was sent, chunked perhaps. The rest, if there is one, is for
    /// the caller to read, as the headers tell.
    #[must_use]
    pub fn body_start(&self) -> &'a [u8] {
        self.body_start
    }
}
