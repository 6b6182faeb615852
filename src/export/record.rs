//! The frame of an export: a header, and a body whose bytes are read one field after the other.
//!
//! The bodies are written and read where the state is. `docs/export.md` has all of them.

use alloc::vec::Vec;

use super::error::ImportError;
use crate::length::in_memory;

/// The first bytes of every record.
const MAGIC: [u8; 4] = *b"hybi";
/// The version of the format, of all kinds of records.
const VERSION: u8 = 1;
/// The header: magic, version, kind, length of the body.
const HEADER_BYTES: usize = 4 + 1 + 1 + 8;

/// The type of a record's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Reader = 1,
    Writer = 2,
    Inbox = 3,
    Outbox = 4,
    Keepalive = 5,
}

/// Appends a record whose body `write` appends.
pub(crate) fn write_record(kind: Kind, to: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    to.extend_from_slice(&MAGIC);
    to.extend_from_slice(&[VERSION, kind as u8]);
    let len_at = to.len();
    to.extend_from_slice(&[0; 8]);
    let body_at = to.len();
    write(to);
    let len = to.len().saturating_sub(body_at) as u64;
    if let Some(slot) = to.get_mut(len_at..body_at) {
        slot.copy_from_slice(&len.to_be_bytes());
    }
}

/// Takes a record off the front of `from`, whose body `read` reads. On an error, takes nothing.
pub(crate) fn read_record<'a, T>(
    kind: Kind,
    from: &mut &'a [u8],
    read: impl FnOnce(&mut Body<'a>) -> Result<T, ImportError>,
) -> Result<T, ImportError> {
    let magic = from.get(..MAGIC.len().min(from.len())).unwrap_or_default();
    if !MAGIC.starts_with(magic) {
        return Err(ImportError::Foreign);
    }
    // The version comes first: another may have another header.
    if let Some(&version) = from.get(MAGIC.len())
        && version != VERSION
    {
        return Err(ImportError::Version { version });
    }
    let (header, rest) = from.split_first_chunk::<HEADER_BYTES>().ok_or(ImportError::Truncated)?;
    let [_, _, _, _, _, found, len @ ..] = *header;
    if found != kind as u8 {
        return Err(ImportError::Kind { found });
    }
    let len = u64::from_be_bytes(len);
    if len > rest.len() as u64 {
        return Err(ImportError::Truncated);
    }
    let (bytes, rest) = rest.split_at_checked(in_memory(len)).ok_or(ImportError::Truncated)?;
    let mut body = Body { rest: bytes, at: HEADER_BYTES, next: HEADER_BYTES };
    let value = read(&mut body)?;
    if !body.rest.is_empty() {
        body.at = body.next;
        return Err(body.malformed());
    }
    *from = rest;
    Ok(value)
}

/// Appends bytes in two parts and, before them, their number.
pub(crate) fn push_bytes([first, second]: [&[u8]; 2], to: &mut Vec<u8>) {
    let len = first.len().saturating_add(second.len()) as u64;
    to.extend_from_slice(&len.to_be_bytes());
    to.extend_from_slice(first);
    to.extend_from_slice(second);
}

/// Appends a number that may be missing.
pub(crate) fn push_optional(number: Option<u64>, to: &mut Vec<u8>) {
    to.push(number.is_some().into());
    if let Some(number) = number {
        to.extend_from_slice(&number.to_be_bytes());
    }
}

/// The unread rest of a body.
pub(crate) struct Body<'a> {
    rest: &'a [u8],
    /// The start and the end of the field that was read last, from the start of the record.
    at: usize,
    next: usize,
}

impl<'a> Body<'a> {
    /// Returns the error of a field, the last one that was read, that no export has, or not
    /// together with those before.
    pub(crate) const fn malformed(&self) -> ImportError {
        ImportError::Malformed { at: self.at }
    }

    /// Returns an error unless `holds`.
    pub(crate) fn check(&self, holds: bool) -> Result<(), ImportError> {
        if holds { Ok(()) } else { Err(self.malformed()) }
    }

    /// Reads so many bytes.
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], ImportError> {
        self.at = self.next;
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(self.malformed())?;
        self.next = self.next.saturating_add(n);
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        let taken = self.take(N)?;
        taken.first_chunk().copied().ok_or(self.malformed())
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ImportError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ImportError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ImportError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn usize(&mut self) -> Result<usize, ImportError> {
        self.u64()?.try_into().map_err(|_| self.malformed())
    }

    /// Reads a byte that is 0 or 1.
    pub(crate) fn flag(&mut self) -> Result<bool, ImportError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed()),
        }
    }

    /// Reads what [`push_optional`] has written.
    pub(crate) fn optional(&mut self) -> Result<Option<u64>, ImportError> {
        if self.flag()? { self.u64().map(Some) } else { Ok(None) }
    }

    /// Reads what [`push_bytes`] has written. They are at most as many as the record has.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], ImportError> {
        let len = self.usize()?;
        self.take(len)
    }

    /// Reads all that is left.
    pub(crate) fn all(&mut self) -> &'a [u8] {
        self.at = self.next;
        self.next = self.next.saturating_add(self.rest.len());
        core::mem::take(&mut self.rest)
    }
}
