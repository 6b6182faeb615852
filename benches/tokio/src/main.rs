//! Echo servers on tokio, hybi-tokio beside its peers: see README.md.

mod goals;
mod memory;
mod server;

use hybi_bench_shared::load::Kind;
use hybi_bench_shared::options::Options;
use hybi_bench_shared::race::{self, Contender};
use hybi_bench_shared::report::{Bench, Report};
use hybi_bench_shared::system::CpuClock;
use hybi_bench_shared::{Workload, document, system};
use server::Server;
use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results");
const EVIDENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence/tokio.md");
const PERFORMANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md");

const BENCH: Bench = Bench {
    name: "tokio",
    title: "Echo servers on tokio",
    ours: server::OURS,
    documented: &[
        "16 B, 1 × 1",
        "16 B, 100 × 1",
        "16 B, 100 × 16",
        "125 B, 1000 × 16",
        "1 KiB, 100 × 16",
        "16 KiB, 100 × 1",
        "64 KiB, 100 × 1",
        "1 MiB, 1 × 1",
    ],
    memory: (
        "Heap per connection, bytes",
        &["idle", "after a message of 1 KiB", "TLS: idle", "TLS: after a message of 1 KiB"],
    ),
    manifest: include_str!("../Cargo.toml"),
};

/// How many idle connections the memory is divided by.
const IDLE: usize = 10_000;
const IDLE_QUICK: usize = 500;
/// The other files that a process has open.
const OTHER_FILES: u64 = 100;

fn workloads() -> Vec<Workload> {
    let mut workloads = Vec::new();
    for connections in [1, 100, 1000] {
        for size in [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20] {
            for batch in [1, 16] {
                workloads.push(Workload { kind: Kind::Binary, size, connections, batch });
            }
        }
    }
    for size in [125, 1 << 10, 16 << 10, 1 << 20] {
        workloads.push(Workload { kind: Kind::AsciiText, size, connections: 100, batch: 1 });
    }
    workloads.retain(Workload::fits);
    workloads
}

fn main() -> ExitCode {
    let result = match env::args().nth(1).as_deref() {
        Some("--serve") => match memory::serve(env::args().skip(2)) {
            Ok(()) => Ok(true),
            Err(error) => Err(error as Box<dyn Error>),
        },
        _ => Options::read(RESULTS).and_then(|options| measure(&options)),
    };
    hybi_bench_shared::exit_code(result)
}

/// Returns whether every server echoed.
fn measure(options: &Options) -> Result<bool, Box<dyn Error>> {
    let idle = if options.quick { IDLE_QUICK } else { IDLE };
    let files = system::raise_open_files()?;
    if files < idle as u64 + OTHER_FILES {
        return Err(format!("{files} open files are too few for {idle} connections").into());
    }
    let servers: Vec<_> =
        server::SERVERS.iter().filter(|it| options.selects_server(it.name)).collect();
    let names = servers.iter().chain([&&server::IDLE]).map(|it| it.name.to_owned()).collect();
    let mut report = Report::new(BENCH, options.rounds, names, [].into_iter());

    let mut workloads = workloads();
    workloads.retain(|workload| options.selects_workload(&workload.name()));
    let processors = thread::available_parallelism()?.get();
    if processors > 1 {
        // Inherited by the servers; the load goes to another one when all have been started.
        system::stay_on(processors - 1)?;
    }
    let mut contenders = Vec::new();
    for &server in &servers {
        contenders.push(start(server)?);
    }
    if processors > 1 {
        system::stay_on(0)?;
    }
    race::run(contenders, &workloads, options.quick, &mut report);

    if options.selects_workload("memory") {
        let identity = memory::Identity::new().map_err(|error| error as Box<dyn Error>)?;
        for server in servers.into_iter().chain([&server::IDLE]) {
            for tls in [None, Some(&identity)] {
                if tls.is_some() && !server.has_tls() {
                    continue;
                }
                match memory::measure(server, idle, tls) {
                    Ok(bytes) => report.memory(server.name, bytes.columns(server)),
                    Err(error) => report.failure(server.name, "memory", &error),
                }
            }
        }
    }
    let goals = goals::table(&report, &workloads);
    if options.documents {
        report.document(Path::new(EVIDENCE), &workloads)?;
        let shown = |it: &&Workload| BENCH.documented.contains(&it.name().as_str());
        let shown: Vec<_> = workloads.iter().filter(shown).copied().collect();
        document::replace(Path::new(PERFORMANCE), "tokio", &goals::table(&report, &shown))?;
    }
    if let Some(directory) = &options.out {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("goals.md"), &goals)?;
    }
    let all_echoed = report.write(options.out.as_deref(), &workloads)?;
    println!("{goals}");
    Ok(all_echoed)
}

fn start(server: &'static Server) -> Result<Contender, Box<dyn Error>> {
    let (listener, address) = server::listen().map_err(|error| error as Box<dyn Error>)?;
    let thread = thread::Builder::new().spawn(move || {
        if let Err(error) = server.run(listener, None) {
            eprintln!("{}: {error}", server.name);
        }
    })?;
    let clock = CpuClock::of_thread(&thread)?;
    Ok(Contender { name: server.name.to_owned(), address, clock })
}
