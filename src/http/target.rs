//! The parts of a request target (RFC 9112 §3.2).

pub(crate) struct Target<'a> {
    /// The authority of the absolute form.
    pub(crate) authority: Option<&'a [u8]>,
    /// Begins with `/` in the origin form and the absolute form.
    pub(crate) path: &'a [u8],
    /// What follows the `?`.
    pub(crate) query: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    #[inline]
    pub(crate) fn of(target: &'a [u8]) -> Self {
        // Nearly always the origin form.
        let (authority, rest) =
            if target.starts_with(b"/") { (None, target) } else { split_authority(target) };
        let (path, query) = split_at_byte(rest, b'?');
        // The path of the absolute form can be empty, and means this (RFC 9110 §4.2.3).
        let path = if path.is_empty() && authority.is_some() { b"/" } else { path };
        Self { authority, path, query }
    }
}

/// Splits an absolute form after its authority.
#[cold]
fn split_authority(target: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match split_at_byte(target, b':') {
        (scheme, Some([b'/', b'/', rest @ ..])) if is_web_scheme(scheme) => {
            let len = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
            let parts = rest.split_at_checked(len);
            parts.map_or((None, target), |(authority, rest)| (Some(authority), rest))
        }
        _ => (None, target),
    }
}

/// Returns the bytes before the first such byte, and those after it.
fn split_at_byte(bytes: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |&other| other == byte);
    (parts.next().unwrap_or_default(), parts.next())
}

fn is_web_scheme(scheme: &[u8]) -> bool {
    ["http", "https", "ws", "wss"].iter().any(|web| scheme.eq_ignore_ascii_case(web.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_target() {
        for (target, authority, path, query) in [
            ("/", None, "/", None),
            ("/a?b?c", None, "/a", Some("b?c")),
            ("/?", None, "/", Some("")),
            ("//a/b", None, "//a/b", None),
            ("http://a:1/b?c", Some("a:1"), "/b", Some("c")),
            ("WSS://a", Some("a"), "/", None),
            ("ws://a?b", Some("a"), "/", Some("b")),
            ("ftp://a/b", None, "ftp://a/b", None),
            ("http:/a", None, "http:/a", None),
            ("a:443", None, "a:443", None),
            ("*", None, "*", None),
        ] {
            let parts = Target::of(target.as_bytes());
            assert_eq!(parts.authority, authority.map(str::as_bytes), "{target}");
            assert_eq!(parts.path, path.as_bytes(), "{target}");
            assert_eq!(parts.query, query.map(str::as_bytes), "{target}");
        }
    }
}
