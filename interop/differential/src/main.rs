//! The same generated inputs for hybi and for implementations not written here, in both roles.
//! For frames it compares whether they are accepted, the messages, the replies and the close code,
//! with permessage-deflate and without. For opening handshakes it compares whether they are
//! accepted, and the response of a server that sends one automatically.
//!
//! ```sh
//! interop/differential/run.sh               # the short form
//! interop/differential/run.sh 1000000 7     # so many cases, from this seed
//! ```
//!
//! `receiver.rs` has the plain reading of the RFC, with habits that can be switched on. `rules.rs`
//! has the habits of each implementation. hybi must do what the plain reading says, and every other
//! exactly what it says with its habits. Otherwise the run fails and prints the smallest input that
//! it finds. For handshakes the files of `crates/hybi-conform/src/handshake` are the plain reading.
//! Of five cases one is a handshake, one has compressed messages, and one goes to the Python
//! implementations, too.

mod answer;
mod blocks;
mod case;
mod compressed;
mod frames;
mod heads;
mod inflate;
mod peers;
mod random;
mod receiver;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use answer::Answer;
use case::{Case, End, Outcome, Phase};
use heads::{Edit, Heads, Verdict};
use peers::Peer;
use peers::python::Python;
use random::Random;
use receiver::{Habit, borders, receive};
use rules::{
    ANSWER_RULES, DEFLATE_RULES, HAVE_DEFLATE, HEAD_RULES, RULES, Rule, SMALL_READS, TUNGSTENITE,
    are_small,
};

const BATCH: usize = 500;
/// How many unexplained differences are shown before it gives up.
const SHOWN_MAX: usize = 10;
/// How often it is tried to make one of them smaller.
const SHRINK_TRIES_MAX: usize = 2000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cases, seed, python] = &arguments[..] else {
        eprintln!("usage: hybi-differential CASES SEED PYTHON");
        return ExitCode::from(2);
    };
    let (Ok(cases), Ok(seed)) = (cases.parse::<usize>(), seed.parse()) else {
        eprintln!("the number of cases and the seed are numbers");
        return ExitCode::from(2);
    };
    // A panic is an outcome like others.
    std::panic::set_hook(Box::new(|_| {}));
    let mut run = Run {
        heads: Heads::new(),
        others: vec![
            Box::new(peers::tungstenite::Tungstenite),
            Box::new(peers::tokio_websockets::TokioWebsockets),
            Box::new(peers::fastwebsockets::Fastwebsockets),
            Box::new(peers::soketto::Soketto),
            Box::new(peers::sockudo_ws::SockudoWs),
            Box::new(peers::frameworks::ACTIX_HTTP),
            Box::new(peers::frameworks::AXUM),
            Box::new(peers::frameworks::HYPER_TUNGSTENITE),
        ],
        python: Python::start(python).expect("the interpreter starts"),
        compared: BTreeMap::new(),
        differing: BTreeMap::new(),
        classes: BTreeMap::new(),
        shown: 0,
    };
    let mut random = Random::new(seed);
    let mut done = 0;
    while done < cases && run.shown < SHOWN_MAX {
        let count = BATCH.min(cases - done);
        run.batch(&mut random, count);
        done += count;
    }
    run.report(done, seed);
    if run.shown == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Run {
    heads: Heads,
    others: Vec<Box<dyn Peer>>,
    python: Python,
    /// How many outcomes of frames, of compressed ones and of heads were compared, by implementation.
    compared: BTreeMap<&'static str, [usize; 3]>,
    /// How many of them differed, by implementation.
    differing: BTreeMap<&'static str, usize>,
    /// What the rules have explained, by their names.
    classes: BTreeMap<String, Class>,
    /// How many differences nothing explains.
    shown: usize,
}

/// Differences that one rule explains.
#[derive(Default)]
struct Class {
    sections: BTreeSet<&'static str>,
    counts: BTreeMap<&'static str, usize>,
}

/// The name of a rule, and the section that decides.
type Explanation = (String, &'static str);

/// A case and which edits of a head it has.
type Generated = (Case, Vec<usize>);

impl Run {
    fn batch(&mut self, random: &mut Random, count: usize) {
        let cases: Vec<Generated> = (0..count)
            .map(|_| {
                let generate = match random.below(5) {
                    0 => {
                        let head = self.heads.generate(random);
                        return (head.case, head.edits);
                    }
                    1 => compressed::generate,
                    _ => frames::generate,
                };
                let mut case = generate(random);
                while is_left_out(&case) {
                    case = generate(random);
                }
                (case, Vec::new())
            })
            .collect();
        let for_python: Vec<&Generated> = cases.iter().filter(|_| random.once_in(5)).collect();
        for generated in &cases {
            let ours = peers::hybi::Hybi.outcome(&generated.0).expect("it does everything");
            for other in 0..self.others.len() {
                let (name, theirs) =
                    (self.others[other].name(), self.others[other].outcome(&generated.0));
                if let Some(theirs) = theirs {
                    self.compare(generated, &ours, name, &theirs);
                }
            }
        }
        let asked: Vec<&Case> = for_python.iter().map(|generated| &generated.0).collect();
        let answers = self.python.outcomes(&asked).expect("the process answers");
        for (generated, answers) in for_python.into_iter().zip(answers) {
            let ours = peers::hybi::Hybi.outcome(&generated.0).expect("it does everything");
            for (name, theirs) in Python::NAMES.into_iter().zip(answers) {
                self.compare(generated, &ours, name, &theirs);
            }
        }
    }

    fn compare(
        &mut self,
        generated: &Generated,
        ours: &Outcome,
        name: &'static str,
        theirs: &Outcome,
    ) {
        let (case, edits) = generated;
        let column = match case.phase {
            Phase::Frames => 0,
            Phase::Compressed(_) => 1,
            Phase::Head => 2,
        };
        self.compared.entry(name).or_default()[column] += 1;
        // Where they agree, too: the rules must say so.
        match self.explain(case, edits, ours, name, theirs) {
            Some(rules) if rules.is_empty() => {}
            Some(rules) => {
                *self.differing.entry(name).or_default() += 1;
                for (rule, section) in rules {
                    let class = self.classes.entry(rule).or_default();
                    class.sections.insert(section);
                    *class.counts.entry(name).or_default() += 1;
                }
            }
            None => self.show(generated, name),
        }
    }

    /// The rules by which the two differ. `None`: they do not explain it.
    fn explain(
        &self,
        case: &Case,
        edits: &[usize],
        ours: &Outcome,
        name: &str,
        theirs: &Outcome,
    ) -> Option<Vec<Explanation>> {
        match case.phase {
            Phase::Frames | Phase::Compressed(_) => explain_frames(case, ours, name, theirs),
            Phase::Head => self.explain_head(case, edits, ours, name, theirs),
        }
    }

    fn explain_head(
        &self,
        case: &Case,
        edits: &[usize],
        ours: &Outcome,
        name: &str,
        theirs: &Outcome,
    ) -> Option<Vec<Explanation>> {
        let role = case.role;
        let all = self.heads.edits(role);
        let plain = edits.iter().map(|&edit| all[edit].verdict);
        if end_of(plain) != ours.end {
            return None;
        }
        let rule_of = |edit: usize| {
            HEAD_RULES.iter().find(|rule| {
                rule.role == role
                    && rule.peers.contains(&name)
                    && rule.edits.contains(&all[edit].id)
            })
        };
        let habitual =
            edits.iter().map(|&edit| rule_of(edit).map_or(all[edit].verdict, |rule| rule.verdict));
        let mut rules = explain_answers(all, edits, ours, name, theirs)?;
        if end_of(habitual) != theirs.end {
            let are_small = name == TUNGSTENITE && are_small(&case.reads(&case.wire));
            return (are_small && theirs.end == End::Refused)
                .then(|| vec![(SMALL_READS.to_owned(), "RFC 9112 §2.1")]);
        }
        if theirs.end != ours.end {
            let sections = edits
                .iter()
                .filter_map(|&edit| rule_of(edit).map(|rule| (rule, all[edit].section)));
            rules.extend(
                sections.map(|(rule, section)| {
                    (format!("{}: {}", heads::kind(role), rule.name), section)
                }),
            );
        }
        Some(rules)
    }

    fn show(&mut self, (case, edits): &Generated, name: &'static str) {
        self.shown += 1;
        if self.shown > SHOWN_MAX {
            return;
        }
        let case = match case.phase {
            Phase::Frames | Phase::Compressed(_) => self.shrink(case, name),
            Phase::Head => case.clone(),
        };
        let (ours, theirs) =
            (peers::hybi::Hybi.outcome(&case).expect("it does everything"), self.ask(&case, name));
        println!("unexplained, {:?} as {:?}:", case.phase, case.role);
        if case.phase == Phase::Head {
            let ids: Vec<_> =
                edits.iter().map(|&edit| self.heads.edits(case.role)[edit].id).collect();
            println!("  {ids:?}");
            for outcome in [&ours, &theirs] {
                let answer = Answer::read(&outcome.answer, "", "");
                println!(
                    "  answer: {}",
                    answer.map_or("none".to_owned(), |answer| answer.to_string())
                );
            }
            println!("  bytes:  {}", case.wire.escape_ascii());
        } else {
            let hex: String = case.wire.iter().map(|byte| format!("{byte:02x}")).collect();
            println!("  bytes:  {hex}");
            println!("  plain:  {}", receive(&case, &[]));
        }
        println!("  cuts:   {:?}", case.cuts);
        println!("  hybi:   {ours}");
        println!("  {name}: {theirs}");
        if case.phase != Phase::Head {
            println!("  by the rules: {}", receive(&case, &habits(&case, name)));
        }
    }

    fn ask(&mut self, case: &Case, name: &str) -> Outcome {
        if let Some(at) = Python::NAMES.iter().position(|&other| other == name) {
            let [answers] = self
                .python
                .outcomes(&[case])
                .expect("the process answers")
                .try_into()
                .expect("one");
            return answers.into_iter().nth(at).expect("both");
        }
        let other =
            self.others.iter().find(|other| other.name() == name).expect("it is one of them");
        other.outcome(case).expect("it was asked before")
    }

    /// Frames from which bytes and cuts have been left out as long as the difference stays unexplained.
    fn shrink(&mut self, case: &Case, name: &'static str) -> Case {
        let mut smallest = case.clone();
        let mut tries = 0;
        let mut try_one = |run: &mut Self, smaller: Case, smallest: &mut Case| {
            tries += 1;
            if tries > SHRINK_TRIES_MAX {
                return false;
            }
            let ours = peers::hybi::Hybi.outcome(&smaller).expect("it does everything");
            let theirs = run.ask(&smaller, name);
            let stays =
                !is_left_out(&smaller) && explain_frames(&smaller, &ours, name, &theirs).is_none();
            if stays {
                *smallest = smaller;
            }
            stays
        };
        try_one(self, Case { cuts: Vec::new(), ..smallest.clone() }, &mut smallest);
        // Whole frames, from the last to the first.
        let ends = borders(&smallest.wire);
        for (at, &end) in ends.iter().enumerate().rev() {
            let start = if at == 0 { 0 } else { ends[at - 1] };
            let mut smaller = smallest.clone();
            smaller.wire.drain(start..end);
            try_one(self, smaller, &mut smallest);
        }
        // Payloads of two bytes.
        let starts = [&[0], &borders(&smallest.wire)[..]].concat();
        for start in starts.into_iter().rev() {
            let mut smaller = smallest.clone();
            let Some(&second) = smaller.wire.get(start + 1) else { continue };
            let payload = start + if second & 0x80 != 0 { 6 } else { 2 };
            let (len, end) = (second & 0x7f, payload + usize::from(second & 0x7f));
            if matches!(len, 3..=125) && end <= smaller.wire.len() {
                smaller.wire[start + 1] = second & 0x80 | 2;
                smaller.wire.drain(payload + 2..end);
                try_one(self, smaller, &mut smallest);
            }
        }
        let mut size = smallest.wire.len();
        while size > 0 {
            let mut at = 0;
            while at < smallest.wire.len() {
                let mut smaller = smallest.clone();
                smaller.wire.drain(at..(at + size).min(smallest.wire.len()));
                if !try_one(self, smaller, &mut smallest) {
                    at += size;
                }
            }
            size /= 2;
        }
        smallest
    }

    /// As tables for `docs/evidence/differential.md`.
    fn report(&self, cases: usize, seed: u64) {
        println!("{cases} cases from seed {seed}\n");
        println!("| | frames | compressed | handshakes | differ |\n|---|---|---|---|---|");
        for (name, [frames, compressed, heads]) in &self.compared {
            let differing = self.differing.get(name).unwrap_or(&0);
            println!("| {name} | {frames} | {compressed} | {heads} | {differing} |");
        }
        println!("\n| difference | decided by | how often |\n|---|---|---|");
        for (name, Class { sections, counts }) in &self.classes {
            let sections: Vec<_> = sections.iter().copied().collect();
            let counts: Vec<_> =
                counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            println!("| {name} | {} | {} |", sections.join(", "), counts.join(", "));
        }
        match self.shown {
            0 => println!("\nevery difference is explained"),
            shown => println!("\nFAILED: {shown} differences are not explained"),
        }
    }
}

/// The end of a head with edits that would end so alone.
fn end_of(verdicts: impl Iterator<Item = Verdict>) -> End {
    let mut end = End::Accepted;
    for verdict in verdicts {
        match verdict {
            Verdict::Accepts => {}
            Verdict::Refuses => return End::Refused,
            Verdict::Waits => end = End::Open,
        }
    }
    end
}

/// Those that an implementation has, by the rules for such a case.
fn rules(case: &Case, name: &str) -> Vec<&'static Rule> {
    let of_deflate = if matches!(case.phase, Phase::Compressed(_)) { DEFLATE_RULES } else { &[] };
    of_deflate.iter().chain(RULES).filter(|rule| rule.peers.contains(&name)).collect()
}

/// What is compressed must not be beyond comparison with any of those who have compression.
fn is_left_out(case: &Case) -> bool {
    let peers = if matches!(case.phase, Phase::Compressed(_)) { &HAVE_DEFLATE[..] } else { &[] };
    receiver::is_left_out(case, &[])
        || peers.iter().any(|name| receiver::is_left_out(case, &habits(case, name)))
}

fn habits(case: &Case, name: &str) -> Vec<Habit> {
    rules(case, name).iter().map(|rule| rule.habit).collect()
}

/// Of requests with at most one edit, so that there is no question of which is told first: the answers that were given by who does as
/// the plain reading says.
fn explain_answers(
    all: &[Edit],
    edits: &[usize],
    ours: &Outcome,
    name: &str,
    theirs: &Outcome,
) -> Option<Vec<Explanation>> {
    let edit = match edits {
        [] => None,
        &[edit] => Some(&all[edit]),
        _ => return Some(Vec::new()),
    };
    let (status, fault) = edit.and_then(|edit| edit.refusal).unwrap_or((101, ""));
    let edited = edit.and_then(|edit| edit.id.split('/').next()).unwrap_or_default();
    let read = |outcome: &Outcome| Answer::read(&outcome.answer, edited, fault);
    let plain = Answer { status, wrong: Vec::new() };
    if !ours.answer.is_empty() && read(ours) != Some(plain) {
        return None;
    }
    if theirs.answer.is_empty() || theirs.end != ours.end {
        return Some(Vec::new());
    }
    let theirs = read(theirs)?;
    if theirs.status == status && theirs.wrong.is_empty() {
        return Some(Vec::new());
    }
    let rule = ANSWER_RULES.iter().find(|rule| {
        rule.peer == name
            && rule.faults.contains(&fault)
            && (rule.status, rule.wrong) == (theirs.status, &theirs.wrong[..])
    })?;
    Some(vec![(format!("answer: {}", rule.name), rule.section)])
}

fn explain_frames(
    case: &Case,
    ours: &Outcome,
    name: &str,
    theirs: &Outcome,
) -> Option<Vec<Explanation>> {
    if receive(case, &[]) != *ours || receive(case, &habits(case, name)) != *theirs {
        return None;
    }
    if ours == theirs {
        return Some(Vec::new());
    }
    // Without those that do not matter here.
    let mut rules = rules(case, name);
    let mut at = 0;
    while at < rules.len() {
        let rule = rules.remove(at);
        let habits: Vec<_> = rules.iter().map(|rule| rule.habit).collect();
        if receive(case, &habits) != *theirs {
            rules.insert(at, rule);
            at += 1;
        }
    }
    Some(rules.iter().map(|rule| (rule.name.to_owned(), rule.section)).collect())
}
