//! `hybi-conform exec`: the cases over the standard input and output of a program. The README
//! describes the messages.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use hybi_conform::{Case, Group, Next, Outcome, Pieces, Role, Tester};

use crate::arguments::ExecOptions;
use crate::drive::Patiences;
use crate::ending::Ending;
use crate::progress::Progress;
use crate::results::{Record, Results};
use crate::selection::select;
use crate::summary;

/// The most bytes of one message. The longest echo has 16 MiB and its headers.
const MESSAGE_MAX: usize = 64 << 20;
/// The most bytes of one reply, whatever was sent.
const REPLY_MAX: usize = 256 << 20;
/// The most messages in one reply.
const REPLIES_MAX: usize = 1_000_000;
/// The run stops after so many cases in a row in which the program ended or broke the rules.
const LOST_MAX: usize = 5;

pub(crate) fn run(options: &ExecOptions) -> Result<ExitCode, String> {
    let ending = Ending::new(&options.manner)?;
    let roles = options.role.map_or(Role::BOTH.to_vec(), |role| vec![role.into()]);
    if roles.len() > 1 && ending.renews() {
        return Err("a baseline is of one role: add --role server or --role client".into());
    }
    let mut runs = Vec::new();
    for role in roles {
        let cases = select(&options.choice, Some(role), &[Group::Autobahn, Group::Framing])?;
        let cases: Vec<Case> = cases.into_iter().filter(Case::is_framed).collect();
        if cases.is_empty() {
            return Err("a program over its standard input is tested with the groups \
                        autobahn and framing: no case of them is left"
                .into());
        }
        runs.push(run_role(options, role, cases)?);
    }
    let mut all: Vec<Results<'_>> = runs.iter().map(|run| run.results(options, &ending)).collect();
    let mut errors: Vec<String> = runs.iter().filter_map(|run| run.lost.clone()).collect();
    for results in &mut all {
        errors.extend(ending.renew(results).err());
        errors.extend(summary::print(results, ending.has_report()).err());
    }
    let has_failed = all.iter().any(Results::have_failed);
    errors.extend(ending.report(&all).err());
    match (errors.is_empty(), has_failed) {
        (false, _) => Err(errors.join("; ")),
        (true, true) => Ok(ExitCode::FAILURE),
        (true, false) => Ok(ExitCode::SUCCESS),
    }
}

/// The results of one role.
struct Run {
    role: Role,
    records: Vec<Record>,
    missing: usize,
    duration: Duration,
    /// The reason why not all cases have run.
    lost: Option<String>,
}

impl Run {
    fn results<'a>(&'a self, options: &ExecOptions, ending: &Ending) -> Results<'a> {
        let command = options.command.join(" ");
        Results {
            // Each name has one set of results in a report.
            subject: match (options.role, self.role) {
                (None, Role::Server) => format!("{command}, as server"),
                (None, Role::Client) => format!("{command}, as client"),
                (Some(_), _) => command,
            },
            role: self.role,
            missing: self.missing,
            is_gone: self.lost.is_some(),
            records: self.records.iter().collect(),
            duration: self.duration,
            is_strict: options.manner.strict,
            baseline: ending.baseline.clone(),
        }
    }
}

/// Runs the cases of one role.
///
/// # Errors
///
/// The program cannot be started, or breaks the rules of the exchange in the first case.
fn run_role(options: &ExecOptions, role: Role, cases: Vec<Case>) -> Result<Run, String> {
    let began = Instant::now();
    let count = cases.len();
    let mut bench = Bench { options, role, program: None };
    let mut progress = Progress::new(count, options.manner.strict);
    let mut records = Vec::with_capacity(count);
    let (mut in_a_row, mut lost) = (0, None);
    for case in cases {
        let (record, worked) = bench.case(case);
        match worked {
            Ok(()) => in_a_row = 0,
            // There is nothing to test.
            Err(why) if records.is_empty() => return Err(why),
            Err(why) => {
                in_a_row += 1;
                lost = Some(format!("{why}, in {LOST_MAX} cases in a row"));
            }
        }
        progress.add(&record);
        records.push(record);
        if in_a_row == LOST_MAX {
            break;
        }
    }
    progress.finish();
    let missing = count - records.len();
    let lost = lost.filter(|_| missing > 0);
    Ok(Run { role, records, missing, duration: began.elapsed(), lost })
}

struct Bench<'a> {
    options: &'a ExecOptions,
    role: Role,
    /// `None`: the next case starts it.
    program: Option<Program>,
}

impl Bench<'_> {
    /// Runs one case. The second value is an error if the program broke the rules of the exchange.
    fn case(&mut self, case: Case) -> (Record, Result<(), String>) {
        let began = Instant::now();
        let (outcome, worked) = match self.exchange(&case, began) {
            Ok(outcome) => (outcome, Ok(())),
            Err((tester, why)) => {
                // Its next messages would belong to no case.
                self.program = None;
                (tester.outcome(&why), Err(why))
            }
        };
        (Record { case, outcome, duration: began.elapsed() }, worked)
    }

    fn exchange(&mut self, case: &Case, began: Instant) -> Result<Outcome, (Box<Tester>, String)> {
        let role = self.role;
        let unopened = |why| (Box::new(Tester::opened(case, role, None)), why);
        let patiences = Patiences::new(self.options.manner.timeout, self.options.choice.full);
        let mut program = match self.program.take() {
            Some(program) => program,
            None => Program::start(&self.options.command, patiences).map_err(unopened)?,
        };
        let name = if role == Role::Server { "server" } else { "client" };
        let extensions = case.extensions(role);
        let open = format!("{name}\n{}", extensions.unwrap_or_default());
        let mut early = Vec::new();
        let take = &mut |bytes: &[u8]| early.extend_from_slice(bytes);
        let opened = program.ask(b'O', open.as_bytes(), take).map_err(unopened)?;
        let agreed = opened.agreed.filter(|agreed| !agreed.is_empty());
        let unoffered = agreed.as_deref().filter(|agreed| !is_offered(agreed, extensions));
        if let Some(agreed) = unoffered {
            let why = format!("it agreed to {agreed:?}, which was not offered");
            self.program = Some(program);
            return Ok(Tester::failed(case, role, &why));
        }
        let mut tester = Tester::opened(case, role, agreed.as_deref()).logged();
        if let Some(seed) = self.options.manner.seed {
            tester = tester.in_pieces(Pieces::Random(seed));
        }
        tester.feed(&early);
        let mut is_closed = opened.is_closed;
        loop {
            tester.at(began.elapsed());
            if began.elapsed() > patiences.whole {
                return Err((Box::new(tester), "it took too long altogether".into()));
            }
            let (kind, bytes) = match tester.proceed() {
                Next::Done => break,
                Next::Wait(_) if is_closed => {
                    tester.end_of_input();
                    continue;
                }
                Next::Wait(_) => {
                    tester.quiet();
                    continue;
                }
                Next::Send => (b'D', tester.output().to_vec()),
                Next::Shutdown => (b'E', Vec::new()),
            };
            if kind == b'D' {
                tester.sent(bytes.len());
            }
            match program.ask(kind, &bytes, &mut |bytes| tester.feed(bytes)) {
                Ok(reply) => is_closed |= reply.is_closed,
                Err(why) => return Err((Box::new(tester), why)),
            }
            if kind == b'E' && is_closed {
                tester.end_of_input();
            }
        }
        self.program = Some(program);
        Ok(tester.outcome(""))
    }
}

/// Returns whether each extension that is agreed on is among those offered.
fn is_offered(agreed: &str, offered: Option<&str>) -> bool {
    let name = |element: &str| element.split(';').next().unwrap_or_default().trim().to_owned();
    let offered: Vec<_> = offered.unwrap_or_default().split(',').map(name).collect();
    agreed.split(',').map(name).all(|name| offered.contains(&name))
}

/// The program's reply to one message, apart from its bytes.
#[derive(Default)]
struct Reply {
    agreed: Option<String>,
    is_closed: bool,
}

/// A message of the program, or the reason why there are no more.
type Said = Result<(u8, Vec<u8>), String>;

/// A running program, which is killed when dropped.
struct Program {
    child: Child,
    asked: SyncSender<Vec<u8>>,
    said: Receiver<Said>,
    patiences: Patiences,
}

impl Program {
    fn start(command: &[String], patiences: Patiences) -> Result<Self, String> {
        let Some((name, arguments)) = command.split_first() else {
            return Err("there is no command".into());
        };
        let mut child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name} cannot be started: {error}"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (mut stdin, stdout) = pipes.ok_or("the program has no standard input")?;
        let (asked, to_ask) = sync_channel::<Vec<u8>>(1);
        // A short queue, so that a program that sends a flood has to wait.
        let (say, said) = sync_channel(16);
        // Two threads, because a program may write before it has read everything.
        thread::spawn(move || {
            for message in to_ask {
                if stdin.write_all(&message).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        });
        thread::spawn(move || {
            let mut stdout = BufReader::with_capacity(64 << 10, stdout);
            loop {
                let message = read(&mut stdout);
                let is_last = message.is_err();
                if say.send(message).is_err() || is_last {
                    return;
                }
            }
        });
        Ok(Self { child, asked, said, patiences })
    }

    /// Sends one message, and reads the reply, which ends when the program is ready for another.
    fn ask(
        &mut self,
        kind: u8,
        payload: &[u8],
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<Reply, String> {
        let len = u32::try_from(payload.len()).map_err(|_| "too much to be sent at once")?;
        let message = [&[kind][..], &len.to_be_bytes(), payload].concat();
        // If the program does not read, it does not reply either, which is an error below.
        let _ = self.asked.try_send(message);
        let (mut reply, mut bytes) = (Reply::default(), 0);
        let (began, patience) = (Instant::now(), self.patiences.long);
        for _ in 0..REPLIES_MAX {
            if began.elapsed() > self.patiences.whole {
                return Err("the program took too long altogether".into());
            }
            let (said, payload) = match self.said.recv_timeout(patience) {
                Ok(Ok(message)) => message,
                Ok(Err(why)) => return Err(self.with_status(why)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.with_status("the program has ended".into()));
                }
                Err(RecvTimeoutError::Timeout) => {
                    let (kind, seconds) = (char::from(kind), patience.as_secs_f64());
                    return Err(format!(
                        "the program did not end its answer to {kind:?} with 'R' within \
                         {seconds} s; does it flush its output?"
                    ));
                }
            };
            match said {
                b'R' => return Ok(reply),
                b'D' if reply.is_closed => {
                    return Err("the program sent bytes after 'C'".into());
                }
                b'D' => {
                    bytes += payload.len();
                    if bytes > REPLY_MAX {
                        return Err(format!("the program sent {bytes} bytes, which is a flood"));
                    }
                    take(&payload);
                }
                b'C' => reply.is_closed = true,
                b'A' if kind == b'O' => {
                    let agreed = String::from_utf8(payload);
                    reply.agreed = Some(agreed.map_err(|_| "the payload of 'A' is not a text")?);
                }
                b'A' => return Err("the program sent 'A' other than in answer to 'O'".into()),
                _ => return Err("the program sent no message that there is".into()),
            }
        }
        Err("the program sent a million messages without 'R', which is a flood".into())
    }

    /// Adds the exit status, if the program has ended.
    fn with_status(&mut self, why: String) -> String {
        // If its output has ended, the program is about to end. If it sent nonsense, it may go on.
        let began = Instant::now();
        while began.elapsed() < self.patiences.short {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!("{why} ({status})"),
                Ok(None) if why.ends_with("ended") => thread::sleep(Duration::from_millis(5)),
                _ => break,
            }
        }
        why
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads one message of the program.
fn read(stdout: &mut impl BufRead) -> Said {
    let ended = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "the program has ended".to_owned(),
        _ => format!("the program's output cannot be read: {error}"),
    };
    let start = stdout.fill_buf().map_err(ended)?;
    let start = start.get(..16).unwrap_or(start).to_vec();
    let nonsense = |why: &str| {
        let start = start.escape_ascii();
        format!("the program said \"{start}\", {why} (standard output is for messages only)")
    };
    if !matches!(start.first(), None | Some(b'A' | b'C' | b'D' | b'R')) {
        return Err(nonsense("which is no message: they begin with A, C, D or R"));
    }
    let mut head = [0; 5];
    stdout.read_exact(&mut head).map_err(ended)?;
    let [kind, length @ ..] = head;
    let len = u32::from_be_bytes(length) as usize;
    if len > MESSAGE_MAX {
        let why = format!("a message of {len} bytes; the longest has {MESSAGE_MAX}");
        return Err(nonsense(&why));
    }
    let mut payload = Vec::new();
    stdout.take(len as u64).read_to_end(&mut payload).map_err(ended)?;
    match payload.len() == len {
        true => Ok((kind, payload)),
        false => Err("the program has ended".into()),
    }
}
