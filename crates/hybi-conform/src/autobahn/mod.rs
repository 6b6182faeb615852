//! The 517 cases of the Autobahn testsuite, under their ids.
//!
//! They are written anew from what the suite says about each (its description and expectation), as
//! data. Categories 8 and 11 are empty in the original, too.

mod compression;
mod framing;
mod utf8;
mod volume;

use crate::case::{Case, Size};
use crate::wire::Got;

/// The ids of the original, one a line.
#[cfg(test)]
const IDS: &str = include_str!("ids.txt");

pub(crate) fn cases(size: Size) -> impl Iterator<Item = Case> + Send {
    let before_volume = (1..=7).filter(|&category| category != 6).map(framing::cases);
    let mut before_volume: Vec<Case> = before_volume.flatten().collect();
    let closing = before_volume.iter().position(|case| case.id().starts_with("7."));
    let closing = before_volume.split_off(closing.unwrap_or(before_volume.len()));
    let (volume, compression) = (volume::cases(size), compression::cases(size));
    let all = before_volume.into_iter().chain(utf8::cases()).chain(closing);
    all.chain(volume).chain(framing::cases(10)).chain(compression)
}

fn text(payload: impl Into<Vec<u8>>) -> Got {
    Got::Message { binary: false, payload: payload.into() }
}

fn binary(payload: impl Into<Vec<u8>>) -> Got {
    Got::Message { binary: true, payload: payload.into() }
}

fn pong(payload: impl Into<Vec<u8>>) -> Got {
    Got::Pong(payload.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Group, Level};

    /// The ids are those of the original, each once, and in its order.
    #[test]
    fn the_cases_are_the_517_of_autobahn() {
        let want: Vec<&str> = IDS.lines().collect();
        let got: Vec<Case> = cases(Size::Reduced).collect();
        assert_eq!(got.len(), 517);
        assert_eq!(
            got.iter().map(Case::id).collect::<BTreeSet<_>>(),
            want.iter().copied().collect()
        );
        let numbers = |case: &Case| -> Vec<u32> {
            case.id().split('.').map(|number| number.parse().unwrap()).collect()
        };
        assert!(got.is_sorted_by_key(numbers));
    }

    #[test]
    fn every_case_tells_what_it_is_about() {
        for case in Group::ALL.iter().flat_map(|group| crate::cases(*group, Size::Reduced)) {
            assert!(!case.title().is_empty() && !case.expected().is_empty(), "{}", case.id());
            assert!(!case.sent().is_empty(), "{}", case.id());
            assert!(case.section().starts_with("RFC "), "{}", case.id());
        }
    }

    /// The three that the original calls informational, and the pongs.
    #[test]
    fn few_cases_are_not_demanded() {
        let open: Vec<String> = cases(Size::Reduced)
            .filter(|case| case.level() != Level::Must)
            .map(|case| case.id().to_owned())
            .collect();
        assert_eq!(open, ["2.10", "2.11", "7.1.6", "7.13.1", "7.13.2"]);
    }
}
