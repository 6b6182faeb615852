//! The grammar of `Sec-WebSocket-Extensions`, and the tokens and lists that it shares with other header fields.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

/// An extension as one element of a `Sec-WebSocket-Extensions` list names it: in a request an offer, in a response the
/// server's choice.
///
/// Its grammar has been checked; whether the extension is known and its parameters make sense has not.
///
/// ```
/// use hybi::extension::Offers;
///
/// let mut offers = Offers::new(b"permessage-deflate; client_max_window_bits; server_max_window_bits=\"10\", x");
/// let offer = offers.next().unwrap()?;
/// assert_eq!(offer.name(), "permessage-deflate");
/// let params: Vec<_> = offer.params().collect();
/// assert_eq!(params[0], ("client_max_window_bits", None));
/// assert_eq!(params[1], ("server_max_window_bits", Some("10".into())));
/// assert_eq!(offers.next().unwrap()?.name(), "x");
/// assert!(offers.next().is_none());
/// # Ok::<(), hybi::extension::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    name: &'a str,
    /// From the first `;` to the end of the element. Invariant: follows the grammar.
    params: &'a str,
}

impl<'a> Offer<'a> {
    /// The extension's token, as it was written.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its parameters in their order, repeats kept. A value that was a quoted string comes unquoted.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        Params { rest: self.params }
    }
}

/// The list in one `Sec-WebSocket-Extensions` header line: an iterator over its elements.
///
/// Empty elements are skipped (RFC 9110 §5.6.1.2). After the first malformed element there is nothing more.
#[derive(Clone, Debug)]
pub struct Offers<'a> {
    /// `None` after an error.
    rest: Option<&'a [u8]>,
}

impl<'a> Offers<'a> {
    /// Reads the value of one header line. Several lines are the same as one list (RFC 6455 §9.1).
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self { rest: Some(value) }
    }
}

impl<'a> Iterator for Offers<'a> {
    type Item = Result<Offer<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = skip_empty_elements(self.rest?);
        if rest.is_empty() {
            self.rest = None;
            return None;
        }
        let parsed = parse_offer(rest);
        self.rest = parsed.map(|(_, rest)| rest);
        Some(parsed.map(|(offer, _)| offer).ok_or(Malformed))
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

/// A `Sec-WebSocket-Extensions` value that does not follow its grammar (RFC 6455 §9.1): the peer's mistake, and the
/// end of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer sent a Sec-WebSocket-Extensions header that is not a list of extensions (RFC 6455 §9.1)")
    }
}

impl core::error::Error for Malformed {}

/// One element and what follows its comma.
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

/// What is left to parse of an element.
struct Cursor<'a>(&'a [u8]);

struct Param<'a> {
    name: &'a [u8],
    value: Option<Value<'a>>,
}

enum Value<'a> {
    Token(&'a [u8]),
    /// Without its quotes; every character, behind a backslash or not, is one of a token.
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

    /// `";" token [ "=" ( token / quoted-string ) ]`, with the white space that RFC 2616's grammar implies.
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

/// Bytes that are known to be ASCII.
pub(crate) fn text(ascii: &[u8]) -> &str {
    core::str::from_utf8(ascii).unwrap_or_default()
}

/// Whether the byte may be in a token (RFC 9110 §5.6.2).
#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    /// Looked up, because heads are mostly tokens.
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut alphabet: &[u8] =
            b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        while let [byte, rest @ ..] = alphabet {
            // A byte is below 256, and this runs in the compiler.
            #[expect(clippy::indexing_slicing)]
            {
                table[*byte as usize] = true;
            }
            alphabet = rest;
        }
        table
    };
    TABLE.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Whether this is a token (RFC 9110 §5.6.2), so not empty either.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Bytes without the spaces and tabs at both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list without quoted strings, trimmed; empty ones are skipped (RFC 9110 §5.6.1.2).
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty())
}

fn skip_empty_elements(mut list: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b',', rest @ ..] = list {
        list = rest;
    }
    list
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
            ("permessage-foo; use_x, permessage-foo", Some("permessage-foo;use_x|permessage-foo")), // RFC 7692 §5
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
        assert_eq!(offers.next(), Some(Err(Malformed)));
        assert_eq!(offers.next(), None);
    }

    #[test]
    fn elements_are_trimmed_and_not_empty() {
        let got: Vec<_> = elements(b" a ,, b\t,\t").collect();
        assert_eq!(got, [b"a", b"b"]);
    }

    #[test]
    fn tokens_are_those_of_the_grammar() {
        // RFC 9110 §5.6.2: any visible character but these delimiters.
        let delimiters = b"(),/:;<=>?@[\\]{}\"";
        for byte in 0..=u8::MAX {
            let want = byte.is_ascii_graphic() && !delimiters.contains(&byte);
            assert_eq!(is_token_byte(byte), want, "{byte:#x}");
        }
        assert!(!is_token(b""));
    }
}
