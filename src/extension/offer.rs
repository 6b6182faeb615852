//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1).

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use crate::http::list::{is_token_byte, skip_empty_elements, text};

/// An element of a `Sec-WebSocket-Extensions` list: in a request an offer, in a response the
/// server's choice.
///
/// Its grammar has been checked, but not whether the extension is known and its parameters make
/// sense. `Display` prints it as a field has it, with single spaces and without quotes.
///
/// ```
/// use hybi::extension::Offers;
///
/// let field = b"permessage-deflate; client_max_window_bits; server_max_window_bits=\"10\", x";
/// let mut found = Vec::new();
/// for offer in Offers::new(field) {
///     let offer = offer?; // malformed: a bad request
///     found.push((offer.name(), offer.params().collect::<Vec<_>>()));
/// }
/// let params =
///     vec![("client_max_window_bits", None), ("server_max_window_bits", Some("10".into()))];
/// assert_eq!(found, [("permessage-deflate", params), ("x", vec![])]);
///
/// let printed: Result<Vec<_>, _> =
///     Offers::new(b"a ;b = \"c\"").map(|offer| Ok(offer?.to_string())).collect();
/// assert_eq!(printed?, ["a; b=c"]);
/// # Ok::<(), hybi::extension::ExtensionsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offer<'a> {
    name: &'a str,
    /// From the first `;` to the end of the element. Invariant: follows the grammar.
    params: &'a str,
}

impl<'a> Offer<'a> {
    /// Returns the extension's token, as it was written.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns its parameters in their order, repeats kept. A value that was a quoted string is
    /// returned unquoted.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        Params { rest: self.params }
    }
}

impl fmt::Display for Offer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.params().try_for_each(|(name, value)| match value {
            // Unquoted, because what a quoted string stands for is a token (RFC 6455 §9.1).
            Some(value) => write!(f, "; {name}={value}"),
            None => write!(f, "; {name}"),
        })
    }
}

/// The list in one `Sec-WebSocket-Extensions` field line: an iterator over its elements.
///
/// Empty elements are skipped (RFC 9110 §5.6.1.2). The first malformed element ends it, with an
/// error.
#[derive(Clone, Debug)]
pub struct Offers<'a> {
    /// `None` after an error.
    rest: Option<&'a [u8]>,
}

impl<'a> Offers<'a> {
    /// Reads the value of one field line. Several lines are the same as one list (RFC 6455 §9.1).
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self { rest: Some(value) }
    }
}

impl<'a> Iterator for Offers<'a> {
    type Item = Result<Offer<'a>, ExtensionsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = skip_empty_elements(self.rest?);
        if rest.is_empty() {
            self.rest = None;
            return None;
        }
        let parsed = parse_offer(rest);
        self.rest = parsed.map(|(_, rest)| rest);
        Some(parsed.map(|(offer, _)| offer).ok_or(ExtensionsError))
    }
}

/// The parameters of an [`Offer`]: an iterator over names and values.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, Option<Cow<'a, str>>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut cursor = Cursor(self.rest.as_bytes());
        let param = cursor.param()?;
        let used = self.rest.len().saturating_sub(cursor.0.len());
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some((text(param.name), param.value.map(Value::unquote)))
    }
}

/// A `Sec-WebSocket-Extensions` value that does not follow its grammar (RFC 6455 §9.1): the peer's
/// mistake, which ends the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ExtensionsError;

impl ExtensionsError {
    /// Returns a code for logs, metrics and other languages: `"extensions-malformed"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        "extensions-malformed"
    }

    /// Returns the section that has the rule: `"RFC 6455 §9.1"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        "RFC 6455 §9.1"
    }
}

impl fmt::Display for ExtensionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = "a Sec-WebSocket-Extensions field that is not a list of extensions";
        write!(f, "the peer sent {what} ({})", self.section())
    }
}

impl core::error::Error for ExtensionsError {}

/// Parses one element. Returns it and what follows its comma.
fn parse_offer(element: &[u8]) -> Option<(Offer<'_>, &[u8])> {
    let mut cursor = Cursor(element);
    let name = text(cursor.token()?);
    cursor.skip_whitespace();
    let start = cursor.0;
    while cursor.0.first() == Some(&b';') {
        cursor.param()?;
    }
    let params = text(start.get(..start.len().saturating_sub(cursor.0.len()))?);
    match cursor.0.split_first() {
        None => Some((Offer { name, params }, &[])),
        Some((b',', rest)) => Some((Offer { name, params }, rest)),
        Some(_) => None,
    }
}

/// The rest of an element, to be parsed.
struct Cursor<'a>(&'a [u8]);

struct Param<'a> {
    name: &'a [u8],
    value: Option<Value<'a>>,
}

enum Value<'a> {
    Token(&'a [u8]),
    /// Without its quotes. Every character, after a backslash or not, is one of a token.
    Quoted(&'a [u8]),
}

impl<'a> Cursor<'a> {
    fn skip_whitespace(&mut self) {
        while let Some((b' ' | b'\t', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let len = self.0.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// `";" token [ "=" ( token / quoted-string ) ]`, with the white space that the grammar of RFC
    /// 2616 implies.
    fn param(&mut self) -> Option<Param<'a>> {
        if !self.eat(b';') {
            return None;
        }
        self.skip_whitespace();
        let name = self.token()?;
        self.skip_whitespace();
        let mut value = None;
        if self.eat(b'=') {
            self.skip_whitespace();
            value = Some(match self.0.first() {
                Some(b'"') => Value::Quoted(self.quoted()?),
                _ => Value::Token(self.token()?),
            });
            self.skip_whitespace();
        }
        Some(Param { name, value })
    }

    fn quoted(&mut self) -> Option<&'a [u8]> {
        let (_, inside) = self.0.split_first()?;
        let mut at = 0_usize;
        loop {
            match *inside.get(at)? {
                b'"' => break,
                b'\\' => {
                    if !is_token_byte(*inside.get(at.saturating_add(1))?) {
                        return None;
                    }
                    at = at.saturating_add(2);
                }
                byte if is_token_byte(byte) => at = at.saturating_add(1),
                _ => return None,
            }
        }
        let (content, rest) = inside.split_at_checked(at)?;
        self.0 = rest.get(1..)?;
        // RFC 6455 §9.1: what it stands for is a token, so not nothing.
        (!content.is_empty()).then_some(content)
    }
}

impl<'a> Value<'a> {
    fn unquote(self) -> Cow<'a, str> {
        match self {
            Self::Token(token) => Cow::Borrowed(text(token)),
            Self::Quoted(content) if content.contains(&b'\\') => {
                // In a token a backslash cannot stand for itself.
                let kept = content.iter().filter(|&&byte| byte != b'\\');
                Cow::Owned(kept.map(|&byte| char::from(byte)).collect::<String>())
            }
            Self::Quoted(content) => Cow::Borrowed(text(content)),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use super::*;

    /// `name;param=value;param|name`, or `None` if malformed.
    fn read(value: &str) -> Option<String> {
        let mut all = Vec::new();
        for offer in Offers::new(value.as_bytes()) {
            let offer = offer.ok()?;
            let mut one = offer.name().to_string();
            for (name, value) in offer.params() {
                one += &format!(";{name}");
                if let Some(value) = value {
                    one += &format!("={value}");
                }
            }
            all.push(one);
        }
        Some(all.join("|"))
    }

    #[test]
    fn lists_of_extensions() {
        for (value, want) in [
            ("foo", Some("foo")),
            ("foo, bar; baz=2", Some("foo|bar;baz=2")), // RFC 6455 §9.1
            ("deflate-stream", Some("deflate-stream")),
            (
                "mux; max-channels=4; flow-control, deflate-stream",
                Some("mux;max-channels=4;flow-control|deflate-stream"),
            ),
            ("private-extension", Some("private-extension")),
            // RFC 7692 §5.
            ("permessage-foo; use_x, permessage-foo", Some("permessage-foo;use_x|permessage-foo")),
            ("a;b=\"c\"", Some("a;b=c")),
            ("a;b=\"\\c\\d\"", Some("a;b=cd")),
            ("a ; b = c ;d\t,e", Some("a;b=c;d|e")),
            ("a;b;b=1;b=2", Some("a;b;b=1;b=2")),
            ("__proto__;constructor=08", Some("__proto__;constructor=08")),
            ("", Some("")),
            (" , ,\t,", Some("")),
            (",a,,b,", Some("a|b")),
            ("a b", None),
            ("a;", None),
            ("a;;b", None),
            (";b", None),
            ("a;b=", None),
            ("a;=b", None),
            ("a=b", None),
            ("a;b=\"\"", None),
            ("a;b=\"c d\"", None),
            ("a;b=\"c,d\"", None),
            ("a;b=\"c", None),
            ("a;b=\"c\\", None),
            ("a;b=\"c\\\"", None),
            ("a;b=\"c\\\"\"", None),
            ("a;b=\"\\\\\"", None),
            ("a;b=\"c\"d", None),
            ("a;b=c\"d\"", None),
            ("a;b=c d", None),
            ("\"a\"", None),
            ("a/b", None),
            ("a;b=\u{e9}", None),
            ("a\0", None),
        ] {
            assert_eq!(read(value).as_deref(), want, "{value:?}");
        }
    }

    #[test]
    fn a_value_is_copied_only_to_take_out_backslashes() {
        let offer = Offers::new(b"a; b=c; d=\"e\"; f=\"\\g\"").next().unwrap().unwrap();
        let values: Vec<_> = offer.params().filter_map(|(_, value)| value).collect();
        assert_eq!(values, ["c", "e", "g"]);
        let are_copied: Vec<_> =
            values.iter().map(|value| matches!(value, Cow::Owned(_))).collect();
        assert_eq!(are_copied, [false, false, true]);
    }

    #[test]
    fn nothing_comes_after_a_malformed_element() {
        let mut offers = Offers::new(b"a, b c, d");
        assert_eq!(offers.next().unwrap().unwrap().name(), "a");
        assert_eq!(offers.next(), Some(Err(ExtensionsError)));
        assert_eq!(offers.next(), None);
    }
}
