//! Programs under test.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// Longer than anything takes on a busy machine: passing it is a failure, never how a test goes on.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running example; killed when dropped.
pub(crate) struct Program {
    process: Child,
    /// The lines that it prints, on either channel.
    lines: UnboundedReceiver<String>,
}

impl Program {
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        // target/<profile>/deps/examples-<hash> -> target/<profile>/examples/<name>
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
        let program =
            folder.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
        assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
        let mut command = Command::new(program);
        let command = command.args(arguments).stdin(Stdio::piped()).kill_on_drop(true);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = unbounded_channel();
        let (out, err) = (process.stdout.take().unwrap(), process.stderr.take().unwrap());
        let mut out = BufReader::new(out).lines();
        let mut err = BufReader::new(err).lines();
        tokio::spawn(async move {
            let (mut has_out, mut has_err) = (true, true);
            while has_out || has_err {
                let line = tokio::select! {
                    line = out.next_line(), if has_out => line.unwrap().or_else(|| {
                        has_out = false;
                        None
                    }),
                    line = err.next_line(), if has_err => line.unwrap().or_else(|| {
                        has_err = false;
                        None
                    }),
                };
                if let Some(line) = line {
                    let _ = sender.send(line);
                }
            }
        });
        Self { process, lines }
    }

    /// Starts a server at any port. Returns its URI, too.
    pub(crate) async fn serve(name: &str, arguments: &[&str]) -> (Self, String) {
        let mut program = Self::start(name, &[&["127.0.0.1:0"], arguments].concat());
        let line = program.line("listening at ").await;
        let uri = line.trim_start_matches("listening at ").to_owned();
        (program, uri)
    }

    /// Waits for a line that contains this, and throws away those before it.
    pub(crate) async fn line(&mut self, text: &str) -> String {
        loop {
            match timeout(PATIENCE, self.lines.recv()).await {
                Ok(Some(line)) if line.contains(text) => return line,
                Ok(Some(_)) => {}
                other => panic!("no line with {text:?}: {other:?}"),
            }
        }
    }

    /// Types something.
    pub(crate) async fn type_text(&mut self, text: &str) {
        self.process.stdin.as_mut().unwrap().write_all(text.as_bytes()).await.unwrap();
    }

    /// Closes its standard input, as Ctrl-D does.
    pub(crate) fn end_input(&mut self) {
        self.process.stdin = None;
    }

    /// Sends a signal, as Ctrl-C or a service manager does.
    #[cfg(unix)]
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }

    /// Returns how many KiB of memory it holds.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> usize {
        let file = format!("/proc/{}/status", self.process.id().unwrap());
        let status = std::fs::read_to_string(file).unwrap();
        let (_, line) = status.split_once("VmRSS:").unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Waits for its end, and leaves its input open.
    pub(crate) async fn wait(&mut self) -> ExitStatus {
        let stdin = self.process.stdin.take(); // `wait` would close it
        let status = timeout(PATIENCE, self.process.wait()).await.expect("it goes on").unwrap();
        drop(stdin);
        status
    }
}
