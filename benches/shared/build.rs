//! Notes the compiler's version, flags and profile for the results.

use std::path::Path;
use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    println!("cargo:rustc-env=RUSTC_VERSION={}", String::from_utf8_lossy(&version).trim());
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\x1f', " ");
    println!("cargo:rustc-env=BUILD_FLAGS={flags}");
    // target/PROFILE/build/PACKAGE/out: `PROFILE` itself knows only release and debug.
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    let profile = Path::new(&out).ancestors().nth(3).and_then(Path::file_name).unwrap_or_default();
    println!("cargo:rustc-env=BUILD_PROFILE={}", profile.display());
    // Otherwise every change of a source would run it again.
    println!("cargo:rerun-if-env-changed=RUSTC");
}
