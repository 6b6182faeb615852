//! `hybi-conform server`: the cases as a client, several at once.

use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hybi_conform::http2::neighbour;
use hybi_conform::{Case, Group, Outcome, Pieces, Role, Target, Tester, Verdict};
use tokio::task::JoinSet;

use crate::arguments::{Manner, ServerOptions};
use crate::drive::{Patiences, drive};
use crate::ending::{Ending, interrupted};
use crate::http2::{self, Failed};
use crate::progress::Progress;
use crate::results::{Record, Results};
use crate::selection::select;
use crate::summary;
use crate::transport::{self, Connector, Version};

/// The server counts as gone after so many failed connections in a row.
const LOST_MAX: usize = 5;

/// The settings that all cases share.
struct Bench {
    connector: Connector,
    target: Target,
    is_secure: bool,
    /// The reason if no case over HTTP/2 can run.
    lacks_http2: Option<String>,
    patiences: Patiences,
    seed: Option<u64>,
}

pub(crate) async fn run(options: &ServerOptions) -> Result<ExitCode, String> {
    let groups = Group::ALL.iter().copied().filter(|group| match group {
        Group::Hostile => options.hostile,
        // Few servers have it, and fewer at the same address.
        Group::Http2 => false,
        _ => true,
    });
    let groups: Vec<_> = groups.collect();
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
    let is_secure = address.is_secure;
    let mut bench = Bench { connector, target, is_secure, lacks_http2: None, patiences, seed };
    let is_http2 = |case: &Case| case.group() == Group::Http2;
    let (has_http2, has_others) = (cases.iter().any(is_http2), !cases.iter().all(is_http2));
    if let Some(time) = options.wait {
        bench.wait(time, if has_others { Version::Http1 } else { Version::Http2 }).await;
    }
    if has_others {
        bench.probe(&address.uri).await?;
    }
    if has_http2 {
        bench.probe_http2(&address.uri).await?;
    }
    let bench = Arc::new(bench);

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
    async fn wait(&self, time: Duration, version: Version) {
        let began = Instant::now();
        while let Err(error) = self.connector.connect(version).await
            && !transport::lacks_version(&error)
            && began.elapsed() < time
        {
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

    /// Looks whether the server allows WebSocket over HTTP/2. If it does not, that is the verdict
    /// about all cases of the group.
    async fn probe_http2(&mut self, uri: &str) -> Result<(), String> {
        match http2::Connection::open(&self.connector, self.patiences.long).await {
            Ok(_) => {}
            Err(Failed::Lacks(why)) => self.lacks_http2 = Some(why),
            Err(Failed::Io(error)) => return Err(format!("{uri}: {error}")),
        }
        Ok(())
    }

    /// Checks that the server serves another connection.
    async fn serves_another(&self, patiences: Patiences) -> Result<(), String> {
        let text = hybi_conform::cases(Group::Autobahn, hybi_conform::Size::Reduced).nth(1);
        let Some(text) = text else { return Ok(()) };
        let stream =
            self.connector.connect(Version::Http1).await.map_err(|error| error.to_string())?;
        let tester = Tester::of_server(&text, &self.target);
        served(drive(stream, tester, patiences).await)
    }

    /// Runs one case. The second value is an error if there was no connection.
    async fn case(&self, case: Case) -> (Record, Result<(), String>) {
        let began = Instant::now();
        let (outcome, connected) = match case.group() {
            Group::Http2 => self.over_http2(&case).await,
            _ => self.over_http1(&case).await,
        };
        (Record { case, outcome, duration: began.elapsed() }, connected)
    }

    async fn over_http1(&self, case: &Case) -> (Outcome, Result<(), String>) {
        let tester = self.split(Tester::of_server(case, &self.target));
        match self.connector.connect(Version::Http1).await {
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
        }
    }

    async fn over_http2(&self, case: &Case) -> (Outcome, Result<(), String>) {
        if let Some(why) = &self.lacks_http2 {
            return (Tester::unsupported(case, why), Ok(()));
        }
        let mut tester = self.split(Tester::of_stream(case, &self.target, self.is_secure));
        let connection = match http2::Connection::open(&self.connector, self.patiences.long).await {
            Ok(connection) => connection,
            Err(Failed::Lacks(why)) => return (tester.outcome(&why), Ok(())),
            Err(Failed::Io(error)) => {
                let why = error.to_string();
                return (tester.outcome(&format!("there was no connection: {why}")), Err(why));
            }
        };
        let outcome = if case.wants_others_meanwhile() {
            self.beside_another(&connection, tester).await
        } else {
            match connection.stream(&mut tester).await {
                Some(stream) => drive(stream, tester, self.patiences).await,
                None => tester.outcome(""),
            }
        };
        (outcome, Ok(()))
    }

    /// Runs a case between the two halves of a conversation on another stream.
    async fn beside_another(&self, connection: &http2::Connection, mut tester: Tester) -> Outcome {
        let [before, after] = neighbour();
        let mut other = Tester::of_stream(&before, &self.target, self.is_secure);
        let Some(mut neighbour) = connection.stream(&mut other).await else {
            let why = other.outcome("").reason;
            return tester.outcome(&format!("{NOT_SERVED} before: {why}"));
        };
        let before = served(drive(&mut neighbour, other, self.patiences).await);
        let mut outcome = match connection.stream(&mut tester).await {
            Some(stream) => drive(stream, tester, self.patiences).await,
            None => tester.outcome(""),
        };
        note_others(&mut outcome, before, "before");
        let after = drive(&mut neighbour, Tester::of_open_stream(&after), self.patiences).await;
        note_others(&mut outcome, served(after), "afterwards");
        outcome
    }

    /// Splits the output of a tester at random, if that is asked for.
    fn split(&self, tester: Tester) -> Tester {
        match self.seed {
            Some(seed) => tester.in_pieces(Pieces::Random(seed)),
            None => tester,
        }
    }
}

const NOT_SERVED: &str = "another WebSocket was not served";

/// Returns the reason if a WebSocket was not served.
fn served(outcome: Outcome) -> Result<(), String> {
    match outcome.verdict() {
        Verdict::Failed => Err(outcome.reason),
        _ => Ok(()),
    }
}

/// Fails a case, whatever its own outcome, if another connection was not served.
fn note_others(outcome: &mut Outcome, others: Result<(), String>, when: &str) {
    if let (Err(why), false) = (others, outcome.reason.starts_with(NOT_SERVED)) {
        outcome.behavior = Verdict::Failed;
        outcome.strict = Verdict::Failed;
        outcome.reason = format!("{NOT_SERVED} {when}: {why}");
    }
}
