//! `--example small_chat`, which is the server on the front page of `hybi::blocking`: whatever its
//! clients do, the others go on talking.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hybi::Message;
use hybi::blocking::{self, Hub, HubConfig, HubEvent};
use hybi::keepalive::KeepaliveConfig;

use crate::program::{Program, Talker, example};
use crate::robustness::{Running, free_address};

/// The source itself, with its function for settings of a test's own.
#[allow(dead_code)]
#[path = "../../examples/small_chat.rs"]
mod source;

const PATH: &str = "/chat";
/// The longest line.
const LINE: usize = 4 << 10;

/// Comes, and says so until it is heard: a client is in the chat a moment after its handshake.
#[track_caller]
fn come(chat: &Program) -> Talker {
    let talker = chat.client(PATH);
    talk(&talker, &[], "here");
    talker
}

/// Says a line and waits until everybody has heard it, itself included.
#[track_caller]
fn talk(speaker: &Talker, hearers: &[&Talker], line: &str) {
    speaker.send(line);
    for hearer in hearers.iter().chain([&speaker]) {
        while !hearer.text().ends_with(&format!(": {line}")) {}
    }
}

/// The page shows the source, and so there is only one.
#[test]
fn the_front_page_of_blocking_includes_its_source() {
    let page = include_str!("../../src/blocking/mod.rs");
    assert!(page.contains("#![doc = include_str!(\"../../examples/small_chat.rs\")]"));
    let source = include_str!("../../examples/small_chat.rs");
    let lines = source.lines().filter(|line| !line.is_empty() && !line.starts_with("use "));
    assert!(lines.count() <= 50, "it is to be read at a glance");
}

#[test]
fn everybody_sees_the_lines_in_one_order() {
    let chat = Program::start("small_chat", &[]);
    let users = [(); 4].map(|()| come(&chat));
    talk(&users[0], &[&users[1], &users[2], &users[3]], "all here");
    talk(&users[3], &[&users[0], &users[1], &users[2]], "go on");
    for round in 0..5 {
        for user in &users {
            user.send(&format!("round {round}"));
        }
    }
    let heard = users.each_ref().map(|user| [(); 20].map(|()| user.text()));
    assert!(heard[0].contains(&"3: round 4".to_owned()), "{heard:?}");
    for other in &heard {
        assert_eq!(other, &heard[0]);
    }
}

#[test]
fn a_message_that_is_no_line_closes_its_sender_and_nobody_else_notices() {
    let chat = Program::start("small_chat", &[]);
    let (one, two) = (come(&chat), come(&chat));
    let binary = chat.client(PATH);
    binary.writer.send(&[1, 2, 3]).unwrap();
    assert_eq!(binary.end().code(), 1003);
    let long = chat.client(PATH);
    long.send(&"x".repeat(LINE + 1));
    assert_eq!(long.end().code(), 1009);
    let mut unmasked = chat.mute(PATH);
    unmasked.write_all(b"\x81\x05Hello").unwrap();
    let mut end = Vec::new();
    unmasked.read_to_end(&mut end).unwrap();
    assert_eq!(end[..4], [0x88, end[1], 0x03, 0xea], "a Close frame with 1002");
    talk(&one, &[&two], &"x".repeat(LINE));
}

#[test]
fn pages_may_connect_from_its_own_origin_only_whatever_name_leads_here() {
    let chat = Program::start("small_chat", &[]);
    let own = format!("http://{}", chat.address);
    for origin in ["https://evil.example", "http://chat.example", "null", &own] {
        assert_eq!(chat.refusal(PATH, Some(origin)), 403, "{origin}");
    }
    assert_eq!(chat.refusal("/", None), 404);
    // DNS rebinding: the attacker's name leads here, so their page has the same origin.
    for (host, origin, status) in [
        ("evil.example", "http://evil.example", "403"),
        ("chat.example", "https://chat.example", "101"),
    ] {
        let mut stream = TcpStream::connect(&chat.address).unwrap();
        let request = format!(
            "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {status}"));
    }
}

#[test]
fn clients_that_say_half_of_something_or_vanish_disturb_nobody() {
    let chat = Program::start("small_chat", &[]);
    let (one, two) = (come(&chat), come(&chat));
    let connect = || TcpStream::connect(&chat.address).unwrap();
    let mut halves = Vec::new();
    for _ in 0..10 {
        halves.push(connect()); // says nothing at all
        halves.push(connect());
        halves.last_mut().unwrap().write_all(b"GET / HT").unwrap();
        for bytes in [
            &b"\x81"[..],                                // half a header
            b"\x81\xfe\x10\0\0\0\0\0half a line",        // and half a message
            b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", // 2^63 - 1 bytes
            b"\x01\x81\0\0\0\0a",                        // a fragment, and no end of it
        ] {
            let mut client = chat.mute(PATH);
            client.write_all(bytes).unwrap();
            halves.push(client);
        }
        let cut = chat.mute(PATH);
        cut.shutdown(Shutdown::Both).unwrap();
        talk(&one, &[&two], "still there?");
    }
    drop(halves);
    talk(&two, &[&one], "and now?");
}

#[test]
fn a_client_that_floods_the_chat_only_delays_itself() {
    let chat = Program::start("small_chat", &[]);
    let (one, two) = (come(&chat), come(&chat));
    // It reads nothing for as long as the flood lasts, which is no reason to drop it.
    let mut patient = chat.connect(PATH).unwrap();
    patient.send("here").unwrap();
    while patient.receive().unwrap().unwrap().as_text() != Some("3: here") {}
    let floods = [(); 3].map(|()| chat.mute(PATH));
    let mut frame = b"\x81\xfe\x10\0\0\0\0\0".to_vec();
    frame.resize(frame.len() + LINE, b'f');
    thread::scope(|scope| {
        for mut flood in &floods {
            let frame = &frame;
            scope.spawn(move || while flood.write_all(frame).is_ok() {});
            scope.spawn(move || std::io::copy(&mut flood, &mut std::io::sink()));
        }
        for _ in 0..30 {
            talk(&one, &[&two], "can you hear me?");
        }
        assert!(!chat.has_said("too slowly"), "nobody is dropped");
        for flood in &floods {
            flood.shutdown(Shutdown::Both).unwrap();
        }
    });
    let mut lines = 0;
    while lines < 30 {
        let Some(Message::Text(line)) = patient.receive().unwrap() else { panic!("the end") };
        lines += usize::from(line.ends_with(": can you hear me?"));
    }
}

#[test]
fn a_client_that_does_not_read_is_dropped_with_1013_and_nobody_waits_for_it() {
    let chat = Program::start("small_chat", &[]);
    let mut slow = chat.connect(PATH).unwrap();
    slow.send("here").unwrap();
    while slow.receive().unwrap().unwrap().as_text() != Some("1: here") {}
    let talkers = [(); 10].map(|()| come(&chat));
    let line = "x".repeat(LINE);
    let mut rounds = 0;
    while !chat.has_said("reads too slowly") {
        talkers.iter().for_each(|talker| talker.send(&line));
        for talker in &talkers {
            for _ in &talkers {
                while !talker.text().ends_with(&line) {}
            }
        }
        rounds += 1;
        assert!(rounds < 10_000, "no socket takes that much");
    }
    while slow.receive().unwrap().is_some() {}
    assert_eq!(slow.closed().unwrap().code(), 1013);
    talk(&talkers[0], &[&talkers[1]], "and now?");
}

#[test]
fn one_address_cannot_take_all_places() {
    let chat = Program::start("small_chat", &[]);
    let (one, two) = (come(&chat), come(&chat));
    let crowd: Vec<_> = (0..200).map(|_| TcpStream::connect(&chat.address).unwrap()).collect();
    chat.line("too many connections");
    talk(&one, &[&two], "crowded");
    drop(crowd);
    // Places are free again as soon as the server has noticed.
    let three = loop {
        if let Ok(ws) = chat.connect(PATH) {
            break Talker::new(ws);
        }
    };
    talk(&three, &[], "here");
    talk(&three, &[&one, &two], "room for all");
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_with_1001_and_waits_for_the_close_frames() {
    let mut chat = Program::start("small_chat", &[]);
    let users = [(); 3].map(|()| come(&chat));
    talk(&users[0], &[&users[1], &users[2]], "all here");
    let mut hesitant = chat.mute(PATH);
    chat.interrupt();
    for user in users {
        let closed = user.end();
        assert_eq!((closed.code(), closed.was_clean()), (1001, true));
    }
    assert!(chat.is_running(), "one has not answered yet");
    hesitant.write_all(b"\x88\x80\0\0\0\0").unwrap();
    assert_eq!(chat.wait().code(), Some(0));
}

/// A terminal that stalls: nobody reads, and the pipe is full.
#[cfg(target_os = "linux")]
#[test]
fn nobody_waits_for_its_log() {
    const PIPE_BYTES: usize = 64 << 10; // Linux's default
    let address = free_address();
    let (_stalled, mut full) = std::io::pipe().unwrap();
    full.write_all(&[b' '; PIPE_BYTES]).unwrap();
    let mut command = example("small_chat");
    let mut process = Running::start(command.arg(&address).stdout(Stdio::null()).stderr(full));
    // It listens before it says so, for which it would wait. Nobody else has to.
    drop(process.connect(&address));
    let uri = format!("ws://{address}{PATH}");
    let come = || {
        let talker = Talker::new(blocking::connect(&uri).unwrap());
        talk(&talker, &[], "here");
        talker
    };
    let mut users = [come(), come(), come()];
    for round in 0..3 {
        talk(&users[round], &[&users[(round + 1) % 3], &users[(round + 2) % 3]], "a line");
        // Coming and going is logged, too.
        users[round] = come();
    }
    process.must_be_running();
}

/// The same function, with less patience.
#[test]
fn a_client_that_vanishes_is_noticed() {
    let (sender, events) = mpsc::sync_channel(100);
    let keepalive = KeepaliveConfig::default()
        .ping_after(Duration::from_millis(200))
        .pong_within(Duration::from_secs(3));
    let hub = Hub::new(HubConfig::default().keepalive(keepalive).events(sender));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}{PATH}", listener.local_addr().unwrap());
    thread::scope(|scope| {
        let served =
            scope.spawn(|| source::chat(&hub, listener).map_err(|error| error.to_string()));
        let talker = Talker::new(blocking::connect(&uri).unwrap());
        talk(&talker, &[], "alone");
        // Nothing more comes from it, no pong and no end of the stream.
        let _vanished = blocking::connect(&uri).unwrap();
        let ended = events.iter().find_map(|event| match event {
            HubEvent::Ended { id, closed, .. } => Some((id, closed.code())),
            _ => None,
        });
        assert_eq!(ended, Some((2, 1006)));
        talk(&talker, &[], "alone again");
        hub.terminate(Duration::from_secs(10));
        assert_eq!(talker.end().code(), 1001);
        assert_eq!(served.join().unwrap(), Ok(()));
    });
}
