//! The addresses of a host, and their order (RFC 8305 §4).

use std::net::{IpAddr, SocketAddr};
use std::vec::Vec;

use crate::http::authority::without_brackets;

/// Returns the address that a host is, without asking anybody: an IPv4 address, or an IPv6 address
/// with or without brackets. `None` for a name, which is to be looked up.
///
/// ```
/// use hybi::adapter::address_of;
///
/// assert_eq!(address_of("[::1]", 80), Some("[::1]:80".parse()?));
/// assert_eq!(address_of("example.com", 80), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn address_of(host: &str, port: u16) -> Option<SocketAddr> {
    let address: IpAddr = without_brackets(host).parse().ok()?;
    Some(SocketAddr::new(address, port))
}

/// Lets the address families alternate, so that one that leads nowhere delays the other only once
/// (RFC 8305 §4). The first address stays the first: the resolver knows what this machine prefers
/// (RFC 6724), which is IPv6 if it has a route for it. Drops repeats.
///
/// ```
/// use std::net::SocketAddr;
///
/// let found: [SocketAddr; 3] =
///     ["[2001:db8::1]:80".parse()?, "[2001:db8::2]:80".parse()?, "192.0.2.1:80".parse()?];
/// assert_eq!(hybi::adapter::interleave(found), [found[0], found[2], found[1]]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.into_iter().peekable();
    let first_is_ipv6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut preferred, mut others) = (preferred.into_iter(), others.into_iter());
    let mut order = Vec::new();
    while let pair @ ([Some(_), _] | [_, Some(_)]) = [preferred.next(), others.next()] {
        for address in pair.into_iter().flatten() {
            if !order.contains(&address) {
                order.push(address);
            }
        }
    }
    order
}
