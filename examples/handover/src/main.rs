//! A server that replaces itself by a new program without closing one connection. For Linux.
//!
//!     cargo run --release -p hybi-handover [HOST:PORT] [OPTION]...
//!
//! Default: 127.0.0.1:9006; port 0 for any. Open the address that it prints in two windows: a chat.
//! At `/echo` every message comes back. Then build another version and send the process a SIGHUP:
//!
//!     kill -HUP "$(pgrep -x handover)"
//!
//! The new process takes over, the windows stay open, and the old process ends.
//!
//! It shows: descriptors and the state of connections that go to another process (`give.rs`,
//! `take.rs`), over a channel (`channel.rs`), in a format with a version (`record.rs`). The old
//! process goes on if the new one fails. docs/operating.md has all of it step by step.
//!
//! It leaves out: TLS, whose state cannot be handed over, and further hosts and origins, which a
//! server behind a proxy needs: see the example `chat`.
#![forbid(unsafe_code)]

mod channel;
mod chat;
mod clock;
mod door;
mod give;
mod peer;
mod record;
mod server;
mod take;

#[path = "../../shared/arguments.rs"]
mod arguments;
#[path = "../../shared/hosts.rs"]
#[allow(dead_code, reason = "it has no option for further hosts")]
mod hosts;
#[path = "../../chat/names.rs"]
#[allow(dead_code, reason = "the chat says nothing itself")]
mod names;
#[path = "../../shared/print.rs"]
mod print;

use std::env;
use std::error::Error;
use std::path;
use std::process::{self, ExitCode};
use std::time::Duration;

use mio::net::TcpListener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use crate::arguments::Arguments;
use crate::give::{Options, TAKE_OVER};
use crate::server::Server;

const USAGE: &str = "\
usage: handover [HOST:PORT] [OPTION]...   default: 127.0.0.1:9006
  SIGHUP starts a new process that takes over; SIGTERM and SIGINT close all connections and end
  --program FILE             the new program (default: the file that this one was started from; if
                             that was a symbolic link, the file to which it led then)
  --start-within SECONDS     how long it may take until it is ready (default: 10)
  --transfer-within SECONDS  how long the transfer may take, in which nobody is served (default: 5)
  --patience SECONDS         how long the old process waits for connections in the middle of a
                             compressed message, which follow after it (default: 30); the rest is
                             closed with 1001
  --take-over                said by the old process to the new one: take over";

fn main() -> ExitCode {
    let (address, take_over, options) = match arguments::read(USAGE, read_options) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let code = match run(&address, take_over, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if take_over => {
            print::complain(format_args!("process {}: {error}", process::id()), 1)
        }
        Err(error) => print::complain(format_args!("cannot serve {address}: {error}"), 1),
    };
    print::flush();
    code
}

fn run(address: &str, take_over: bool, options: Options) -> Result<(), Box<dyn Error>> {
    // First, so that no early signal ends the process.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    raise_descriptor_limit();
    let server = if take_over {
        take::take_over(signals, options)?
    } else {
        // It sets SO_REUSEADDR, and `mio` would, too.
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        print::answer(format_args!("listening at http://{bound} and ws://{bound}"));
        Server::new(TcpListener::from_std(listener), signals, options)?
    };
    Ok(server.run()?)
}

/// Allows this process as many open files as it may have. If that is not to be had, fewer clients
/// are served at once.
fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn read_options(arguments: &mut Arguments) -> Result<(String, bool, Options), String> {
    let (mut address, mut program, mut take_over) = (None, None, false);
    let (mut start_within, mut transfer_within, mut patience) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let place = match &*argument {
            "--program" => {
                // Not a name to be looked for in PATH.
                let file = path::absolute(arguments.value(&argument)?);
                let file = file.map_err(|error| format!("--program: {error}"))?;
                arguments::set(&mut program, &argument, file)?;
                continue;
            }
            TAKE_OVER => {
                take_over = true;
                continue;
            }
            "--start-within" => &mut start_within,
            "--transfer-within" => &mut transfer_within,
            "--patience" => &mut patience,
            _ => {
                arguments::set_unnamed(&mut address, "address", argument)?;
                continue;
            }
        };
        let time = arguments::seconds(&argument, &arguments.value(&argument)?)?;
        arguments::set(place, &argument, time)?;
    }
    let address = arguments::address(address, "127.0.0.1:9006")?;
    // Asked now: after the file has been replaced, its name would be another.
    let own = || env::current_exe().map_err(|error| format!("--program: {error}"));
    let options = Options {
        program: program.map_or_else(own, Ok)?,
        start_within: start_within.unwrap_or(Duration::from_secs(10)),
        transfer_within: transfer_within.unwrap_or(Duration::from_secs(5)),
        patience: patience.unwrap_or(Duration::from_secs(30)),
    };
    Ok((address, take_over, options))
}
