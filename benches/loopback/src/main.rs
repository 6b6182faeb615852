//! An echo over loopback, hybi next to its peers: see README.md.

mod child;
mod load;
mod report;
mod server;
mod system;

use child::Process;
use load::{Clients, Messages};
use report::{Report, Sample};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, io};

const USAGE: &str = "cargo run --release -- [--quick] [--rounds N] [--out DIR] [--docs] [FILTER]...\n\
    A filter selects the workloads whose name contains it; @NAME selects servers whose name contains it.\n\
    Without either, the results go to results/, and with --docs to docs/evidence/loopback.md, too.";

const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence/loopback.md");

/// How long one sample is.
const SAMPLE: Duration = Duration::from_millis(80);
/// How many connections the memory is divided by.
const IDLE: usize = 1000;
/// The most connections at once, and some files besides.
const OPEN_FILES: u64 = 1000 + 100;

struct Options {
    rounds: usize,
    quick: bool,
    /// Where the results go; `None`: nowhere.
    out: Option<PathBuf>,
    documents: bool,
    workloads: Vec<String>,
    servers: Vec<String>,
}

/// Messages of one size over so many connections, so many at a time on each.
pub struct Workload {
    pub size: usize,
    pub connections: usize,
    pub batch: usize,
}

impl Workload {
    pub fn name(&self) -> String {
        let size = match self.size {
            size if size < 1 << 10 => format!("{size} B"),
            size if size < 1 << 20 => format!("{} KiB", size >> 10),
            size => format!("{} MiB", size >> 20),
        };
        format!("{size}, {} × {}", self.connections, self.batch)
    }
}

fn workloads() -> Vec<Workload> {
    let mut workloads = Vec::new();
    for connections in [1, 100, 1000] {
        for (size, batches) in
            [(16, &[1, 16][..]), (1 << 10, &[1, 16]), (16 << 10, &[1]), (1 << 20, &[1])]
        {
            // A gigabyte under way would measure the kernel's limits for sockets.
            if size * connections < 256 << 20 {
                workloads.extend(batches.iter().map(|&batch| Workload {
                    size,
                    connections,
                    batch,
                }));
            }
        }
    }
    workloads
}

/// A server that can be started.
struct Candidate {
    name: String,
    command: Command,
    /// Of what is not in the lock file.
    version: Option<String>,
}

/// A server that runs.
struct Contender {
    name: String,
    process: Process,
    failed: bool,
}

fn main() -> ExitCode {
    let result = match env::args().nth(1).as_deref() {
        Some("--serve") => server::run(&env::args().nth(2).unwrap_or_default()).map(|()| true),
        _ => options().and_then(|options| measure(&options)),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        rounds: 0,
        quick: false,
        out: None,
        documents: false,
        workloads: Vec::new(),
        servers: Vec::new(),
    };
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => options.quick = true,
            "--rounds" => options.rounds = args.next().ok_or(USAGE)?.parse()?,
            "--out" => options.out = Some(args.next().ok_or(USAGE)?.into()),
            "--docs" => options.documents = true,
            flag if flag.starts_with('-') => return Err(USAGE.into()),
            filter => match filter.strip_prefix('@') {
                Some(name) => options.servers.push(name.into()),
                None => options.workloads.push(filter.into()),
            },
        }
    }
    let all = options.workloads.is_empty() && options.servers.is_empty() && !options.quick;
    if options.documents && !all {
        return Err(USAGE.into());
    }
    if all {
        options.out.get_or_insert(RESULTS.into());
    }
    if options.rounds == 0 {
        options.rounds = if options.quick { 1 } else { 5 };
    }
    Ok(options)
}

fn selects(filters: &[String], name: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}

/// Whether everybody echoed.
fn measure(options: &Options) -> Result<bool, Box<dyn Error>> {
    let files = system::raise_open_files()?;
    if files < OPEN_FILES {
        return Err(format!(
            "{files} open files are too few for 1,000 connections: ulimit -n 4096"
        )
        .into());
    }
    let (mut candidates, left_out) = candidates(&options.servers)?;
    let processors = std::thread::available_parallelism()?.get();
    if processors > 1 {
        // Inherited by the servers; the load goes to another one when all have been started.
        system::stay_on(processors - 1)?;
    }
    let versions = candidates.iter().filter_map(|it| Some((it.name.clone(), it.version.clone()?)));
    let mut report = Report::new(options.rounds, versions);
    for (name, why) in &left_out {
        eprintln!("left out: {name}: {why}");
        report.left_out(name, why);
    }
    for Candidate { name, command, .. } in &mut candidates {
        match memory(command) {
            Ok(bytes) => report.memory(name, bytes),
            Err(error) => report.failure(name, "memory", &error),
        }
    }
    let mut contenders = Vec::new();
    for Candidate { name, mut command, .. } in candidates {
        let process = Process::start(&mut command)?;
        contenders.push(Contender { name, process, failed: false });
    }
    if processors > 1 {
        system::stay_on(0)?;
    }
    let workloads: Vec<_> = workloads()
        .into_iter()
        .filter(|workload| selects(&options.workloads, &workload.name()))
        .map(|workload| (Messages::new(workload.size, workload.batch), workload))
        .collect();
    let time = if options.quick { SAMPLE / 4 } else { SAMPLE };
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for connections in [1, 100, 1000] {
            let group: Vec<_> =
                workloads.iter().filter(|(_, it)| it.connections == connections).collect();
            let count = contenders.len();
            for i in 0..count {
                // Each round another one goes first.
                let contender = &mut contenders[(i + round) % count];
                if !contender.failed
                    && !group.is_empty()
                    && let Err((workload, error)) =
                        contender.race(connections, &group, time, &mut report)
                {
                    report.failure(&contender.name, &workload, &error);
                    contender.failed = true;
                }
            }
        }
    }
    let workloads = || workloads.iter().map(|(_, workload)| workload);
    if options.documents {
        report.document(Path::new(DOCUMENT), workloads())?;
    }
    Ok(report.write(options.out.as_deref(), workloads())?)
}

/// A server that cannot be installed or built, and why.
type LeftOut = (&'static str, String);

/// The selected servers; and those that are left out because they cannot be installed, with the
/// reason.
fn candidates(filters: &[String]) -> io::Result<(Vec<Candidate>, Vec<LeftOut>)> {
    let (mut candidates, mut left_out) = (Vec::new(), Vec::new());
    for server in server::SERVERS.iter().filter(|server| selects(filters, server.name)) {
        let is_cpp = server.name == server::UWEBSOCKETS;
        if is_cpp && let Some(why) = hybi_uwebsockets::missing() {
            left_out.push((server.name, why.to_owned()));
            continue;
        }
        let version = hybi_uwebsockets::package().filter(|_| is_cpp).map(|it| format!("in {it}"));
        let (name, command) = (server.name.to_owned(), child::own(server.name)?);
        candidates.push(Candidate { name, command, version });
    }
    type Install = fn() -> io::Result<(Command, String)>;
    let others: [(&str, Install); 2] =
        [("ws, Node", child::node_ws), ("websockets, Python", child::python_websockets)];
    for (name, install) in others.into_iter().filter(|(name, _)| selects(filters, name)) {
        match install() {
            Ok((command, version)) => {
                candidates.push(Candidate { name: name.into(), command, version: Some(version) });
            }
            Err(error) => left_out.push((name, error.to_string())),
        }
    }
    Ok((candidates, left_out))
}

/// What a connection adds to the server's resident memory, behind its handshake and behind its first message.
fn memory(command: &mut Command) -> io::Result<[usize; 2]> {
    let process = Process::start(command)?;
    let resident = || system::resident(process.id());
    // Code and buffers that serve all connections come into memory with the first.
    let messages = Messages::new(1 << 10, 1);
    let mut first = Clients::open(process.address, 1)?;
    first.run(&messages, Duration::ZERO)?;
    let before = resident()?;
    let mut clients = Clients::open(process.address, IDLE)?;
    let idle = resident()?.saturating_sub(before) / IDLE;
    clients.run(&messages, Duration::ZERO)?;
    let used = resident()?.saturating_sub(before) / IDLE;
    clients.close()?;
    first.close()?;
    Ok([idle, used])
}

impl Contender {
    /// All workloads with this number of connections.
    fn race(
        &self,
        connections: usize,
        group: &[&(Messages, Workload)],
        time: Duration,
        report: &mut Report,
    ) -> Result<(), (String, io::Error)> {
        let at = |workload: &Workload| {
            let name = workload.name();
            move |error| (name, error)
        };
        let mut clients =
            Clients::open(self.process.address, connections).map_err(at(&group[0].1))?;
        for (messages, workload) in group {
            let sample = self.sample(&mut clients, messages, time).map_err(at(workload))?;
            report.sample(&self.name, workload, sample);
        }
        clients.close().map_err(|error| ("closing".into(), error))
    }

    fn sample(
        &self,
        clients: &mut Clients,
        messages: &Messages,
        time: Duration,
    ) -> io::Result<Sample> {
        // Untimed, so that buffers have grown and the code is in the caches.
        clients.run(messages, Duration::ZERO)?;
        let before = system::cpu_time(self.process.id())?;
        let outcome = clients.run(messages, time)?;
        let cpu = system::cpu_time(self.process.id())? - before;
        Ok(Sample {
            per_second: outcome.messages as f64 / outcome.elapsed.as_secs_f64(),
            cpu_micros: cpu.as_secs_f64() * 1e6 / outcome.messages as f64,
        })
    }
}
