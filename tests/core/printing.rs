//! What is printed of a peer's text, into a log or a terminal: nothing that deceives its reader.

use std::fmt::{Debug, Display};

use hybi::connection::{Chunk, ChunkData, ChunkEvent, Closed, Data};
use hybi::frame::CloseReason;
use hybi::{CloseCode, Event, Message, Utf8Bytes};

/// Characters that print as nothing, or that change how others are printed.
///
/// Unicode 17: `Default_Ignorable_Code_Point`, `Bidi_Control`, the general categories Cc, Zl and
/// Zp, spaces but the one of ASCII, others whose glyph is empty, and the combining marks for
/// symbols (U+20E5 makes a backslash of a space). After an `a` also what only stacks, joins or selects
/// letters of its own script: the `Indic_Syllabic_Category` values `Invisible_Stacker` and
/// `Number_Joiner`, and the selectors of Duployan and of `SignWriting`.
const DECEIVING: &[(u32, u32)] = &[
    (0x00, 0x1f),
    (0x7f, 0xa0),
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x61c, 0x61c),
    (0x1039, 0x1039),
    (0x115f, 0x1160),
    (0x1680, 0x1680),
    (0x17b4, 0x17b5),
    (0x17d2, 0x17d2),
    (0x180b, 0x180f),
    (0x1a60, 0x1a60),
    (0x1bab, 0x1bab),
    (0x2000, 0x200f),
    (0x2028, 0x202f),
    (0x205f, 0x206f),
    (0x20d0, 0x20f0),
    (0x2800, 0x2800),
    (0x2d7f, 0x2d7f),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xaaf6, 0xaaf6),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffc),
    (0x10a3f, 0x10a3f),
    (0x1107f, 0x1107f),
    (0x11133, 0x11133),
    (0x113d0, 0x113d0),
    (0x1193e, 0x1193e),
    (0x11a47, 0x11a47),
    (0x11a99, 0x11a99),
    (0x11d45, 0x11d45),
    (0x11d97, 0x11d97),
    (0x11f42, 0x11f42),
    (0x13441, 0x13442),
    (0x16fe4, 0x16fe4),
    (0x1bc9d, 0x1bc9d),
    (0x1bca0, 0x1bca3),
    (0x1d159, 0x1d159),
    (0x1d173, 0x1d17a),
    (0x1da9b, 0x1da9f),
    (0x1daa1, 0x1daaf),
    (0xe0000, 0xe0fff),
];

fn deceives(char: char) -> bool {
    DECEIVING.iter().any(|&(first, last)| (first..=last).contains(&char.into()))
}

fn deceiving() -> impl Iterator<Item = char> {
    DECEIVING.iter().flat_map(|&(first, last)| first..=last).filter_map(char::from_u32)
}

#[test]
fn escaped_text_does_not_deceive() {
    let all: String = deceiving().flat_map(|char| ['a', char]).collect();
    let printed = hybi::escaped(&all).to_string();
    let raw: String = printed.chars().filter(|char| !char.is_ascii_graphic()).collect();
    assert_eq!(raw.escape_unicode().to_string(), "");
    assert_eq!(printed.matches("a\\").count(), deceiving().count());
    for (text, want) in [
        ("", ""),
        ("It's a \"name\"", "It's a \"name\""),
        (
            "Gr\u{fc}\u{df}e, \u{4f60}\u{597d}, \u{1f600}",
            "Gr\u{fc}\u{df}e, \u{4f60}\u{597d}, \u{1f600}",
        ),
        (
            "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}",
            "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}",
        ),
        // "Khmer" and "Mandalay" in their own scripts: each has letters that are stacked.
        ("\u{1781}\u{17d2}\u{1798}\u{17c2}\u{179a}", "\u{1781}\u{17d2}\u{1798}\u{17c2}\u{179a}"),
        (
            "\u{1019}\u{1014}\u{1039}\u{1010}\u{101c}\u{1031}\u{1038}",
            "\u{1019}\u{1014}\u{1039}\u{1010}\u{101c}\u{1031}\u{1038}",
        ),
        // What is stacked stays after something that is escaped, too, also if its block is another.
        (
            "\u{2800}\u{fc}'\0\u{1781}\u{17d2}\u{1798}",
            "\\u{2800}\u{fc}'\\0\u{1781}\u{17d2}\u{1798}",
        ),
        ("\u{2800}\u{1781}\u{17d2}", "\\u{2800}\u{1781}\\u{17d2}"),
        ("\u{abc0}\u{aaf6}\u{abc1}", "\u{abc0}\u{aaf6}\u{abc1}"),
        // Nothing is stacked here.
        ("Khmer\u{17d2}\u{1781}", "Khmer\\u{17d2}\u{1781}"),
        ("\u{1781}\u{17d2}", "\u{1781}\\u{17d2}"),
        ("\u{1781}\u{17d2}a", "\u{1781}\\u{17d2}a"),
        ("\u{1781}\u{17d2}\u{17d2}\u{1798}", "\u{1781}\\u{17d2}\\u{17d2}\u{1798}"),
        ("a \u{20e5}u{202e}", "a \\u{20e5}u{202e}"),
        ("e\u{301}", "e\u{301}"),
        ("\u{301}e", "\\u{301}e"), // it would join what is printed before
        ("\"\u{301}", "\"\\u{301}"),
        ("\r\n\t\0\u{1b}[31m", "\\r\\n\\t\\0\\u{1b}[31m"),
        ("\\u{202e}", "\\\\u{202e}"), // so that what is escaped can be told
        ("\u{9b}31m \u{202e}", "\\u{9b}31m \\u{202e}"),
        ("adm\u{ad}in\u{fe0f}\u{e0041}", "adm\\u{ad}in\\u{fe0f}\\u{e0041}"),
        ("\u{115f}\u{2800}\u{3164}\u{ffa0}", "\\u{115f}\\u{2800}\\u{3164}\\u{ffa0}"),
    ] {
        assert_eq!(hybi::escaped(text).to_string(), want, "{want}");
    }
}

/// A text of ASCII alone is printed without looking further, so it gets a test of its own.
#[test]
fn ascii_is_printed_as_it_is_but_for_controls_and_backslashes() {
    for byte in 0..=0x7f_u8 {
        let char = char::from(byte);
        let printed = hybi::escaped(&char.to_string()).to_string();
        let debug = format!("{:?}", Event::Text(char.to_string().into()));
        match char {
            '\\' => assert_eq!(printed, r"\\"),
            ' '..='~' => assert_eq!(printed, char.to_string()),
            _ => assert!(printed.starts_with('\\') && printed.bytes().all(|b| b > b' '), "{byte}"),
        }
        let quoted = if char == '"' { "\\\"" } else { &*printed };
        assert_eq!(debug, format!("Text(\"{quoted}\")"));
    }
}

/// `Debug` and `Display` of everything in the core that holds a peer's text.
#[test]
fn nothing_that_holds_a_peers_text_deceives() {
    let text: String = deceiving().chain("It's \"x\"".chars()).collect();
    let close = CloseReason { code: CloseCode::NORMAL, reason: text.as_str().into() };
    let chunk = Chunk { data: ChunkData::Text(text.as_str().into()), first: true, last: true };
    let debug: [&dyn Debug; 9] = [
        &Event::Text(text.as_str().into()),
        &Event::Close(Some(close.clone())),
        &ChunkEvent::Chunk(chunk.clone()),
        &chunk.data,
        &close,
        &Closed::Clean(Some(close.clone().into_owned())),
        &Message::from(&*text),
        &Utf8Bytes::from(&*text),
        &Data::Text(&text),
    ];
    let closed = Closed::Clean(Some(close.clone().into_owned()));
    let display: [&dyn Display; 1] = [&closed];
    let lines = debug.iter().map(|it| format!("{it:?}"));
    let lines = lines.chain(display.iter().map(|it| it.to_string()));
    let pretty = debug.iter().map(|it| format!("{it:#?}").replace('\n', ""));
    for printed in lines.chain(pretty) {
        let found: String = printed.chars().filter(|&char| deceives(char)).collect();
        assert_eq!(found.escape_unicode().to_string(), "");
        assert!(printed.contains("It's \\\"x\\\"\""));
    }
    // Otherwise it is what a derived one is.
    let event = Event::Close(Some(CloseReason { code: CloseCode::NORMAL, reason: "a".into() }));
    let want = "Close(Some(CloseReason { code: CloseCode(1000), reason: \"a\" }))";
    assert_eq!(format!("{event:?}"), want);
    assert_eq!(format!("{:?}", Event::Text("a\"".into())), "Text(\"a\\\"\")");
    assert_eq!(format!("{:?}", Event::Binary(b"a".into())), "Binary([97])");
    assert_eq!(format!("{:?}", Event::Ping(b"a".into())), "Ping([97])");
    assert_eq!(format!("{:?}", Event::Pong(b"a".into())), "Pong([97])");
    assert_eq!(format!("{:?}", ChunkData::Binary(b"a".into())), "Binary([97])");
    assert_eq!(format!("{:?}", Data::Binary(b"a")), "Binary([97])");
}
