//! The service under test: one process after the other at the same address.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything takes on a busy machine: passing it is a failure, never how a test goes on.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Service {
    first: Child,
    /// The process that serves now.
    process: Pid,
    pub address: String,
    /// The lines that all processes print.
    lines: Receiver<String>,
}

impl Service {
    /// Starts it. Nothing fails because the machine is busy, unless an option says so.
    pub fn start(options: &[&str]) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_handover")), options)
    }

    /// Starts it with a command that takes the options of the program.
    pub fn start_as(mut command: Command, options: &[&str]) -> Self {
        for option in ["--start-within", "--transfer-within"] {
            if !options.contains(&option) {
                command.args([option, "60"]);
            }
        }
        let mut first = command
            .arg("127.0.0.1:0")
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(first.stdout.take().unwrap()), Box::new(first.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    eprintln!("server: {line}");
                    let _ = sender.send(line);
                }
            });
        }
        let process = Pid::from_child(&first);
        let mut service = Self { first, process, address: String::new(), lines };
        let line = service.line("listening at ");
        service.address = line.rsplit("://").next().unwrap().to_owned();
        service
    }

    /// Starts a handover.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.process, signal).unwrap();
    }

    /// Starts a handover, and waits until the new process serves.
    #[track_caller]
    pub fn replace(&mut self) -> String {
        self.hang_up();
        self.until_replaced()
    }

    /// Waits until a new process serves, and returns what the old one said of it.
    #[track_caller]
    pub fn until_replaced(&mut self) -> String {
        let line = self.line(" has taken over ");
        self.note_successor(&line);
        line
    }

    /// Returns what the old process said of the new one, if one has taken over since the last call.
    pub fn is_replaced(&mut self) -> Option<String> {
        let line = self.lines.try_iter().find(|line| line.contains(" has taken over "));
        if let Some(line) = &line {
            self.note_successor(line);
        }
        line
    }

    fn note_successor(&mut self, line: &str) {
        let number = line.split(' ').nth(1).unwrap().parse().unwrap();
        self.process = Pid::from_raw(number).unwrap();
    }

    /// Waits for a line with this text, and throws away those before it.
    #[track_caller]
    pub fn line(&self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line with {text:?}: {error}"),
            }
        }
    }

    /// Kills the process that serves, and waits until the system has closed its descriptors. Its
    /// parent must live.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        let path = format!("/proc/{}/stat", self.process.as_raw_nonzero());
        // `1234 (handover) Z ...`
        while !fs::read_to_string(&path).unwrap().contains(") Z ") {
            thread::yield_now();
        }
    }

    /// Waits for the end of the first process.
    pub fn end_of_first(&mut self) -> ExitStatus {
        self.first.wait().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = kill_process(self.process, Signal::KILL);
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}
