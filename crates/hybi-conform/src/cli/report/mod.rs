//! `--report DIR`: the results as files.
//!
//! | file | for |
//! |---|---|
//! | `index.html`, `cases/*.html` | people: a list, and a page for each case with its wire log |
//! | `summary.md` | a pull request, or the summary of a job |
//! | `junit.xml` | CI |
//! | `index.json` | tools that read Autobahn's reports: its cases, in its form |
//! | `results.json` | `hybi-conform compare`: all cases, in the same form with more fields |
//! | `cases/*.json` | what the pages of the cases say, for programs |
//!
//! All that a peer has sent is escaped where it is written ([`text`], and `serde_json`).

pub(crate) mod files;
pub(crate) mod html;
mod json;
mod junit;
pub(crate) mod markdown;
pub(crate) mod text;
mod wire;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::results::{Record, Results};
use files::Staged;

/// A directory for reports.
pub(crate) struct Report {
    dir: PathBuf,
}

/// A case, and where its files are.
struct Entry<'a> {
    results: &'a Results<'a>,
    record: &'a Record,
    /// The path within the directory, without an extension.
    path: String,
}

impl Report {
    /// Makes the directory, and tries it: better now than after the run.
    ///
    /// # Errors
    ///
    /// Nothing can be written there.
    pub(crate) fn begin(dir: &Path) -> Result<Self, String> {
        if dir.is_file() {
            let why = "it is a file; give the name of a directory";
            return Err(failed(dir, &std::io::Error::other(why)));
        }
        let tried = Staged::new(dir).and_then(|mut staged| staged.write("index.json", b"{}"));
        tried.map_err(|error| failed(dir, &error))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Writes the reports about these implementations, all or none.
    ///
    /// # Errors
    ///
    /// They cannot be written. An earlier report is still there.
    pub(crate) fn write(&self, all: &[Results<'_>]) -> Result<(), String> {
        self.try_write(all).map_err(|error| failed(&self.dir, &error))?;
        let index = self.dir.join("index.html");
        let _ = writeln!(std::io::stderr(), "The report is in {}", index.display());
        Ok(())
    }

    fn try_write(&self, all: &[Results<'_>]) -> std::io::Result<()> {
        let now = text::utc(SystemTime::now());
        let entries = entries(all);
        let mut staged = Staged::new(&self.dir)?;
        for (i, entry) in entries.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|i| entries.get(i));
            let page = html::case(entry, before, entries.get(i + 1));
            staged.write(&format!("{}.html", entry.path), page.as_bytes())?;
            staged.write(&format!("{}.json", entry.path), json::case(entry).as_bytes())?;
        }
        staged.write("junit.xml", junit::write(all, &now).as_bytes())?;
        staged.write("summary.md", markdown::summary(all).as_bytes())?;
        staged.write("results.json", json::results(&entries, all).as_bytes())?;
        staged.write("index.json", json::index(&entries, all).as_bytes())?;
        staged.write("index.html", html::index(&entries, all, &now).as_bytes())?;
        staged.publish()
    }
}

fn failed(dir: &Path, error: &std::io::Error) -> String {
    format!("the report cannot be written to {}: {error}", dir.display())
}

fn entries<'a>(all: &'a [Results<'a>]) -> Vec<Entry<'a>> {
    let mut taken = BTreeSet::new();
    let mut entries = Vec::new();
    for results in all {
        for record in &results.records {
            let name = format!(
                "cases/{}_case_{}",
                text::file_name(&results.subject),
                text::file_name(record.case.id())
            );
            let mut path = name.clone();
            let mut more = 2;
            while !taken.insert(path.clone()) {
                path = format!("{name}_{more}");
                more += 1;
            }
            entries.push(Entry { results, record, path });
        }
    }
    entries
}
