//! The URI of a server.

use std::str::FromStr;

/// A `ws:` or `wss:` URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) is_secure: bool,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The host and the port as the URI has them: the value of `Host`.
    pub(crate) authority: String,
    /// The path and query.
    pub(crate) resource: String,
    /// The whole URI.
    pub(crate) uri: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(uri: &str) -> Result<Self, String> {
        let (scheme, rest) = uri.split_once("://").ok_or("begin with ws:// or wss://")?;
        let is_secure = match &*scheme.to_ascii_lowercase() {
            "ws" => false,
            "wss" => true,
            other => return Err(format!("{other}: is no scheme of WebSocket; use ws: or wss:")),
        };
        if !uri.bytes().all(|byte| byte.is_ascii_graphic()) || uri.contains('#') {
            return Err("a URI has no spaces, no fragment, and ASCII only".into());
        }
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(split);
        if authority.contains('@') {
            return Err("credentials are given with --header".into());
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("an IPv6 address ends with ]")?;
                (host, rest.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let default = if is_secure { 443 } else { 80 };
        let port = match port {
            None | Some("") => default,
            Some(port) => port.parse().map_err(|_| format!("{port:?} is no port"))?,
        };
        if host.is_empty() {
            return Err("there is no host".into());
        }
        let resource = match resource.starts_with('/') {
            true => resource.to_owned(),
            false => format!("/{resource}"),
        };
        let (host, authority, uri) = (host.to_owned(), authority.to_owned(), uri.to_owned());
        Ok(Self { is_secure, host, port, authority, resource, uri })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_uris() {
        let read = |uri: &str| {
            let read: Address = uri.parse().unwrap();
            (read.is_secure, read.host, read.port, read.authority, read.resource)
        };
        let want = |secure, host: &str, port, authority: &str, resource: &str| {
            (secure, host.to_owned(), port, authority.to_owned(), resource.to_owned())
        };
        assert_eq!(read("ws://a"), want(false, "a", 80, "a", "/"));
        assert_eq!(read("WSS://a.b/c?d"), want(true, "a.b", 443, "a.b", "/c?d"));
        assert_eq!(read("ws://a:1?b"), want(false, "a", 1, "a:1", "/?b"));
        assert_eq!(read("ws://[::1]:2/"), want(false, "::1", 2, "[::1]:2", "/"));
    }

    #[test]
    fn bad_uris() {
        for uri in
            ["a", "http://a/", "ws:///", "ws://a:x/", "ws://a:65536", "ws://[::1/", "ws://u@a"]
        {
            assert!(uri.parse::<Address>().is_err(), "{uri}");
        }
        for uri in ["ws://a b/", "ws://a/#b", "ws://\u{e4}/"] {
            assert!(uri.parse::<Address>().is_err(), "{uri}");
        }
    }
}
