//! `hybi-conform client`: the cases as a server, for clients that speak to Autobahn's fuzzing
//! server. A client asks for one address after another:
//!
//! | address | answer |
//! |---|---|
//! | `/getCaseCount` | the number of cases, as a text |
//! | `/getCaseInfo?case=N` | its id and description, in JSON |
//! | `/runCase?case=N&agent=NAME` | the case; `casetuple=ID` instead of `case=N` is allowed |
//! | `/getCaseStatus?case=N&agent=NAME` | its verdict, in JSON |
//! | `/updateReports?agent=NAME` | nothing: the summary is printed |
//! | `/stopServer` | nothing: the command ends |

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hybi_conform::{Case, Group, Pieces, Request, Role, Tester};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::arguments::ClientOptions;
use crate::drive::{Patiences, drive};
use crate::ending::{Ending, interrupted};
use crate::progress::Progress;
use crate::report::text::{deceives, short};
use crate::results::{Record, Results};
use crate::selection::select;
use crate::summary;
use crate::transport::{Acceptor, Stream};

/// The most characters in the name of a client, which is printed.
const NAME_MAX: usize = 200;

/// The state that all connections share.
struct Bench {
    cases: Vec<Case>,
    acceptor: Acceptor,
    patiences: Patiences,
    seed: Option<u64>,
    is_strict: bool,
    ending: Ending,
    began: Instant,
    agents: Mutex<BTreeMap<String, Agent>>,
    /// A case has ended.
    changed: Notify,
    /// A client has asked for its report, or for the end.
    finished: Notify,
    keep_running: bool,
}

/// A client, and its results so far.
struct Agent {
    /// By the index of the case.
    records: BTreeMap<usize, Record>,
    /// How many cases are running.
    running: usize,
    /// `None` until the summary is printed. Then `true` if the run has failed, or an error if the
    /// results could not be written.
    told: Option<Result<bool, String>>,
    progress: Option<Progress>,
    began: Instant,
    ended: Instant,
}

/// The address that a client asks for.
struct Query<'a> {
    path: &'a str,
    parameters: Vec<(&'a str, String)>,
}

pub(crate) async fn run(options: &ClientOptions) -> Result<ExitCode, String> {
    let cases = select(&options.choice, Some(Role::Client), &[Group::Autobahn, Group::Framing])?;
    let ending = Ending::new(&options.manner)?;
    let files = options.cert.as_deref().zip(options.key.as_deref());
    let acceptor = Acceptor::new(files, options.manner.timeout)?;
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|error| format!("{}: {error}", options.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (count, scheme) = (cases.len(), acceptor.scheme());
    let _ = writeln!(
        io::stderr(),
        "{count} cases for clients of {scheme}://{address}; waiting for one"
    );
    let bench = Arc::new(Bench {
        cases,
        acceptor,
        patiences: Patiences::new(options.manner.timeout, options.choice.full),
        seed: options.manner.seed,
        is_strict: options.manner.strict,
        ending,
        began: Instant::now(),
        agents: Mutex::default(),
        changed: Notify::new(),
        finished: Notify::new(),
        keep_running: options.keep_running,
    });
    let mut interrupted = pin!(interrupted());
    let mut serving = JoinSet::new();
    loop {
        let is_idle = serving.is_empty() && !options.keep_running;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let bench = Arc::clone(&bench);
                    serving.spawn(async move {
                        if let Err(why) = bench.serve(stream).await {
                            let why = short(&why);
                            let _ = writeln!(io::stderr(), "hybi-conform: a client {why}");
                        }
                    });
                }
                // The system lacks a resource, such as file descriptors, for now.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            () = bench.finished.notified() => break,
            () = &mut interrupted => break,
            // Begins anew whenever a connection has begun or ended.
            Some(_) = serving.join_next() => {}
            () = tokio::time::sleep(options.idle), if is_idle => {
                let seconds = options.idle.as_secs_f64();
                let why = format!("no client has asked for anything for {seconds} s (--idle)");
                let _ = writeln!(io::stderr(), "hybi-conform: {why}");
                break;
            }
        }
    }
    // Clients that have not asked for their report get it now.
    for name in bench.untold() {
        bench.finish(&name);
    }
    let agents = bench.agents.lock().unwrap_or_else(PoisonError::into_inner);
    if agents.is_empty() {
        return Err("no client has run a case".into());
    }
    let told: Result<Vec<bool>, String> =
        agents.values().filter_map(|agent| agent.told.clone()).collect();
    Ok(if told?.contains(&true) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Bench {
    async fn serve(&self, stream: TcpStream) -> Result<(), String> {
        let accepted = self.acceptor.accept(stream).await;
        let mut stream = accepted.map_err(|error| format!("could not connect: {error}"))?;
        let reading = timeout(self.patiences.long, request(&mut stream)).await;
        let Some((request, rest)) = reading.map_err(|_| "sent no request in time")?? else {
            return Ok(());
        };
        let query = Query::read(request.resource());
        let told = match query.path {
            "/runCase" => match self.case(&query).and_then(|it| Ok((it, query.agent()?))) {
                Ok((case, agent)) => {
                    self.run_case(stream, case, agent, &request, &rest).await;
                    return Ok(());
                }
                Err(why) => Err(why),
            },
            "/getCaseCount" => Ok(Some(self.cases.len().to_string())),
            "/getCaseInfo" => self.case(&query).map(|(_, case)| {
                let description = case.title().replace(['"', '\\'], "'");
                Some(format!("{{\"id\": \"{}\", \"description\": \"{description}\"}}", case.id()))
            }),
            "/getCaseStatus" => self.status(&query).await.map(Some),
            "/updateReports" => self.report(&query).await.map(|()| None),
            "/stopServer" => Ok(None),
            other => Err(format!("asked for {other:?}, which is no address of a fuzzing server")),
        };
        let told = match told {
            Ok(told) => told,
            Err(why) => {
                let text = format!(
                    "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\
                    Content-Length: {}\r\n\r\n{why}",
                    why.len()
                );
                let _ = stream.write_all(text.as_bytes()).await;
                return Err(why);
            }
        };
        let mut tester = Tester::telling(&request, told.as_deref());
        tester.feed(&rest);
        drive(stream, tester, self.patiences).await;
        let is_report = query.path == "/updateReports" && !self.keep_running;
        if is_report || query.path == "/stopServer" {
            self.finished.notify_one();
        }
        Ok(())
    }

    async fn run_case(
        &self,
        stream: impl Stream,
        (i, case): (usize, &Case),
        agent: &str,
        request: &Request,
        rest: &[u8],
    ) {
        let began = Instant::now();
        self.change(agent, |agent| agent.running += 1);
        let mut tester = Tester::of_client(case, request);
        if let Some(seed) = self.seed {
            tester = tester.in_pieces(Pieces::Random(seed));
        }
        tester.feed(rest);
        let outcome = drive(stream, tester, self.patiences).await;
        let record = Record { case: case.clone(), outcome, duration: began.elapsed() };
        self.change(agent, |agent| {
            agent.running -= 1;
            agent.ended = Instant::now();
            if let Some(progress) = &mut agent.progress {
                progress.add(&record);
            }
            agent.records.insert(i, record);
        });
        self.changed.notify_waiters();
    }

    /// Changes the state of a client, and adds the client if it is new.
    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Agent) -> T) -> T {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let agent = agents.entry(name.to_owned()).or_insert_with(|| Agent {
            records: BTreeMap::new(),
            running: 0,
            told: None,
            progress: Some(Progress::new(self.cases.len(), self.is_strict)),
            began: Instant::now(),
            ended: self.began,
        });
        change(agent)
    }

    /// Looks at the state of a client. `None`: it has not run a case.
    fn look<T>(&self, name: &str, look: impl FnOnce(&Agent) -> T) -> Option<T> {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.get(name).map(look)
    }

    /// Returns the case that is asked for, and its index.
    fn case(&self, query: &Query<'_>) -> Result<(usize, &Case), String> {
        let number = query.get("case").and_then(|number| number.parse::<usize>().ok());
        let mut all = self.cases.iter().enumerate();
        let found = match (query.get("casetuple"), number) {
            (Some(id), _) => all.find(|(_, case)| case.id() == id),
            (None, Some(number)) => all.find(|(i, _)| i + 1 == number),
            (None, None) => None,
        };
        found.ok_or_else(|| "asked for a case that there is not".into())
    }

    /// Returns the verdict of a case. Waits for it while cases of the client are running.
    async fn status(&self, query: &Query<'_>) -> Result<String, String> {
        let (i, _) = self.case(query)?;
        let agent = query.agent()?;
        loop {
            let changed = self.changed.notified();
            let found = self.look(agent, |agent| {
                (agent.records.get(&i).map(|record| record.outcome.behavior), agent.running)
            });
            match found {
                Some((Some(verdict), _)) => return Ok(format!("{{\"behavior\": \"{verdict}\"}}")),
                Some((None, 1..)) => changed.await,
                _ => return Err("asked for the verdict of a case that has not run".into()),
            }
        }
    }

    /// Waits for the cases that are running, and prints the summary. A client that does not name
    /// itself is the one that has run cases.
    async fn report(&self, query: &Query<'_>) -> Result<(), String> {
        let alone = self.alone();
        let name = match query.agent() {
            Ok(name) => name,
            Err(why) => alone.as_deref().ok_or(why)?,
        };
        loop {
            let changed = self.changed.notified();
            match self.look(name, |agent| agent.running) {
                // It ends the run all the same: nothing waits for a client with another name.
                None => return Ok(()),
                Some(0) => break,
                Some(_) => changed.await,
            }
        }
        self.finish(name);
        Ok(())
    }

    /// Returns the client that has run cases, if there is one alone.
    fn alone(&self) -> Option<String> {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = agents.keys().cloned();
        names.next().filter(|_| names.next().is_none())
    }

    /// Returns the clients whose summary has not been printed.
    fn untold(&self) -> Vec<String> {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = agents.iter().filter(|(_, agent)| agent.told.is_none());
        untold.map(|(name, _)| name.clone()).collect()
    }

    /// Prints the summary of a client, and writes the report about all clients.
    fn finish(&self, name: &str) {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let is_alone = agents.len() == 1;
        if let Some(progress) = agents.get_mut(name).and_then(|agent| agent.progress.take()) {
            progress.finish();
        }
        let mut told = Ok(());
        let mut has_failed = false;
        let mut all = Vec::new();
        for (other, agent) in agents.iter() {
            let mut results = self.results(other, agent);
            if other == name {
                let renewed = match self.ending.renews() && !is_alone {
                    true => Err("a baseline is of one client, and several have run cases".into()),
                    false => self.ending.renew(&mut results),
                };
                told = summary::print(&results, self.ending.has_report()).and(renewed);
                has_failed = results.have_failed();
            }
            all.push(results);
        }
        let told = told.and(self.ending.report(&all)).map(|()| has_failed);
        drop(all);
        if let Some(agent) = agents.get_mut(name) {
            agent.told = Some(told);
        }
    }

    fn results<'a>(&self, name: &str, agent: &'a Agent) -> Results<'a> {
        Results {
            subject: name.to_owned(),
            role: Role::Client,
            missing: self.cases.len() - agent.records.len(),
            is_gone: false,
            records: agent.records.values().collect(),
            duration: agent.ended.saturating_duration_since(agent.began),
            is_strict: self.is_strict,
            baseline: self.ending.baseline.clone(),
        }
    }
}

impl<'a> Query<'a> {
    fn read(resource: &'a str) -> Self {
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        let parameters = query.split('&').filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            Some((name, decoded(value)))
        });
        Self { path, parameters: parameters.collect() }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| *other == name).map(|(_, value)| &**value)
    }

    fn agent(&self) -> Result<&str, String> {
        match self.get("agent") {
            None | Some("") => Err("gave itself no name with agent=".into()),
            Some(name) if name.chars().nth(NAME_MAX).is_some() => {
                Err(format!("gave itself a name of more than {NAME_MAX} characters"))
            }
            Some(name) => Ok(name),
        }
    }
}

/// Decodes `+` and `%` in a value of a query, and removes characters that could deceive a reader or
/// a terminal.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut two = rest.clone();
                match (two.next().and_then(hex), two.next().and_then(hex)) {
                    (Some(high), Some(low)) => {
                        rest = two;
                        (high * 16 + low) as u8
                    }
                    _ => byte,
                }
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).chars().filter(|char| !deceives(*char)).collect()
}

/// Reads a request, and returns it with the bytes that came after it. `None`: the connection ended
/// first.
async fn request(stream: &mut impl Stream) -> Result<Option<(Request, Vec<u8>)>, String> {
    let mut bytes = Vec::new();
    loop {
        let read = Request::read(&bytes)?;
        if let Some((request, len)) = read {
            return Ok(Some((request, bytes.split_off(len))));
        }
        let read = stream.read_buf(&mut bytes).await;
        if read.map_err(|error| format!("could not be read: {error}"))? == 0 {
            return Ok(None);
        }
    }
}
