//! Which names `chat` lets its users have.

#[path = "../../examples/chat/names.rs"]
mod names;
use names::{Name, NameError};

fn chosen(text: &str) -> Result<String, NameError> {
    Name::chosen(text).map(|name| name.as_str().to_owned())
}

#[track_caller]
fn are_alike(one: &str, other: &str) -> bool {
    let (one, other) = (Name::chosen(one).unwrap(), Name::chosen(other).unwrap());
    assert_eq!(one.resembles(&other), other.resembles(&one));
    one.resembles(&other)
}

#[test]
fn names_of_any_script_can_be_chosen() {
    for name in [
        "Ann",
        "<i>Ann</i>",
        "back\\slash \"and\" quote's",
        "Zo\u{eb}",
        "Zoe\u{308}",
        "\u{41e}\u{43b}\u{44c}\u{433}\u{430}",
        "\u{5d3}\u{5b8}\u{5e0}\u{5b4}\u{5d9}",
        "\u{e2a}\u{e21}\u{e0a}\u{e32}\u{e22}",
        "\u{5c0f}\u{660e}",
        "\u{1f600}",
        "guests",
        "Guest",
    ] {
        assert_eq!(chosen(name).as_deref(), Ok(name), "{name}");
    }
    assert_eq!(chosen("  Ann   Lee ").as_deref(), Ok("Ann Lee"));
    assert_eq!(chosen(""), Err(NameError::Empty));
    assert_eq!(chosen("   "), Err(NameError::Empty));
    assert!(chosen(&"\u{1f600}".repeat(30)).is_ok());
    assert_eq!(chosen(&"n".repeat(31)), Err(NameError::TooLong));
}

/// `Default_Ignorable_Code_Point` in Unicode's `DerivedCoreProperties.txt`.
const DEFAULT_IGNORABLE: [std::ops::RangeInclusive<u32>; 17] = [
    0xad..=0xad,
    0x34f..=0x34f,
    0x61c..=0x61c,
    0x115f..=0x1160,
    0x17b4..=0x17b5,
    0x180b..=0x180f,
    0x200b..=0x200f,
    0x202a..=0x202e,
    0x2060..=0x206f,
    0x3164..=0x3164,
    0xfe00..=0xfe0f,
    0xfeff..=0xfeff,
    0xffa0..=0xffa0,
    0xfff0..=0xfff8,
    0x1bca0..=0x1bca3,
    0x1d173..=0x1d17a,
    0xe0000..=0xe0fff,
];

#[test]
fn nobody_chooses_characters_that_cannot_be_seen() {
    let ignorable = DEFAULT_IGNORABLE.into_iter().flatten();
    let controls = (0..0x20).chain(0x7f..0xa0);
    // Spaces (category Zs) other than that of ASCII, separators, private use, a Braille pattern
    // without dots, and one that is not assigned.
    let blanks = [0xa0, 0x1680, 0x202f, 0x205f, 0x3000, 0x2028, 0x2029, 0xe000, 0x2800, 0x378];
    for number in ignorable.chain(controls).chain(blanks).chain(0x2000..=0x200a) {
        let char = char::from_u32(number).unwrap();
        for name in [format!("{char}"), format!("A{char}nn"), format!("Ann{char}")] {
            assert_eq!(chosen(&name), Err(NameError::Invisible), "U+{number:04X}");
        }
    }
    // A combining mark would join what stands before the name.
    assert_eq!(chosen("\u{301}a"), Err(NameError::Invisible));
}

/// Pairs of Unicode's `confusables.txt` and UTS #39.
#[test]
fn names_that_look_alike_are_alike() {
    for (one, other) in [
        ("paypal", "p\u{430}yp\u{430}l"),                 // Cyrillic
        ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"), // all Cyrillic
        ("corn", "com"),                                  // r and n
        ("Ivy", "lvy"),                                   // an I and an l
        ("100", "lOO"),                                   // digits
        ("\u{391}\u{39d}\u{39d}", "ANN"),                 // Greek capitals
        ("\u{ff21}\u{ff4e}\u{ff4e}", "Ann"),              // full width
        ("\u{1d400}nn", "Ann"),                           // a mathematical A
        ("Zo\u{eb}", "Zoe\u{308}"),                       // composed or not
        ("Ann  Lee", "Ann Lee"),
    ] {
        assert!(are_alike(one, other), "{one} and {other}");
    }
    for (one, other) in [("Ann", "Anne"), ("Zoe", "Zo\u{eb}"), ("a b", "ab"), ("Ann", "nnA")] {
        assert!(!are_alike(one, other), "{one} and {other}");
    }
}

/// Pairs of Unicode's `CaseFolding.txt`, status C and F.
#[test]
fn case_makes_no_difference_beyond_ascii_either() {
    for (one, other) in [
        ("ann", "ANN"),
        ("IVY", "ivy"),
        ("\u{43e}\u{43b}\u{44c}\u{433}\u{430}", "\u{41e}\u{41b}\u{42c}\u{413}\u{410}"),
        ("stra\u{df}e", "STRASSE"),
        ("stra\u{df}e", "STRA\u{1e9e}E"),
        ("\u{3c3}\u{3b1}\u{3c2}", "\u{3a3}\u{391}\u{3a3}"), // the final sigma
        ("\u{1c5}", "\u{1c4}"),
        ("\u{212a}ay", "kay"), // the sign of Kelvin
        ("\u{17f}am", "sam"),  // the long s
        ("\u{149}", "\u{2bc}N"),
        ("\u{ab70}\u{ab71}", "\u{13a0}\u{13a1}"), // Cherokee
    ] {
        assert!(are_alike(one, other), "{one} and {other}");
    }
    // Look-alikes in one case only, and in another case.
    assert!(are_alike("\u{410}nn", "ann"), "a Cyrillic capital");
    assert!(are_alike("\u{3a1}at", "PAT"), "a Greek capital");
}

#[test]
fn nobody_chooses_the_name_of_the_chat_itself() {
    assert_eq!(Name::of_server().as_str(), "server");
    for name in ["server", "Server", " SERVER ", "s\u{435}rver", "\u{ff33}erver"] {
        assert_eq!(chosen(name), Err(NameError::Server), "{name}");
    }
    assert!(chosen("servers").is_ok());
}

#[test]
fn nobody_chooses_a_name_that_a_newcomer_may_get() {
    for name in [
        "guest 2",
        "Guest 2",
        "GUEST 99",
        "guest  2",
        " guest 2",
        "gu\u{435}st 2",
        "guest l",
        "guest \u{661}",
        "\u{261}uest 12",
        "guest two",
    ] {
        assert_eq!(chosen(name), Err(NameError::Guest), "{name}");
    }
    // Theirs differ, although a 1 looks like an l and a 0 like an O.
    let guests: Vec<Name> = (1..=120).map(Name::of_guest).collect();
    for (number, guest) in guests.iter().enumerate() {
        assert_eq!(guest.as_str(), format!("guest {}", number + 1));
        assert_eq!(guests.iter().filter(|other| other.resembles(guest)).count(), 1);
    }
}
