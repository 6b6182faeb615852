//! Fields: names and values (RFC 9110 §5).

#[cfg(feature = "http")]
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;
use core::slice;

use super::list::{all, text, trim};

/// A field that an HTTP stack has parsed: its name and its value.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

/// The fields that an HTTP stack has parsed: a list of the caller's, or one that was made of the
/// stack's types. Not a `Cow`, which could not be used for a shorter lifetime.
#[derive(Clone)]
pub(crate) enum Pairs<'a> {
    Lent(&'a [Pair<'a>]),
    #[cfg(feature = "http")]
    Made(Vec<Pair<'a>>),
}

impl<'a> Deref for Pairs<'a> {
    type Target = [Pair<'a>];

    #[inline]
    fn deref(&self) -> &[Pair<'a>] {
        match self {
            Self::Lent(pairs) => pairs,
            #[cfg(feature = "http")]
            Self::Made(pairs) => pairs,
        }
    }
}

/// The fields of a request or response: an iterator over names and values, in their order, repeats
/// kept.
///
/// Names are as they were sent. Values come without the white space around them, and may be any
/// bytes but control characters.
#[derive(Clone)]
pub struct Fields<'a>(Source<'a>);

#[derive(Clone)]
enum Source<'a> {
    /// Invariant: well-formed lines.
    Lines(&'a [u8]),
    /// Invariant: the names are tokens.
    Pairs(slice::Iter<'a, Pair<'a>>),
}

impl<'a> Fields<'a> {
    /// The fields of a head: well-formed lines, each with its CRLF.
    #[inline]
    pub(crate) const fn of_lines(lines: &'a [u8]) -> Self {
        Self(Source::Lines(lines))
    }

    /// Fields that an HTTP stack has parsed and [`is_field`] has checked.
    pub(crate) fn of_pairs(pairs: &'a [Pair<'a>]) -> Self {
        Self(Source::Pairs(pairs.iter()))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Lines(lines) => next_line(lines),
            Source::Pairs(pairs) => pairs.next().map(|&(name, value)| (text(name), trim(value))),
        }
    }
}

fn next_line<'a>(lines: &mut &'a [u8]) -> Option<(&'a str, &'a [u8])> {
    let end = lines.iter().position(|&byte| byte == b'\n')?;
    let (line, rest) = lines.split_at_checked(end.saturating_add(1))?;
    *lines = rest;
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let value = value.strip_prefix(b":").and_then(|value| value.strip_suffix(b"\r\n"))?;
    Some((text(name), trim(value)))
}

/// Prints the names only: values may be credentials or cookies.
impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(|(name, _)| name)).finish()
    }
}

/// Returns whether the bytes may be a field's value: no control characters but tabs (RFC 9110
/// §5.5).
pub(crate) fn is_field_value(value: &[u8]) -> bool {
    all(value, |byte| (byte == b'\t') | !byte.is_ascii_control())
}
