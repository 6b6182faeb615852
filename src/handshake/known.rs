//! The fields that a handshake looks at, found while a head is read: in one pass, without an
//! allocation, so that the rules need not search. Here and not in `http/`, which does not know
//! which fields matter to WebSocket.

use crate::http::fields::Fields;
use crate::http::head::{self, Index, Span};
use crate::http::list::elements;
use crate::http::reader::HeadReader;
use crate::http::scan::Fault;
use crate::input::Input;

/// A head whose [known fields](Field) have been found.
pub(super) type Head<'a> = head::Head<'a, Known>;

/// Reads a head. Not generic, so that it is compiled once.
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
    ContentLength,
    TransferEncoding,
}

const FIELDS: usize = Field::TransferEncoding as usize + 1;

impl Field {
    /// Returns the field with that name, in any case.
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

    /// Returns this field, if that is its name.
    #[inline]
    fn named<const N: usize>(self, name: &[u8], lower_case: &[u8; N]) -> Option<Self> {
        // All bytes at once rather than up to the first that differs: LLVM vectorizes this.
        let differ = |differ, (&byte, &wanted): (&u8, &u8)| {
            let case = if wanted.is_ascii_lowercase() { 0x20 } else { 0 };
            differ | ((byte | case) ^ wanted)
        };
        let differ = name.first_chunk::<N>()?.iter().zip(lower_case).fold(0, differ);
        (differ == 0).then_some(self)
    }
}

/// By [`Field`]: where the value of its first line is, and how many lines it has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    first: [Span; FIELDS],
    count: [u8; FIELDS],
}

impl Index for Known {
    #[inline]
    fn note(&mut self, name: &[u8], value: impl FnOnce() -> Span) {
        if let Some(field) = Field::of(name)
            && let Some(first) = self.first.get_mut(field as usize)
            && let Some(count) = self.count.get_mut(field as usize)
        {
            if *count == 0 {
                *first = value();
            }
            *count = count.saturating_add(1);
        }
    }
}

impl Head<'_> {
    /// Returns how many lines the field has.
    #[inline]
    pub(super) fn count(&self, field: Field) -> usize {
        self.index().count.get(field as usize).copied().unwrap_or_default().into()
    }

    /// Returns the value of the field's first line.
    #[inline]
    pub(super) fn first(&self, field: Field) -> Option<&[u8]> {
        let at = self.index().first.get(field as usize)?;
        (self.count(field) > 0).then(|| self.value(*at))
    }

    /// Returns the values of all of the field's lines.
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &[u8]> + Clone {
        // Nearly always there is one line, and the others need not be looked through again.
        let (first, fields) = match self.count(field) {
            0 => (None, Fields::of_lines(&[])),
            1 => (self.first(field), Fields::of_lines(&[])),
            _ => (None, self.fields()),
        };
        let more = fields.filter(move |(name, _)| Field::of(name.as_bytes()) == Some(field));
        first.into_iter().chain(more.map(|(_, value)| value))
    }

    /// Returns whether the field, a list of tokens, has this one in any case.
    #[inline(always)] // so that the comparison is with a constant
    pub(super) fn has_token(&self, field: Field, token: &str) -> bool {
        // Nearly always the field is that token.
        let only =
            self.first(field).is_some_and(|value| value.eq_ignore_ascii_case(token.as_bytes()));
        only || self.lists_token(field, token)
    }

    #[inline(never)]
    fn lists_token(&self, field: Field, token: &str) -> bool {
        self.all(field)
            .flat_map(elements)
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Returns the value of the first field of that name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<&[u8]> {
        match Field::of(name.as_bytes()) {
            Some(field) => self.first(field),
            None => {
                let mut fields = self.fields();
                fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            }
        }
    }
}
