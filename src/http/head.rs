//! The head of a message as values: a start line and fields (RFC 9110 §6), whatever they came in.
//!
//! A head that was read from the wire keeps its bytes, and where things are in them. A head that an
//! HTTP stack has parsed keeps what the stack lends. Neither is copied before it is to be kept.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::fields::{Fields, Pair, Pairs, is_field_value};
use super::list::{all, is_token, trim};
use super::scan::Fault;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HttpVersion {
    /// HTTP/1.0, in which nothing can be upgraded.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2, in which extended CONNECT opens a WebSocket (RFC 8441).
    Http2,
    /// HTTP/3, the same (RFC 9220).
    Http3,
}

/// A complete, well-formed head.
#[derive(Clone)]
pub(crate) struct Head<'a, I> {
    source: Source<'a>,
    version: HttpVersion,
    /// The status of a response, 0 in a request.
    status: u16,
    index: I,
}

#[derive(Clone)]
enum Source<'a> {
    Wire { bytes: Cow<'a, [u8]>, layout: Layout },
    Parts { word: &'a [u8], target: Cow<'a, [u8]>, fields: Pairs<'a> },
}

/// Where things are in the bytes of a head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// The method of a request, the reason phrase of a response.
    pub(crate) word: Span,
    /// The target of a request.
    pub(crate) target: Span,
    /// The field lines, without the empty line after them.
    pub(crate) fields: Span,
}

/// Where something is: a range of bytes. In a head from parts, the number of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    #[inline]
    pub(crate) fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        // A head has far fewer bytes than u32::MAX: `HeadLimits::head_bytes_max`.
        Self { start: start as u32, end: start.wrapping_add(part.len()) as u32 }
    }

    #[inline]
    fn get(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Notes where fields are, so that a head is looked through once.
pub(crate) trait Index: Default {
    /// Notes the next field of the head. Asks where its value is only if that matters.
    fn note(&mut self, name: &[u8], value: impl FnOnce() -> Span);
}

impl<'a, I: Index> Head<'a, I> {
    #[inline]
    pub(crate) fn from_wire(
        bytes: Cow<'a, [u8]>,
        layout: Layout,
        version: HttpVersion,
        status: u16,
        index: I,
    ) -> Self {
        Self { source: Source::Wire { bytes, layout }, version, status, index }
    }

    /// Checks the parts of a request as strictly as its bytes would be.
    #[inline] // has one caller, and a head is large to move
    pub(crate) fn of_request(
        method: &'a [u8],
        target: &'a [u8],
        version: HttpVersion,
        fields: &'a [Pair<'a>],
    ) -> Result<Self, Fault> {
        if !is_token(method) {
            return Err(Fault::StartLine);
        }
        check_target(target, version)?;
        let index = checked_index_of(fields)?;
        let source =
            Source::Parts { word: method, target: target.into(), fields: Pairs::Lent(fields) };
        Ok(Self { source, version, status: 0, index })
    }

    /// Checks the target of a request. A stack's types have checked the rest.
    #[cfg(feature = "http")]
    #[inline]
    pub(crate) fn of_typed_request(
        method: &'a [u8],
        target: Cow<'a, [u8]>,
        version: HttpVersion,
        fields: Pairs<'a>,
    ) -> Result<Self, Fault> {
        check_target(&target, version)?;
        let index = index_of(&fields);
        let source = Source::Parts { word: method, target, fields };
        Ok(Self { source, version, status: 0, index })
    }

    /// Checks the parts of a response as strictly as its bytes would be.
    pub(crate) fn of_response(
        status: u16,
        version: HttpVersion,
        fields: &'a [Pair<'a>],
    ) -> Result<Self, Fault> {
        if !(100..=999).contains(&status) {
            return Err(Fault::StartLine);
        }
        let index = checked_index_of(fields)?;
        let source =
            Source::Parts { word: b"", target: Cow::default(), fields: Pairs::Lent(fields) };
        Ok(Self { source, version, status, index })
    }

    /// Makes a head of a response that a stack's types have checked.
    #[cfg(feature = "http")]
    pub(crate) fn of_typed_response(status: u16, version: HttpVersion, fields: Pairs<'a>) -> Self {
        let index = index_of(&fields);
        let source = Source::Parts { word: b"", target: Cow::default(), fields };
        Self { source, version, status, index }
    }

    /// Copies what the head borrows.
    pub(crate) fn into_owned(self) -> Head<'static, I> {
        let (version, status) = (self.version, self.status);
        match self.source {
            Source::Wire { bytes, layout } => {
                let bytes = Cow::Owned(bytes.into_owned());
                Head::from_wire(bytes, layout, version, status, self.index)
            }
            Source::Parts { word, target, fields } => {
                let (bytes, layout, index) = written(word, &target, &fields);
                Head::from_wire(Cow::Owned(bytes), layout, version, status, index)
            }
        }
    }
}

impl<I> Head<'_, I> {
    pub(crate) fn version(&self) -> HttpVersion {
        self.version
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The method of a request, a token; the reason phrase of a response.
    pub(crate) fn word(&self) -> &[u8] {
        match &self.source {
            Source::Wire { bytes, layout } => layout.word.get(bytes),
            Source::Parts { word, .. } => word,
        }
    }

    /// The target of a request: visible ASCII.
    #[inline]
    pub(crate) fn target(&self) -> &[u8] {
        match &self.source {
            Source::Wire { bytes, layout } => layout.target.get(bytes),
            Source::Parts { target, .. } => target,
        }
    }

    pub(crate) fn fields(&self) -> Fields<'_> {
        match &self.source {
            Source::Wire { bytes, layout } => Fields::of_lines(layout.fields.get(bytes)),
            Source::Parts { fields, .. } => Fields::of_pairs(fields),
        }
    }

    /// The bytes of a head that was read from the wire.
    #[cfg(test)]
    pub(crate) fn wire(&self) -> &[u8] {
        match &self.source {
            Source::Wire { bytes, .. } => bytes,
            Source::Parts { .. } => &[],
        }
    }

    pub(crate) const fn index(&self) -> &I {
        &self.index
    }

    /// A value that the index has noted.
    #[inline]
    pub(crate) fn value(&self, at: Span) -> &[u8] {
        match &self.source {
            Source::Wire { bytes, .. } => at.get(bytes),
            Source::Parts { fields, .. } => {
                fields.get(at.start as usize).map_or(&[], |(_, value)| trim(value))
            }
        }
    }
}

#[inline]
fn check_target(target: &[u8], version: HttpVersion) -> Result<(), Fault> {
    // A CONNECT of HTTP/2 can be without a path.
    if target.is_empty() && version < HttpVersion::Http2 {
        return Err(Fault::StartLine);
    }
    if !all(target, |byte| byte.is_ascii_graphic() & (byte != b'#')) {
        return Err(Fault::Target);
    }
    Ok(())
}

/// Looks through the fields once, and checks them.
fn checked_index_of<I: Index>(fields: &[Pair<'_>]) -> Result<I, Fault> {
    let mut index = I::default();
    for (number, (name, value)) in (0..).zip(fields) {
        if !is_token(name) {
            return Err(Fault::FieldName);
        }
        if !is_field_value(value) {
            return Err(Fault::FieldValue);
        }
        index.note(name, || Span { start: number, end: number });
    }
    Ok(index)
}

/// Looks through fields that a stack's types have checked.
#[cfg(feature = "http")]
fn index_of<I: Index>(fields: &[Pair<'_>]) -> I {
    let mut index = I::default();
    for (number, (name, _)) in (0..).zip(fields) {
        index.note(name, || Span { start: number, end: number });
    }
    index
}

/// Copies a head from parts: the words of its start line, then its fields as lines.
fn written<I: Index>(word: &[u8], target: &[u8], fields: &[Pair<'_>]) -> (Vec<u8>, Layout, I) {
    let (mut bytes, mut index) = (Vec::new(), I::default());
    let mut append = |part: &[u8]| {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(part);
        Span { start, end: bytes.len() as u32 }
    };
    let (word, target) = (append(word), append(target));
    for (name, value) in fields {
        append(name);
        append(b":");
        let value = append(trim(value));
        index.note(name, || value);
        append(b"\r\n");
    }
    let fields = Span { start: target.end, end: bytes.len() as u32 };
    (bytes, Layout { word, target, fields }, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes every value.
    #[derive(Clone, Default)]
    struct All(Vec<Span>);

    impl Index for All {
        fn note(&mut self, _: &[u8], value: impl FnOnce() -> Span) {
            self.0.push(value());
        }
    }

    const FIELDS: [Pair<'_>; 3] = [(b"A", b"1"), (b"b", b" \xff\t"), (b"A", b"")];

    fn check(head: &Head<'_, All>) {
        let want: [(&str, &[u8]); 3] = [("A", b"1"), ("b", b"\xff"), ("A", b"")];
        assert_eq!(head.fields().collect::<Vec<_>>(), want);
        let noted: Vec<_> = head.index().0.iter().map(|&at| head.value(at)).collect();
        assert_eq!(noted, [&b"1"[..], b"\xff", b""]);
    }

    #[test]
    fn a_request_from_parts_can_be_kept() {
        let head = Head::of_request(b"GET", b"/a?b", HttpVersion::Http11, &FIELDS).ok().unwrap();
        check(&head);
        let kept = head.into_owned();
        check(&kept);
        assert_eq!((kept.word(), kept.target()), (&b"GET"[..], &b"/a?b"[..]));
        assert_eq!((kept.version(), kept.status()), (HttpVersion::Http11, 0));
        check(&kept.into_owned());
    }

    #[test]
    fn a_response_from_parts_can_be_kept() {
        let head = Head::of_response(101, HttpVersion::Http10, &FIELDS).ok().unwrap();
        check(&head);
        let kept = head.into_owned();
        check(&kept);
        assert_eq!(
            (kept.version(), kept.status(), kept.word()),
            (HttpVersion::Http10, 101, &b""[..])
        );
    }

    #[test]
    fn parts_are_checked_as_bytes_are() {
        let request = |method: &str, target: &str| {
            Head::<All>::of_request(method.as_bytes(), target.as_bytes(), HttpVersion::Http11, &[])
                .err()
        };
        for (method, target, want) in [
            ("GET", "/", None),
            ("GET", "*", None),
            ("", "/", Some(Fault::StartLine)),
            ("G T", "/", Some(Fault::StartLine)),
            ("GET", "", Some(Fault::StartLine)),
            ("GET", "/#a", Some(Fault::Target)),
            ("GET", "/ HTTP/1.1", Some(Fault::Target)),
            ("GET", "/\r\n", Some(Fault::Target)),
            ("GET", "/\u{e4}", Some(Fault::Target)),
        ] {
            assert_eq!(request(method, target), want, "{method:?} {target:?}");
        }
        for status in [0, 99, 1000] {
            let head = Head::<All>::of_response(status, HttpVersion::Http11, &[]);
            assert_eq!(head.err(), Some(Fault::StartLine), "{status}");
        }
        for (name, value, want) in [
            (&b"a"[..], &b"\t\xff"[..], None),
            (b"", b"x", Some(Fault::FieldName)),
            (b"a:", b"x", Some(Fault::FieldName)),
            (b"a\r\n", b"x", Some(Fault::FieldName)),
            (b"\xc3\xa4", b"x", Some(Fault::FieldName)),
            (b"a", b"x\r\nb: c", Some(Fault::FieldValue)),
            (b"a", b"\0", Some(Fault::FieldValue)),
            (b"a", b"\x7f", Some(Fault::FieldValue)),
        ] {
            let fields = [(name, value)];
            let request = Head::<All>::of_request(b"GET", b"/", HttpVersion::Http11, &fields);
            let response = Head::<All>::of_response(101, HttpVersion::Http11, &fields);
            assert_eq!((request.err(), response.err()), (want, want), "{name:?} {value:?}");
        }
    }
}
