//! JSON, in the form of Autobahn's reports.

use hybi_conform::{Direction, Group, Role};
use serde_json::{Map, Value, json};

use super::Entry;
use super::wire::hex;
use crate::results::Results;

/// `index.json`: agent, case, and its verdicts. Readers of Autobahn's reports take an id apart at
/// its dots, so its cases are here alone.
pub(super) fn index(entries: &[Entry<'_>], all: &[Results<'_>]) -> String {
    let is_autobahns = |entry: &&Entry<'_>| entry.record.case.group() == Group::Autobahn;
    by_agent(all, entries.iter().filter(is_autobahns), verdicts)
}

/// `results.json`: the same for all cases, with what a comparison needs.
pub(super) fn results(entries: &[Entry<'_>], all: &[Results<'_>]) -> String {
    by_agent(all, entries.iter(), |entry| {
        let Entry { record, results, .. } = entry;
        let mut fields = verdicts(entry);
        fields.insert("strict".into(), record.outcome.strict.name().into());
        fields.insert("group".into(), record.case.group().name().into());
        fields.insert("reason".into(), (*record.outcome.reason).into());
        fields.insert(
            "expectedToFail".into(),
            match results.baseline.expected(record.case.id()) {
                Some(verdict) => verdict.name().into(),
                None => Value::Null,
            },
        );
        fields
    })
}

fn by_agent<'a>(
    all: &[Results<'_>],
    entries: impl Iterator<Item = &'a Entry<'a>>,
    describe: impl Fn(&Entry<'_>) -> Map<String, Value>,
) -> String {
    let mut agents: Map<String, Value> =
        all.iter().map(|results| (results.subject.clone(), json!({}))).collect();
    for entry in entries {
        if let Some(Value::Object(cases)) = agents.get_mut(&entry.results.subject) {
            cases.insert(entry.record.case.id().to_owned(), describe(entry).into());
        }
    }
    format!("{:#}\n", Value::Object(agents))
}

fn verdicts(entry: &Entry<'_>) -> Map<String, Value> {
    let outcome = &entry.record.outcome;
    let mut fields = Map::new();
    fields.insert("behavior".into(), outcome.behavior.name().into());
    fields.insert("behaviorClose".into(), outcome.closing.name().into());
    fields.insert("duration".into(), milliseconds(entry).into());
    fields.insert("remoteCloseCode".into(), outcome.close_code.into());
    fields.insert("reportfile".into(), format!("{}.json", entry.path).into());
    fields
}

fn milliseconds(entry: &Entry<'_>) -> u64 {
    u64::try_from(entry.record.duration.as_millis()).unwrap_or(u64::MAX)
}

/// A case with its wire log.
pub(super) fn case(entry: &Entry<'_>) -> String {
    let Entry { results, record, .. } = entry;
    let (case, outcome) = (&record.case, &record.outcome);
    let log = outcome.log.entries.iter().map(|entry| {
        let direction = match entry.direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
            Direction::Note => "note",
        };
        json!({
            "direction": direction,
            "milliseconds": entry.at.as_secs_f64() * 1000.0,
            "event": entry.event,
            "length": entry.len,
            "bytes": hex(&entry.bytes, ""),
        })
    });
    let value = json!({
        "agent": results.subject,
        "id": case.id(),
        "group": case.group().name(),
        "description": case.title(),
        "section": case.section(),
        "level": case.level().to_string(),
        "sent": case.sent(),
        "expectation": outcome.expected,
        "rule": case.rule(),
        "seen": outcome.seen,
        "result": outcome.reason,
        "behavior": outcome.behavior.name(),
        "behaviorClose": outcome.closing.name(),
        "strict": outcome.strict.name(),
        "duration": milliseconds(entry),
        "remoteCloseCode": outcome.close_code,
        "timedOut": outcome.timed_out,
        // Which end the tester was.
        "isServer": results.role == Role::Client,
        "wirelog": log.collect::<Vec<_>>(),
        "wirelogLeftOut": outcome.log.left_out,
    });
    format!("{value:#}\n")
}
