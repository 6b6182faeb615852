//! Category 9: limits and performance. Here only the limits; performance is for the benches.

use super::{binary, text};
use crate::case::{Case, Size};
use crate::random::Pieces;
use crate::script::Step::{Await, Message};
use crate::script::{End, Script};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A case: its number within its subcategory, and the messages that it sends.
#[derive(Clone, Copy)]
struct Row {
    subcategory: u8,
    number: usize,
    len: usize,
    fragment: Option<usize>,
    pieces: Pieces,
    count: usize,
}

pub(super) fn cases(size: Size) -> impl Iterator<Item = Case> + Send {
    let mut rows = Vec::new();
    let lens = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
    let fragments = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
    for subcategory in 1..=8 {
        let row = |number| Row {
            subcategory,
            number,
            len: 0,
            fragment: None,
            pieces: Pieces::Whole,
            count: 1,
        };
        match subcategory {
            1 | 2 => rows.extend((1..).zip(lens).map(|(number, len)| Row { len, ..row(number) })),
            3 | 4 => rows.extend((1..).zip(fragments).map(|(number, fragment)| Row {
                len: 4 * MIB,
                fragment: Some(fragment),
                ..row(number)
            })),
            5 | 6 => {
                rows.extend((1..).zip([64, 128, 256, 512, 1024, 2048]).map(|(number, piece)| Row {
                    len: MIB,
                    pieces: Pieces::Of(piece),
                    ..row(number)
                }))
            }
            _ => rows.extend((1..).zip([0, 16, 64, 256, 1024, 4096]).map(|(number, len)| Row {
                len,
                count: 1000,
                ..row(number)
            })),
        }
    }
    rows.into_iter().map(move |row| row.of(size).case())
}

impl Row {
    /// Shrinks the case as [`Size`] says.
    fn of(self, size: Size) -> Self {
        if size == Size::Full {
            return self;
        }
        let len = if self.len > 256 * KIB { (self.len / 32).max(64 * KIB) } else { self.len };
        let fragment = self
            .fragment
            .map(|fragment| if fragment > 16 * KIB { fragment / 32 } else { fragment });
        Self { len, fragment, count: self.count.min(50), ..self }
    }

    fn case(self) -> Case {
        let id = format!("9.{}.{}", self.subcategory, self.number);
        let kind = if self.is_binary() { "binary message" } else { "text" };
        let Self { len, count, .. } = self;
        let many = if count > 1 { format!(", {count} times") } else { String::new() };
        let how = match (self.fragment, self.pieces) {
            (Some(fragment), _) => format!(" in fragments of {fragment}"),
            (None, Pieces::Of(piece)) => format!(", {piece} bytes at a time"),
            (None, _) => String::new(),
        };
        let title = format!("a {kind} of {len} bytes{how}{many}");
        let section = if self.fragment.is_some() { "RFC 6455 §5.4" } else { "RFC 6455 §5.2" };
        Case::frames(id, title, section, move || self.script())
    }

    fn is_binary(&self) -> bool {
        matches!(self.subcategory, 2 | 4 | 6 | 8)
    }

    fn script(&self) -> Script {
        // The payloads of the original, which repeat a few bytes.
        let unit: &[u8] = match self.subcategory {
            1 | 5 => b"BAsd7&jh23",
            3 | 7 => b"*",
            2 | 6 => b"\x00\xfe\x23\xfa\xf0",
            _ => b"\xfe",
        };
        let payload: Vec<u8> = unit.iter().copied().cycle().take(self.len).collect();
        let mut steps = Vec::new();
        for count in 1..=self.count {
            steps.push(Message {
                binary: self.is_binary(),
                payload: payload.clone(),
                fragment: self.fragment,
            });
            steps.push(Await(count));
        }
        let echo = if self.is_binary() { binary(payload) } else { text(payload) };
        Script::new(steps, vec![echo; self.count], End::WeClose).in_pieces(self.pieces)
    }
}
