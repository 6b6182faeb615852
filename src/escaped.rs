//! Printing a peer's text.

use core::fmt::{self, Write};

/// Displays a peer's text so that it deceives no reader of a log or a terminal.
///
/// Control characters are escaped as in `{:?}`, and so are line breaks, terminal sequences,
/// bidirectional controls, spaces other than the one of ASCII, and characters that print as
/// nothing, such as U+200B, U+00AD, U+2800, U+3164, tags and variation selectors. So is the
/// backslash, so that an escape can be told from text that looks like one. All other text stays
/// readable: letters of any script, accents, emoji. Characters that look alike do, too.
///
/// The library prints peers' text like this in every `Debug` and `Display`, except that of
/// [`Utf8Bytes`](crate::Utf8Bytes), whose `Display` is the text itself.
///
/// ```
/// let name = "guest\u{2800}\u{1b}[2J";
/// assert_eq!(hybi::escaped(name).to_string(), "guest\\u{2800}\\u{1b}[2J");
/// ```
#[must_use]
pub fn escaped(text: &str) -> impl fmt::Display {
    Escaped(text)
}

/// A peer's text. `Display` is [`escaped`], `Debug` the same in quotes.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(self.0, false, f)
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write_escaped(self.0, true, f)?;
        f.write_char('"')
    }
}

fn write_escaped(mut text: &str, is_quoted: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_quote = |char| matches!(char, '\'' | '"');
    // What lies between them is escaped by the standard library, whose tables know every character
    // that is not assigned, a control, a format character or a space, and a combining mark at the
    // start, which would join what was printed before.
    while let Some((at, char)) = text.char_indices().find(|&(_, it)| is_quote(it) || is_blank(it)) {
        let (before, rest) = text.split_at(at);
        write!(f, "{}", before.escape_debug())?;
        match char {
            '"' if is_quoted => f.write_str("\\\"")?,
            _ if is_quote(char) => f.write_char(char)?,
            _ => write!(f, "{}", char.escape_unicode())?,
        }
        text = rest.get(char.len_utf8()..).unwrap_or_default();
    }
    write!(f, "{}", text.escape_debug())
}

/// Returns whether a character prints as nothing, though Unicode counts it as a letter, a mark or a
/// symbol.
fn is_blank(char: char) -> bool {
    matches!(
        char,
        '\u{34f}'                      // combining grapheme joiner
            | '\u{115f}'..='\u{1160}' // fillers of Hangul
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{17b4}'..='\u{17b5}' // inherent vowels of Khmer
            | '\u{180b}'..='\u{180f}' // variation selectors
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0100}'..='\u{e01ef}'
            | '\u{2800}' // a Braille pattern without dots
            | '\u{fffc}' // an object that is not there
            | '\u{13441}'..='\u{13442}' // blanks of Egyptian hieroglyphs
            | '\u{16fe4}' // filler of Khitan
            | '\u{1d159}' // a note without a head
    )
}
