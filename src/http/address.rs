//! IP addresses as browsers read and write them (the URL Standard, "host parsing").

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

/// Returns whether browsers read a host as an IPv4 address: its last label is a number.
pub(crate) fn ends_in_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    let last = host.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    match last {
        [b'0', b'x' | b'X', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
        _ => !last.is_empty() && last.iter().all(u8::is_ascii_digit),
    }
}

/// Reads an IPv4 address as browsers and `inet_aton` do: up to four numbers, also octal and
/// hexadecimal ones. The last one fills the bytes that are left. The host is in lower case.
pub(crate) fn lenient_ipv4(host: &str) -> Option<Ipv4Addr> {
    let labels = host.strip_suffix('.').unwrap_or(host).split('.');
    let numbers: Vec<u32> = labels.map(ipv4_number).collect::<Option<_>>()?;
    let (last, bytes) = numbers.split_last()?;
    if bytes.len() > 3 {
        return None;
    }
    let mut octets = last.to_be_bytes();
    for (octet, &byte) in octets.iter_mut().zip(bytes) {
        let is_free = *octet == 0;
        *octet = u8::try_from(byte).ok().filter(|_| is_free)?;
    }
    Some(octets.into())
}

fn ipv4_number(label: &str) -> Option<u32> {
    let (digits, radix) = match (label.strip_prefix("0x"), label.strip_prefix('0')) {
        (Some(""), _) | (_, Some("")) => return Some(0),
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) => (digits, 8),
        (None, None) => (label, 10),
    };
    // The standard library would take a sign.
    let is_number = !digits.starts_with('+');
    u32::from_str_radix(digits, radix).ok().filter(|_| is_number)
}

/// Prints an IPv6 address, without brackets: as RFC 5952 §4, and without the dotted form of §5,
/// which browsers do not write.
pub(crate) fn ipv6(address: Ipv6Addr) -> String {
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., a, b]) => format!("::ffff:{a:x}:{b:x}"),
        (None, _) => address.to_string(),
    }
}
