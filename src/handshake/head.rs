//! Collects an HTTP/1.1 head (RFC 9112 §2) from the input: incrementally, bounded, linear; the bytes after it stay there.
//!
//! A head that arrives whole is parsed where it lies, by `httparse`. One that arrives in pieces is copied together, and
//! [`Scan`] looks at each byte once. `Scan` also names the fault of a head that is none, so that the verdict on some bytes
//! never depends on how they were cut.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::mem::{self, MaybeUninit};

use super::limits::HeadLimits;
use super::scan::{Fault, Scan, StartLine};
use crate::extension::grammar::{elements, text, trim};
use crate::input::Input;

/// Waits for a head.
#[derive(Debug)]
pub(super) struct HeadReader {
    kind: StartLine,
    limits: HeadLimits,
    /// What of the head has arrived and been scanned.
    buffer: Vec<u8>,
    scan: Scan,
}

impl HeadReader {
    pub(super) fn new(kind: StartLine, limits: HeadLimits) -> Self {
        Self { kind, limits, buffer: Vec::new(), scan: Scan::new(kind) }
    }

    /// The next head of the input, which is left behind it. Ready for another head afterwards; after a fault, spent.
    #[inline]
    pub(super) fn read<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Head<'a>>, Fault> {
        if self.buffer.is_empty() {
            // No more than a head may have, however much has arrived.
            let bytes = input.remaining();
            let bytes = bytes.get(..self.limits.head_bytes_max as usize).unwrap_or(bytes);
            if let Some(layout) = parse(self.kind, bytes, &self.limits)
                && let Some(bytes) = input.take(layout.len())
            {
                return Ok(Some(Head { bytes: Cow::Borrowed(bytes), layout }));
            }
        }
        self.read_piece(input)
    }

    /// The head does not lie there whole and well-formed.
    #[cold]
    #[inline(never)]
    fn read_piece<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Head<'a>>, Fault> {
        let mut len = None;
        for (at, &byte) in input.remaining().iter().enumerate() {
            match self.scan.step(byte, &self.limits) {
                Ok(false) => {}
                Ok(true) => {
                    len = Some(at.saturating_add(1));
                    break;
                }
                Err(fault) => {
                    self.buffer = Vec::new();
                    input.take_up_to(usize::MAX);
                    return Err(fault);
                }
            }
        }
        self.buffer.extend_from_slice(input.take_up_to(len.unwrap_or(usize::MAX)));
        if len.is_none() {
            return Ok(None);
        }
        self.scan = Scan::new(self.kind);
        let bytes = mem::take(&mut self.buffer);
        match parse(self.kind, &bytes, &self.limits) {
            Some(layout) if layout.len() == bytes.len() => {
                Ok(Some(Head { bytes: Cow::Owned(bytes), layout }))
            }
            _ => {
                debug_assert!(false, "Scan and httparse disagree");
                Err(Fault::StartLine)
            }
        }
    }
}

/// A complete, well-formed head.
#[derive(Clone, Debug)]
pub(super) struct Head<'a> {
    bytes: Cow<'a, [u8]>,
    layout: Layout,
}

/// Where things are in a head, as offsets into it.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// The minor version: 0 or 1.
    version: u8,
    /// The status of a response.
    status: u16,
    /// A request's method; a response's reason phrase.
    word: Span,
    /// A request's target.
    target: Span,
    /// The headers, without the empty line behind them.
    headers: Span,
    /// By [`Field`]: the value of its first line, and how many lines it has.
    first: [Span; FIELDS],
    count: [u8; FIELDS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        // A head has at most u32::MAX bytes: `HeadLimits::head_bytes_max`.
        Self { start: start as u32, end: start.wrapping_add(part.len()) as u32 }
    }

    fn get(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// The header fields that a handshake looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Host,
    Origin,
    Upgrade,
    Connection,
    Key,
    Accept,
    Version,
    Protocol,
    Extensions,
    ContentLength,
    TransferEncoding,
}

const FIELDS: usize = Field::TransferEncoding as usize + 1;

impl Field {
    /// The field with that name, in any case.
    #[inline]
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        // Length and first letter leave one that it can be.
        match (name.len(), name.first()? | 0x20) {
            (4, b'h') => Self::Host.named(name, b"host"),
            (6, b'o') => Self::Origin.named(name, b"origin"),
            (7, b'u') => Self::Upgrade.named(name, b"upgrade"),
            (10, b'c') => Self::Connection.named(name, b"connection"),
            (14, b'c') => Self::ContentLength.named(name, b"content-length"),
            (17, b's') => Self::Key.named(name, b"sec-websocket-key"),
            (17, b't') => Self::TransferEncoding.named(name, b"transfer-encoding"),
            (20, b's') => Self::Accept.named(name, b"sec-websocket-accept"),
            (21, b's') => Self::Version.named(name, b"sec-websocket-version"),
            (22, b's') => Self::Protocol.named(name, b"sec-websocket-protocol"),
            (24, b's') => Self::Extensions.named(name, b"sec-websocket-extensions"),
            _ => None,
        }
    }

    /// This field, if that is its name.
    #[inline]
    fn named<const N: usize>(self, name: &[u8], lower_case: &[u8; N]) -> Option<Self> {
        // All bytes at once rather than up to the first that differs: a vector's work.
        let differ = |differ, (&byte, &wanted): (&u8, &u8)| {
            let case = if wanted.is_ascii_lowercase() { 0x20 } else { 0 };
            differ | ((byte | case) ^ wanted)
        };
        let differ = name.first_chunk::<N>()?.iter().zip(lower_case).fold(0, differ);
        (differ == 0).then_some(self)
    }
}

impl Head<'_> {
    pub(super) fn into_owned(self) -> Head<'static> {
        Head { bytes: Cow::Owned(self.bytes.into_owned()), layout: self.layout }
    }

    /// The minor version: 0 or 1.
    pub(super) fn version(&self) -> u8 {
        self.layout.version
    }

    pub(super) fn status(&self) -> u16 {
        self.layout.status
    }

    /// The method of a request, the reason phrase of a response.
    pub(super) fn word(&self) -> &[u8] {
        self.layout.word.get(&self.bytes)
    }

    /// Of a request; known to be ASCII.
    pub(super) fn target(&self) -> &[u8] {
        self.layout.target.get(&self.bytes)
    }

    pub(super) fn headers(&self) -> Headers<'_> {
        Headers { rest: self.layout.headers.get(&self.bytes) }
    }

    /// How many lines the field has.
    #[inline]
    pub(super) fn count(&self, field: Field) -> usize {
        self.layout.count.get(field as usize).copied().unwrap_or_default().into()
    }

    /// The value of the field's first line.
    #[inline]
    pub(super) fn first(&self, field: Field) -> Option<&[u8]> {
        let span = self.layout.first.get(field as usize)?;
        (self.count(field) > 0).then(|| span.get(&self.bytes))
    }

    /// The values of all of the field's lines.
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &[u8]> + Clone {
        // Nearly always there is one line, and the headers need not be looked through again.
        let (first, headers) = match self.count(field) {
            0 => (None, Headers { rest: &[] }),
            1 => (self.first(field), Headers { rest: &[] }),
            _ => (None, self.headers()),
        };
        let more = headers.filter(move |(name, _)| Field::of(name.as_bytes()) == Some(field));
        first.into_iter().chain(more.map(|(_, value)| value))
    }

    /// Whether the field, a list of tokens, has this one in any case.
    #[inline]
    pub(super) fn has_token(&self, field: Field, token: &str) -> bool {
        let only =
            self.first(field).is_some_and(|value| value.eq_ignore_ascii_case(token.as_bytes()));
        only || self.lists_token(field, token)
    }

    fn lists_token(&self, field: Field, token: &str) -> bool {
        self.all(field)
            .flat_map(elements)
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The headers of a request or response: an iterator over names and values, in their order, repeats kept.
///
/// Names are as they were sent. Values are without the white space around them, and may be any bytes but control
/// characters.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    /// Invariant: well-formed lines.
    rest: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.rest.iter().position(|&byte| byte == b'\n')?;
        let (line, rest) = self.rest.split_at_checked(end.saturating_add(1))?;
        self.rest = rest;
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.strip_prefix(b":").and_then(|value| value.strip_suffix(b"\r\n"))?;
        Some((text(name), trim(value)))
    }
}

/// Where things are in the head at the beginning of the bytes. `None`: not complete, not well-formed, or beyond a limit;
/// [`Scan`] can tell which.
fn parse(kind: StartLine, bytes: &[u8], limits: &HeadLimits) -> Option<Layout> {
    match kind {
        StartLine::Request => parse_request(bytes, limits),
        StartLine::Status => parse_response(bytes, limits),
    }
}

fn parse_request(bytes: &[u8], limits: &HeadLimits) -> Option<Layout> {
    let mut headers = [const { MaybeUninit::uninit() }; HeadLimits::HEADERS_CEILING as usize];
    let mut request = httparse::Request::new(&mut []);
    let httparse::Status::Complete(len) =
        request.parse_with_uninit_headers(bytes, &mut headers).ok()?
    else {
        return None;
    };
    let head = bytes.get(..len)?;
    let target = request.path?.as_bytes();
    // httparse lets bytes beyond ASCII pass, and a fragment, which RFC 9112 §3.2 does not.
    let misfit = |misfit, &byte: &u8| misfit | !byte.is_ascii() | (byte == b'#');
    if target.len() > limits.target_bytes_max as usize || target.iter().fold(false, misfit) {
        return None;
    }
    let word = Span::of(request.method?.as_bytes(), head);
    // Empty lines before the request line are tolerated (RFC 9112 §2.2), if they are such.
    if !head.get(..word.start as usize)?.chunks(2).all(|line| line == b"\r\n") {
        return None;
    }
    Layout::new(request.version?, 0, word, Span::of(target, head)).with_headers(
        head,
        request.headers,
        limits,
    )
}

fn parse_response(bytes: &[u8], limits: &HeadLimits) -> Option<Layout> {
    let mut headers = [const { MaybeUninit::uninit() }; HeadLimits::HEADERS_CEILING as usize];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let httparse::Status::Complete(len) =
        config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers).ok()?
    else {
        return None;
    };
    let head = bytes.get(..len)?;
    if !head.starts_with(b"HTTP/") || response.code? < 100 {
        return None;
    }
    // httparse gives no reason phrase that is not ASCII.
    const REASON_AT: usize = "HTTP/1.1 101 ".len();
    let end = head.iter().position(|&byte| byte == b'\r')?;
    let word = Span { start: REASON_AT.min(end) as u32, end: end as u32 };
    Layout::new(response.version?, response.code?, word, Span::default()).with_headers(
        head,
        response.headers,
        limits,
    )
}

impl Layout {
    fn new(version: u8, status: u16, word: Span, target: Span) -> Self {
        let (first, count) = ([Span::default(); FIELDS], [0; FIELDS]);
        Self { version, status, word, target, headers: Span::default(), first, count }
    }

    /// How long the head is: the empty line ends it.
    fn len(&self) -> usize {
        (self.headers.end as usize).saturating_add(2)
    }

    /// Looks at each header once.
    #[inline]
    fn with_headers(
        mut self,
        head: &[u8],
        headers: &[httparse::Header<'_>],
        limits: &HeadLimits,
    ) -> Option<Self> {
        if head.len() > limits.head_bytes_max as usize || headers.len() > limits.headers_in_effect()
        {
            return None;
        }
        // httparse takes a bare LF for the end of a line; RFC 9112 §2.2 would allow that, but it is how requests are
        // smuggled past a proxy that does not. So look behind each line.
        if !head.ends_with(b"\r\n\r\n") {
            return None;
        }
        let end = head.len().saturating_sub(2) as u32;
        let start =
            headers.first().map_or(end, |header| Span::of(header.name.as_bytes(), head).start);
        self.headers = Span { start, end };
        for header in headers {
            let name = Span::of(header.name.as_bytes(), head);
            if !head.get(..name.start as usize)?.ends_with(b"\r\n") {
                return None;
            }
            if let Some(field) = Field::of(header.name.as_bytes())
                && let Some(first) = self.first.get_mut(field as usize)
                && let Some(count) = self.count.get_mut(field as usize)
            {
                if *count == 0 {
                    *first = Span::of(header.value, head);
                }
                *count = count.saturating_add(1);
            }
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn read_whole(kind: StartLine, bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Fault> {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        let head = HeadReader::new(kind, HeadLimits::default()).read(&mut input)?;
        Ok(head.map(|head| (head.bytes.into_owned(), input.len())))
    }

    fn read_by_byte(kind: StartLine, bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Fault> {
        let mut reader = HeadReader::new(kind, HeadLimits::default());
        for (at, &byte) in bytes.iter().enumerate() {
            if let Some(head) = reader.read(&mut Input::new(&mut [byte]))? {
                return Ok(Some((head.bytes.into_owned(), bytes.len() - at - 1)));
            }
        }
        Ok(None)
    }

    /// Every change of one byte of a good head gives the same verdict from httparse and from the scan.
    #[test]
    fn httparse_and_the_scan_agree() {
        let request = b"\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nx:\r\ny: \tz \r\n\r\n".as_slice();
        let response = b"HTTP/1.1 101 Switching\r\nUpgrade: a\r\nx:\r\ny: \tz \r\n\r\n".as_slice();
        for (kind, head) in [(StartLine::Request, request), (StartLine::Status, response)] {
            for at in 0..head.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = head.to_vec();
                    changed[at] = byte;
                    let whole = read_whole(kind, &changed);
                    assert_eq!(
                        read_by_byte(kind, &changed),
                        whole,
                        "{}",
                        String::from_utf8_lossy(&changed)
                    );
                    let mut inserted = head.to_vec();
                    inserted.insert(at, byte);
                    let whole = read_whole(kind, &inserted);
                    assert_eq!(
                        read_by_byte(kind, &inserted),
                        whole,
                        "{}",
                        String::from_utf8_lossy(&inserted)
                    );
                }
                let mut removed = head.to_vec();
                removed.remove(at);
                assert_eq!(read_by_byte(kind, &removed), read_whole(kind, &removed));
            }
            assert_eq!(read_whole(kind, head), Ok(Some((head.to_vec(), 0))));
        }
    }

    #[test]
    fn each_byte_is_scanned_once() {
        let mut bytes = b"GET / HTTP/1.1\r\na: b\r\nc: ".to_vec();
        bytes.resize((16 << 10) - 4, b'x');
        bytes.extend_from_slice(b"\r\n\r\n");
        let mut reader = HeadReader::new(StartLine::Request, HeadLimits::default());
        let last = bytes.len() - 1;
        for (at, byte) in bytes.iter_mut().enumerate() {
            assert_eq!(reader.scan.scanned(), at);
            let head = reader.read(&mut Input::new(core::slice::from_mut(byte))).unwrap();
            assert_eq!(head.is_some(), at == last);
        }
    }

    #[test]
    fn only_what_arrived_is_held() {
        let mut reader = HeadReader::new(StartLine::Request, HeadLimits::default());
        assert!(reader.read(&mut Input::new(&mut b"GET / HT".to_vec())).unwrap().is_none());
        assert!(reader.buffer.capacity() <= 16);
    }

    #[test]
    fn headers_keep_their_order_and_repeats() {
        let mut bytes = *b"HTTP/1.1 200\r\nA: 1\r\nb:\xff\r\nA:\t 2 \r\nc: \r\n\r\nbody";
        let mut input = Input::new(&mut bytes);
        let mut reader = HeadReader::new(StartLine::Status, HeadLimits::default());
        let head = reader.read(&mut input).unwrap().unwrap();
        assert_eq!(input.remaining(), b"body");
        let headers: Vec<_> = head.headers().collect();
        let want: [(&str, &[u8]); 4] = [("A", b"1"), ("b", b"\xff"), ("A", b"2"), ("c", b"")];
        assert_eq!(headers, want);
        assert_eq!((head.status(), head.word()), (200, &b""[..]));
    }
}
