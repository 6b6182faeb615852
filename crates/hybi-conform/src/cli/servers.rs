//! `hybi-conform server`: the cases as a client, several at once.

use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hybi_conform::{Case, Group, Outcome, Pieces, Role, Target, Tester, Verdict};
use tokio::task::JoinSet;

use crate::arguments::{Manner, ServerOptions};
use crate::drive::{Patiences, drive};
use crate::ending::{Ending, interrupted};
use crate::progress::Progress;
use crate::results::{Record, Results};
use crate::selection::select;
use crate::summary;
use crate::transport::Connector;

/// The server counts as gone after so many failed connections in a row.
const LOST_MAX: usize = 5;

/// The settings that all cases share.
struct Bench {
    connector: Connector,
    target: Target,
    patiences: Patiences,
    seed: Option<u64>,
}

pub(crate) async fn run(options: &ServerOptions) -> Result<ExitCode, String> {
    let groups = Group::ALL.iter().copied();
    let groups: Vec<_> =
        groups.filter(|group| *group != Group::Hostile || options.hostile).collect();
    let cases = select(&options.choice, Some(Role::Server), &groups)?;
    match (options.hostile, cases.iter().find(|case| case.group() == Group::Hostile)) {
        (false, Some(case)) => {
            return Err(format!(
                "{} may harm the server; if it is yours and nobody else needs it, add --hostile",
                case.id()
            ));
        }
        (true, Some(_)) => {
            let _ = writeln!(
                io::stderr(),
                "Warning: hostile cases send floods. They are for a server of your own that \
                 nobody else needs now."
            );
        }
        _ => {}
    }
    let ending = Ending::new(&options.manner)?;
    let Manner { timeout, seed, strict, .. } = options.manner;
    let address = &options.url;
    let mut target = Target::new(&address.authority, &address.resource);
    if let Some(origin) = &options.origin {
        target = target.origin(origin);
    }
    for (name, value) in &options.fields {
        target = target.field(name, value);
    }
    let connector = Connector::new(address, options.ca.as_deref(), options.insecure, timeout)?;
    let patiences = Patiences::new(timeout);
    let bench = Arc::new(Bench { connector, target, patiences, seed });
    if let Some(time) = options.wait {
        bench.wait(time).await;
    }
    bench.probe(&address.uri).await?;

    let began = Instant::now();
    let count = cases.len();
    let mut progress = Progress::new(count, strict);
    let ran = run_all(&bench, cases, options.jobs.into(), &mut progress).await;
    progress.finish();
    let (records, lost) = ran;
    let mut results = Results {
        subject: options.agent.clone().unwrap_or_else(|| address.uri.clone()),
        role: Role::Server,
        missing: count - records.len(),
        records: records.iter().collect(),
        duration: began.elapsed(),
        is_strict: strict,
        baseline: ending.baseline.clone(),
    };
    let renewed = ending.renew(&mut results);
    let told = summary::print(&results, ending.has_report());
    let has_failed = results.have_failed();
    let reported = ending.report(&[results]);
    let lost = lost.map(|why| format!("the server is gone, and not all cases have run: {why}"));
    let errors = [lost, told.err(), renewed.err(), reported.err()];
    let errors: Vec<String> = errors.into_iter().flatten().collect();
    if !errors.is_empty() {
        return Err(errors.join("; "));
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs the cases until they are done, the server is gone, or Ctrl-C is pressed. Returns the
/// records of those that ran, in order. The second value is the reason if the server is gone.
async fn run_all(
    bench: &Arc<Bench>,
    cases: Vec<Case>,
    jobs: usize,
    progress: &mut Progress,
) -> (Vec<Record>, Option<String>) {
    let mut waiting = cases.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut interrupted = pin!(interrupted());
    let (mut done, mut lost) = (Vec::new(), Vec::new());
    loop {
        while running.len() < jobs && lost.len() < LOST_MAX {
            let Some((i, case)) = waiting.next() else { break };
            let bench = Arc::clone(bench);
            running.spawn(async move { (i, bench.case(case).await) });
        }
        // Cases in progress count as not run.
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            () = &mut interrupted => break,
        };
        match ended {
            None => break,
            Some(Ok((i, (record, connected)))) => {
                match connected {
                    Ok(()) => lost.clear(),
                    Err(why) => lost.push(why),
                }
                progress.add(&record);
                done.push((i, record));
            }
            Some(Err(error)) => lost.push(error.to_string()),
        }
    }
    done.sort_by_key(|(i, _)| *i);
    let is_gone = lost.len() >= LOST_MAX;
    let why = lost.pop().filter(|_| is_gone);
    (done.into_iter().map(|(_, record)| record).collect(), why)
}

impl Bench {
    /// Waits until the server accepts a connection, or the time is over.
    async fn wait(&self, time: Duration) {
        let began = Instant::now();
        while self.connector.connect().await.is_err() && began.elapsed() < time {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Checks that there is a server to test: that it opens a connection, and says anything.
    async fn probe(&self, uri: &str) -> Result<(), String> {
        let text = hybi_conform::cases(Group::Autobahn, hybi_conform::Size::Reduced).nth(1);
        let Some(text) = text else { return Ok(()) };
        let (Record { outcome, .. }, connected) = self.case(text).await;
        connected.map_err(|why| format!("{uri}: {why}"))?;
        let Outcome { has_opened, has_spoken, timed_out, reason, .. } = &outcome;
        if !has_opened {
            return Err(format!("{uri}: {reason}"));
        }
        if *timed_out && !has_spoken {
            let seconds = self.patiences.long.as_secs_f64();
            return Err(format!(
                "{uri}: the server opens the connection, and then says nothing for {seconds} s; \
                 it must send every message back"
            ));
        }
        Ok(())
    }

    /// Checks that the server serves another connection.
    async fn serves_another(&self, patiences: Patiences) -> Result<(), String> {
        let text = hybi_conform::cases(Group::Autobahn, hybi_conform::Size::Reduced).nth(1);
        let Some(text) = text else { return Ok(()) };
        let stream = self.connector.connect().await.map_err(|error| error.to_string())?;
        let tester = Tester::of_server(&text, &self.target);
        let outcome = drive(stream, tester, patiences).await;
        match outcome.verdict() {
            Verdict::Failed => Err(outcome.reason),
            _ => Ok(()),
        }
    }

    /// Runs one case. The second value is an error if there was no connection.
    async fn case(&self, case: Case) -> (Record, Result<(), String>) {
        let began = Instant::now();
        let mut tester = Tester::of_server(&case, &self.target);
        if let Some(seed) = self.seed {
            tester = tester.in_pieces(Pieces::Random(seed));
        }
        let (outcome, connected) = match self.connector.connect().await {
            Ok(stream) if case.wants_others_meanwhile() => {
                let driven = drive(stream, tester, self.patiences);
                // The other connection must be served before the case gives up.
                let patiences = Patiences::new(self.patiences.long / 2);
                let (mut outcome, others) = tokio::join!(driven, self.serves_another(patiences));
                note_others(&mut outcome, others, "meanwhile");
                let others = self.serves_another(self.patiences).await;
                note_others(&mut outcome, others, "afterwards");
                (outcome, Ok(()))
            }
            Ok(stream) => {
                let mut outcome = drive(stream, tester, self.patiences).await;
                if case.wants_others_afterwards() {
                    let others = self.serves_another(self.patiences).await;
                    note_others(&mut outcome, others, "afterwards");
                }
                (outcome, Ok(()))
            }
            Err(error) => {
                let why = error.to_string();
                (tester.outcome(&format!("there was no connection: {why}")), Err(why))
            }
        };
        (Record { case, outcome, duration: began.elapsed() }, connected)
    }
}

const NOT_SERVED: &str = "another connection was not served";

/// Fails a case, whatever its own outcome, if another connection was not served.
fn note_others(outcome: &mut Outcome, others: Result<(), String>, when: &str) {
    if let (Err(why), false) = (others, outcome.reason.starts_with(NOT_SERVED)) {
        outcome.behavior = Verdict::Failed;
        outcome.strict = Verdict::Failed;
        outcome.reason = format!("{NOT_SERVED} {when}: {why}");
    }
}
