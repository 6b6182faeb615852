//! The command against servers and clients: hybi's own, which pass everything, and others that
//! are broken on purpose.

mod bad_input;
mod client_faults;
mod clients;
mod echo;
mod faults;
mod faulty;
mod http2;
mod interrupt;
mod reports;
mod selection;
mod servers;

use std::process::{Command, Output};

/// Runs the command.
fn conform(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybi-conform"));
    command.args(arguments);
    command
}

/// Returns the status of a command, and all its output.
fn told(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}
