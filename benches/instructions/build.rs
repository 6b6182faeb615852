//! What was compiled by what: counts depend on both.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    let variable = |name| env::var(name).unwrap_or_default();
    let version = Command::new(variable("RUSTC"))
        .arg("--version")
        .output()
        .expect("the compiler that builds this");
    println!("cargo::rustc-env=COMPILER={}", String::from_utf8_lossy(&version.stdout).trim());
    println!("cargo::rustc-env=TARGET={}", variable("TARGET"));
    println!(
        "cargo::rustc-env=TARGET_FEATURES={}",
        variable("CARGO_CFG_TARGET_FEATURE").replace(',', " ")
    );
    // target/PROFILE/build/PACKAGE/out: the variable `PROFILE` knows only release and debug.
    let out = variable("OUT_DIR");
    let profile = Path::new(&out).ancestors().nth(3).and_then(Path::file_name).unwrap_or_default();
    println!("cargo::rustc-env=BUILD_PROFILE={}", profile.display());
    println!("cargo::rerun-if-changed=build.rs");
}
