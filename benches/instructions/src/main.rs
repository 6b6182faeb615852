//! Counts the instructions that hybi's hot paths take for a message, and compares them with those
//! recorded. The README says how, and what to do when it fails.

mod paths;
mod record;
mod valgrind;

use std::io;
use std::process::{Command, ExitCode};

use record::{Profile, Record};

/// More per cent than this is slower where another compiler, libc or valgrind counts than the
/// recorded one.
const ALLOWED_ELSEWHERE: f64 = 25.0;

const USAGE: &str = "cargo run --release -- [--quick | --accept]";
const ACCEPT: &str = "cd benches/instructions && cargo run --release -- --accept";

/// Prints what this program counts: for the one that has started it.
const COUNT: &str = "--count";

/// The programs that are counted: what most are like, and one in which `receive` has a second
/// caller.
const FEATURES: [&str; 2] = ["", "two-places"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [valgrind::CHILD, path, messages] => {
            valgrind::child(path, messages);
            ExitCode::SUCCESS
        }
        [COUNT] => {
            valgrind::count().iter().for_each(|(path, count)| println!("{path}\t{count}"));
            ExitCode::SUCCESS
        }
        _ if cfg!(debug_assertions) => fail("this counts the release build: cargo run --release"),
        [] => run(&Profile::ALL, check),
        ["--quick"] => run(&[Profile::Release], check),
        ["--accept"] => run(&Profile::ALL, accept),
        _ => fail(USAGE),
    }
}

fn fail(message: &str) -> ExitCode {
    println!("{message}");
    ExitCode::FAILURE
}

/// Counts in these profiles, and does the rest with what is recorded and what was counted.
fn run(profiles: &[Profile], rest: fn(&Record, &Record, &[Profile]) -> ExitCode) -> ExitCode {
    match count(profiles) {
        Ok(counted) => rest(&Record::read(), &counted, profiles),
        Err(error) => fail(&error.to_string()),
    }
}

/// Has Cargo build and run this program in all forms, and puts together what they count. A path
/// that was not counted in a profile is not a number there.
fn count(profiles: &[Profile]) -> io::Result<Record> {
    let mut record = Record { conditions: valgrind::conditions(), counts: Vec::new() };
    for &profile in profiles {
        for features in FEATURES {
            for (path, count) in count_in(profile, features)? {
                let at = record.counts.iter().position(|(name, _)| *name == path);
                let at = at.unwrap_or_else(|| {
                    record.counts.push((path, [f64::NAN; 2]));
                    record.counts.len() - 1
                });
                record.counts[at].1[profile as usize] = count;
            }
        }
    }
    Ok(record)
}

fn count_in(profile: Profile, features: &str) -> io::Result<Vec<(String, f64)>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--locked", "--quiet", "--profile", profile.name()])
        .args(["--features", features, "--", COUNT])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other("counting failed"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let row = |line: &str| {
        let (path, count) = line.split_once('\t')?;
        Some((path.to_owned(), count.parse().ok()?))
    };
    Ok(text.lines().filter_map(row).collect())
}

fn accept(recorded: &Record, counted: &Record, profiles: &[Profile]) -> ExitCode {
    print(recorded, counted, profiles, |_| None);
    counted.write();
    println!("\nAccepted: counts.md has the figures of now.");
    ExitCode::SUCCESS
}

fn check(recorded: &Record, counted: &Record, profiles: &[Profile]) -> ExitCode {
    let comparable = comparable(recorded, counted);
    let allowed = |profile: Profile| match comparable {
        Comparable::Exactly => Some(profile.allowed()),
        Comparable::Roughly => Some(ALLOWED_ELSEWHERE),
        Comparable::Not => None,
    };
    let (failed, faster) = print(recorded, counted, profiles, allowed);
    println!();
    if faster > 0 {
        println!("{faster} counts are lower. To hold them to it: {ACCEPT}");
    }
    let paths = counted.counts.len();
    match comparable {
        _ if failed > 0 => fail(&format!(
            "{failed} counts of {paths} paths FAIL. To accept that deliberately: {ACCEPT}"
        )),
        Comparable::Not => {
            println!("WARNING: nothing was compared, see above.");
            ExitCode::SUCCESS
        }
        _ => {
            println!("{paths} paths, none above its bound.");
            ExitCode::SUCCESS
        }
    }
}

enum Comparable {
    Exactly,
    Roughly,
    Not,
}

/// Returns whether counts can be compared with those recorded, and prints why not.
fn comparable(recorded: &Record, counted: &Record) -> Comparable {
    let mut comparable = Comparable::Exactly;
    for ((what, here), (_, there)) in counted.conditions.iter().zip(&recorded.conditions) {
        if here != there {
            println!(
                "WARNING: another {what} than recorded\n    recorded: {there}\n    here:     {here}"
            );
            comparable = match (*what, comparable) {
                ("target" | "processor", _) | (_, Comparable::Not) => Comparable::Not,
                _ => Comparable::Roughly,
            };
        }
    }
    match comparable {
        Comparable::Exactly => return comparable,
        Comparable::Roughly => println!(
            "WARNING: so counts may differ, and only more than {ALLOWED_ELSEWHERE} % fails."
        ),
        Comparable::Not => {
            println!("WARNING: other code is chosen here: NOTHING IS COMPARED, only counted.")
        }
    }
    println!("If this is what the project builds with from now on: {ACCEPT}\n");
    comparable
}

/// Prints both beside each other. Returns how many counts fail, by being above their bound or in
/// one of both only, and how many have become lower.
fn print(
    recorded: &Record,
    counted: &Record,
    profiles: &[Profile],
    allowed: impl Fn(Profile) -> Option<f64>,
) -> (usize, usize) {
    let (mut failed, mut faster) = (0, 0);
    print!("{:65}", "instructions per message: recorded, now");
    profiles.iter().for_each(|profile| print!(" {:>38}", profile.name()));
    println!();
    for (path, now) in &counted.counts {
        print!("{path:65}");
        for &profile in profiles {
            let now = now[profile as usize];
            let Some(before) = recorded.count(path, profile) else {
                failed += 1;
                print!(" {:>10} {now:10.1}     NOT RECORDED", "-");
                continue;
            };
            let change = (now / before - 1.0) * 100.0;
            let verdict = match allowed(profile) {
                Some(allowed) if change > allowed => {
                    failed += 1;
                    "SLOWER"
                }
                Some(_) if change < -profile.allowed() => {
                    faster += 1;
                    "faster"
                }
                _ => "",
            };
            print!(" {before:10.1} {now:10.1} {change:+7.2} % {verdict:6}");
        }
        println!();
    }
    let is_gone = |path: &str| !counted.counts.iter().any(|(counted, _)| counted == path);
    for (path, _) in recorded.counts.iter().filter(|(path, _)| is_gone(path)) {
        failed += 1;
        println!("{path:65} NOT COUNTED");
    }
    (failed, faster)
}
