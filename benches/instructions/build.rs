//! What was compiled by what: counts depend on both.

use std::env;
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
    println!("cargo::rerun-if-changed=build.rs");
}
