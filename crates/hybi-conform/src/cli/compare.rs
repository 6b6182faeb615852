//! `hybi-conform compare`: the results of several implementations side by side.
//!
//! It reads what `--report` has written, and the reports of the Autobahn testsuite.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use hybi_conform::{Case, Group, Size, Verdict, cases};
use serde_json::Value;

use crate::arguments::CompareOptions;
use crate::report::text::{Escaped as E, cell, code, counted, href, plain};
use crate::report::{files, html, markdown};
use crate::results::{Counts, count};
use crate::summary;

/// How many differences are printed. The HTML has them all.
const DIFFERENCES_MAX: usize = 30;

/// The results of one implementation, by case.
#[derive(Debug)]
struct Subject {
    name: String,
    results: BTreeMap<String, Found>,
}

/// The result of a case.
#[derive(Clone, Debug)]
struct Found {
    verdict: Verdict,
    /// Empty for a good verdict, and in Autobahn's reports.
    reason: String,
    /// The page of the case, within the report.
    page: Option<PathBuf>,
}

struct Comparison {
    subjects: Vec<Subject>,
    /// The groups, all of them first, and the counts of each implementation.
    tables: Vec<(&'static str, Vec<(String, Counts)>)>,
    differences: Vec<Difference>,
    /// How many cases there are in all.
    cases: usize,
    /// The implementations that have not run all cases, and how many each has not run.
    missing: Vec<(String, usize)>,
}

/// A case with different verdicts.
struct Difference {
    id: String,
    title: String,
    /// The verdicts and reasons, from the worst to the best, and the implementations that have
    /// each. `None`: the case has not run.
    verdicts: Vec<(Option<Verdict>, String, Vec<Who>)>,
}

/// An implementation, and its page about a case.
struct Who {
    name: String,
    page: Option<PathBuf>,
}

/// Compares reports, and prints and writes the comparison.
///
/// # Errors
///
/// A report cannot be read, or the comparison cannot be written.
pub(crate) fn run(options: &CompareOptions) -> Result<(), String> {
    let mut subjects = Vec::new();
    for dir in &options.reports {
        subjects.extend(read(dir, options.strict)?);
    }
    if subjects.len() < 2 {
        return Err("there is one implementation alone; name a report of another one".into());
    }
    tell_apart(&mut subjects);
    let comparison = Comparison::new(subjects);
    let written = |path: &Path, text: String| {
        files::replace(path, text.as_bytes())
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))
    };
    let mut out = io::stdout().lock();
    let printed = out.write_all(comparison.text().as_bytes()).and_then(|()| out.flush());
    if let Some(path) = &options.markdown {
        written(path, comparison.markdown())?;
    }
    if let Some(path) = &options.html {
        let dir = path.parent().unwrap_or(Path::new(""));
        written(path, comparison.html(dir))?;
    }
    match printed {
        // The reader, such as `head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| format!("the comparison cannot be written: {error}")),
    }
}

/// Reads a report: ours has all cases in `results.json`; Autobahn's has an `index.json` alone.
fn read(dir: &Path, is_strict: bool) -> Result<Vec<Subject>, String> {
    let ours = dir.join("results.json");
    let path = if ours.exists() { ours } else { dir.join("index.json") };
    let told = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| told(&error))?;
    parse(&text, dir, is_strict).map_err(|why| told(&why))
}

fn parse(text: &str, dir: &Path, is_strict: bool) -> Result<Vec<Subject>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let agents = value.as_object().ok_or("it is no object of agents")?;
    let mut subjects = Vec::new();
    for (name, all) in agents {
        let all = all.as_object().ok_or_else(|| format!("{name:?} has no cases"))?;
        let mut results = BTreeMap::new();
        for (id, fields) in all {
            let verdict = |field: &str| {
                let text = fields.get(field).and_then(Value::as_str).unwrap_or_default();
                Verdict::ALL.into_iter().find(|verdict| verdict.name() == text)
            };
            let wrong =
                |field: &str| format!("case {id:?} of {name:?} has no verdict in {field:?}");
            let behavior = verdict("behavior").ok_or_else(|| wrong("behavior"))?;
            // Autobahn has other words there, too, for a case without a connection.
            let closing = verdict("behaviorClose").unwrap_or(Verdict::Failed);
            let strict = verdict("strict").filter(|_| is_strict);
            let worst = behavior.max(closing).max(strict.unwrap_or(Verdict::Ok));
            let text = |field: &str| fields.get(field).and_then(Value::as_str);
            let is_good = worst <= Verdict::Informational;
            let reason = text("reason").filter(|_| !is_good).map(plain).unwrap_or_default();
            let page = text("reportfile").map(|file| dir.join(file).with_extension("html"));
            let page = page.filter(|page| page.exists());
            results.insert(plain(id), Found { verdict: worst, reason, page });
        }
        subjects.push(Subject { name: plain(name), results });
    }
    if subjects.is_empty() {
        return Err("there is nobody in it".into());
    }
    Ok(subjects)
}

/// Makes the names unique, because two runs of one implementation can be compared, too.
fn tell_apart(subjects: &mut [Subject]) {
    let mut taken = BTreeSet::new();
    for subject in subjects {
        let name = subject.name.clone();
        let mut more = 2;
        while !taken.insert(subject.name.clone()) {
            subject.name = format!("{name} ({more})");
            more += 1;
        }
    }
}

impl Comparison {
    fn new(subjects: Vec<Subject>) -> Self {
        let known = Group::ALL.iter().flat_map(|group| cases(*group, Size::Reduced));
        let known: Vec<Case> = known.collect();
        // Cases of another version come last.
        let ids: BTreeSet<&String> = subjects.iter().flat_map(|it| it.results.keys()).collect();
        let mut all: Vec<(&str, String, String)> = Vec::new();
        for case in &known {
            if ids.iter().any(|id| *id == case.id()) {
                all.push((case.group().name(), case.id().to_owned(), case.title().to_owned()));
            }
        }
        for id in ids {
            if !known.iter().any(|case| case.id() == id) {
                all.push(("other", id.clone(), String::new()));
            }
        }

        let cases = all.len();
        let mut tables: Vec<(&str, Vec<(String, Counts)>)> = Vec::new();
        let mut differences = Vec::new();
        let empty = || subjects.iter().map(|it| (it.name.clone(), Counts::default())).collect();
        let mut sum: Vec<(String, Counts)> = empty();
        for (group, id, title) in all {
            if tables.last().is_none_or(|(last, _)| *last != group) {
                tables.push((group, empty()));
            }
            let Some((_, rows)) = tables.last_mut() else { continue };
            let mut by_verdict: BTreeMap<(Option<Verdict>, String), Vec<Who>> = BTreeMap::new();
            for (i, subject) in subjects.iter().enumerate() {
                let found = subject.results.get(&id);
                let verdict = found.map(|found| found.verdict);
                let reason = found.map(|found| found.reason.clone()).unwrap_or_default();
                let page = found.and_then(|found| found.page.clone());
                let who = Who { name: subject.name.clone(), page };
                by_verdict.entry((verdict, reason)).or_default().push(who);
                for rows in [&mut *rows, &mut sum] {
                    if let (Some(verdict), Some((_, counts))) = (verdict, rows.get_mut(i)) {
                        count(counts, verdict);
                    }
                }
            }
            let all: BTreeSet<_> = by_verdict.keys().filter_map(|(verdict, _)| *verdict).collect();
            if all.len() > 1 {
                let told = by_verdict.into_iter().rev();
                let verdicts =
                    told.map(|((verdict, reason), names)| (verdict, reason, names)).collect();
                differences.push(Difference { id, title, verdicts });
            }
        }
        tables.insert(0, ("all", sum));
        let missing = subjects.iter().map(|it| (it.name.clone(), cases - it.results.len()));
        let missing = missing.filter(|(_, count)| *count > 0).collect();
        Self { subjects, tables, differences, cases, missing }
    }

    fn heading(&self) -> String {
        let (count, differ, cases) = (self.subjects.len(), self.differences.len(), self.cases);
        let cases = counted(cases, "case");
        match differ {
            0 => format!("{count} implementations, and each of {cases} came out alike."),
            _ => format!("{count} implementations; {differ} of {cases} came out differently."),
        }
    }

    /// Returns whether the second of two implementations is worse or better. Empty if there are
    /// more, or they do not differ. `name` escapes their names.
    fn direction(&self, name: impl Fn(&str) -> String) -> String {
        let [before, after] = &self.subjects[..] else { return String::new() };
        if self.differences.is_empty() {
            return String::new();
        }
        let is_worse = |it: &&Difference| {
            let worst = it.verdicts.first();
            worst.is_some_and(|(_, _, who)| who.iter().any(|who| who.name == after.name))
        };
        let worse = self.differences.iter().filter(is_worse).count();
        let some = |count: usize| if count == 0 { "none".into() } else { count.to_string() };
        let better = some(self.differences.len() - worse);
        let (before, after, worse) = (name(&before.name), name(&after.name), some(worse));
        format!("{after} is worse than {before} in {worse}, and better in {better}.")
    }

    /// Returns sentences about the implementations that have not run all cases. `name` escapes
    /// their names.
    fn missing(&self, name: impl Fn(&str) -> String) -> String {
        let told = |(who, count): &(String, usize)| format!("{} has not run {count}.", name(who));
        self.missing.iter().map(told).collect::<Vec<_>>().join(" ")
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (group, rows) in &self.tables {
            let _ = writeln!(text, "{group}");
            let rows: Vec<_> =
                rows.iter().map(|(name, counts)| (format!("  {name}"), *counts)).collect();
            summary::table(&mut text, &rows);
            text.push('\n');
        }
        let (heading, direction) = (self.heading(), self.direction(str::to_owned));
        let missing = self.missing(str::to_owned);
        let sentences = [heading, direction, missing].into_iter().filter(|it| !it.is_empty());
        let _ = writeln!(text, "{}", sentences.collect::<Vec<_>>().join(" "));
        for Difference { id, title, verdicts } in self.differences.iter().take(DIFFERENCES_MAX) {
            let _ = writeln!(text, "\n{id} {title}");
            for (verdict, reason, who) in verdicts {
                let names: Vec<_> = who.iter().map(|who| &*who.name).collect();
                let (verdict, names) = (name(*verdict), names.join(", "));
                let colon = if reason.is_empty() { "" } else { ": " };
                let _ = writeln!(text, "  {verdict:13}  {names}{colon}{reason}");
            }
        }
        let more = self.differences.len().saturating_sub(DIFFERENCES_MAX);
        if more > 0 {
            let _ = writeln!(text, "\nand {more} more; --html FILE has them all");
        }
        text
    }

    fn markdown(&self) -> String {
        let (heading, missing) = (self.heading(), self.missing(code));
        let direction = self.direction(code);
        let mut text = format!("## hybi-conform: comparison\n\n{heading} {direction} {missing}\n");
        for (group, rows) in &self.tables {
            let _ = write!(text, "\n### {group}\n\n");
            let rows: Vec<_> = rows.iter().map(|(name, counts)| (cell(name), *counts)).collect();
            markdown::table(&mut text, "", &rows);
        }
        if !self.differences.is_empty() {
            text.push_str("\n<details><summary>Where they differ</summary>\n\n");
            text.push_str("| case | | verdicts |\n|---|---|---|\n");
            for Difference { id, title, verdicts } in &self.differences {
                let title = if title.is_empty() { String::new() } else { cell(title) };
                let all = verdicts.iter().map(|(verdict, reason, who)| {
                    let names: Vec<_> = who.iter().map(|who| cell(&who.name)).collect();
                    let (verdict, names) = (name(*verdict), names.join(", "));
                    match reason.is_empty() {
                        true => format!("{verdict}: {names}"),
                        false => format!("{verdict}: {names} ({})", cell(reason)),
                    }
                });
                let all = all.collect::<Vec<_>>().join("; ");
                let _ = writeln!(text, "| {} | {title} | {all} |", code(id));
            }
            text.push_str("\n</details>\n");
        }
        text
    }

    /// Returns a page for a file in this directory.
    fn html(&self, dir: &Path) -> String {
        let escaped = |name: &str| E(name).to_string();
        let (heading, missing) = (self.heading(), self.missing(escaped));
        let direction = self.direction(escaped);
        let mut page =
            format!("<h1>hybi-conform: comparison</h1>\n<p>{heading} {direction} {missing}</p>\n");
        for (group, rows) in &self.tables {
            let _ = writeln!(page, "<h2>{group}</h2>");
            html::table(&mut page, "Implementation", rows);
        }
        if !self.differences.is_empty() {
            page.push_str(
                "<h2 id=\"all\">Where they differ</h2>\n<table class=\"cases\" \
                 aria-labelledby=\"all\"><thead><tr><th scope=\"col\">Case</th>\
                 <th scope=\"col\">What is tested</th><th scope=\"col\">Verdicts</th></tr></thead>\
                 <tbody>\n",
            );
        }
        for Difference { id, title, verdicts } in &self.differences {
            let _ = write!(page, "<tr><td class=\"id\">{}</td><td>{}</td><td>", E(id), E(title));
            for (verdict, reason, who) in verdicts {
                let badge = verdict.map_or_else(|| "not run".to_owned(), html::badge);
                let linked = |who: &Who| {
                    let link = who.page.as_deref().and_then(|page| relative(dir, page));
                    match link {
                        Some(link) => format!("<a href=\"{}\">{}</a>", href(&link), E(&who.name)),
                        None => E(&who.name).to_string(),
                    }
                };
                let names = who.iter().map(linked).collect::<Vec<_>>().join(", ");
                let _ = write!(page, "<div>{badge} {names}");
                if !reason.is_empty() {
                    let _ = write!(page, " <span class=\"faint\">{}</span>", E(reason));
                }
                page.push_str("</div>");
            }
            page.push_str("</td></tr>\n");
        }
        if !self.differences.is_empty() {
            page.push_str("</tbody></table>\n");
        }
        html::document("hybi-conform: comparison", &page, None)
    }
}

/// Returns the relative path of a file from a directory, for a link, or `None` if there is none.
fn relative(from: &Path, to: &Path) -> Option<String> {
    let from = if from.as_os_str().is_empty() { Path::new(".") } else { from };
    let (from, to) = (from.canonicalize().ok()?, to.canonicalize().ok()?);
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Some(".."));
    let down = to.components().skip(shared).map(|part| part.as_os_str().to_str());
    Some(up.chain(down).collect::<Option<Vec<_>>>()?.join("/"))
}

fn name(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or("not run", Verdict::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report in the form that the Autobahn testsuite writes.
    #[test]
    fn a_report_of_autobahn() {
        let text = r#"{"a": {
            "1.1.1": {"behavior": "OK", "behaviorClose": "OK", "duration": 31,
                      "remoteCloseCode": 1000, "reportfile": "a_case_1_1_1.json"},
            "6.4.1": {"behavior": "NON-STRICT", "behaviorClose": "OK"},
            "9.1.1": {"behavior": "OK", "behaviorClose": "FAILED"},
            "9.1.2": {"behavior": "FAILED", "behaviorClose": "UNCLEAN"}}}"#;
        let subjects = parse(text, Path::new("/none"), true).unwrap();
        let verdicts: Vec<_> = subjects[0].results.values().map(|found| found.verdict).collect();
        use Verdict::{Failed, NonStrict, Ok};
        assert_eq!(verdicts, [Ok, NonStrict, Failed, Failed]);
    }

    #[test]
    fn what_is_no_report() {
        for (text, why) in [
            ("", "EOF"),
            ("[]", "no object"),
            ("{}", "nobody"),
            (r#"{"a": 1}"#, "\"a\" has no cases"),
            (r#"{"a": {"1.1.1": {}}}"#, "no verdict in \"behavior\""),
        ] {
            let told = parse(text, Path::new("/none"), false).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn names_are_told_apart() {
        let subject = |name: &str| Subject { name: name.into(), results: BTreeMap::new() };
        let mut subjects = [subject("a"), subject("a"), subject("a (2)")];
        tell_apart(&mut subjects);
        assert_eq!(subjects.map(|it| it.name), ["a", "a (2)", "a (2) (2)"]);
    }
}
