//! Measures as many connections as the machine allows: see README.md.

mod crowd;
mod fan_out;
mod idle;
mod kernel;
mod server;

use hybi_bench_shared::options::Options;
use hybi_bench_shared::process::Process;
use hybi_bench_shared::{document, report, system};
use server::Server;
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, io};

/// Nothing is written there: the tables are in the documentation.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md");

fn main() -> ExitCode {
    let result = match env::args().nth(1).as_deref() {
        Some("--serve") => serve(env::args().skip(2)),
        _ => Options::read(RESULTS).and_then(|options| measure(&options)),
    };
    hybi_bench_shared::exit_code(result.map(|()| true))
}

/// The resources of this machine.
struct Machine {
    /// The number of files that a process may have open.
    files: usize,
    processors: usize,
}

impl Machine {
    /// Starts a server on the last processor. The load is on the first.
    fn start(&self, server: &Server, ping_after: Duration) -> io::Result<Process> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--serve", server.name, &ping_after.as_millis().to_string()]);
        if self.processors > 1 {
            system::stay_on(self.processors - 1)?;
        }
        let process = Process::start(&mut command);
        if self.processors > 1 {
            system::stay_on(0)?;
        }
        process
    }

    /// Returns how many connections a process may have.
    fn connections_max(&self) -> usize {
        self.files.saturating_sub(100)
    }
}

/// A table of the documentation.
struct Table {
    name: &'static str,
    /// The caption: what is measured, and the unit.
    title: String,
    text: String,
}

fn measure(options: &Options) -> Result<(), Box<dyn Error>> {
    // More would need more ports, which the load does not look for.
    let files = system::raise_open_files()?.min(20_000) as usize;
    if files < 300 {
        return Err(format!("{files} open files are too few: ulimit -n 20000").into());
    }
    let machine = Machine { files, processors: std::thread::available_parallelism()?.get() };
    println!("# Many connections\n\n{}.", report::environment());
    let mut tables = Vec::new();
    let mut show = |part: Vec<Table>| {
        part.iter().for_each(|table| println!("\n{}:\n\n{}", table.title, table.text));
        tables.extend(part);
    };
    if options.selects_workload("idle") {
        show(idle::measure(options, &machine)?);
    }
    if options.selects_workload("broadcast over sockets") {
        show(fan_out::over_sockets(options, &machine)?);
    }
    if options.selects_workload("broadcast in memory") {
        show(fan_out::in_memory(options));
    }
    if options.documents {
        for Table { name, title, text } in tables {
            let text = format!("{title}:\n\n{text}");
            document::replace(Path::new(DOCUMENT), name, &text)?;
        }
    }
    Ok(())
}

fn serve(mut args: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let name = args.next().unwrap_or_default();
    let ping_after = args.next().unwrap_or_default().parse()?;
    server::run(&name, Duration::from_millis(ping_after)).map_err(|error| error as Box<dyn Error>)
}
