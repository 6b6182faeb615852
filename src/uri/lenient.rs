//! URIs as people type them, read as browsers do (WHATWG URL Standard, for schemes such as `ws`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use super::error::{UriError, UriErrorKind as Kind, UriPart as Part};
use super::{Uri, is_resource_byte, is_userinfo_byte};
use crate::http::address::lenient_ipv4;
use crate::http::credentials::percent_decode;

/// Reads a URI leniently.
pub(super) fn parse(text: &str) -> Result<Uri, UriError> {
    let trimmed = text.trim_start_matches(is_c0_or_space);
    let removed = text.len().saturating_sub(trimmed.len());
    let trimmed = trimmed.trim_end_matches(is_c0_or_space);
    let clean = trimmed.replace(is_tab_or_newline, "");
    parse_clean(&clean)
        .map_err(|error| error.moved(|at| removed.saturating_add(place_in(trimmed, at))))
}

/// Returns where in a text a byte is that comes after so many others that were not removed.
fn place_in(text: &str, at: usize) -> usize {
    let kept = text.char_indices().filter(|&(_, char)| !is_tab_or_newline(char));
    let mut kept_bytes = 0_usize;
    for (place, char) in kept {
        if kept_bytes >= at {
            return place;
        }
        kept_bytes = kept_bytes.saturating_add(char.len_utf8());
    }
    text.len()
}

/// Reads a URI without tabs, newlines, and white space around it.
fn parse_clean(text: &str) -> Result<Uri, UriError> {
    let scheme_error = UriError::new(Kind::Scheme, Part::Scheme, 0);
    let (scheme, rest) = text.split_once(':').ok_or(scheme_error)?;
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    let is_secure = match () {
        () if is("ws") || is("http") => false,
        () if is("wss") || is("https") => true,
        () => return Err(scheme_error),
    };
    // Any number of slashes, of either kind. The fragment is for the reader's browser only.
    let rest = rest.trim_start_matches(is_slash);
    let start = text.len().saturating_sub(rest.len());
    let (authority, resource) = split_before(rest, |char| is_slash(char) || "?#".contains(char));
    let (userinfo, host_port) = match authority.rsplit_once('@') {
        Some((userinfo, host_port)) => (Some(encoded(userinfo, is_userinfo_byte)), host_port),
        None => (None, authority),
    };
    let host_start = start.saturating_add(authority.len()).saturating_sub(host_port.len());
    let uri = Uri::of_parts(
        is_secure,
        userinfo,
        &ipv4_converted(host_decoded(host_port)),
        resource_name(resource),
    );
    uri.map_err(|error| {
        let error = UriError::of_authority(error, host_port, host_start);
        super::or_delimiter(error, rest, start, authority.len())
    })
}

/// Splits a text before the first such character.
fn split_before(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

/// Decodes a host that is percent-encoded. One that is not, or that would be more than a host,
/// stays as it is, and is refused later.
fn host_decoded(host_port: &str) -> String {
    let (host, port) = split_before(host_port, |char| char == ':');
    let decoded = String::from_utf8(percent_decode(host)).ok();
    match decoded.filter(|decoded| has_only_good_encodings(host) && !decoded.contains([':', '['])) {
        Some(decoded) if host.contains('%') => [&*decoded, port].concat(),
        _ => host_port.into(),
    }
}

/// Prints an IPv4 address as four decimal numbers. What is none stays, and is refused later if it
/// had to be one.
fn ipv4_converted(host_port: String) -> String {
    let (host, port) = split_before(&host_port, |char| char == ':');
    match lenient_ipv4(&host.to_ascii_lowercase()) {
        Some(address) => format!("{address}{port}"),
        None => host_port,
    }
}

/// Makes the resource name of a path, a query and a fragment.
fn resource_name(text: &str) -> String {
    let (text, _fragment) = split_before(text, |char| char == '#');
    let (path, query) = split_before(text, |char| char == '?');
    let mut segments = Vec::new();
    // What follows the first slash; there is no path without one.
    let mut rest = path.split(is_slash).skip(1).peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        match dots(segment) {
            Some(dots) => {
                if dots == 2 {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            None => segments.push(segment),
        }
    }
    let path = segments.join("/");
    let mut resource_name = String::from("/");
    resource_name.push_str(&encoded(&path, is_resource_byte));
    resource_name.push_str(&encoded(query, is_resource_byte));
    resource_name
}

/// Returns 1 for a segment that means the same place, 2 for the one above.
fn dots(segment: &str) -> Option<u8> {
    let is = |name: &str| segment.eq_ignore_ascii_case(name);
    match () {
        () if is(".") || is("%2e") => Some(1),
        () if is("..") || is(".%2e") || is("%2e.") || is("%2e%2e") => Some(2),
        () => None,
    }
}

/// Percent-encodes every byte that may not stay as it is, and every `%` that begins no encoding.
fn encoded(text: &str, may_stay: fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        let is_encoding = || text.get(at..).is_some_and(begins_with_encoding);
        if may_stay(byte) || byte == b'%' && is_encoding() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String never fails.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn begins_with_encoding(text: &str) -> bool {
    matches!(text.as_bytes(), [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

fn has_only_good_encodings(text: &str) -> bool {
    text.match_indices('%').all(|(at, _)| text.get(at..).is_some_and(begins_with_encoding))
}

fn is_slash(char: char) -> bool {
    matches!(char, '/' | '\\')
}

fn is_c0_or_space(char: char) -> bool {
    char <= ' '
}

fn is_tab_or_newline(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r')
}
