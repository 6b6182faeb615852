//! Counts the instructions that hybi's hot paths take for a message, and compares them with those recorded. The
//! README says how, and what to do when it fails.

mod paths;
mod record;
mod valgrind;

use std::process::ExitCode;

use record::{PROFILE, Record};

/// More per cent than this is slower. Without link-time optimisation, which function the compiler puts with which others
/// changes counts, too.
const ALLOWED: f64 = if matches!(PROFILE.as_bytes(), b"lto") { 3.0 } else { 10.0 };

/// The same where another compiler, libc or valgrind counts than the recorded one.
const ALLOWED_ELSEWHERE: f64 = 25.0;

const ACCEPT: &str = concat!(
    "cd benches/instructions && cargo run --profile ",
    env!("BUILD_PROFILE"),
    " -- --accept"
);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [valgrind::CHILD, path, messages] => {
            valgrind::child(path, messages);
            ExitCode::SUCCESS
        }
        _ if cfg!(debug_assertions) => fail("this counts the release build: cargo run --release"),
        [] => check(&Record::read(), &valgrind::count()),
        ["--accept"] => {
            let counted = valgrind::count();
            print(&Record::read(), &counted, None);
            counted.write();
            println!("\nAccepted: counts-{PROFILE}.md has the figures of now.");
            ExitCode::SUCCESS
        }
        _ => fail("usage: cargo run --release [-- --accept]"),
    }
}

fn fail(message: &str) -> ExitCode {
    println!("{message}");
    ExitCode::FAILURE
}

fn check(recorded: &Record, counted: &Record) -> ExitCode {
    let allowed = allowed(recorded, counted);
    let (failed, faster) = print(recorded, counted, allowed);
    println!();
    if faster > 0 {
        println!("{faster} paths are faster. To hold them to it: {ACCEPT}");
    }
    let paths = counted.counts.len();
    match allowed {
        _ if failed > 0 => {
            fail(&format!("{failed} of {paths} paths FAIL. To accept that deliberately: {ACCEPT}"))
        }
        None => {
            println!("WARNING: nothing was compared, see above.");
            ExitCode::SUCCESS
        }
        Some(allowed) => {
            println!("{paths} paths, none more than {allowed} % above its record.");
            ExitCode::SUCCESS
        }
    }
}

/// By how many per cent a count may be above its record; `None` if they cannot be compared.
fn allowed(recorded: &Record, counted: &Record) -> Option<f64> {
    let mut allowed = Some(ALLOWED);
    for ((what, here), (_, there)) in counted.conditions.iter().zip(&recorded.conditions) {
        if here != there {
            println!(
                "WARNING: another {what} than recorded\n    recorded: {there}\n    here:     {here}"
            );
            let same_code = !matches!(*what, "target" | "processor");
            allowed = allowed.filter(|_| same_code).map(|_| ALLOWED_ELSEWHERE);
        }
    }
    if allowed != Some(ALLOWED) {
        match allowed {
            Some(_) => {
                println!(
                    "WARNING: so counts may differ, and only more than {ALLOWED_ELSEWHERE} % fails."
                )
            }
            None => {
                println!("WARNING: other code is chosen here: NOTHING IS COMPARED, only counted.")
            }
        }
        println!("If this is what the project builds with from now on: {ACCEPT}\n");
    }
    allowed
}

/// Prints both beside each other. How many paths fail, by being slower than allowed or in one of both only; and how many
/// have become faster.
fn print(recorded: &Record, counted: &Record, allowed: Option<f64>) -> (usize, usize) {
    let (mut failed, mut faster) = (0, 0);
    println!("{:44} {:>10} {:>10}", "instructions per message", "recorded", "now");
    for (path, now) in &counted.counts {
        let Some(before) = recorded.count(path) else {
            failed += 1;
            println!("{path:44} {:>10} {now:10.1}            NOT RECORDED", "-");
            continue;
        };
        let change = (now / before - 1.0) * 100.0;
        let verdict = match allowed {
            Some(allowed) if change > allowed => {
                failed += 1;
                "SLOWER"
            }
            Some(_) if change < -ALLOWED => {
                faster += 1;
                "faster"
            }
            _ => "",
        };
        println!("{path:44} {before:10.1} {now:10.1} {change:+8.2} % {verdict}");
    }
    for (path, before) in recorded.counts.iter().filter(|(path, _)| counted.count(path).is_none()) {
        failed += 1;
        println!("{path:44} {before:10.1} {:>10}            NOT COUNTED", "-");
    }
    (failed, faster)
}
