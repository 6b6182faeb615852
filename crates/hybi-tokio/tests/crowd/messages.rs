//! Messages, and the check that they have arrived: each holds its number, and its bytes follow from
//! that.

use std::sync::LazyLock;

use hybi::Message;

use crate::common::Random;

/// The longest message.
pub(crate) const LEN_MAX: usize = 100 << 10;
/// So many bytes at the start are the number, if the message is long enough.
pub(crate) const NUMBER_LEN: usize = 8;

/// Bytes of all kinds, and text of code points of one to four bytes: each message has a part.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Random::new(1);
    (0..LEN_MAX + 8_192).map(|_| random.next() as u8).collect()
});
static TEXT: LazyLock<String> = LazyLock::new(|| "aé€😀\0z".repeat(LEN_MAX / 8));

/// A message of one direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) number: usize,
    pub(crate) is_text: bool,
    pub(crate) len: usize,
    /// It was queued. If `false`, it may have been.
    pub(crate) is_certain: bool,
}

/// A message that has arrived with the right bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    /// `None`: it is too short to tell.
    number: Option<usize>,
    is_text: bool,
    len: usize,
}

/// The messages that one end has sent.
#[derive(Default)]
pub(crate) struct Log {
    next: usize,
    pub(crate) sent: Vec<Sent>,
}

/// Where in the bytes of all messages this one starts, without its number.
fn start(number: usize) -> usize {
    number * 61 % 4_096
}

fn text(number: usize, len: usize) -> &'static str {
    let boundary = |mut at: usize| {
        while !TEXT.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(start(number));
    &TEXT[start..boundary(start + len)]
}

fn bytes(number: usize, len: usize) -> &'static [u8] {
    &BYTES[start(number)..start(number) + len]
}

impl Log {
    /// The next message, of `len` bytes, or a few less so that a text ends with a whole code point.
    pub(crate) fn message(&mut self, is_text: bool, len: usize) -> (Message, Sent) {
        let number = self.next;
        self.next += 1;
        let (prefix, from) = match len.checked_sub(NUMBER_LEN) {
            Some(_) => (format!("{number:08x}"), number),
            None => (String::new(), 0),
        };
        let len = len - prefix.len();
        let message: Message = match is_text {
            true => [&prefix, text(from, len)].concat().into(),
            false => [prefix.as_bytes(), bytes(from, len)].concat().into(),
        };
        let len = message.as_bytes().len();
        (message, Sent { number, is_text, len, is_certain: true })
    }

    /// Notes that a message was queued, or perhaps was.
    pub(crate) fn note(&mut self, sent: Sent, is_certain: bool) {
        self.sent.push(Sent { is_certain, ..sent });
    }

    /// Notes that the last message was sent for certain.
    pub(crate) fn confirm(&mut self) {
        if let Some(last) = self.sent.last_mut() {
            last.is_certain = true;
        }
    }
}

impl Got {
    /// Checks the bytes of a message.
    pub(crate) fn check(is_text: bool, payload: &[u8]) -> Self {
        let len = payload.len();
        let got = |number| Self { number, is_text, len };
        let (got, from, rest) = match payload.split_at_checked(NUMBER_LEN) {
            Some((prefix, rest)) => {
                let number = str::from_utf8(prefix).ok();
                let number = number.and_then(|number| usize::from_str_radix(number, 16).ok());
                let number = number.expect("a message begins with its number");
                (got(Some(number)), number, rest)
            }
            None => (got(None), 0, payload),
        };
        let want = match is_text {
            true => text(from, rest.len()).as_bytes(),
            false => bytes(from, rest.len()),
        };
        assert!(rest == want, "wrong bytes in {got:?}");
        got
    }

    fn is(&self, sent: &Sent) -> bool {
        let number = (sent.len >= NUMBER_LEN).then_some(sent.number);
        (self.number, self.is_text, self.len) == (number, sent.is_text, sent.len)
    }
}

/// Checks that what arrived was sent: in order, at most once, and nothing is missing between. If
/// `is_all`, nothing is missing at the end either.
pub(crate) fn check_arrived(sent: &[Sent], got: &[Got], is_all: bool) {
    let mut left = sent.iter();
    for (i, got) in got.iter().enumerate() {
        loop {
            let sent = left.next();
            let sent = sent.unwrap_or_else(|| panic!("message {i} was not sent then: {got:?}"));
            if got.is(sent) {
                break;
            }
            assert!(!sent.is_certain, "before message {i}, {got:?}, is missing: {sent:?}");
        }
    }
    if is_all {
        let lost = left.filter(|sent| sent.is_certain).collect::<Vec<_>>();
        assert!(lost.is_empty(), "after {} messages are missing: {lost:?}", got.len());
    }
}

/// A length: often short, sometimes long.
pub(crate) fn random_len(random: &mut Random) -> usize {
    match random.below(32) {
        0 => 0,
        1..3 => random.below(NUMBER_LEN),
        3..22 => random.below(200),
        22..30 => random.below(3_000),
        30 => random.below(20_000),
        _ => random.below(LEN_MAX),
    }
}

/// The payload of pongs that answer no ping.
pub(crate) const UNASKED: &[u8] = b"nobody has asked";

/// Checks that pongs come in the order of their pings. Not each need come (RFC 6455 §5.5.3).
pub(crate) fn check_pong(payload: &[u8], last: &mut usize) {
    let text = str::from_utf8(payload).ok();
    // Others are for the keep-alive, or nobody has asked.
    if let Some(number) = text.and_then(|text| text.strip_prefix("ping ")) {
        let number = number.parse().unwrap();
        assert!(number > *last, "pong {number} after {last}");
        *last = number;
    }
}
