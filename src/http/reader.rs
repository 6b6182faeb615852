//! Reads an HTTP/1.1 head (RFC 9112 §2) from the input: incrementally, bounded, in linear time. The
//! bytes after it stay there.
//!
//! `httparse` parses a head that arrives whole, without a copy. One that arrives in pieces is
//! collected, and [`Scan`] reads each byte once. `Scan` also names the fault of a bad head, and
//! mends what is tolerated in responses, so the result does not depend on how the input was split.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::mem::{self, MaybeUninit};

use super::head::{Head, HttpVersion, Index, Layout, Span};
use super::limits::HeadLimits;
use super::scan::{Edit, Fault, Scan, StartLine};
use crate::input::Input;

/// Waits for a head.
pub(crate) struct HeadReader {
    kind: StartLine,
    limits: HeadLimits,
    /// The bytes of the head that have arrived and been scanned, as the grammar has them.
    buffer: Vec<u8>,
    scan: Scan,
}

impl HeadReader {
    pub(crate) fn new(kind: StartLine, limits: HeadLimits) -> Self {
        Self { kind, limits, buffer: Vec::new(), scan: Scan::new(kind) }
    }

    /// Reads the next head of the input, and leaves the bytes after it. Can read another head
    /// afterwards, but not after a fault.
    #[inline]
    pub(crate) fn read<'a, I: Index>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Head<'a, I>>, Fault> {
        if self.buffer.is_empty() {
            // No more than a head may have, however much has arrived.
            let bytes = input.remaining();
            let bytes = bytes.get(..self.limits.head_bytes_max as usize).unwrap_or(bytes);
            let mut index = I::default();
            if let Some(parsed) = parse(self.kind, bytes, &self.limits, &mut index)
                && let Some(bytes) = input.take(parsed.len())
            {
                return Ok(Some(parsed.into_head(Cow::Borrowed(bytes), index)));
            }
        }
        self.read_piece(input)
    }

    /// Returns the beginning of a response that broke off or had a fault: its status line, and the
    /// fields that were complete and well-formed. `None` if there is no complete status line.
    pub(crate) fn salvage<I: Index>(&mut self) -> Option<Head<'static, I>> {
        let mut bytes = mem::take(&mut self.buffer);
        let last_line_end = bytes.windows(2).rposition(|end| end == b"\r\n")?;
        bytes.truncate(last_line_end);
        bytes.extend_from_slice(b"\r\n\r\n");
        let mut index = I::default();
        Some(self.parse(&bytes, &mut index)?.into_head(Cow::Owned(bytes), index))
    }

    /// Reads a head that is not whole, or not well-formed.
    #[cold]
    #[inline(never)]
    fn read_piece<'a, I: Index>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Head<'a, I>>, Fault> {
        let bytes = input.remaining();
        let mut fault = None;
        // The end of what has been scanned, and of what has been copied.
        let (mut scanned, mut copied) = (0_usize, 0_usize);
        while let Some(&byte) = bytes.get(scanned)
            && !self.scan.is_done()
        {
            let edit = match self.scan.step(byte, &self.limits) {
                Ok(edit) => edit,
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            };
            let before = scanned;
            scanned = scanned.saturating_add(1);
            if edit != Edit::Keep {
                self.buffer.extend_from_slice(bytes.get(copied..before).unwrap_or_default());
                copied = scanned;
                apply(edit, &mut self.buffer);
            }
        }
        self.buffer.extend_from_slice(bytes.get(copied..scanned).unwrap_or_default());
        if let Some(fault) = fault {
            input.take_up_to(usize::MAX);
            if self.kind == StartLine::Request {
                self.buffer = Vec::new(); // nobody salvages it
            }
            return Err(fault);
        }
        input.take_up_to(scanned);
        if !self.scan.is_done() {
            return Ok(None);
        }
        self.scan = Scan::new(self.kind);
        let bytes = mem::take(&mut self.buffer);
        let mut index = I::default();
        match self.parse(&bytes, &mut index) {
            Some(parsed) if parsed.len() == bytes.len() => {
                Ok(Some(parsed.into_head(Cow::Owned(bytes), index)))
            }
            _ => {
                debug_assert!(false, "Scan and httparse disagree");
                Err(Fault::StartLine)
            }
        }
    }

    /// Parses bytes that the scan has found good, and perhaps made longer.
    fn parse(&self, bytes: &[u8], index: &mut impl Index) -> Option<Parsed> {
        parse(self.kind, bytes, &HeadLimits { head_bytes_max: u32::MAX, ..self.limits }, index)
    }
}

/// Appends to the beginning of a head what becomes of its next byte.
fn apply(edit: Edit, head: &mut Vec<u8>) {
    match edit {
        Edit::Keep | Edit::Drop => {}
        Edit::LineEnd => head.extend_from_slice(b"\r\n"),
        Edit::Unfold => {
            while let Some(b'\r' | b'\n' | b' ' | b'\t') = head.last() {
                head.pop();
            }
            head.push(b' ');
        }
    }
}

/// Prints how many bytes of a head have arrived, and none of them: they may be credentials.
impl fmt::Debug for HeadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadReader")
            .field("limits", &self.limits)
            .field("arrived_bytes", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

/// A head, apart from its bytes and their index.
struct Parsed {
    version: HttpVersion,
    status: u16,
    layout: Layout,
}

/// Parses the head at the beginning of the bytes, and fills its index. Returns `None` if it is not
/// complete, not well-formed, or beyond a limit; [`Scan`] tells which.
fn parse(
    kind: StartLine,
    bytes: &[u8],
    limits: &HeadLimits,
    index: &mut impl Index,
) -> Option<Parsed> {
    let mut room = [const { MaybeUninit::uninit() }; HeadLimits::FIELDS as usize];
    match parse_in(&mut room, kind, bytes, limits, index) {
        None if limits.fields_max > HeadLimits::FIELDS => parse_long(kind, bytes, limits, index),
        parsed => parsed,
    }
}

/// Parses a head that may have more fields than usual.
#[cold]
fn parse_long(
    kind: StartLine,
    bytes: &[u8],
    limits: &HeadLimits,
    index: &mut impl Index,
) -> Option<Parsed> {
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
    let mut room = Vec::new();
    room.resize_with(lines.min(limits.fields_max.into()), MaybeUninit::uninit);
    parse_in(&mut room, kind, bytes, limits, index)
}

/// Where `httparse` puts the fields.
type Room<'b> = [MaybeUninit<httparse::Header<'b>>];

#[inline]
fn parse_in<'b>(
    room: &mut Room<'b>,
    kind: StartLine,
    bytes: &'b [u8],
    limits: &HeadLimits,
    index: &mut impl Index,
) -> Option<Parsed> {
    match kind {
        StartLine::Request => parse_request(bytes, limits, room, index),
        StartLine::Status => parse_response(bytes, limits, room, index),
    }
}

fn parse_request<'b>(
    bytes: &'b [u8],
    limits: &HeadLimits,
    room: &mut Room<'b>,
    index: &mut impl Index,
) -> Option<Parsed> {
    let mut request = httparse::Request::new(&mut []);
    let httparse::Status::Complete(len) = request.parse_with_uninit_headers(bytes, room).ok()?
    else {
        return None;
    };
    let head = bytes.get(..len)?;
    let target = request.path?.as_bytes();
    // httparse allows bytes beyond ASCII and a fragment; RFC 9112 §3.2 does not.
    let misfit = |misfit, &byte: &u8| misfit | !byte.is_ascii() | (byte == b'#');
    if target.len() > limits.target_bytes_max as usize || target.iter().fold(false, misfit) {
        return None;
    }
    let word = Span::of(request.method?.as_bytes(), head);
    // Empty lines before the request line are tolerated (RFC 9112 §2.2), with a CRLF each.
    if !head.get(..word.start as usize)?.chunks(2).all(|line| line == b"\r\n") {
        return None;
    }
    let fields = fill(index, head, request.headers, limits)?;
    let layout = Layout { word, target: Span::of(target, head), fields };
    Some(Parsed { version: version(request.version?), status: 0, layout })
}

fn parse_response<'b>(
    bytes: &'b [u8],
    limits: &HeadLimits,
    room: &mut Room<'b>,
    index: &mut impl Index,
) -> Option<Parsed> {
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let httparse::Status::Complete(len) =
        config.parse_response_with_uninit_headers(&mut response, bytes, room).ok()?
    else {
        return None;
    };
    let head = bytes.get(..len)?;
    if !head.starts_with(b"HTTP/") || response.code? < 100 {
        return None;
    }
    let word = match response.reason? {
        "" => hidden_reason(head)?,
        reason => Span::of(reason.as_bytes(), head),
    };
    let fields = fill(index, head, response.headers, limits)?;
    let layout = Layout { word, target: Span::default(), fields };
    Some(Parsed { version: version(response.version?), status: response.code?, layout })
}

/// Finds a reason phrase that `httparse` does not return, because it is not ASCII, or that is
/// missing.
#[cold]
fn hidden_reason(head: &[u8]) -> Option<Span> {
    const REASON_AT: usize = "HTTP/1.1 101 ".len();
    let end = head.iter().position(|&byte| byte == b'\r')?;
    Some(Span { start: REASON_AT.min(end) as u32, end: end as u32 })
}

const fn version(minor: u8) -> HttpVersion {
    if minor == 0 { HttpVersion::Http10 } else { HttpVersion::Http11 }
}

/// Looks at each field once, and fills the index. Returns where the field lines are.
fn fill(
    index: &mut impl Index,
    head: &[u8],
    fields: &[httparse::Header<'_>],
    limits: &HeadLimits,
) -> Option<Span> {
    if head.len() > limits.head_bytes_max as usize || fields.len() > usize::from(limits.fields_max)
    {
        return None;
    }
    // httparse takes a bare LF for the end of a line, in requests, too, where that is how they are
    // smuggled past a proxy. So check the end of each line. Scan mends it in a response.
    if !head.ends_with(b"\r\n\r\n") {
        return None;
    }
    for field in fields {
        let name = Span::of(field.name.as_bytes(), head);
        if !head.get(..name.start as usize)?.ends_with(b"\r\n") {
            return None;
        }
        index.note(field.name.as_bytes(), || Span::of(field.value, head));
    }
    let end = head.len().saturating_sub(2) as u32;
    let start = fields.first().map_or(end, |field| Span::of(field.name.as_bytes(), head).start);
    Some(Span { start, end })
}

impl Parsed {
    /// Returns the length of the head, with the empty line at its end.
    fn len(&self) -> usize {
        (self.layout.fields.end as usize).saturating_add(2)
    }

    fn into_head<I: Index>(self, bytes: Cow<'_, [u8]>, index: I) -> Head<'_, I> {
        Head::from_wire(bytes, self.layout, self.version, self.status, index)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    type Verdict = Result<Option<(Vec<u8>, usize)>, Fault>;

    #[derive(Default)]
    struct Nothing;

    impl Index for Nothing {
        fn note(&mut self, _: &[u8], _: impl FnOnce() -> Span) {}
    }

    fn read<'a>(
        reader: &mut HeadReader,
        bytes: &'a mut [u8],
    ) -> Result<Option<Head<'a, Nothing>>, Fault> {
        reader.read(&mut Input::new(bytes))
    }

    fn read_whole(kind: StartLine, bytes: &[u8]) -> Verdict {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        let head = HeadReader::new(kind, HeadLimits::default()).read::<Nothing>(&mut input)?;
        Ok(head.map(|head| (head.wire().to_vec(), input.len())))
    }

    fn read_by_byte(kind: StartLine, bytes: &[u8]) -> Verdict {
        let mut reader = HeadReader::new(kind, HeadLimits::default());
        for (at, &byte) in bytes.iter().enumerate() {
            if let Some(head) = read(&mut reader, &mut [byte])? {
                return Ok(Some((head.wire().to_vec(), bytes.len() - at - 1)));
            }
        }
        Ok(None)
    }

    /// For every change of one byte of a good head, `httparse` and the scan agree.
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
            let head = read(&mut reader, core::slice::from_mut(byte)).unwrap();
            assert_eq!(head.is_some(), at == last);
        }
    }

    /// A head is full of credentials, and so is a part of one.
    #[test]
    fn a_reader_prints_nothing_of_a_head() {
        let mut reader = HeadReader::new(StartLine::Request, HeadLimits::default());
        read(&mut reader, &mut b"GET /secret HTTP/1.1\r\nCookie: secret".to_vec()).unwrap();
        let printed = alloc::format!("{reader:?}");
        assert!(printed.contains("arrived_bytes: 36"), "{printed}");
        let as_bytes = alloc::format!("{:?}", b"secret");
        assert!(
            !printed.contains("secret") && !printed.contains(as_bytes.trim_matches(['[', ']']))
        );
    }

    #[test]
    fn only_what_arrived_is_held() {
        let mut reader = HeadReader::new(StartLine::Request, HeadLimits::default());
        assert!(read(&mut reader, &mut b"GET / HT".to_vec()).unwrap().is_none());
        assert!(reader.buffer.capacity() <= 16);
    }

    #[test]
    fn fields_keep_their_order_and_repeats() {
        let mut bytes = *b"HTTP/1.1 200\r\nA: 1\r\nb:\xff\r\nA:\t 2 \r\nc: \r\n\r\nbody";
        let mut input = Input::new(&mut bytes);
        let mut reader = HeadReader::new(StartLine::Status, HeadLimits::default());
        let head = reader.read::<Nothing>(&mut input).unwrap().unwrap();
        assert_eq!(input.remaining(), b"body");
        let fields: Vec<_> = head.fields().collect();
        let want: [(&str, &[u8]); 4] = [("A", b"1"), ("b", b"\xff"), ("A", b"2"), ("c", b"")];
        assert_eq!(fields, want);
        assert_eq!((head.status(), head.word()), (200, &b""[..]));
    }
}
