//! Printing a peer's text.

use core::fmt::{self, Write};

/// Displays a peer's text so that it deceives no reader of a log or a terminal.
///
/// Control characters are escaped as in `{:?}`, and so are line breaks, terminal sequences,
/// bidirectional controls, spaces other than the one of ASCII, and characters that print as
/// nothing, such as U+200B, U+00AD, U+2800, U+3164, tags and variation selectors. So are marks that
/// stack or select letters of their own script, wherever they would print as nothing, and the
/// backslash, so that an escape can be told from text that looks like one; U+20E5, which looks like
/// a backslash, and the other combining marks for symbols, too. All other text stays readable:
/// letters of any script, accents, emoji. Characters that look alike do, too.
///
/// So do letters that are written from right to left. They may change the order in which digits and
/// punctuation next to them are printed, also those that come after the escaped text. Print such
/// text last on its line, or, for what obeys isolates, between U+2068 and U+2069.
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
    // The common case, which the tables below would look up character by character.
    let is_plain = |byte| matches!(byte, b' '..=b'~') && byte != b'\\';
    if text.bytes().all(|byte| is_plain(byte) && !(is_quoted && byte == b'"')) {
        return f.write_str(text);
    }
    // What lies between them is escaped by the standard library, whose tables know every character
    // that is not assigned, a control, a format character or a space, and a combining mark at the
    // start, which would join what was printed before.
    while let Some((at, char)) = next_special(text) {
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

/// Finds the next character that the standard library would not print as we do.
fn next_special(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|&(at, char)| {
        is_quote(char) || is_blank(char) || is_joiner(char) && !joins(text, at, char)
    })
}

fn is_quote(char: char) -> bool {
    matches!(char, '\'' | '"')
}

/// Returns whether a character prints as nothing, though Unicode counts it as a letter, a mark or a
/// symbol; or is one of the marks for symbols.
fn is_blank(char: char) -> bool {
    matches!(
        char,
        '\u{34f}' // combining grapheme joiner
            | '\u{115f}'..='\u{1160}' // fillers of Hangul
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{17b4}'..='\u{17b5}' // inherent vowels of Khmer
            | '\u{180b}'..='\u{180f}' // variation selectors
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0100}'..='\u{e01ef}'
            | '\u{20d0}'..='\u{20f0}' // marks for symbols, one of which is a backslash
            | '\u{2800}' // a Braille pattern without dots
            | '\u{fffc}' // an object that is not there
            | '\u{13441}'..='\u{13442}' // blanks of Egyptian hieroglyphs
            | '\u{16fe4}' // filler of Khitan
            | '\u{1bc9d}' // selector of Duployan
            | '\u{1d159}' // a note without a head
            | '\u{1da9b}'..='\u{1da9f}' // selectors of SignWriting
            | '\u{1daa1}'..='\u{1daaf}'
    )
}

/// Returns whether a character prints as nothing, but changes how its neighbours are printed if
/// they are of the same script: Unicode's `Indic_Syllabic_Category` is `Invisible_Stacker` or
/// `Number_Joiner`.
fn is_joiner(char: char) -> bool {
    matches!(
        char,
        '\u{1039}'
            | '\u{17d2}'
            | '\u{1a60}'
            | '\u{1bab}'
            | '\u{2d7f}'
            | '\u{aaf6}'
            | '\u{10a3f}'
            | '\u{1107f}'
            | '\u{11133}'
            | '\u{113d0}'
            | '\u{1193e}'
            | '\u{11a47}'
            | '\u{11a99}'
            | '\u{11d45}'
            | '\u{11d97}'
            | '\u{11f42}'
    )
}

/// Returns whether the joiner at this place has something to join before and after it: characters
/// of its script. Those are close to it, so all but the last nine bits are the same.
fn joins(text: &str, at: usize, joiner: char) -> bool {
    let (before, rest) = text.split_at(at);
    let is_joined = |char: char| {
        u32::from(char) >> 9 == u32::from(joiner) >> 9 && !is_joiner(char) && !is_blank(char)
    };
    before.chars().next_back().is_some_and(is_joined) && rest.chars().nth(1).is_some_and(is_joined)
}
