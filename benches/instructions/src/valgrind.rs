//! Counting: this program again, under valgrind, for each path twice.

use std::process::{Child, Command, Stdio};

use crate::paths::{MESSAGES, PATHS, Path};
use crate::record::CONDITIONS;

/// The first argument of a child.
pub const CHILD: &str = "--child";

/// In place of a path: only say what the processor offers.
const NOTHING: &str = "nothing";

/// Returns what counts depend on.
pub fn conditions() -> Vec<(&'static str, String)> {
    let (processor, _) = finish(start(NOTHING, 0));
    let target = concat!(env!("TARGET"), ": ", env!("TARGET_FEATURES")).to_owned();
    let values = [
        env!("COMPILER").to_owned(),
        target,
        processor,
        run("getconf", &["GNU_LIBC_VERSION"]),
        run("valgrind", &["--version"]),
    ];
    CONDITIONS.into_iter().zip(values).collect()
}

/// Counts every path of this program: its name, and the instructions per message.
pub fn count() -> Vec<(&'static str, f64)> {
    let count = |&(path, _): &Path| {
        // Both at the same time.
        let (once, twice) = (start(path, MESSAGES), start(path, 2 * MESSAGES));
        let ((_, once), (_, twice)) = (finish(once), finish(twice));
        // As precise as it is recorded.
        let tenths = (twice - once) as f64 * 10.0 / MESSAGES as f64;
        (path, tenths.round() / 10.0)
    };
    PATHS.iter().map(count).collect()
}

/// What a child does.
pub fn child(path: &str, messages: &str) {
    match PATHS.iter().find(|(name, _)| *name == path) {
        Some((_, run)) => run(messages.parse().expect("a number")),
        None => println!("{}", processor()),
    }
}

/// Of what may decide which code is chosen at run time, what there is: under valgrind that is less than without.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! detected {
            ($($feature:tt)*) => { [$(($feature, std::is_x86_feature_detected!($feature))),*] };
        }
        let features = detected!("sse4.2" "avx" "avx2" "fma" "bmi1" "bmi2" "pclmulqdq" "aes" "sha" "avx512f" "ermsb");
        let offered: Vec<&str> =
            features.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect();
        offered.join(" ")
    }
    #[cfg(not(target_arch = "x86_64"))]
    "not looked at".to_owned()
}

/// Starts a child under valgrind.
fn start(path: &str, messages: usize) -> Child {
    Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("the path of this program"))
        // As many digits for each, so that both stacks begin at the same place.
        .args([CHILD, path, &format!("{messages:06}")])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("valgrind starts")
}

/// What a child has printed, and how many instructions it took.
fn finish(child: Child) -> (String, u64) {
    let output = child.wait_with_output().expect("valgrind ends");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    let total = report
        .lines()
        .find_map(|line| line.split_once("refs:"))
        .map(|(_, total)| total.replace(',', ""));
    let total = total.and_then(|total| total.trim().parse().ok());
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (printed, total.unwrap_or_else(|| panic!("no count in what valgrind says: {report}")))
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program} is needed (Debian: valgrind, libc-bin): {error}")
    });
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
