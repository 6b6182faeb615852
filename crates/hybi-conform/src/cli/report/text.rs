//! Texts for reports. Much of them comes from a peer, which may be hostile.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A text for HTML and XML, in an element or in a quoted attribute.
///
/// Markup becomes references. Characters that XML forbids, that cannot be seen, or that reorder
/// what is around them are written as Rust writes them, such as `\u{1b}`.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => write!(f, "{char}")?,
                _ if deceives(char) => write!(f, "{}", char.escape_unicode())?,
                _ => write!(f, "{char}")?,
            }
        }
        Ok(())
    }
}

/// Returns whether a character must be escaped.
pub(crate) fn deceives(char: char) -> bool {
    // The non-characters are forbidden in XML; the others change the direction of a text, or have
    // no width.
    char.is_control()
        || matches!(char,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// Writes how many there are of something.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Writes how many cases have not run.
pub(crate) fn not_run(count: usize) -> String {
    let have = if count == 1 { "has" } else { "have" };
    format!("{} {have} not run", counted(count, "case"))
}

/// Writes a path for a link.
pub(crate) fn href(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| match is_plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// Makes one line of a text, for a comment or a heading.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|char| if deceives(char) { ' ' } else { char }).collect()
}

/// The same, and cuts what is long.
pub(crate) fn short(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    let mut line = plain(text);
    if let Some((end, _)) = line.char_indices().nth(CHARS_MAX) {
        line.truncate(end);
        line += "...";
    }
    line
}

/// Makes a code span of Markdown (CommonMark §6.1), in which nothing has a meaning: no markup, no
/// link, and no name of a person who is then told. Long texts are cut.
pub(crate) fn code(text: &str) -> String {
    let line = short(text);
    if line.trim().is_empty() {
        return "(nothing)".into();
    }
    let longest = line.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // The spaces are taken away again.
    if line.starts_with(['`', ' ']) || line.ends_with(['`', ' ']) {
        format!("{fence} {line} {fence}")
    } else {
        format!("{fence}{line}{fence}")
    }
}

/// The same in a cell of a table, where `|` must be escaped even in code (GFM §4.10).
pub(crate) fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Makes part of a file name: letters and digits, and `_` for anything else.
pub(crate) fn file_name(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let kept = text.chars().map(|char| match char {
        'a'..='z' | '0'..='9' => char,
        'A'..='Z' => char.to_ascii_lowercase(),
        _ => '_',
    });
    let name: String = kept.take(CHARS_MAX).collect();
    let name = name.trim_matches('_');
    if name.is_empty() { "unnamed".into() } else { name.to_owned() }
}

/// Writes a time as in RFC 3339, to the second.
pub(crate) fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    loop {
        let len = if is_leap(year) { 366 } else { 365 };
        if days < len {
            break;
        }
        days -= len;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for len in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < len {
            break;
        }
        days -= len;
        month += 1;
    }
    let (day, hour, minute, second) = (days + 1, rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The address of a section, such as `RFC 6455 §5.5.1`, and nothing if it is none.
pub(crate) fn link(section: &str) -> Option<String> {
    let (document, section) = section.split_once(" §")?;
    let number: u32 = document.strip_prefix("RFC ")?.parse().ok()?;
    let end = section.find(|char: char| !char.is_ascii_alphanumeric() && char != '.');
    let section = section.get(..end.unwrap_or(section.len()))?.trim_end_matches('.');
    let kind = if section.starts_with(|char: char| char.is_ascii_digit()) {
        "section"
    } else {
        "appendix"
    };
    Some(format!("https://www.rfc-editor.org/rfc/rfc{number}#{kind}-{section}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_character_can_be_read_back_or_is_shown_by_its_number() {
        for char in '\0'..=char::MAX {
            let text = format!("<a b=\"{0}\">{0}</a>", Escaped(&char.to_string()));
            if !text.is_ascii() && !deceives(char) && u32::from(char) % 251 != 0 {
                continue; // They are alike, and there are a million.
            }
            let read = roxmltree::Document::parse(&text).unwrap();
            let shown = match deceives(char) && !matches!(char, '\n' | '\t') {
                true => format!("\\u{{{:x}}}", u32::from(char)),
                false => char.to_string(),
            };
            assert_eq!(read.root_element().text(), Some(&*shown), "{char:?}");
        }
    }

    #[test]
    fn nothing_ends_a_code_span() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a\n\n# b\u{202e}c"), "`a  # b c`");
        assert_eq!(code(" \n"), "(nothing)");
        assert_eq!(code(&"x".repeat(1000)).len(), 305);
        assert_eq!(cell("a|b"), "`a\\|b`");
    }

    #[test]
    fn file_names_lead_nowhere() {
        assert_eq!(file_name("ws://[::1]:9001/../Echo"), "ws______1__9001____echo");
        assert_eq!(file_name("../.."), "unnamed");
        assert_eq!(file_name(&"a".repeat(1000)).len(), 60);
    }

    #[test]
    fn dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), date);
        }
    }

    #[test]
    fn sections_have_addresses() {
        let of = |section| link(section).unwrap_or_default();
        assert_eq!(of("RFC 6455 §5.5.1"), "https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1");
        assert_eq!(of("RFC 7692 §7.1, 7.2"), "https://www.rfc-editor.org/rfc/rfc7692#section-7.1");
        assert_eq!(of("RFC 6455 §A"), "https://www.rfc-editor.org/rfc/rfc6455#appendix-A");
        assert_eq!(of("Autobahn"), "");
        for group in hybi_conform::Group::ALL {
            for case in hybi_conform::cases(*group, hybi_conform::Size::Reduced) {
                assert!(link(case.section()).is_some(), "{}", case.section());
            }
        }
    }
}
