//! The file of expected failures, which lets CI fail on changes.
//!
//! A line is a case and its verdict. What follows `#` is a comment:
//!
//! ```text
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

/// The expected failures, by case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Baseline {
    lines: BTreeMap<String, Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    verdict: Verdict,
    /// The reason. May be empty.
    comment: String,
}

impl Baseline {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or a line is wrong: the error names it.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let told = |why: String| format!("the baseline {}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
        Self::parse(&text).map_err(|(line, why)| told(format!("line {line}: {why}")))
    }

    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let known = ids();
        let mut lines = BTreeMap::new();
        for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let (entry, comment) = line.split_once('#').unwrap_or((line, ""));
            let words: Vec<&str> = entry.split_whitespace().collect();
            let (id, verdict) = match words[..] {
                [] => continue,
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
            let line = Line { verdict, comment: comment.trim().to_owned() };
            if lines.insert(id.to_owned(), line).is_some() {
                return Err((i + 1, format!("{id} is there twice")));
            }
        }
        Ok(Self { lines })
    }

    /// Returns the verdict that is expected of a case. `None`: it must not fail.
    pub(crate) fn expected(&self, id: &str) -> Option<Verdict> {
        self.lines.get(id).map(|line| line.verdict)
    }

    /// Returns the baseline by which these results are as expected. Lines of cases that have not
    /// run stay, and so do comments.
    pub(crate) fn renewed(&self, results: &Results<'_>) -> Self {
        let mut lines = self.lines.clone();
        for record in &results.records {
            let id = record.case.id();
            let old = lines.remove(id);
            if record.has_failed(results.is_strict) {
                let verdict = record.verdict(results.is_strict);
                let kept = old.filter(|line| !line.comment.is_empty());
                let comment =
                    kept.map_or_else(|| plain(&record.outcome.reason), |line| line.comment);
                lines.insert(id.to_owned(), Line { verdict, comment });
            }
        }
        Self { lines }
    }

    /// Checks that a file can be there.
    ///
    /// # Errors
    ///
    /// A directory is there, or there is no directory for it.
    pub(crate) fn check_place(path: &Path) -> Result<(), String> {
        if path.is_dir() {
            return Err(not_written(path, "it is a directory"));
        }
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
                Err(not_written(path, &format!("there is no directory {}", parent.display())))
            }
            _ => Ok(()),
        }
    }

    /// Writes the file, or leaves the old one as it was.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        files::replace(path, self.text().as_bytes())
            .map_err(|error| not_written(path, &error.to_string()))
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for id in ids() {
            let Some(Line { verdict, comment }) = self.lines.get(&id) else { continue };
            text += &format!("{id} {verdict}");
            if !comment.is_empty() {
                text += &format!("  # {comment}");
            }
            text.push('\n');
        }
        text
    }
}

fn not_written(path: &Path, why: &str) -> String {
    format!("the baseline {} cannot be written: {why}", path.display())
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
    fn what_is_written_can_be_read() {
        let text = "\u{feff}# a comment\r\n\r\n  6.4.1\tNON-STRICT # late # very\n3.1 FAILED\n";
        let read = Baseline::parse(text).unwrap();
        assert_eq!(read.expected("6.4.1"), Some(Verdict::NonStrict));
        assert_eq!(read.expected("3.1"), Some(Verdict::Failed));
        assert_eq!(read.expected("3.2"), None);
        assert_eq!(read.lines["6.4.1"].comment, "late # very");
        let written = read.text();
        assert_eq!(Baseline::parse(&written), Ok(read));
        // In the order of the cases.
        assert!(written.ends_with("\n3.1 FAILED\n6.4.1 NON-STRICT  # late # very\n"), "{written}");
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
