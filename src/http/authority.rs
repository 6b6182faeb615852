//! Authorities: a host and a port (RFC 3986 §3.2, RFC 9110 §7.2).

use core::fmt;
use core::net::Ipv6Addr;

/// Why a text is not a host and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorityError {
    /// There is no host.
    NoHost,
    /// The host has a character that no ASCII host name has.
    HostCharacter,
    /// The host name is not ASCII.
    HostNotAscii,
    /// The host ends in a number, but is not an IPv4 address in its usual form.
    Ipv4Address,
    /// The brackets hold no IPv6 address.
    Ipv6Address,
    /// The port is not a number from 1 to 65535.
    Port,
}

/// Writes `host:port` as a field has it.
pub(crate) fn write_authority(
    host: &str,
    port: Option<u16>,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    if host.contains(':') {
        write!(out, "[{host}]")?;
    } else {
        out.write_str(host)?;
    }
    match port {
        Some(port) => write!(out, ":{port}"),
        None => Ok(()),
    }
}

/// Returns an IPv6 address without its brackets, and any other host as it is.
pub(crate) fn without_brackets(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.filter(|inner| inner.contains(':')).unwrap_or(host)
}

/// Parses `host [":" port]`. Returns the host with its brackets, if any, and the port.
///
/// A host name, an IPv4 address or an IPv6 address in brackets. Stricter than RFC 3986 §3.2.2: no
/// percent-encoding, which no resolver understands, and no addresses of future versions.
pub(crate) fn host_and_port(text: &[u8]) -> Result<(&[u8], Option<u16>), AuthorityError> {
    let host_len = match text {
        [b'[', ..] => ipv6_len(text).ok_or(AuthorityError::Ipv6Address)?,
        _ => text.iter().position(|&byte| !is_host_byte(byte)).unwrap_or(text.len()),
    };
    match text.split_at_checked(host_len) {
        Some((host @ [_, ..], [])) => Ok((host, None)),
        Some((host @ [_, ..], [b':', digits @ ..])) => Ok((host, port_number(digits)?)),
        _ => Err(host_error(text)),
    }
}

/// Returns the length of the IPv6 address in brackets that the text begins with.
#[cold]
fn ipv6_len(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|&byte| byte == b']')?;
    let address = core::str::from_utf8(text.get(1..end)?).ok()?;
    address.parse::<Ipv6Addr>().ok()?;
    Some(end.saturating_add(1))
}

/// Returns what is wrong with a text that does not begin with a host, or continues with something
/// other than a port.
#[cold]
fn host_error(text: &[u8]) -> AuthorityError {
    let host = text.split(|&byte| byte == b':').next().unwrap_or_default();
    match () {
        () if text.starts_with(b"[") => AuthorityError::Ipv6Address,
        () if host.is_empty() => AuthorityError::NoHost,
        () if host.is_ascii() => AuthorityError::HostCharacter,
        () => AuthorityError::HostNotAscii,
    }
}

/// RFC 3986 §3.2.3: an empty port is the default.
fn port_number(digits: &[u8]) -> Result<Option<u16>, AuthorityError> {
    let number = digits.iter().try_fold(0_u16, |number, &digit| {
        let digit = char::from(digit).to_digit(10)? as u16;
        number.checked_mul(10)?.checked_add(digit)
    });
    match number {
        _ if digits.is_empty() => Ok(None),
        None | Some(0) => Err(AuthorityError::Port),
        port => Ok(port),
    }
}

/// Returns whether the byte may be in a host name or an IPv4 address.
#[inline]
pub(crate) fn is_host_byte(byte: u8) -> bool {
    /// A table, because every handshake checks every byte of its `Host`.
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        while byte < 0x80 {
            // A byte is below 256, and this runs in the compiler.
            #[expect(clippy::indexing_slicing)]
            {
                table[byte as usize] = is_unreserved(byte) || is_sub_delim(byte);
            }
            byte = byte.wrapping_add(1);
        }
        table
    };
    TABLE.get(usize::from(byte)).copied().unwrap_or(false)
}

/// RFC 3986 §2.3.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §2.2.
pub(crate) const fn is_sub_delim(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}
