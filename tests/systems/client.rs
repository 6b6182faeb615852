//! `--example client`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Output, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use hybi::blocking::{self, WebSocket};
use hybi::handshake::Acceptance;
use hybi::{CloseCode, Event, Message, Server};

use crate::program::{PATIENCE, Program, example};

/// A client that has been started.
pub fn start(arguments: &[&str]) -> Child {
    let mut command = example("client");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for its end. Returns also what it has printed.
#[track_caller]
pub fn end(process: Child) -> (Output, String, String) {
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(process.wait_with_output().unwrap()));
    let output = ended.recv_timeout(PATIENCE).expect("the client hangs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// Runs the client with this input, to its end.
#[track_caller]
fn client(arguments: &[&str], input: impl AsRef<[u8]>) -> (Output, String, String) {
    let mut process = start(arguments);
    // A client that ends early reads nothing.
    let _ = process.stdin.take().unwrap().write_all(input.as_ref());
    end(process)
}

/// A server for one client. Returns its URI.
pub fn server<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    (uri, thread::spawn(move || serve(listener.accept().unwrap().0)))
}

pub fn accept(stream: TcpStream) -> WebSocket<TcpStream, Server> {
    let pending = blocking::receive_request(stream).unwrap();
    pending.accept(&Acceptance::from_any_origin()).unwrap()
}

/// Reads a request and answers with this response.
fn refuse(mut stream: TcpStream, response: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    stream.write_all(response.as_bytes()).unwrap();
}

#[test]
fn the_client_talks_to_the_echo_server() {
    let server = Program::start("echo_server", &[]);
    let uri = format!("ws://{}/", server.address);
    let (output, out, err) =
        client(&[&uri, "--send", "/ping are you there?", "--subprotocol", "echo"], "one\ntwo\n");
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.contains("(pong) are you there?\n") && out.ends_with("one\ntwo\n"), "{out}");
    assert!(err.contains("subprotocol: echo") && err.contains("closed: 1000"), "{err}");

    let (output, out, err) = client(&[&uri, "--close", "4001", "see you"], "");
    assert_eq!((output.status.code(), &*out), (Some(0), ""), "{err}");
    assert!(err.contains("closed: 4001 \"see you\""), "{err}");
}

#[test]
fn the_client_sends_its_fields_and_tells_an_unclean_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let pending = blocking::receive_request(listener.accept().unwrap().0).unwrap();
        let request = pending.request();
        assert_eq!(request.origin(), Some(&b"https://example.com"[..]));
        assert_eq!(request.field("X-Token"), Some(&b"a:b"[..]));
        let mut ws =
            pending.accept(&Acceptance::from_origins(["https://example.com"]).unwrap()).unwrap();
        ws.send("bye").unwrap();
        // Takes the client's Close frame, without an answer; left unread, it would make a reset of
        // our end.
        ws.into_stream().read_exact(&mut [0; 8]).unwrap();
    });
    let arguments = [&*uri, "--origin", "https://example.com", "--field", "X-Token: a:b"];
    let (output, out, err) = client(&arguments, "");
    server.join().unwrap();
    assert_eq!((output.status.code(), &*out), (Some(1), "bye\n"), "{err}");
}

#[test]
fn the_client_goes_through_a_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy_address = listener.local_addr().unwrap().to_string();
    let proxy = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"CONNECT server.invalid:80 HTTP/1.1\r\n"));
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut ws = blocking::receive_request(stream)
            .unwrap()
            .accept(&Acceptance::from_any_origin())
            .unwrap();
        ws.send("through").unwrap();
        while ws.receive().unwrap().is_some() {}
    });
    let (output, out, err) =
        client(&["ws://server.invalid/", "--proxy", &proxy_address, "--timeout", "60"], "");
    assert_eq!((output.status.code(), &*out), (Some(0), "through\n"), "{err}");
    proxy.join().unwrap();
}

#[test]
fn input_that_is_not_utf8_ends_the_client_with_an_error() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        let first = ws.receive().unwrap();
        assert_eq!(ws.receive().unwrap(), None);
        (first, ws.closed().unwrap().clone())
    });
    let (output, _, err) = client(&[&uri], b"one\nt\xffo\nthree\n");
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("line 2") && err.contains("UTF-8"), "{err}");
    let (first, closed) = server.join().unwrap();
    assert_eq!(first, Some("one".into()));
    assert_eq!((closed.code(), closed.was_clean()), (1001, true));
}

/// RFC 6455 §5.5: 125 bytes, two of which are the code.
#[test]
fn a_reason_that_is_too_long_is_told_before_connecting() {
    let longest = "\u{fc}".repeat(61) + "x";
    assert_eq!(longest.len(), 123);
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        assert_eq!(ws.receive().unwrap(), None);
        ws.closed().unwrap().reason().to_owned()
    });
    let (output, _, err) = client(&[&uri, "--close", "4000", &longest], "");
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert_eq!(server.join().unwrap(), longest);

    // Nobody listens there, which would be told with 1.
    let too_long = longest + "y";
    let (output, _, err) = client(&["ws://127.0.0.1:1/", "--close", "4000", &too_long], "");
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("123 bytes"), "{err}");
}

#[test]
fn a_refusal_is_shown_with_its_body_and_where_it_leads() {
    let body = "Moved,\nfor good.\n\u{1b}[2J\u{202e}\u{9b}31m\u{7}";
    let response = format!(
        "HTTP/1.1 308 Per\u{9b}manent\r\nLocation: ws://other.example/\u{9b}2J\r\n\
         Retry-After: 120\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (uri, server) = server(move |stream| refuse(stream, &response));
    let (output, out, err) = client(&[&uri], "");
    server.join().unwrap();
    assert_eq!((output.status.code(), &*out), (Some(1), ""), "{err}");
    for shown in
        ["308", "Location: ws://other.example/\\u{9b}2J\n", "Retry-After: 120\n", "Moved,\n"]
    {
        assert!(err.contains(shown), "{shown}: {err}");
    }
    assert!(err.contains("for good.\n") && err.contains("\\u{1b}[2J\\u{202e}\\u{9b}31m"), "{err}");
    assert!(!err.contains(is_dangerous), "{err:?}");
}

/// A server can send as much as it likes.
#[test]
fn not_much_of_a_long_refusal_is_shown_and_nothing_that_is_no_text() {
    let body = "\u{fc}".repeat(20_000);
    let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 40000\r\n\r\n";
    let (uri, server) = server(move |stream| refuse(stream, &format!("{head}{body}")));
    let (_, _, err) = client(&[&uri], "");
    server.join().unwrap();
    assert!(err.contains("\u{fc}\u{fc}") && err.contains("40000 bytes"), "{err}");
    assert!(err.len() < 4_000, "{err}");

    let (uri, server) = self::server(|mut stream| {
        refuse(stream.try_clone().unwrap(), "HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\n");
        stream.write_all(b"\x1f\x8b\xff\0").unwrap();
    });
    let (_, _, err) = client(&[&uri], "");
    server.join().unwrap();
    assert!(err.contains("4 bytes that are not text"), "{err}");
}

/// A proxy's, too.
#[test]
fn the_refusal_of_a_proxy_is_shown() {
    let response = "HTTP/1.1 407 Proxy Authentication Required\r\n\
        Proxy-Authenticate: Basic realm=\"here\"\r\nContent-Length: 8\r\n\r\nWho\nare?";
    let (uri, server) = server(move |stream| refuse(stream, response));
    let proxy = uri.trim_start_matches("ws://").trim_end_matches('/');
    let (output, _, err) = client(&["ws://server.invalid/", "--proxy", proxy], "");
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("Proxy-Authenticate: Basic realm=\"here\"\n"), "{err}");
    assert!(err.contains("Who\n") && err.contains("are?\n"), "{err}");
}

/// Returns whether a terminal might obey this character, or a person not see it.
fn is_dangerous(char: char) -> bool {
    (char.is_control() && char != '\n') || "\u{202e}\u{200b}\u{2800}".contains(char)
}

const DANGEROUS: &str = "a\u{1b}[2Jb\u{9b}31m\u{202e}c\u{200b}\u{2800}d\r\n\u{8}e\\";
const SHOWN: &str = r"a\u{1b}[2Jb\u{9b}31m\u{202e}c\u{200b}\u{2800}d\r\n\u{8}e\\";

#[test]
fn what_a_server_sends_is_printed_so_that_no_terminal_obeys_it() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        ws.send(DANGEROUS).unwrap();
        ws.pong(DANGEROUS.as_bytes()).unwrap();
        ws.pong(b"\x1b\xff").unwrap();
        ws.close(CloseCode::new(4000).unwrap(), DANGEROUS).unwrap();
        while ws.receive().unwrap().is_some() {}
    });
    let mut process = start(&[&uri]);
    let input = process.stdin.take();
    let (output, out, err) = end(process);
    drop(input);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert_eq!(out, format!("{SHOWN}\n(pong) {SHOWN}\n(pong) \\u{{1b}}\u{fffd}\n"));
    assert!(err.contains("closed: 4000") && err.contains(r"\u{9b}31m"), "{err}");
    assert!(!err.contains(is_dangerous), "{err:?}");
    server.join().unwrap();
}

/// For programs that read the messages, such as JSON.
#[test]
fn messages_are_printed_as_they_are_if_asked_for() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        ws.send("{\"a\": \"\\\\b\u{202e}\"}").unwrap();
        ws.close(CloseCode::NORMAL, DANGEROUS).unwrap();
        while ws.receive().unwrap().is_some() {}
    });
    let mut process = start(&[&uri, "--raw"]);
    let input = process.stdin.take();
    let (_, out, err) = end(process);
    drop(input);
    assert_eq!(out, "{\"a\": \"\\\\b\u{202e}\"}\n");
    assert!(!err.contains(is_dangerous), "{err:?}");
    server.join().unwrap();
}

#[test]
fn a_server_that_vanishes_ends_the_client_while_it_waits_for_input() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        ws.send("bye").unwrap();
        ws.into_stream() // dropped: the stream ends, without a Close frame
    });
    let mut process = start(&[&uri]);
    let input = process.stdin.take();
    drop(server.join().unwrap());
    let (output, out, err) = end(process);
    drop(input);
    assert_eq!((output.status.code(), &*out), (Some(1), "bye\n"), "{err}");
}

/// Rust gives a program that starts without standard input an empty one.
#[cfg(unix)]
#[test]
fn a_client_without_input_closes_at_once() {
    let server = Program::start("echo_server", &[]);
    let command = format!("exec \"$0\" ws://{}/ <&-", server.address);
    let process = std::process::Command::new("sh")
        .args(["-c", &command])
        .arg(example("client").get_program())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (output, out, err) = end(process);
    assert_eq!((output.status.code(), &*out), (Some(0), ""), "{err}");
    assert!(err.contains("closed: 1000"), "{err}");
}

/// `client ... | head -1`
#[cfg(unix)]
#[test]
fn a_client_whose_output_nobody_reads_says_so_and_closes() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        while ws.receive().unwrap() != Some("send".into()) {}
        ws.send("one").unwrap();
        assert_eq!(ws.receive().unwrap(), None);
        ws.closed().unwrap().code()
    });
    let mut process = start(&[&uri]);
    drop(process.stdout.take());
    let mut input = process.stdin.take().unwrap();
    input.write_all(b"send\n").unwrap();
    let (output, _, err) = end(process);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("Broken pipe") && !err.contains("panicked"), "{err}");
    assert_eq!(server.join().unwrap(), 1001);
}

#[cfg(unix)]
#[test]
fn a_client_whose_errors_nobody_reads_still_ends_with_the_right_code() {
    let server = Program::start("echo_server", &[]);
    for (uri, code) in [
        (format!("ws://{}/", server.address), 0),
        ("ws://127.0.0.1:1/".into(), 1),
        ("not a uri".into(), 2),
    ] {
        let mut process = start(&[&uri]);
        drop((process.stderr.take(), process.stdin.take()));
        assert_eq!(end(process).0.status.code(), Some(code), "{uri}");
    }
}

/// RFC 6455 §7.4.1: 1001 if an endpoint goes away. 130 is how shells report a program that Ctrl-C
/// has ended.
#[cfg(unix)]
#[test]
fn ctrl_c_closes_and_the_second_does_not_wait() {
    for (arguments, code, reason, times) in [
        (&["--close", "4000", "enough"][..], 4000, "enough", 1),
        (&[], 1001, "", 1),
        (&[], 1001, "", 2),
    ] {
        let (uri, server) = server(move |stream| {
            let mut ws = accept(stream);
            ws.send("open").unwrap();
            if times == 2 {
                return ws.into_stream(); // answers nothing
            }
            assert_eq!(ws.receive().unwrap(), None);
            let closed = ws.closed().unwrap();
            assert_eq!((closed.code(), closed.reason()), (code, reason));
            ws.into_stream()
        });
        let mut process = start(&[&[&*uri], arguments].concat());
        let input = process.stdin.take();
        // It is ready for Ctrl-C when it prints messages.
        let mut out = process.stdout.take().unwrap();
        out.read_exact(&mut [0; 5]).unwrap();
        let id = process.id().to_string();
        let interrupt = || {
            let mut kill = std::process::Command::new("kill");
            assert!(kill.args(["-INT", &id]).status().unwrap().success());
        };
        interrupt();
        if times == 2 {
            let mut stream = server.join().unwrap();
            stream.read_exact(&mut [0; 8]).unwrap(); // the Close frame
            interrupt();
            assert_eq!(end(process).0.status.code(), Some(130));
        } else {
            let (output, _, err) = end(process);
            assert_eq!(output.status.code(), Some(0), "{err}");
            assert!(err.contains(&format!("closed: {code}")), "{err}");
            drop(server.join().unwrap());
        }
        drop(input);
    }
}

/// The meanings are those of the IANA registry.
#[test]
fn a_close_code_is_told_in_words_and_an_error_by_the_exit_code() {
    for (code, told, status) in [
        (1000, "closed: 1000 (normal closure)\n", 0),
        (1001, "closed: 1001 (going away)\n", 0),
        (1009, "closed: 1009 (message too big)\n", 3),
        (1011, "closed: 1011 (internal error)\n", 3),
        (4000, "closed: 4000\n", 3),
    ] {
        let (uri, server) = server(move |stream| {
            let mut ws = accept(stream);
            ws.close(CloseCode::new(code).unwrap(), "").unwrap();
            while ws.receive().unwrap().is_some() {}
        });
        let (output, _, err) = client(&[&uri, "--keep-open"], "");
        assert_eq!(output.status.code(), Some(status), "{err}");
        assert!(err.ends_with(told), "{err}");
        server.join().unwrap();
    }
}

/// An echo server for one client, which returns what it has got.
fn echo() -> (String, JoinHandle<Vec<Message>>) {
    server(|stream| {
        let mut ws = accept(stream);
        let mut got = Vec::new();
        while let Some(message) = ws.receive().unwrap() {
            ws.send_owned(message.clone()).unwrap();
            got.push(message);
        }
        got
    })
}

#[test]
fn so_many_messages_end_the_client_and_the_end_of_its_input_does_not() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        assert_eq!(ws.receive().unwrap(), Some("go".into()));
        for number in 1..=5 {
            ws.pong(b"not a message").unwrap();
            ws.send(&number.to_string()).unwrap();
        }
        while ws.receive().unwrap().is_some() {}
        ws.closed().unwrap().code()
    });
    let (output, out, err) = client(&[&uri, "--count", "3"], "go\n");
    assert_eq!(output.status.code(), Some(0), "{err}");
    let expected = ["1", "2", "3"].map(|number| format!("(pong) not a message\n{number}\n"));
    assert_eq!(out, expected.concat());
    assert_eq!(server.join().unwrap(), 1000);
}

#[test]
fn fewer_messages_than_asked_for_are_a_failure() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        ws.send("1").unwrap();
        ws.close(CloseCode::NORMAL, "").unwrap();
        while ws.receive().unwrap().is_some() {}
    });
    let (output, out, err) = client(&[&uri, "--count", "2"], "");
    assert_eq!((output.status.code(), &*out), (Some(4), "1\n"), "{err}");
    assert!(err.contains("closed: 1000") && err.contains("1 of 2 messages"), "{err}");
    server.join().unwrap();
}

#[test]
fn messages_that_do_not_come_are_waited_for_no_longer_than_asked() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        assert_eq!(ws.receive().unwrap(), None);
        ws.closed().unwrap().code()
    });
    let (output, out, err) = client(&[&uri, "--count", "2", "--wait", "0.1"], "");
    assert_eq!((output.status.code(), &*out), (Some(4), ""), "{err}");
    assert!(err.contains("0 of 2 messages came, and for 0.1 s no other"), "{err}");
    assert!(err.contains("closed: 1001"), "{err}");
    assert_eq!(server.join().unwrap(), 1001);
}

/// A message that was waited for and did not come says more than how the server closed.
#[test]
fn the_code_of_missing_messages_takes_precedence_over_that_of_the_server() {
    let (uri, vanishing) = server(|stream| drop(accept(stream)));
    let (output, _, err) = client(&[&uri, "--count", "1"], "");
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert!(err.contains("0 of 1 messages came\n"), "{err}");
    vanishing.join().unwrap();

    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        ws.close(CloseCode::TOO_BIG, "").unwrap();
        while ws.receive().unwrap().is_some() {}
    });
    let (output, _, err) = client(&[&uri, "--count", "1"], "");
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert!(err.contains("closed: 1009") && err.contains("0 of 1 messages came\n"), "{err}");
    server.join().unwrap();
}

/// Nobody has to be told good-bye yet.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_client_that_connects_at_once() {
    let (uri, server) = server(|mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap(); // the beginning of its request
        stream
    });
    let process = start(&[&uri]);
    let stream = server.join().unwrap();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-INT", &process.id().to_string()]).status().unwrap().success());
    assert_eq!(end(process).0.status.code(), Some(130));
    drop(stream);
}

#[test]
fn a_client_that_stays_open_is_not_closed_by_the_end_of_its_input() {
    let (uri, server) = server(|mut stream| {
        let mut ws = accept(stream.try_clone().unwrap());
        assert_eq!(ws.receive().unwrap(), Some("one".into()));
        // A ping goes through after the end of the input, and no Close frame is before it.
        ws.ping(b"there?").unwrap();
        assert!(matches!(ws.receive_event().unwrap(), Some(Event::Pong(_))));
        ws.send("bye").unwrap();
        ws.close(CloseCode::NORMAL, "").unwrap();
        while ws.receive().unwrap().is_some() {}
        let _ = stream.flush();
    });
    let (output, out, err) = client(&[&uri, "--keep-open"], "one\n");
    assert_eq!((output.status.code(), &*out), (Some(0), "bye\n"), "{err}");
    server.join().unwrap();
}

#[test]
fn lines_of_a_pipe_are_texts_whatever_they_begin_with() {
    let (uri, server) = echo();
    let lines = "/quit\n//x\n/ping\n\nlast without an end";
    let (output, out, err) = client(&[&uri], lines);
    assert_eq!((output.status.code(), &*out), (Some(0), &*format!("{lines}\n")), "{err}");
    let expected = ["/quit", "//x", "/ping", "", "last without an end"].map(Message::from);
    assert_eq!(server.join().unwrap(), expected);
}

#[test]
fn bytes_of_a_pipe_are_binary_messages_and_come_back_as_they_were() {
    let (uri, server) = echo();
    let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut process = start(&[&uri, "--binary"]);
    let mut input = process.stdin.take().unwrap();
    let sent = bytes.clone();
    let sending = thread::spawn(move || input.write_all(&sent).unwrap());
    let (output, _, err) = end(process);
    sending.join().unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(output.stdout == bytes, "{} of {} bytes", output.stdout.len(), bytes.len());
    let got = server.join().unwrap();
    let all_short = got.iter().all(|message| message.as_bytes().len() <= 64 << 10);
    assert!(all_short && got.iter().all(|message| message.as_text().is_none()));
}

/// A file that is removed when this is dropped.
pub struct File(std::path::PathBuf);

impl File {
    pub fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("hybi-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn lines_of_the_options_are_sent_first_and_commands_obeyed() {
    let (uri, server) = echo();
    let file = File::new("to send", b"\0\xff\n");
    let read = format!("/file {}", file.path());
    let arguments = [
        &*uri,
        "--send",
        "a",
        "--send",
        "//b",
        "--send",
        "/hex 00 FFab",
        "--send",
        &read,
        "--send",
        "/close 4000 c d",
    ];
    let (output, out, err) = client(&arguments, "");
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert_eq!(out, "a\n/b\n(3 bytes) 00 ff ab\n(3 bytes) 00 ff 0a\n");
    assert!(err.contains("closed: 4000 \"c d\""), "{err}");
    let expected = ["a".into(), "/b".into(), vec![0, 0xff, 0xab].into(), vec![0, 0xff, 10].into()];
    assert_eq!(server.join().unwrap(), expected);

    let (uri, server) = echo();
    let (output, _, err) = client(&[&uri, "--send", "/file /nowhere"], "");
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("/nowhere: "), "{err}");
    assert_eq!(server.join().unwrap(), []);
}

/// A file of zeros, which takes no room.
fn zeros(name: &str, len: u64) -> File {
    let file = File::new(name, "");
    std::fs::OpenOptions::new().write(true).open(file.path()).unwrap().set_len(len).unwrap();
    file
}

#[test]
fn a_file_in_many_parts_is_one_message() {
    for len in [0, 1, 65_535, 65_536, 65_537, 300_000] {
        let bytes: Vec<u8> = (0..len).map(|number| (number % 251) as u8).collect();
        let file = File::new(&format!("parts-{len}"), &bytes);
        let (uri, server) = echo();
        let (output, _, err) = client(&[&uri, "--send", &format!("/file {}", file.path())], "");
        assert_eq!(output.status.code(), Some(0), "{err}");
        assert!(server.join().unwrap() == [Message::from(bytes)], "{len}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_file_is_not_held_in_memory() {
    let file = zeros("large", 64_000_000);
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        ws.set_chunked_bytes_max(64_000_000);
        let mut bytes = 0;
        while let Some(chunk) = ws.receive_chunk().unwrap() {
            bytes += chunk.data.as_bytes().len();
            if chunk.last {
                break;
            }
        }
        (ws, bytes)
    });
    let process = start(&[&uri, "--keep-open", "--send", &format!("/file {}", file.path())]);
    let (mut ws, bytes) = server.join().unwrap();
    assert_eq!(bytes, 64_000_000);
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    assert!(kib < 32 << 10, "{kib} KiB");
    ws.close(CloseCode::NORMAL, "").unwrap();
    while ws.receive().unwrap().is_some() {}
    assert_eq!(end(process).0.status.code(), Some(0));
}

/// The server reads nothing between the beginning and the cut. The file is far larger than what the
/// system takes meanwhile.
#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection() {
    let file = zeros("shrinking", 200_000_000);
    let (begun, beginning) = mpsc::channel();
    let (cut, after) = mpsc::channel();
    let (uri, server) = server(move |stream| {
        let mut ws = accept(stream);
        ws.set_chunked_bytes_max(200_000_000);
        ws.receive_chunk().unwrap().unwrap();
        begun.send(()).unwrap();
        after.recv().unwrap();
        while let Some(chunk) = ws.receive_chunk().unwrap() {
            assert!(!chunk.last);
        }
        ws.closed().unwrap().code()
    });
    let process = start(&[&uri, "--send", &format!("/file {}", file.path())]);
    beginning.recv_timeout(PATIENCE).unwrap();
    let opened = std::fs::OpenOptions::new().write(true).open(file.path()).unwrap();
    opened.set_len(1).unwrap();
    cut.send(()).unwrap();
    let (output, _, err) = end(process);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("it shrank from 200000000 to ") && err.contains(file.path()), "{err}");
    assert_eq!(server.join().unwrap(), 1001);
}

/// The end looks as on the screen.
#[test]
fn a_script_says_how_the_connection_ends() {
    for (script, status, told) in [
        ("> /close 4000 enough\nclosed: 4000 \"enough\"\n", 0, ""),
        ("> bye\nclosed: 1009 (message too big) \"at most 1\"\n# no more\n", 0, ""),
        (
            "> bye\nclosed: 1000 (normal closure)\n",
            4,
            "expects closed: 1000 (normal closure): the connection ended, \
             closed: 1009 (message too big) \"at most 1\"\n",
        ),
        (
            "> text\nclosed: 1000 (normal closure)\n",
            4,
            "line 2 of the script expects closed: 1000 (normal closure): \
             closed: 1000 (normal closure) came\n",
        ),
    ] {
        let (uri, server) = server(|stream| {
            let mut ws = accept(stream);
            while let Some(message) = ws.receive().unwrap() {
                match message.as_text() {
                    Some("bye") => ws.close(CloseCode::TOO_BIG, "at most 1").unwrap(),
                    // A message that only looks like an end.
                    _ => ws.send("closed: 1000 (normal closure)").unwrap(),
                }
            }
        });
        let file = File::new("script with an end", script);
        let (output, _, err) = client(&[&uri, "--script", file.path()], "");
        assert_eq!(output.status.code(), Some(status), "{script}: {err}");
        assert!(err.contains(told), "{script}: {err}");
        server.join().unwrap();
    }
    let (uri, server) = echo();
    let file = File::new("script without its end", "closed: 1000 (normal closure)\n");
    let (output, _, err) = client(&[&uri, "--script", file.path(), "--wait", "0.1"], "");
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert!(err.contains("nothing came within 0.1 s"), "{err}");
    server.join().unwrap();
}

#[test]
fn a_script_plays_a_conversation() {
    let (uri, server) = echo();
    let script = "# hello\n\n> one\n< one\n> /hex 00ff\n> \u{202e}\n< (2 bytes) 00 ff\n\
                  < \\u{202e}\n> /ping x\n< (pong) x\n>\n<\n> //quit\n< /quit\n";
    let script = File::new("script", script);
    let (output, out, err) = client(&[&uri, "--script", script.path()], "not read");
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert_eq!(out, "one\n(2 bytes) 00 ff\n\\u{202e}\n(pong) x\n\n/quit\n");
    assert!(err.contains("closed: 1000"), "{err}");
    assert_eq!(server.join().unwrap().len(), 5);
}

#[test]
fn a_script_that_expects_something_else_fails() {
    for (script, told) in [
        ("> one\n# comment\n< two\n", "line 3 of the script expects two: one came"),
        ("< one\n", "line 1 of the script expects one: nothing came within 0.1 s"),
        ("> /quit\n< one\n", "line 2 of the script expects one: the connection ended"),
    ] {
        let (uri, server) = echo();
        let file = File::new("failing script", script);
        let arguments = [&*uri, "--script", file.path(), "--wait"];
        let patience = if told.contains("within") { "0.1" } else { "60" };
        let (output, _, err) = client(&[&arguments[..], &[patience]].concat(), "");
        assert_eq!(output.status.code(), Some(4), "{script}: {err}");
        assert!(err.contains(told) && err.contains("closed: 100"), "{script}: {err}");
        server.join().unwrap();
    }
}

#[test]
fn a_script_is_checked_before_connecting() {
    for (script, told) in [
        ("> one\nhello\n", "line 2"),
        (">one\n", "line 1"),
        ("closed: 1000\n# comment\n> one\n", "line 3"),
        ("\n> /nothing\n", "line 2"),
        ("> /hex 0\n", "two hexadecimal digits"),
        ("> /hex 0g\n", "'g' is not"),
        ("> /close\n", "needs a code"),
        ("> /close 1005\n", "1005"),
        ("> /file\n", "needs a path"),
    ] {
        let file = File::new("wrong script", script);
        let (output, _, err) = client(&["ws://127.0.0.1:1/", "--script", file.path()], "");
        assert_eq!(output.status.code(), Some(2), "{script}: {err}");
        assert!(err.contains(told), "{script}: {err}");
    }
    let (output, _, err) = client(&["ws://127.0.0.1:1/", "--script", "/nowhere"], "");
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("/nowhere"), "{err}");
}

/// RFC 7617 §2 has this example.
const BASIC: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

#[test]
fn a_user_is_told_to_the_server() {
    let login = [("Aladdin:open sesame", "wrong"), ("Aladdin", "open sesame")];
    for (user, variable) in login {
        let (uri, server) = server(|stream| {
            let pending = blocking::receive_request(stream).unwrap();
            assert_eq!(pending.request().field("Authorization"), Some(BASIC.as_bytes()));
            let mut ws = pending.accept(&Acceptance::from_any_origin()).unwrap();
            while ws.receive().unwrap().is_some() {}
        });
        let mut command = example("client");
        command.args([&uri, "--user", user]).env("PASSWORD", variable).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{user}");
        server.join().unwrap();
    }
}

#[test]
fn another_user_is_told_to_the_proxy() {
    let login = [("Aladdin:open sesame", "wrong"), ("Aladdin", "open sesame")];
    for (user, variable) in login {
        let (uri, server) = server(|mut stream| {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n").unwrap();
            String::from_utf8(head).unwrap()
        });
        let proxy = uri.trim_start_matches("ws://").trim_end_matches('/');
        let mut command = example("client");
        command.args(["ws://server.invalid/", "--proxy", proxy, "--proxy-user", user]);
        command.env("PROXY_PASSWORD", variable).stdin(Stdio::null());
        assert_eq!(command.output().unwrap().status.code(), Some(1), "{user}");
        let head = server.join().unwrap();
        assert!(head.contains(&format!("Proxy-Authorization: {BASIC}\r\n")), "{head}");
    }
}

#[test]
fn a_silent_server_is_pinged() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        assert!(matches!(ws.receive_event().unwrap(), Some(Event::Ping(_))));
        ws.close(CloseCode::NORMAL, "").unwrap();
        while ws.receive().unwrap().is_some() {}
    });
    let (output, _, err) = client(&[&uri, "--keep-open", "--keepalive", "0.01"], "");
    assert_eq!(output.status.code(), Some(0), "{err}");
    server.join().unwrap();
}

#[test]
fn a_message_above_the_limit_is_refused() {
    let (uri, server) = server(|stream| {
        let mut ws = accept(stream);
        ws.send(&*vec![0; 1_000_001]).unwrap();
        let _ = ws.receive();
        ws.closed().unwrap().code()
    });
    let (output, _, err) = client(&[&uri, "--keep-open", "--max", "1"], "");
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert_eq!(server.join().unwrap(), 1009);
}
