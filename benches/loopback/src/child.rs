//! Starting servers: those of this program, and those of other ecosystems, which are installed on
//! first use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

/// How to start one of our own servers.
pub fn own(name: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--serve", name]);
    Ok(command)
}

/// Where the others are installed.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/servers")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(name)
}

/// Node's ws, with its optional addon for masking, which its documentation recommends. With what was installed.
pub fn node_ws() -> io::Result<(Command, String)> {
    let directory = directory();
    let package = |name: &str| directory.join("node_modules").join(name).join("package.json");
    if !package("ws").exists() || !package("bufferutil").exists() {
        fs::create_dir_all(&directory)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]);
        run(npm.arg(&directory).args(["ws", "bufferutil"]))?;
    }
    let mut command = Command::new("node");
    command.arg(script("echo.mjs")).arg(&directory);
    let node = run(Command::new("node").arg("--version"))?;
    let version = |name| io::Result::Ok(version_in(&fs::read_to_string(package(name))?));
    Ok((
        command,
        format!("{} (bufferutil {}, Node {node})", version("ws")?, version("bufferutil")?),
    ))
}

/// Python's websockets, on asyncio, in a virtual environment.
pub fn python_websockets() -> io::Result<(Command, String)> {
    let directory = directory();
    let python = directory.join("venv/bin/python");
    const VERSIONS: &str = "import sys, websockets; print(websockets.__version__, '(Python', sys.version.split()[0] + ')')";
    if run(Command::new(&python).args(["-c", VERSIONS])).is_err() {
        run(Command::new("python3").args(["-m", "venv"]).arg(directory.join("venv")))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "websockets"]))?;
    }
    let version = run(Command::new(&python).args(["-c", VERSIONS]))?;
    let mut command = Command::new(python);
    command.arg(script("echo.py"));
    Ok((command, version))
}

/// What a command says, if it succeeds.
fn run(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let what = command.get_program().display();
        return Err(io::Error::other(format!(
            "{what}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn version_in(package: &str) -> String {
    let line = package.lines().find_map(|line| line.trim().strip_prefix("\"version\": \""));
    line.and_then(|line| line.split('"').next()).unwrap_or("unknown").to_owned()
}
