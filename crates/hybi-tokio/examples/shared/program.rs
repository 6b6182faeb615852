//! Parts that the example programs share: their arguments, a log, and the signal to end.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::error::Error;
use std::fmt::Display;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::{env, future};

use tokio::net::TcpListener;
use tokio::signal::ctrl_c;

/// Returns the arguments of the program. The error is the exit code of one that ends at once,
/// because somebody asked for help.
pub(crate) fn arguments(usage: &str) -> Result<Vec<String>, ExitCode> {
    let arguments = env::args_os().skip(1).map(|argument| argument.into_string());
    let Ok(arguments) = arguments.collect::<Result<Vec<_>, _>>() else {
        return Err(wrong("an argument is not UTF-8", usage));
    };
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        // If it cannot be printed, nobody wants to read it.
        let _ = writeln!(stdout(), "{usage}");
        return Err(ExitCode::SUCCESS);
    }
    Ok(arguments)
}

/// Returns the address to listen at: the only argument, or 127.0.0.1:9001. The error is the exit
/// code, as that of [`arguments`].
pub(crate) fn address(usage: &str) -> Result<String, ExitCode> {
    match &arguments(usage)?[..] {
        [] => Ok("127.0.0.1:9001".to_owned()),
        [address] if !address.starts_with('-') => Ok(address.clone()),
        _ => Err(wrong("only one address, please", usage)),
    }
}

/// Says what is wrong with the arguments, and returns the exit code.
pub(crate) fn wrong(error: impl Display, usage: &str) -> ExitCode {
    log(format_args!("{error}\n{usage}"));
    ExitCode::from(2)
}

/// Returns the exit code of a program, and prints the error with which it ended.
pub(crate) fn exit_code(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(error);
            ExitCode::FAILURE
        }
    }
}

/// Listens at an address. The error names it.
pub(crate) async fn listen_at(address: &str) -> Result<TcpListener, Box<dyn Error>> {
    TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}").into())
}

/// Prints a line for whoever runs the program.
pub(crate) fn log(text: impl Display) {
    // Unlike `eprintln!`, this does not panic if nobody reads it.
    let _ = writeln!(stderr(), "{text}");
}

/// Waits until somebody presses Ctrl-C or the system sends SIGTERM.
pub(crate) async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => {}
                () = interrupted() => {}
            }
            return;
        }
    }
    interrupted().await;
}

async fn interrupted() {
    if ctrl_c().await.is_err() {
        future::pending::<()>().await; // the system ends the program as it likes
    }
}
