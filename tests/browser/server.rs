//! The servers that the page is opened from: the example, and one that plays whatever part a test wants.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;

use hybi::Server;
use hybi::blocking::{self, Pending, WebSocket};
use hybi::handshake::{Acceptance, Rejection};

/// The example `echo_server`, built with the features of the test; killed when dropped.
pub struct EchoServer {
    process: Child,
    pub address: String,
    _stdout: BufReader<ChildStdout>,
}

impl EchoServer {
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    pub fn start_at(address: &str) -> Self {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args([
            "run",
            "--quiet",
            "--example",
            "echo_server",
        ]);
        if cfg!(feature = "deflate") {
            cargo.arg("--all-features");
        }
        let mut process = cargo.args(["--", address]).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address =
            line.trim().rsplit_once("ws://").expect("echo_server does not start").1.to_owned();
        Self { process, address, _stdout: stdout }
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves the page, and hands every WebSocket request over, each on a thread of its own, until the tests end. Gives its
/// address.
pub fn serve_requests(decide: impl Fn(Pending<TcpStream>) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let decide = Arc::new(decide);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let decide = Arc::clone(&decide);
            thread::spawn(move || {
                // Browsers also connect in advance, and say nothing.
                let Ok(pending) = blocking::receive_request(stream.unwrap()) else { return };
                if pending.request().is_upgrade() {
                    return decide(pending);
                }
                let answer = match pending.request().path() {
                    "/" => {
                        let page = include_bytes!("../../examples/echo_server/page.html");
                        Rejection::new(200).body("text/html; charset=utf-8", page)
                    }
                    "/style.css" => {
                        let style = include_bytes!("../../examples/shared/style.css");
                        Rejection::new(200).body("text/css", style)
                    }
                    "/drawing.js" => {
                        let script = include_bytes!("../../examples/echo_server/drawing.js");
                        Rejection::new(200).body("text/javascript", script)
                    }
                    // It knows every connection, so the page sees that it was not restarted.
                    "/wire" => Rejection::new(200).body(
                        "application/json",
                        r#"{"request":"","response":"","next":0,"frames":[]}"#,
                    ),
                    _ => Rejection::new(404),
                };
                let _ = pending.reject(&answer);
            });
        }
    });
    address
}

/// As [`serve_requests`], and accepts them.
pub fn serve(talk: impl Fn(WebSocket<TcpStream, Server>) + Send + Sync + 'static) -> String {
    serve_requests(move |pending| {
        // The page wants its subprotocol, `echo`.
        let offered = pending.request().subprotocols().any(|subprotocol| subprotocol == "echo");
        let accept = Acceptance::from_same_origin();
        talk(pending.accept(&if offered { accept.subprotocol("echo") } else { accept }).unwrap());
    })
}
