//! Hosts: by which names a server may be called.
//!
//! An attacker can let a name of theirs lead to our address (DNS rebinding). To a browser, a page
//! of that name then has the same origin as we have, so it may read our page and connect. But its
//! requests have that name in their `Host`.

use std::net::IpAddr;

/// The hosts that are ours.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    /// Where we listen.
    address: IpAddr,
    allowed: Vec<Host>,
}

impl Hosts {
    /// The hosts of a server that listens at this address, and others, such as a proxy before it.
    pub(crate) fn new(address: IpAddr, allowed: Vec<Host>) -> Self {
        Self { address: address.to_canonical(), allowed }
    }

    /// Returns whether a request with this `Host` means us. Its port does not matter: an attacker
    /// gains nothing by it, and a forwarded one differs from ours.
    pub(crate) fn contain(&self, field: &str) -> bool {
        let Some(host) = Host::parse(without_port(field)) else { return false };
        self.is_own(&host) || self.allowed.contains(&host)
    }

    fn is_own(&self, host: &Host) -> bool {
        match host {
            // Nobody can let an address lead elsewhere. So all are good if we listen at all ours.
            Host::Address(_) if self.address.is_unspecified() => true,
            Host::Address(address) if address.is_loopback() => self.address.is_loopback(),
            Host::Address(address) => *address == self.address,
            Host::Name(name) => {
                name == "localhost" && (self.address.is_loopback() || self.address.is_unspecified())
            }
        }
    }
}

/// A host, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    /// In small letters and without a dot at the end, which make no difference.
    Name(String),
}

impl Host {
    /// Parses a name or an address. One of IPv6 may have brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = inner.unwrap_or(text).parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_name_char = |char: char| char.is_ascii_alphanumeric() || "-._".contains(char);
        let is_name = !name.is_empty() && name.chars().all(is_name_char);
        is_name.then(|| Self::Name(name.to_ascii_lowercase()))
    }
}

fn without_port(field: &str) -> &str {
    match field.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => field,
    }
}
