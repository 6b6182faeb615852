//! The fields that a handshake looks at, found while a head is read: in one pass, without an
//! allocation, so that the rules need not search. Here and not in `http/`, which does not know
//! which fields matter to WebSocket.

use crate::http::head::{self, Index, Span};
use crate::http::list::{elements, is_in_any_case, is_token};
use crate::http::reader::HeadReader;
use crate::http::scan::Fault;
use crate::input::Input;

/// A head whose [known fields](Field) have been found.
pub(super) type Head<'a> = head::Head<'a, Known>;

/// Reads a head.
#[inline]
pub(super) fn read_head<'a>(
    reader: &mut HeadReader,
    input: &mut Input<'a>,
) -> Result<Option<Head<'a>>, Fault> {
    reader.read(input)
}

/// Returns the beginning of a response that broke off or had a fault.
pub(super) fn salvage_head(reader: &mut HeadReader) -> Option<Head<'static>> {
    reader.salvage()
}

/// A field that a handshake looks at.
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
    /// With the next, only counted: few heads have a body, so where its fields are is not noted.
    ContentLength,
    TransferEncoding,
}

impl Field {
    /// Returns the field with that name, which is a token, in any case.
    #[inline(always)] // a call for each field of a head costs as much as the look-up
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

    /// Returns the field as a bit.
    #[inline]
    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// Returns this field, if that is its name.
    #[inline]
    fn named<const N: usize>(self, name: &[u8], lower_case: &[u8; N]) -> Option<Self> {
        is_in_any_case(name, lower_case).then_some(self)
    }
}

/// Where the values of known fields are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// By [`Field`]: where the value of its first line is.
    first: [Span; Field::ContentLength as usize],
    /// The fields that have a line, as bits.
    present: u16,
    /// The fields that have more than one.
    repeated: u16,
}

impl Index for Known {
    #[inline]
    fn note(&mut self, name: &[u8], value: impl FnOnce() -> Span) {
        let Some(field) = Field::of(name) else { return };
        if self.present & field.bit() != 0 {
            self.repeated |= field.bit();
            return;
        }
        self.present |= field.bit();
        if let Some(first) = self.first.get_mut(field as usize) {
            *first = value();
        }
    }
}

/// The lines that a head has of a field.
pub(super) enum Lines<'a> {
    None,
    /// One, with this value.
    One(&'a [u8]),
    Several,
}

impl Head<'_> {
    /// Returns the field's lines.
    #[inline]
    pub(super) fn lines(&self, field: Field) -> Lines<'_> {
        match self.first(field) {
            None => Lines::None,
            Some(_) if self.index().repeated & field.bit() != 0 => Lines::Several,
            Some(value) => Lines::One(value),
        }
    }

    /// Returns whether there is a line of the field.
    #[inline]
    pub(super) fn has(&self, field: Field) -> bool {
        self.index().present & field.bit() != 0
    }

    /// Returns the value of the field's first line.
    #[inline]
    pub(super) fn first(&self, field: Field) -> Option<&[u8]> {
        match self.index().first.get(field as usize) {
            _ if !self.has(field) => None,
            Some(at) => Some(self.value(*at)),
            None => self.search(field).next(),
        }
    }

    /// Looks through the head for the values of the field's lines.
    fn search(&self, field: Field) -> impl Iterator<Item = &[u8]> + Clone {
        let is_line = move |name: &str| Field::of(name.as_bytes()) == Some(field);
        self.fields().filter(move |(name, _)| is_line(name)).map(|(_, value)| value)
    }

    /// Returns the values of all of the field's lines.
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &[u8]> + Clone {
        // Nearly always there is one line or none, and the others need not be looked through.
        let (only, several) = match self.lines(field) {
            Lines::None => (None, None),
            Lines::One(value) => (Some(value), None),
            Lines::Several => (None, Some(self.search(field))),
        };
        only.into_iter().chain(several.into_iter().flatten())
    }

    /// Returns whether this holds for the values of all of the field's lines, or it has none.
    #[inline]
    pub(super) fn every(&self, field: Field, holds: impl Fn(&[u8]) -> bool) -> bool {
        match self.lines(field) {
            Lines::None => true,
            Lines::One(value) => holds(value),
            Lines::Several => self.search(field).all(holds),
        }
    }

    /// Returns whether the field, a list of tokens, has this one in any case.
    #[inline]
    pub(super) fn has_token<const N: usize>(&self, field: Field, token: &[u8; N]) -> bool {
        let is_wanted = |element: &[u8]| is_in_any_case(element, token);
        // Nearly always it is the only one.
        let lists = |value: &[u8]| is_wanted(value) || elements(value).any(is_wanted);
        !self.every(field, |value| !lists(value))
    }

    /// Returns the value of the first field of that name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<&[u8]> {
        match Field::of(name.as_bytes()) {
            _ if !is_token(name.as_bytes()) => None,
            Some(field) => self.first(field),
            None => {
                let mut fields = self.fields();
                fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            }
        }
    }
}
