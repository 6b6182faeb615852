//! The file of expected failures, which lets CI fail on changes.
//!
//! A line is a case and its verdict. What follows `#` is a comment. A line `--strict` says that the
//! verdicts are those of the strict reading:
//!
//! ```text
//! --strict
//! 6.4.1 NON-STRICT   # waits for the end of the message
//! server/version/8 FAILED
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use hybi_conform::{Group, Size, Verdict, cases};

use crate::report::files;
use crate::report::text::plain;
use crate::results::Results;

const HEAD: &str = "\
# Cases of hybi-conform that are expected to fail: a case and its verdict a line.
# A case that comes out otherwise is a change, and fails the run.
";
const STRICT: &str = "--strict";

/// The expected failures, and the rest of their file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Baseline {
    lines: Vec<Line>,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// As it stands in the file.
    text: String,
    /// `None`: the line is empty, a comment, or the reading.
    entry: Option<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    id: String,
    verdict: Verdict,
    /// The reason. May be empty.
    comment: String,
}

impl Baseline {
    /// Reads a file that is to be used in this reading.
    ///
    /// # Errors
    ///
    /// It cannot be read, a line is wrong, or it is about the other reading.
    pub(crate) fn read(path: &Path, is_strict: bool) -> Result<Self, String> {
        let told = |why: String| format!("the baseline {}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        let read = Self::parse(&text).map_err(|(line, why)| told(format!("line {line}: {why}")))?;
        match (read.is_strict(), is_strict) {
            (true, false) => Err(told("it has a line --strict, so use it with --strict".into())),
            (false, true) => Err(told(
                "it has no line --strict, so use it without --strict, or write another".into(),
            )),
            _ => Ok(read),
        }
    }

    /// Returns a file without cases.
    pub(crate) fn new(is_strict: bool) -> Self {
        let strict = is_strict.then_some(STRICT);
        let texts = HEAD.lines().chain(strict).map(str::to_owned);
        Self { lines: texts.map(|text| Line { text, entry: None }).collect() }
    }

    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let known = ids();
        let mut read = Self::default();
        for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let (words, comment) = line.split_once('#').unwrap_or((line, ""));
            let words: Vec<&str> = words.split_whitespace().collect();
            let text = line.to_owned();
            let (id, verdict) = match words[..] {
                [] | [STRICT] => {
                    read.lines.push(Line { text, entry: None });
                    continue;
                }
                [id, verdict] => (id, verdict),
                _ => return Err((i + 1, "it has a case and a verdict".into())),
            };
            if !known.iter().any(|other| other == id) {
                return Err((i + 1, format!("there is no case {id:?}")));
            }
            let found = Verdict::ALL.into_iter().find(|other| other.name() == verdict);
            let names = Verdict::ALL.map(Verdict::name).join(", ");
            let verdict =
                found.ok_or_else(|| (i + 1, format!("{verdict:?} is none of {names}")))?;
            if read.expected(id).is_some() {
                return Err((i + 1, format!("{id} is there twice")));
            }
            let comment = comment.trim().to_owned();
            read.lines.push(Line { text, entry: Some(Entry { id: id.into(), verdict, comment }) });
        }
        Ok(read)
    }

    fn is_strict(&self) -> bool {
        self.lines.iter().any(|line| line.text.split_whitespace().next() == Some(STRICT))
    }

    /// Returns the verdict that is expected of a case. `None`: it must not fail.
    pub(crate) fn expected(&self, id: &str) -> Option<Verdict> {
        let mut entries = self.lines.iter().filter_map(|line| line.entry.as_ref());
        entries.find(|entry| entry.id == id).map(|entry| entry.verdict)
    }

    /// Returns the baseline by which these results are as expected. All other lines stay: those of
    /// cases that have not run, and comments.
    pub(crate) fn renewed(&self, results: &Results<'_>) -> Self {
        let mut lines = self.lines.clone();
        let known = ids();
        let order: BTreeMap<&str, usize> = known.iter().map(|id| &**id).zip(0..).collect();
        for record in &results.records {
            let id = record.case.id();
            let is_its = |line: &Line| line.entry.as_ref().is_some_and(|entry| entry.id == id);
            let old = lines.iter().position(is_its);
            if !record.has_failed(results.is_strict) {
                lines.retain(|line| !is_its(line));
                continue;
            }
            let verdict = record.verdict(results.is_strict);
            let entry = |comment| Entry { id: id.to_owned(), verdict, comment };
            if let Some(line) = old.and_then(|at| lines.get_mut(at)) {
                let old = line.entry.take().unwrap_or_else(|| entry(String::new()));
                if old.verdict != verdict {
                    line.text = text_of(&entry(old.comment.clone()));
                }
                line.entry = Some(Entry { verdict, ..old });
                continue;
            }
            // After the last line of an earlier case, or before all others, or at the end.
            let earlier = |line: &Line| {
                line.entry.as_ref().is_some_and(|entry| order.get(&*entry.id) < order.get(id))
            };
            let is_entry = |line: &Line| line.entry.is_some();
            let at = lines.iter().rposition(earlier).map(|at| at + 1);
            let at = at.or_else(|| lines.iter().position(is_entry)).unwrap_or(lines.len());
            let entry = entry(plain(&record.outcome.reason));
            lines.insert(at, Line { text: text_of(&entry), entry: Some(entry) });
        }
        Self { lines }
    }

    /// Writes the file, or leaves the old one as it was.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        files::replace(path, self.text().as_bytes()).map_err(|error| cannot_write(path, &error))
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{}\n", line.text)).collect()
    }
}

/// Checks that a baseline can be written: better before the run than after it.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    files::check(path).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("the baseline {} cannot be written: {error}", path.display())
}

fn text_of(entry: &Entry) -> String {
    let Entry { id, verdict, comment } = entry;
    match comment.is_empty() {
        true => format!("{id} {verdict}"),
        false => format!("{id} {verdict}  # {comment}"),
    }
}

/// Returns the ids of all cases, in order.
fn ids() -> Vec<String> {
    let all = Group::ALL.iter().flat_map(|group| cases(*group, Size::Reduced));
    all.map(|case| case.id().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_as_it_is() {
        let text =
            "# Owner: me\n\n  6.4.1\tNON-STRICT # late # very\n# second section\n3.1 FAILED\n";
        let read = Baseline::parse(&format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
        assert_eq!(read.expected("6.4.1"), Some(Verdict::NonStrict));
        assert_eq!(read.expected("3.1"), Some(Verdict::Failed));
        assert_eq!(read.expected("3.2"), None);
        assert_eq!(read.text(), text);
        assert!(!read.is_strict());
    }

    #[test]
    fn a_new_file_says_which_reading_it_is_about() {
        for is_strict in [true, false] {
            let text = Baseline::new(is_strict).text();
            assert_eq!(Baseline::parse(&text).unwrap().is_strict(), is_strict, "{text}");
        }
    }

    #[test]
    fn wrong_lines_are_named() {
        for (text, number, why) in [
            ("\n99.9 FAILED", 2, "no case \"99.9\""),
            ("3.1", 1, "a case and a verdict"),
            ("3.1 FAILED late", 1, "a case and a verdict"),
            ("3.1 failed", 1, "none of OK"),
            ("3.1 FAILED\n3.1 OK", 2, "twice"),
        ] {
            let (line, told) = Baseline::parse(text).unwrap_err();
            assert!(line == number && told.contains(why), "{text:?}: {line}: {told}");
        }
    }
}
