//! `hybi-conform`: tests any WebSocket server or client. `hybi-conform --help` tells how.
//!
//! | module | what it does |
//! |---|---|
//! | `arguments` | the command line |
//! | `selection` | which cases run |
//! | `address`, `transport` | URIs; TCP and TLS |
//! | `http2` | HTTP/2 |
//! | `drive` | one case over one stream, with its time-outs |
//! | `servers`, `clients`, `exec` | the three modes |
//! | `progress`, `summary` | the output while cases run, and at the end |
//! | `results`, `baseline` | the results, and the failures that are expected |
//! | `ending` | where results go besides the terminal |
//! | `report`, `compare` | results as files, and several of them side by side |
#![forbid(unsafe_code)]

mod address;
mod arguments;
mod baseline;
mod clients;
mod compare;
mod drive;
mod ending;
mod exec;
mod http2;
mod list;
mod progress;
mod report;
mod results;
mod selection;
mod servers;
mod summary;
mod transport;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    // Wrong usage ends here, with status 2.
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ran = match (arguments.command, runtime) {
        (Command::List(options), _) => list::run(&options).map(|()| ExitCode::SUCCESS),
        (Command::Compare(options), _) => compare::run(&options).map(|()| ExitCode::SUCCESS),
        (Command::Exec(options), _) => exec::run(&options),
        (Command::Server(options), Ok(runtime)) => run(runtime, servers::run(&options)),
        (Command::Client(options), Ok(runtime)) => run(runtime, clients::run(&options)),
        (_, Err(error)) => Err(format!("the event loop cannot be started: {error}")),
    };
    ran.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "hybi-conform: {error}");
        ExitCode::from(2)
    })
}

/// Runs a future to its end. The look-up of a name, which cannot be stopped, is not waited for.
fn run<T>(runtime: Runtime, future: impl Future<Output = T>) -> T {
    let output = runtime.block_on(future);
    runtime.shutdown_background();
    output
}
