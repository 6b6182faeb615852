//! Names: which ones a user may choose, and which of them look alike.

use std::fmt;

use unicode_security::confusable_detection::skeleton;

/// How many characters a name may have.
const CHARS_MAX: usize = 30;
/// How the names begin that the chat gives. Nobody can choose such a name, so a newcomer's is free.
const GUEST: &str = "guest ";
/// The name under which the chat itself speaks. Nobody can choose it, either.
const SERVER: &str = "server";

/// A name that a user may have.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    text: String,
    looks: Looks,
}

/// What two names must not have in common.
///
/// Both are needed, because some letters look alike in one case only: `Ivy` resembles `lvy`, and
/// `IVY` is the same name as `ivy`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Looks {
    /// The skeleton (UTS #39 §4), with case ignored afterwards.
    as_written: String,
    /// The same with case ignored before.
    in_small_letters: String,
}

impl Name {
    /// Returns the name of somebody who has not chosen one.
    pub(crate) fn of_guest(id: u64) -> Self {
        Self::new(format!("{GUEST}{id}"))
    }

    /// Returns the name of the chat itself.
    pub(crate) fn of_server() -> Self {
        Self::new(SERVER.into())
    }

    /// Checks a name that somebody has chosen. Several spaces in a row become one, as on the page.
    pub(crate) fn chosen(text: &str) -> Result<Self, NameError> {
        if text.chars().count() > CHARS_MAX {
            return Err(NameError::TooLong);
        }
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        let text = words.join(" ");
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        // The library knows what prints as nothing. It also escapes backslashes, which can be seen.
        if hybi::escaped(&text).to_string() != text.replace('\\', "\\\\") {
            return Err(NameError::Invisible);
        }
        let (name, guest) = (Self::new(text), Looks::of(GUEST));
        if name.looks.as_written.starts_with(&guest.as_written)
            || name.looks.in_small_letters.starts_with(&guest.in_small_letters)
        {
            return Err(NameError::Guest);
        }
        if name.resembles(&Self::of_server()) {
            return Err(NameError::Server);
        }
        Ok(name)
    }

    fn new(text: String) -> Self {
        Self { looks: Looks::of(&text), text }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns what no two names may have in common.
    #[cfg(feature = "bus")]
    pub(crate) fn looks(&self) -> [&str; 2] {
        [&self.looks.as_written, &self.looks.in_small_letters]
    }

    /// Returns whether people could take one name for the other.
    pub(crate) fn resembles(&self, other: &Self) -> bool {
        self.looks.as_written == other.looks.as_written
            || self.looks.in_small_letters == other.looks.in_small_letters
    }
}

impl Looks {
    fn of(text: &str) -> Self {
        let as_written = fold(&skeleton(text).collect::<String>());
        let in_small_letters = skeleton(&fold(text)).collect();
        Self { as_written, in_small_letters }
    }
}

/// Ignores case. In two steps, because some letters differ in one case only, such as the three that
/// are a capital sigma; and capital letters first become small, because only the small ß is SS.
fn fold(text: &str) -> String {
    let small = text.chars().flat_map(char::to_lowercase);
    small.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Why nobody can choose a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    Empty,
    TooLong,
    Invisible,
    Guest,
    Server,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Which name? Type: alias NAME"),
            Self::TooLong => write!(f, "That name is too long: {CHARS_MAX} characters at most."),
            Self::Invisible => f.write_str("That name has characters that nobody can see."),
            Self::Guest => f.write_str("That name is taken: newcomers get names like that."),
            Self::Server => f.write_str("That name is taken: it is the chat's own."),
        }
    }
}
