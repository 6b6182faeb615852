//! An echo over loopback, hybi next to its peers: see README.md.

mod child;
mod server;

use hybi_bench_shared::load::{Clients, Kind, Messages};
use hybi_bench_shared::options::Options;
use hybi_bench_shared::process::Process;
use hybi_bench_shared::race::{self, Contender};
use hybi_bench_shared::report::{Bench, Report};
use hybi_bench_shared::system::CpuClock;
use hybi_bench_shared::{Workload, system};
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, io};

const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence/loopback.md");

const BENCH: Bench = Bench {
    name: "loopback",
    title: "Echo over loopback",
    ours: "hybi",
    documented: &[
        "16 B, 1 × 16",
        "16 B, 100 × 1",
        "16 B, 100 × 16",
        "1 KiB, 100 × 16",
        "16 KiB, 100 × 1",
        "1 MiB, 1 × 1",
        "16 B, 1000 × 16",
    ],
    memory: (
        "Memory per connection: growth of the resident memory, bytes",
        &["behind its handshake", "behind its first message of 1 KiB"],
    ),
    manifest: include_str!("../Cargo.toml"),
};

/// How many connections the memory is divided by.
const IDLE: usize = 1000;
/// The most connections at once, and some files besides.
const OPEN_FILES: u64 = 1000 + 100;

fn workloads() -> Vec<Workload> {
    let mut workloads = Vec::new();
    for connections in [1, 100, 1000] {
        for (size, batches) in
            [(16, &[1, 16][..]), (1 << 10, &[1, 16]), (16 << 10, &[1]), (1 << 20, &[1])]
        {
            workloads.extend(batches.iter().map(|&batch| Workload {
                kind: Kind::Binary,
                size,
                connections,
                batch,
            }));
        }
    }
    workloads.retain(Workload::fits);
    workloads
}

/// A server that can be started.
struct Candidate {
    name: String,
    command: Command,
    /// Of what is not in the lock file.
    version: Option<String>,
}

fn main() -> ExitCode {
    let result = match env::args().nth(1).as_deref() {
        Some("--serve") => server::run(&env::args().nth(2).unwrap_or_default()).map(|()| true),
        _ => Options::read(RESULTS).and_then(|options| measure(&options)),
    };
    hybi_bench_shared::exit_code(result)
}

/// Returns whether every server echoed.
fn measure(options: &Options) -> Result<bool, Box<dyn Error>> {
    let files = system::raise_open_files()?;
    if files < OPEN_FILES {
        return Err(format!(
            "{files} open files are too few for 1,000 connections: ulimit -n 4096"
        )
        .into());
    }
    let (mut candidates, left_out) = candidates(options)?;
    let processors = std::thread::available_parallelism()?.get();
    if processors > 1 {
        // Inherited by the servers; the load goes to another one when all have been started.
        system::stay_on(processors - 1)?;
    }
    let names = candidates.iter().map(|it| it.name.clone()).collect();
    let versions = candidates.iter().filter_map(|it| Some((it.name.clone(), it.version.clone()?)));
    let mut report = Report::new(BENCH, options.rounds, names, versions);
    for (name, why) in &left_out {
        eprintln!("left out: {name}: {why}");
        report.left_out(name, why);
    }
    for Candidate { name, command, .. } in &mut candidates {
        match memory(command) {
            Ok(bytes) => report.memory(name, bytes.map(Some)),
            Err(error) => report.failure(name, "memory", &error),
        }
    }
    let (mut contenders, mut processes) = (Vec::new(), Vec::new());
    for Candidate { name, mut command, .. } in candidates {
        let process = Process::start(&mut command)?;
        let clock = CpuClock::of_process(process.id())?;
        contenders.push(Contender { name, address: process.address, clock });
        processes.push(process);
    }
    if processors > 1 {
        system::stay_on(0)?;
    }
    let mut workloads = workloads();
    workloads.retain(|workload| options.selects_workload(&workload.name()));
    race::run(contenders, &workloads, options.quick, &mut report);
    if options.documents {
        report.document(Path::new(DOCUMENT), &workloads)?;
    }
    Ok(report.write(options.out.as_deref(), &workloads)?)
}

/// A server that cannot be installed or built, and why.
type LeftOut = (&'static str, String);

/// The selected servers; and those that are left out because they cannot be installed, with the
/// reason.
fn candidates(options: &Options) -> io::Result<(Vec<Candidate>, Vec<LeftOut>)> {
    let (mut candidates, mut left_out) = (Vec::new(), Vec::new());
    for server in server::SERVERS.iter().filter(|server| options.selects_server(server.name)) {
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
    for (name, install) in others.into_iter().filter(|(name, _)| options.selects_server(name)) {
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
    let messages = Messages::new(Kind::Binary, 1 << 10, 1);
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
