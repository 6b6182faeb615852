//! Headers that the caller adds to a request or response, and HTTP credentials.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::HandshakeMisuse;
use crate::extension::grammar::is_token;

/// The caller's headers, in their order.
#[derive(Clone, Default)]
pub(super) struct ExtraHeaders<'a> {
    headers: Vec<(&'a str, &'a [u8])>,
}

impl<'a> ExtraHeaders<'a> {
    pub(super) fn push(&mut self, name: &'a str, value: &'a [u8]) {
        self.headers.push((name, value));
    }

    /// Whether there is one with that name, in any case.
    pub(super) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// Whether all of them may be written; `reserved` is a name beyond those that no handshake gives away.
    pub(super) fn check(&self, reserved: Option<&str>) -> Result<(), HandshakeMisuse> {
        for (name, value) in &self.headers {
            if !is_token(name.as_bytes()) {
                return Err(HandshakeMisuse::HeaderName);
            }
            let always = ["host", "upgrade", "connection", "content-length", "transfer-encoding"];
            let prefix = name.get(.."sec-websocket-".len()).unwrap_or_default();
            if prefix.eq_ignore_ascii_case("sec-websocket-")
                || always.into_iter().chain(reserved).any(|other| name.eq_ignore_ascii_case(other))
            {
                return Err(HandshakeMisuse::HeaderReserved);
            }
            if !is_header_value(value) {
                return Err(HandshakeMisuse::HeaderValue);
            }
        }
        Ok(())
    }

    /// Writes them out; they have been checked.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.headers {
            write_header(name, value, out);
        }
    }
}

/// The names only: values may be credentials or cookies, which must not get into a log.
impl fmt::Debug for ExtraHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.headers.iter().map(|(name, _)| name)).finish()
    }
}

/// RFC 9110 §5.5: no control characters but tabs.
pub(super) fn is_header_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control())
}

/// One header line.
pub(super) fn write_header(name: &str, value: &[u8], out: &mut Vec<u8>) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Bytes to which text is written; that never fails.
pub(super) struct Text<'a>(pub(super) &'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// `Basic` credentials (RFC 7617 §2).
pub(super) fn basic_credentials(user: &[u8], password: &[u8]) -> Result<String, HandshakeMisuse> {
    let has_control = |bytes: &[u8]| bytes.iter().any(u8::is_ascii_control);
    if user.contains(&b':') || has_control(user) || has_control(password) {
        return Err(HandshakeMisuse::Credentials);
    }
    let mut value = String::from("Basic ");
    STANDARD.encode_string([user, password].join(&b':'), &mut value);
    Ok(value)
}

/// Bytes with their percent-encoding undone; the text is part of a valid URI.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        decoded.push(match byte {
            b'%' => ((digit().unwrap_or_default() << 4) | digit().unwrap_or_default()) as u8,
            _ => byte,
        });
    }
    decoded
}
