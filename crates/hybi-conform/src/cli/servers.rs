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

/// After so many cases in a row in which the server did not open a connection, or said nothing, the
/// tester looks whether it is still there.
const LOST_MAX: usize = 5;

/// The settings that all cases share.
struct Bench {
    connector: Connector,
    target: Target,
    is_secure: bool,
    /// True if not all cases are over HTTP/2.
    has_others: bool,
    /// True if some cases want messages back.
    needs_echo: bool,
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
    let address = &options.url;
    let for_tls = [(options.insecure, "--insecure"), (options.ca.is_some(), "--ca")];
    if let Some((_, name)) = for_tls.iter().find(|(is_given, _)| *is_given && !address.is_secure) {
        return Err(format!("{name} is for wss: only; take it out, or begin the URL with wss:"));
    }
    let ending = Ending::new(&options.manner)?;
    let Manner { timeout, seed, strict, .. } = options.manner;
    let mut target = Target::new(&address.authority, &address.resource);
    if let Some(origin) = &options.origin {
        target = target.origin(origin);
    }
    for (name, value) in &options.fields {
        target = target.field(name, value);
    }
    let connector = Connector::new(address, options.ca.as_deref(), options.insecure, timeout)?;
    let patiences = Patiences::new(timeout, options.choice.full);
    let is_secure = address.is_secure;
    let is_http2 = |case: &Case| case.group() == Group::Http2;
    let (has_http2, has_others) = (cases.iter().any(is_http2), !cases.iter().all(is_http2));
    let needs_echo =
        cases.iter().any(|case| !matches!(case.group(), Group::Handshake | Group::Http2));
    let mut bench = Bench {
        connector,
        target,
        is_secure,
        has_others,
        needs_echo,
        lacks_http2: None,
        patiences,
        seed,
    };
    if let Some(time) = options.wait {
        bench.wait(time, if has_others { Version::Http1 } else { Version::Http2 }).await;
    }
    if has_others {
        let if_refused = match options.wait {
            None => "; start it before, or add --wait SECONDS".into(),
            Some(time) => format!(", and nobody listened for {} s (--wait)", time.as_secs_f64()),
        };
        let probed = bench.probe(&if_refused).await;
        probed.map_err(|why| format!("{}: {why}", address.uri))?;
    }
    if has_http2 {
        let probed = bench.probe_http2().await;
        bench.lacks_http2 = probed.map_err(|why| format!("{}: {why}", address.uri))?;
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
        is_gone: lost.is_some(),
        records: records.iter().collect(),
        duration: began.elapsed(),
        is_strict: strict,
        baseline: ending.baseline.clone(),
    };
    let renewed = ending.renew(&mut results);
    let told = summary::print(&results, ending.has_report());
    let has_failed = results.have_failed();
    let reported = ending.report(&[results]);
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
    let mut done = Vec::new();
    // The ids of the last cases, if they all had no answer.
    let mut lost: Vec<String> = Vec::new();
    let mut why = None;
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
            Some(Ok((i, record))) => {
                match is_lost(&record) {
                    true => lost.push(record.case.id().to_owned()),
                    false => lost.clear(),
                }
                progress.add(&record);
                done.push((i, record));
            }
            Some(Err(error)) => lost.push(error.to_string()),
            // The probe runs alone: the server may serve few connections at once.
            None if lost.len() >= LOST_MAX && waiting.len() > 0 => {
                if let Err(error) = bench.probe_again().await {
                    // These have not been run: they say nothing about the server.
                    done.truncate(done.len().saturating_sub(lost.len()));
                    let first = lost.swap_remove(0);
                    why = Some(format!(
                        "the server is gone, and not all cases have run: it has not answered \
                         since {first} or a case at the same time (--jobs 1 tells which), and \
                         now: {error}"
                    ));
                    break;
                }
                lost.clear();
            }
            None => break,
        }
    }
    done.sort_by_key(|(i, _)| *i);
    (done.into_iter().map(|(_, record)| record).collect(), why)
}

/// Returns whether a case looks as if the server were gone. Hostile cases may keep it busy.
fn is_lost(record: &Record) -> bool {
    let Record { case, outcome, .. } = record;
    let is_silent = !outcome.has_opened || outcome.timed_out && !outcome.has_spoken;
    let is_bad = matches!(outcome.verdict(), Verdict::NonStrict | Verdict::Failed);
    // Over HTTP/2, a server may refuse a single stream.
    let counts = match case.group() {
        Group::Hostile => false,
        Group::Http2 => outcome.reason.starts_with(UNCONNECTED),
        _ => true,
    };
    is_silent && is_bad && counts
}

/// Returns advice about an opening handshake that failed, if there is any.
fn advice(reason: &str, is_secure: bool) -> &'static str {
    let status = reason.split_once("failed with status ").map_or("", |(_, status)| status);
    match status {
        "400" if is_secure => {
            "; if it wants a subprotocol, --header \"Sec-WebSocket-Protocol: NAME\" offers one"
        }
        "400" => {
            "; if it wants a subprotocol, --header \"Sec-WebSocket-Protocol: NAME\" offers one; if \
             it wants TLS, use wss:"
        }
        "401" | "403" => "; if it checks credentials or origins, --header or --origin sends them",
        "404" | "405" => "; the address needs the path of the echo",
        "429" | "503" => "; if it limits how many connections there are, try --jobs 1",
        _ if status.starts_with('2') || status == "426" => "; is WebSocket spoken at this path?",
        _ if status.starts_with('3') => "; redirects are not followed: give the address meant",
        _ if is_secure => "",
        _ if reason.starts_with("it sent \"\\x15\\x03") => "; for TLS, use wss:",
        _ if reason.ends_with("without an answer") => "; if it wants TLS, use wss:",
        _ if reason.contains("answer the request in time") => {
            "; if it needs longer, there is --timeout, and for TLS use wss:"
        }
        _ => "",
    }
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

    /// Checks that there is a server to test: that it opens a connection and, if the cases need
    /// that, sends a text back.
    ///
    /// # Errors
    ///
    /// It does not. The text says what to do; if nobody listens, that is `if_refused`.
    async fn probe(&self, if_refused: &str) -> Result<(), String> {
        let text = hybi_conform::cases(Group::Autobahn, hybi_conform::Size::Reduced).nth(1);
        let Some(text) = text else { return Ok(()) };
        let sent = text.sent().split(", ").next().unwrap_or_default().to_owned();
        let stream = self.connector.connect(Version::Http1).await.map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::ConnectionRefused => if_refused,
                io::ErrorKind::InvalidData
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                    if self.is_secure =>
                {
                    "; if the server speaks no TLS, use ws:"
                }
                _ => "",
            };
            format!("{error}{advice}")
        })?;
        let outcome = drive(stream, Tester::of_server(&text, &self.target), self.patiences).await;
        let Outcome { has_opened, has_spoken, has_differed, timed_out, reason, seen, .. } =
            &outcome;
        if !has_opened {
            return Err(format!("{reason}{}", advice(reason, self.is_secure)));
        }
        if !self.needs_echo {
            return Ok(());
        }
        if *has_differed {
            return Err(format!(
                "the server does not send back what it gets: to {sent} it answered {seen}; \
                 it must send every message back as it came, and no other messages"
            ));
        }
        if *timed_out && !has_spoken {
            let seconds = self.patiences.long.as_secs_f64();
            return Err(format!(
                "the server opens the connection, and then says nothing for {seconds} s; \
                 it must send every message back"
            ));
        }
        Ok(())
    }

    /// Looks whether the server is still there.
    async fn probe_again(&self) -> Result<(), String> {
        match self.has_others {
            true => self.probe("").await,
            false => self.probe_http2().await.map(|_| ()),
        }
    }

    /// Looks whether the server allows WebSocket over HTTP/2. If it does not, returns the reason,
    /// which is the verdict about all cases of the group.
    async fn probe_http2(&self) -> Result<Option<String>, String> {
        match http2::Connection::open(&self.connector, self.patiences.long).await {
            // Then each case fails.
            Ok(_) | Err(Failed::Broken(_)) => Ok(None),
            Err(Failed::Lacks(why)) => Ok(Some(why)),
            Err(Failed::Io(error)) => Err(error.to_string()),
        }
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

    /// Runs one case.
    async fn case(&self, case: Case) -> Record {
        let began = Instant::now();
        let outcome = match case.group() {
            Group::Http2 => self.over_http2(&case).await,
            _ => self.over_http1(&case).await,
        };
        Record { case, outcome, duration: began.elapsed() }
    }

    async fn over_http1(&self, case: &Case) -> Outcome {
        let tester = self.split(Tester::of_server(case, &self.target));
        match self.connector.connect(Version::Http1).await {
            Ok(stream) if case.wants_others_meanwhile() => {
                let driven = drive(stream, tester, self.patiences);
                // The other connection must be served before the case gives up.
                let patiences = self.patiences.halved();
                let (mut outcome, others) = tokio::join!(driven, self.serves_another(patiences));
                note_others(&mut outcome, others, "meanwhile");
                let others = self.serves_another(self.patiences).await;
                note_others(&mut outcome, others, "afterwards");
                outcome
            }
            Ok(stream) => {
                let mut outcome = drive(stream, tester, self.patiences).await;
                if case.wants_others_afterwards() {
                    let others = self.serves_another(self.patiences).await;
                    note_others(&mut outcome, others, "afterwards");
                }
                outcome
            }
            Err(error) => tester.outcome(&format!("{UNCONNECTED}: {error}")),
        }
    }

    async fn over_http2(&self, case: &Case) -> Outcome {
        if let Some(why) = &self.lacks_http2 {
            return Tester::unsupported(case, why);
        }
        let mut tester = self.split(Tester::of_stream(case, &self.target, self.is_secure));
        let connection = match http2::Connection::open(&self.connector, self.patiences.long).await {
            Ok(connection) => connection,
            Err(Failed::Lacks(why)) => return tester.outcome(&why),
            Err(Failed::Broken(why)) => return Tester::failed(case, Role::Server, &why),
            Err(Failed::Io(error)) => return tester.outcome(&format!("{UNCONNECTED}: {error}")),
        };
        if case.wants_others_meanwhile() {
            self.beside_another(&connection, tester).await
        } else {
            match connection.stream(&mut tester).await {
                Some(stream) => drive(stream, tester, self.patiences).await,
                None => tester.outcome(""),
            }
        }
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

const UNCONNECTED: &str = "there was no connection";
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
