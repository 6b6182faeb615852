//! HTML: a list of the cases, and a page for each. A page needs nothing but itself.
//!
//! It is written so that it is also XML. That is stricter than HTML, and the tests read it as such.

use std::collections::hash_map::RandomState;
use std::fmt::{Display, Write as _};
use std::hash::{BuildHasher, Hasher};

use hybi_conform::{Direction, Group, Role, Verdict, WireLog};

use super::Entry;
use super::text::{Escaped as E, link};
use super::wire::{Header, hex, printable};
use crate::results::{Counts, Results, Standing, role};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The list.
pub(super) fn index(entries: &[Entry<'_>], all: &[Results<'_>], now: &str) -> String {
    let subjects: Vec<&str> = all.iter().map(|results| &*results.subject).collect();
    let mut page = String::new();
    for results in all {
        overview(&mut page, results, entries, now);
    }
    page.push_str("<details><summary>What the verdicts mean</summary><dl>");
    for verdict in Verdict::ALL {
        let _ = write!(page, "<dt>{}</dt><dd>{}</dd>", badge(verdict), meaning(verdict));
    }
    page.push_str("</dl></details>\n<h2 id=\"all\">Cases</h2>\n");
    filter(&mut page);
    page.push_str("<table class=\"cases\" id=\"cases\" aria-labelledby=\"all\"><thead><tr>");
    let several = all.len() > 1;
    if several {
        page.push_str("<th scope=\"col\"><button type=\"button\">Client</button></th>");
    }
    for name in ["Case", "Verdict", "What is tested", "Section", "Level", "Time"] {
        let _ = write!(page, "<th scope=\"col\"><button type=\"button\">{name}</button></th>");
    }
    page.push_str("</tr></thead><tbody>\n");
    for (i, entry) in entries.iter().enumerate() {
        row(&mut page, i, entry, several);
    }
    page.push_str("</tbody></table>\n");
    let title = format!("hybi-conform: {}", subjects.join(", "));
    document(&title, &page, Some(SCRIPT))
}

/// Writes the part above the list, for one implementation.
fn overview(page: &mut String, results: &Results<'_>, entries: &[Entry<'_>], now: &str) {
    let role = role(results.role);
    let _ = write!(page, "<h1>hybi-conform: {role} {}</h1>\n<p>", E(&results.subject));
    let _ = match results.headline() {
        (true, told) => write!(page, "{told}"),
        (false, told) => write!(page, "<strong>{told}</strong>"),
    };
    let expected = results.expected();
    if expected > 0 {
        let _ = write!(page, "; as the baseline says: {expected}");
    }
    let reading = if results.is_strict { "strict" } else { "tolerant" };
    let seconds = results.duration.as_secs_f64();
    let _ = writeln!(
        page,
        ". <span class=\"faint\">In the {reading} reading, in {seconds:.1} s, on \
         <time>{now}</time>.</span></p>"
    );
    let entry = |id: &str| {
        let of_it = |entry: &&Entry<'_>| std::ptr::eq(entry.results, results);
        entries.iter().filter(of_it).find(|entry| entry.record.case.id() == id)
    };
    if let Some(entry) = results.first().and_then(|first| entry(first.case.id())) {
        let (case, outcome) = (&entry.record.case, &entry.record.outcome);
        let _ = writeln!(
            page,
            "<p>Look first at <a href=\"{}.html\">{}</a>: {} ({}).</p>",
            E(&entry.path),
            E(case.id()),
            E(case.title()),
            E(&outcome.reason)
        );
    }
    let changed: Vec<_> = results.changed().collect();
    if !changed.is_empty() {
        page.push_str("<h2>Not as the baseline says</h2>\n<ul>");
        for (record, expected) in changed {
            let id = record.case.id();
            let path = entry(id).map_or("", |entry| &entry.path);
            let verdict = badge(record.verdict(results.is_strict));
            let (path, id, was) = (E(path), E(id), badge(expected));
            let _ = write!(
                page,
                "<li><a href=\"{path}.html\">{id}</a> is {verdict} and was {was}</li>"
            );
        }
        page.push_str("</ul>\n");
    }
    page.push_str("<h2>Verdicts</h2>\n");
    table(page, "Kind of cases", &results.table());
}

/// A table of counts. Its second column has them all, so that it fits a small screen.
pub(crate) fn table(page: &mut String, name: &str, rows: &[(String, Counts)]) {
    let _ = writeln!(
        page,
        "<table class=\"counts\"><thead><tr><th scope=\"col\">{name}</th>\
         <th scope=\"col\">How many</th></tr></thead><tbody>"
    );
    for (name, counts) in rows {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th><td>", E(name));
        for (count, verdict) in counts.iter().zip(Verdict::ALL) {
            if *count > 0 {
                let class = class(verdict);
                let _ = write!(page, "<span class=\"verdict {class}\">{count} {verdict}</span> ");
            }
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody></table>\n");
}

/// The script makes it visible.
fn filter(page: &mut String) {
    page.push_str(
        "<form id=\"filter\" role=\"search\" aria-label=\"Filter the cases\" hidden=\"hidden\">\
         <label>Text <input type=\"search\" name=\"text\"/></label>\
         <label>Verdict <select name=\"verdict\"><option value=\"\">all</option>",
    );
    for verdict in Verdict::ALL.into_iter().rev() {
        let _ = write!(page, "<option>{verdict}</option>");
    }
    page.push_str(
        "</select></label><label>Group <select name=\"group\"><option value=\"\">all</option>",
    );
    for group in Group::ALL {
        let _ = write!(page, "<option>{group}</option>");
    }
    page.push_str("</select></label><output id=\"shown\" aria-live=\"polite\"></output></form>\n");
}

fn row(page: &mut String, i: usize, entry: &Entry<'_>, several: bool) {
    let Entry { results, record, path } = entry;
    let (case, outcome) = (&record.case, &record.outcome);
    let verdict = record.verdict(results.is_strict);
    let rank = Verdict::ALL.len() - Verdict::ALL.iter().filter(|other| **other <= verdict).count();
    let group = case.group();
    let _ = write!(page, "<tr data-verdict=\"{verdict}\" data-group=\"{group}\">");
    if several {
        let _ = write!(page, "<td>{}</td>", E(&results.subject));
    }
    let _ = write!(
        page,
        "<td class=\"id\" data-key=\"{i}\"><a href=\"{}.html\">{}</a></td>\
         <td data-key=\"{rank}\">{}",
        E(path),
        E(case.id()),
        badge(verdict)
    );
    match results.standing(record) {
        Standing::Expected => page.push_str("<span class=\"faint\">as the baseline says</span>"),
        Standing::Changed(was) => {
            let _ = write!(page, "<span class=\"faint\">and was {was}</span>");
        }
        Standing::Failed | Standing::Fine => {}
    }
    let _ = write!(page, "</td><td>{}", E(case.title()));
    if !outcome.reason.is_empty() && verdict != Verdict::Ok {
        let _ = write!(page, "<br/><span class=\"faint\">{}</span>", E(&outcome.reason));
    }
    let milliseconds = record.duration.as_secs_f64() * 1000.0;
    let (section, level) = (E(case.section()), case.level());
    let _ = writeln!(
        page,
        "</td><td class=\"inline\">{section}</td><td class=\"inline\">{level}</td>\
         <td class=\"inline number\" data-key=\"{milliseconds:.1}\">{milliseconds:.1} ms</td></tr>"
    );
}

/// The page of a case, with ways to those around it.
pub(super) fn case(
    entry: &Entry<'_>,
    before: Option<&Entry<'_>>,
    after: Option<&Entry<'_>>,
) -> String {
    let Entry { results, record, .. } = entry;
    let (case, outcome) = (&record.case, &record.outcome);
    let verdict = record.verdict(results.is_strict);
    let mut page =
        String::from("<nav aria-label=\"Cases\"><a href=\"../index.html\">All cases</a>");
    for (name, rel, other) in [("Previous", "prev", before), ("Next", "next", after)] {
        let Some(other) = other else { continue };
        let path = other.path.strip_prefix("cases/").unwrap_or(&other.path);
        let (path, id) = (E(path), E(other.record.case.id()));
        let _ = write!(page, "<a href=\"{path}.html\" rel=\"{rel}\">{name}: {id}</a>");
    }
    let _ = write!(
        page,
        "</nav>\n<h1>{}: {}</h1>\n<p>{} {}</p>\n<dl>\n",
        E(case.id()),
        E(case.title()),
        badge(verdict),
        meaning(verdict)
    );
    let mut item = |name: &str, value: &dyn Display| {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{value}</dd>");
    };
    let name = match results.role {
        Role::Server => "Server",
        Role::Client => "Client",
    };
    item(name, &E(&results.subject));
    item("Sent", &E(&case.sent()));
    item("Expected", &E(&outcome.expected));
    if let Some(rule) = case.rule() {
        item("Because", &E(rule));
    }
    item("Seen", &E(&outcome.seen));
    if !outcome.reason.is_empty() {
        item("So", &E(&outcome.reason));
    }
    let section = E(case.section());
    match link(case.section()) {
        Some(link) => item("Decided by", &format!("<a href=\"{}\">{section}</a>", E(&link))),
        None => item("Decided by", &section),
    }
    item("Level", &case.level());
    match results.standing(record) {
        Standing::Expected => item("Baseline", &"says the same"),
        Standing::Changed(was) => item("Baseline", &format!("says {}", badge(was))),
        Standing::Failed | Standing::Fine => {}
    }
    item("Until the end", &badge(outcome.behavior));
    item("How it ended", &badge(outcome.closing));
    item("Strictly", &badge(outcome.strict));
    match outcome.close_code {
        Some(code) => item("Close code", &code),
        None => item("Close code", &"none came"),
    }
    if outcome.timed_out {
        item("Time-out", &"something that must come did not");
    }
    item("Time", &format!("{:.1} ms", record.duration.as_secs_f64() * 1000.0));
    page.push_str("</dl>\n<h2>On the wire</h2>\n");
    log(&mut page, &outcome.log);
    document(&format!("{}: {verdict}", case.id()), &page, None)
}

fn log(page: &mut String, log: &WireLog) {
    if log.entries.is_empty() {
        page.push_str("<p>Nothing went over it.</p>\n");
        return;
    }
    page.push_str("<ol class=\"log\">\n");
    for entry in &log.entries {
        let (class, direction) = match entry.direction {
            Direction::Sent => ("sent", "\u{2192} sent"),
            Direction::Received => ("received", "\u{2190} received"),
            Direction::Note => ("note", ""),
        };
        let at = entry.at.as_secs_f64() * 1000.0;
        let _ = write!(
            page,
            "<li class=\"{class}\"><p><span class=\"faint\">{at:.1} ms</span> \
             <strong>{direction}</strong> {}</p>",
            E(&entry.event)
        );
        let header = Header::read(&entry.bytes).filter(|_| entry.is_frame);
        match header {
            Some(header) => {
                frame(page, &header, &entry.bytes);
                bytes(page, &header.payload(&entry.bytes));
            }
            None => bytes(page, &entry.bytes),
        }
        if entry.len > entry.bytes.len() {
            let more = entry.len - entry.bytes.len();
            let _ = write!(page, "<p class=\"faint\">and {more} more bytes</p>");
        }
        page.push_str("</li>\n");
    }
    page.push_str("</ol>\n");
    if log.left_out > 0 {
        let _ = writeln!(page, "<p class=\"faint\">and {} more entries</p>", log.left_out);
    }
}

/// The fields of a header, and its bytes.
fn frame(page: &mut String, header: &Header, bytes: &[u8]) {
    let Header { fin, rsv, opcode, len, len_bits, key, size } = header;
    let wire = hex(bytes.get(..*size).unwrap_or_default(), " ");
    let _ = write!(
        page,
        "<p class=\"fields\"><code>{wire}</code> <span>FIN {}</span> <span>RSV {rsv:03b}</span> \
         <span>opcode {opcode} ({})</span> <span>MASK {}</span> \
         <span>length {len} in {len_bits} bits</span>",
        u8::from(*fin),
        header.kind(),
        u8::from(key.is_some())
    );
    let close = header.payload(bytes);
    if let (8, [high, low, ..]) = (*opcode, &close[..]) {
        let code = u16::from_be_bytes([*high, *low]);
        let _ = write!(page, " <span>close code {code}</span>");
    }
    if let Some(key) = key {
        let _ = write!(page, " <span>key <code>{}</code></span>", hex(key, " "));
        if *len > 0 {
            page.push_str(" <span class=\"faint\">below without its mask:</span>");
        }
    }
    page.push_str("</p>");
}

/// Bytes, eight at a time: where they are, in hexadecimal digits, and in ASCII.
fn bytes(page: &mut String, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    page.push_str("<div class=\"bytes\">");
    for (i, eight) in bytes.chunks(8).enumerate() {
        let (offset, digits, text) = (i * 8, hex(eight, " "), printable(eight));
        let _ = writeln!(page, "<span><i>{offset:04x}</i>  {digits:23}  {}</span>", E(&text));
    }
    page.push_str("</div>");
}

/// A verdict with its colour. It is told by its name, too.
pub(crate) fn badge(verdict: Verdict) -> String {
    format!("<span class=\"verdict {}\">{verdict}</span>", class(verdict))
}

fn class(verdict: Verdict) -> String {
    verdict.name().to_ascii_lowercase()
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "As expected.",
        Verdict::Informational => "The RFC leaves it open.",
        Verdict::Unimplemented => "An extension was not negotiated, or a message exceeds a limit.",
        Verdict::NonStrict => "Allowed, but late or against a SHOULD.",
        Verdict::Failed => "A rule was broken.",
    }
}

/// A whole page. Nothing is loaded, and no script runs but ours: a browser that finds another, in
/// what a peer has sent, does not know its number.
pub(crate) fn document(title: &str, main: &str, script: Option<&str>) -> String {
    let nonce = format!("{:016x}", RandomState::new().build_hasher().finish());
    let allowed = match script {
        Some(_) => format!("; script-src 'nonce-{nonce}'"),
        None => String::new(),
    };
    let script = match script {
        Some(script) => format!("<script nonce=\"{nonce}\">\n{script}</script>\n"),
        None => String::new(),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'{allowed}\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{main}</main>\n\
         {script}</body>\n</html>\n",
        E(title)
    )
}
