//! Refusals: responses that open nothing, and their bodies.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::error::ResponseError;
use super::known::{Field, Head, salvage_head};
use super::response::Response;
use crate::http::body::{BodyReader, Framing};
use crate::http::head::HttpVersion;
use crate::http::list::elements;
use crate::http::reader::HeadReader;
use crate::input::Input;

/// A final response that opens nothing: an error, a redirect (which is never followed), a demand
/// for credentials.
///
/// The status always is what the server has sent. The rest may be incomplete, if the response was
/// cut off, too long or malformed.
#[derive(Clone)]
pub struct Refusal {
    response: Response<'static>,
    body: Vec<u8>,
    is_complete: bool,
    error: Option<ResponseError>,
}

impl Refusal {
    /// The default for the longest body that is read, in bytes.
    pub(super) const BYTES_MAX: u32 = 64 << 10;

    /// Makes a refusal of what an HTTP stack has received: a response with which
    /// [`PreparedRequest::open`](super::PreparedRequest::open) has opened nothing, and as much of
    /// its body as you have read. [`PreparedRequest::refusal_bytes_max`] is how much to read.
    /// `is_complete` tells whether that is all of it.
    ///
    /// ```
    /// use hybi::handshake::{Refusal, Response, ResponseParts};
    ///
    /// let response = Response::from_parts(&ResponseParts::new(404))?;
    /// let refusal = Refusal::from_parts(response, b"no such room".to_vec(), true);
    /// assert_eq!(refusal.response().status(), 404);
    /// # Ok::<(), hybi::handshake::ResponseError>(())
    /// ```
    ///
    /// [`PreparedRequest::refusal_bytes_max`]: super::PreparedRequest::refusal_bytes_max
    #[must_use]
    pub fn from_parts(response: Response<'_>, body: Vec<u8>, is_complete: bool) -> Self {
        Self { response: response.into_owned(), body, is_complete, error: None }
    }

    /// Makes a refusal of what can be read of a response that broke off or had a fault. `None` if
    /// there is no complete status line, or its status `is_refusal` not.
    #[cold]
    pub(super) fn salvage(
        reader: &mut HeadReader,
        is_refusal: fn(u16) -> bool,
        error: Option<ResponseError>,
    ) -> Option<Self> {
        let head = salvage_head(reader).filter(|head| is_refusal(head.status()))?;
        Some(Self { response: Response { head }, body: Vec::new(), is_complete: false, error })
    }

    /// Returns the status and the fields; only those before the fault if there is an
    /// [error](Self::error).
    #[must_use]
    pub fn response(&self) -> &Response<'static> {
        &self.response
    }

    /// Returns how long the server asks to wait before the next request (`Retry-After`, RFC 9110
    /// §10.2.3), or `None` if it does not, or names a date instead. It may be years: bound it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = str::from_utf8(self.response.field("Retry-After")?).ok()?;
        let is_number = seconds.bytes().all(|byte| byte.is_ascii_digit());
        seconds.parse().ok().filter(|_| is_number).map(Duration::from_secs)
    }

    /// Returns the content of the body, without its chunks, but with its `Content-Encoding`: as
    /// much as has arrived and is not beyond the limit
    /// ([`ClientRequest::refusal_bytes_max`](super::ClientRequest::refusal_bytes_max)). It may be
    /// any bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns whether all of the head and of the body has been read. That is never known of a body
    /// without a length.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Returns what was wrong with the head after its status line.
    #[must_use]
    pub const fn error(&self) -> Option<ResponseError> {
        self.error
    }

    /// Returns whether the server or proxy waits for another request on the same connection (RFC
    /// 9112 §9.3), such as one with the credentials that a 401 or 407 asks for. It may close it all
    /// the same, as a proxy must (draft-ietf-httpbis-optimistic-upgrade): then connect anew. In
    /// HTTP/2 and HTTP/3 a refusal concerns its stream alone.
    #[must_use]
    pub fn keeps_connection(&self) -> bool {
        let head = &self.response.head;
        if head.version() >= HttpVersion::Http2 {
            return true;
        }
        self.is_complete
            && head.status() >= 200
            && head.version() == HttpVersion::Http11
            && !head.has_token(Field::Connection, b"close")
            // RFC 9112 §6.1: somebody may have meant another end of this body.
            && !(head.has(Field::TransferEncoding) && head.has(Field::ContentLength))
    }
}

/// Such as `404 Not Found`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.response.fmt(f)
    }
}

/// Prints the response and the length of the body.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("response", &self.response)
            .field("body_bytes", &self.body.len())
            .field("is_complete", &self.is_complete)
            .field("error", &self.error)
            .finish()
    }
}

/// A refusal whose body is still to come.
pub(super) struct RefusalReader {
    response: Response<'static>,
    body: BodyReader,
}

impl RefusalReader {
    /// Prepares to read the body of a refusal, at most so many bytes of it.
    pub(super) fn new(response: Response<'_>, bytes_max: u32) -> Box<Self> {
        let body = BodyReader::new(framing(&response.head), bytes_max as usize);
        Box::new(Self { response: response.into_owned(), body })
    }

    /// Reads what there is of the body. Returns whether there is nothing to wait for any more.
    pub(super) fn read(&mut self, input: &mut Input<'_>) -> bool {
        let is_over = self.body.read(input);
        if is_over && !self.body.is_complete() {
            input.take_up_to(usize::MAX);
        }
        is_over
    }

    /// Returns the refusal, with what has come of its body.
    pub(super) fn into_refusal(self) -> Refusal {
        Refusal {
            response: self.response,
            is_complete: self.body.is_complete(),
            body: self.body.into_content(),
            error: None,
        }
    }
}

/// Prints the response, and how much of its body has come.
impl fmt::Debug for RefusalReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusalReader")
            .field("response", &self.response)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Returns how the body of a response ends (RFC 9112 §6.3).
fn framing(head: &Head<'_>) -> Framing {
    if matches!(head.status(), 100..=199 | 204 | 304) {
        return Framing::Length(0);
    }
    if head.has(Field::TransferEncoding) {
        let mut codings = head.all(Field::TransferEncoding).flat_map(elements);
        let is_chunked = codings.next().is_some_and(|it| it.eq_ignore_ascii_case(b"chunked"));
        let is_known = head.version() == HttpVersion::Http11 && is_chunked;
        return match codings.next() {
            None if is_known => Framing::Chunked,
            _ => Framing::UntilEnd,
        };
    }
    let mut lengths = head.all(Field::ContentLength).flat_map(elements).map(number);
    match lengths.next() {
        Some(Some(length)) if lengths.all(|other| other == Some(length)) => Framing::Length(length),
        _ => Framing::UntilEnd,
    }
}

/// RFC 9110 §8.6: one or more digits.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
