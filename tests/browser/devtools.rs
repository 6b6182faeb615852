//! A headless Chromium of one's own, and its DevTools protocol over `hybi::blocking`: our client and a server that we did
//! not write.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use hybi::Message;
use hybi::blocking::{self, ClientSocket};
use serde_json::{Value, json};

/// Nothing takes that long: only to end a test that would hang.
pub const GUARD: Duration = Duration::from_secs(60);

const FLAGS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--window-size=1000,1400",
    "about:blank",
];

/// A running Chromium; killed when dropped, its profile deleted.
struct Process {
    child: Child,
    profile: PathBuf,
    /// Reads what it says to the end, which is when all of its processes are gone.
    stderr: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it, with further flags, and gives the address of its DevTools.
    fn start(flags: &[&str]) -> (Self, String) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let profile =
            env::temp_dir().join(format!("hybi-chromium-{}-{number}", std::process::id()));
        let program = env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
        let mut child = Command::new(&program)
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(flags)
            .args(FLAGS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot start {}: {error}. These tests need Chromium: install it, or say in CHROMIUM where it is",
                    program.display()
                )
            });
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut process = Self { child, profile, stderr: None };
        let mut said = String::new();
        let address = loop {
            let start = said.len();
            if stderr.read_line(&mut said).unwrap() == 0 {
                panic!("Chromium ended before it was ready:\n{said}");
            }
            if let Some(address) = said[start..].trim_end().strip_prefix("DevTools listening on ") {
                break address.to_owned();
            }
        };
        process.stderr = Some(thread::spawn(move || for _ in stderr.split(b'\n') {}));
        (process, address)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(stderr) = self.stderr.take() {
            let _ = stderr.join();
        }
        let _ = fs::remove_dir_all(&self.profile);
    }
}

/// A conversation with Chromium about one tab.
pub struct DevTools {
    ws: ClientSocket,
    session: Option<String>,
    calls: u64,
    events: VecDeque<Value>,
    _process: Process,
}

impl DevTools {
    pub fn start(flags: &[&str]) -> Self {
        let (process, address) = Process::start(flags);
        let mut ws = blocking::connect(&address).unwrap();
        ws.set_read_timeout(GUARD).unwrap();
        let mut devtools =
            Self { ws, session: None, calls: 0, events: VecDeque::new(), _process: process };
        let tab = devtools.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = devtools
            .call("Target.attachToTarget", json!({"targetId": tab["targetId"], "flatten": true}));
        devtools.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        devtools
    }

    /// Calls a method and waits for its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.ws.send(&*call.to_string()).unwrap();
        let deadline = Instant::now() + GUARD;
        loop {
            let mut message = self.read(deadline, method, &call);
            if message["id"] == json!(self.calls) {
                assert!(message.get("error").is_none(), "{call}: {}", message["error"]);
                return message["result"].take();
            }
            self.events.push_back(message);
        }
    }

    /// Waits for the next event of this name, past or to come, and gives its parameters.
    #[track_caller]
    pub fn event(&mut self, method: &str) -> Value {
        let deadline = Instant::now() + GUARD;
        let mut event = match self.events.iter().position(|event| event["method"] == method) {
            Some(at) => self.events.remove(at).unwrap(),
            None => loop {
                let message = self.read(deadline, method, &Value::Null);
                if message["method"] == method {
                    break message;
                }
                self.events.push_back(message);
            },
        };
        event["params"].take()
    }

    #[track_caller]
    fn read(&mut self, deadline: Instant, what: &str, call: &Value) -> Value {
        assert!(Instant::now() < deadline, "still waiting for {what} {call}");
        match self.ws.receive() {
            Ok(Some(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("waiting for {what} {call}: {other:?}"),
        }
    }
}
