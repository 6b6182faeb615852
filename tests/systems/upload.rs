//! `--example upload`.

use std::process::Output;

use hybi::blocking::Connector;
use hybi::handshake::ClientRequest;
use hybi::{ProtocolError, Uri};

use crate::client::{accept, server};
use crate::program::{Program, example};

fn upload(arguments: &[&str]) -> (Output, String, String) {
    let output = example("upload").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// The numbers before "KiB" in the lines that contain this.
#[cfg(target_os = "linux")]
fn memory(lines: &str, what: &str) -> Vec<u64> {
    let lines = lines.lines().filter(|line| line.contains(what));
    let number = |line: &str| {
        line.trim_end_matches('"').strip_suffix(" KiB")?.rsplit(' ').next()?.parse().ok()
    };
    lines.map(|line| number(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// Far less than the 64 MB that are uploaded, and more than the program itself needs.
#[cfg(target_os = "linux")]
const MEMORY_MAX: u64 = 32 << 10;

#[test]
fn a_large_upload_shows_its_progress_and_is_held_by_neither_side() {
    let (output, out, err) = upload(&["64"]);
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert_eq!(err, "");
    for tenth in 1..=10 {
        let bar = format!("[{}{}]", "#".repeat(tenth), ".".repeat(10 - tenth));
        assert!(out.contains(&format!("{bar} {:3} %", tenth * 10)), "{out}");
    }
    for megabytes in [20, 40, 60] {
        assert!(out.contains(&format!("receiving: {megabytes} MB so far\n")), "{out}");
    }
    // Printed by the server, and by the client as what the server answered.
    assert_eq!(out.matches("received 64000000 bytes; peak memory of the server: ").count(), 2);
    #[cfg(target_os = "linux")]
    {
        let line = memory(&out, "%");
        assert_eq!(line.len(), 10);
        let sides = [memory(&out, "of the server"), memory(&out, "of the client")].concat();
        assert!(line.iter().chain(&sides).all(|peak| *peak < MEMORY_MAX), "{out}");
    }
}

#[test]
fn the_server_takes_uploads_from_other_programs_and_has_a_limit() {
    let server = Program::run(example("upload").args(["--serve", "127.0.0.1:0", "--max", "17"]));
    let uri = format!("ws://{}/", server.address);

    // More than a whole message may have by default, and not compressed.
    let (output, out, err) = upload(&[&uri, "17"]);
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    server.line("received 17000000 bytes");

    let (output, out, err) = upload(&[&uri, "18"]);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    server.line("a message of at least");

    // It has no page. One of its own origin is an attacker's, whose name leads here (DNS rebinding).
    let origin = format!("http://{}", server.address.trim_end_matches('/'));
    assert_eq!(server.refusal("/", Some(&origin)), 403);

    // In one frame: refused at its header.
    let parsed = Uri::parse(&uri).unwrap();
    let mut ws = Connector::new().connect(&ClientRequest::new(&parsed)).unwrap();
    ws.send("short").unwrap();
    let answer = ws.receive().unwrap().unwrap();
    assert!(answer.as_text().unwrap().starts_with("received 5 bytes"), "{answer:?}");
    // The length of a frame is known from its header.
    ws.send(&*vec![0; 17_000_000]).unwrap();
    server.line(" % of 17000000 bytes");
    ws.receive().unwrap().unwrap();
    // What cannot be sent any more is no matter: the server has closed.
    let _ = ws.send(&*vec![0; 17_000_001]);
    server.line(&ProtocolError::MessageTooBig { len: 17_000_001 }.to_string());
}

#[test]
fn a_server_that_takes_nothing_is_given_up_in_time_and_told_so() {
    let (uri, server) = server(|stream| accept(stream).into_stream()); // reads nothing any more
    let (output, out, err) = upload(&[&uri, "200", "--patience", "0.2"]);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert_eq!(err, "the server took nothing for 0.2 s\n");
    drop(server.join().unwrap());
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let unreachable = ["ws://127.0.0.1:1/", "1"];
    assert_eq!(upload(&unreachable).0.status.code(), Some(1));
    for arguments in [
        &["--serve"][..],
        &["--nothing"],
        &["much"],
        &["-1"],
        &["1", "2"],
        &["ws://127.0.0.1:1/", "much"],
        &["--serve", "127.0.0.1:0", "--max"],
        &["--serve", "127.0.0.1:0", "more"],
        &["--serve", "127.0.0.1:0", "1"],
        &["--max", "1"],
        &["--patience", "1"],
        &["--patience", "0", "ws://127.0.0.1:1/"],
        &["--max", "1", "ws://127.0.0.1:1/"],
    ] {
        let (output, out, err) = upload(arguments);
        assert_eq!((output.status.code(), &*out), (Some(2), ""), "{arguments:?}");
        assert!(err.contains("usage: upload "), "{err}");
    }
}
