//! Finds the source of uWebSockets and compiles it with our shims. If that fails, this crate still
//! builds, and says why it can do nothing.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package of `Cargo.toml` that carries the source.
const PACKAGE: &str = "libuwebsockets-sys";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(missing)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=shim");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let version = source().and_then(|source| {
        compile(&source)?;
        let folder = source.file_name().unwrap_or_default().display().to_string();
        Ok(folder)
    });
    match version {
        Ok(version) => println!("cargo::rustc-env=UWEBSOCKETS={version}"),
        Err(error) => {
            let error = error.to_string().replace('\n', " ");
            println!("cargo::rustc-cfg=missing");
            println!("cargo::rustc-env=UWEBSOCKETS={error}");
            println!("cargo::warning=uWebSockets is left out: {error}");
            // Tries again at the next build.
            println!("cargo::rerun-if-changed=no such file");
        }
    }
}

/// Returns the folder that Cargo has unpacked the package to. Fetches it if necessary.
fn source() -> Result<PathBuf, Box<dyn Error>> {
    let manifest = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    let output = Command::new(env::var("CARGO")?)
        .args(["metadata", "--locked", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata: {}", reason.trim()).into());
    }
    let metadata = String::from_utf8(output.stdout)?;
    metadata
        .split("\"manifest_path\":\"")
        .filter_map(|rest| rest.split('"').next())
        .filter_map(|manifest| Path::new(manifest).parent())
        .find(|folder| {
            folder.file_name().is_some_and(|it| it.display().to_string().starts_with(PACKAGE))
        })
        .map(Path::to_owned)
        .ok_or_else(|| format!("cargo metadata does not know {PACKAGE}").into())
}

/// Compiles uSockets on epoll without TLS, and the shims over uWebSockets without zlib.
fn compile(source: &Path) -> Result<(), cc::Error> {
    let sockets = source.join("uWebSockets/uSockets/src");
    let mut c = cc::Build::new();
    c.define("LIBUS_NO_SSL", None).include(&sockets).opt_level(3).warnings(false);
    for file in ["bsd.c", "context.c", "loop.c", "socket.c", "udp.c", "eventing/epoll_kqueue.c"] {
        c.file(sockets.join(file));
    }
    let mut cpp = cc::Build::new();
    cpp.cpp(true).std("c++20").define("LIBUS_NO_SSL", None).define("UWS_NO_ZLIB", None);
    cpp.include(&sockets).include(source.join("uWebSockets/src")).opt_level(3).warnings(false);
    cpp.file("shim/memory.cpp").file("shim/echo.cpp");
    // The shims first: a linker looks for what they need in the libraries after them.
    cpp.try_compile("hybi-uwebsockets")?;
    c.try_compile("hybi-usockets")
}
