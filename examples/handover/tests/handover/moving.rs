//! A connection moves to another process, whatever it is in the middle of.

use std::io::{Read, Write};
use std::process::Command;

use hybi::Event;
use rustix::process::Signal;

use crate::client::{Client, Deflate, connect};
use crate::service::Service;

#[test]
fn connections_go_on_in_the_new_process() {
    let mut service = Service::start(&[]);
    let mut old = [Deflate::Off, Deflate::On].map(|deflate| {
        let mut client = Client::connect(&service, "/echo", deflate);
        client.echo("hello, hello, hello");
        client
    });
    for _ in 0..3 {
        service.replace();
        for client in &mut old {
            client.echo("hello again, hello again, hello again");
        }
        Client::connect(&service, "/echo", Deflate::On).echo("hello, new one");
    }
    assert!(service.end_of_first().success());
    for client in old {
        client.close();
    }
}

#[test]
fn a_handshake_moves_with_the_bytes_that_were_read() {
    let mut service = Service::start(&[]);
    let request = format!(
        "GET /echo HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        service.address
    );
    let mut clients: Vec<_> = [0, 1, 20, request.len() - 1]
        .into_iter()
        .map(|cut| {
            let mut socket = connect(&service);
            socket.write_all(&request.as_bytes()[..cut]).unwrap();
            (socket, cut)
        })
        .collect();
    service.replace();
    service.replace();
    for (socket, cut) in &mut clients {
        socket.write_all(&request.as_bytes()[*cut..]).unwrap();
        socket.write_all(b"\x81\x85\0\0\0\0Hello").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\x81\x05Hello") {
            let mut bytes = [0; 512];
            let n = socket.read(&mut bytes).unwrap();
            assert_ne!(n, 0);
            answer.extend_from_slice(&bytes[..n]);
        }
        // RFC 6455 §1.3
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    }
}

/// Two fragments with a ping between them, each connection with another cut at the handover.
#[test]
fn a_message_may_be_cut_anywhere() {
    let mut service = Service::start(&[]);
    let wire = euro_in_fragments();
    let mut clients: Vec<_> = (1..wire.len())
        .map(|cut| {
            let mut client = Client::connect(&service, "/echo", Deflate::Off);
            client.echo("before");
            client.write(&wire[..cut]);
            (client, cut)
        })
        .collect();
    service.replace();
    for (client, cut) in &mut clients {
        client.write(&wire[*cut..]);
        assert_eq!(client.text(), "a\u{20ac}!", "cut at {cut}");
        client.echo("after");
    }
}

/// `a€!` in two fragments, the first of which ends within the Euro sign, and a ping between them.
fn euro_in_fragments() -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let mask = |payload: &[u8]| -> Vec<u8> {
        payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    };
    let frame = |first: u8, payload: &[u8]| {
        [&[first, 0x80 | payload.len() as u8][..], &key, &mask(payload)].concat()
    };
    [frame(0x01, b"a\xe2\x82"), frame(0x89, b"ping"), frame(0x80, b"\xac!")].concat()
}

/// The old process has read more than the client takes back.
#[test]
fn unsent_bytes_are_sent_by_the_new_process() {
    let mut service = Service::start(&[]);
    let mut client = Client::connect(&service, "/echo", Deflate::Off);
    let text: String = (0..12_000_000).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
    client.send(&text); // the server echoes it, and nobody reads
    service.replace();
    service.replace();
    assert!(client.text() == text);
    client.echo("after");
    client.close();
}

#[test]
fn a_connection_in_a_compressed_message_follows_after_it() {
    let mut service = Service::start(&[]);
    let mut slow = Client::connect(&service, "/echo", Deflate::On);
    let mut other = Client::connect(&service, "/echo", Deflate::On);
    slow.echo("a window, a window, a window");
    slow.begin("a window, another window, ");
    other.echo("hello");
    let line = service.replace();
    assert!(line.contains(" has taken over 1 connections "), "{line}");
    assert!(line.ends_with("; 1 stay for now"), "{line}");
    other.echo("nobody waits for it");
    slow.end("and what not");
    assert!(service.end_of_first().success());
    assert_eq!(slow.text(), "a window, another window, and what not");
    slow.echo("a window, another window, and what not");
    // The next handover waits for the end of the one before.
    service.replace();
    slow.echo("a window, another window, and what not");
}

#[test]
fn a_compressed_message_that_does_not_end_is_closed_with_1001() {
    let mut service = Service::start(&["--patience", "0"]);
    let mut slow = Client::connect(&service, "/echo", Deflate::On);
    let mut other = Client::connect(&service, "/echo", Deflate::On);
    slow.begin("what takes its time");
    other.echo("hello");
    service.replace();
    assert_eq!(slow.closed(), 1001);
    other.echo("still there");
    assert!(service.end_of_first().success());
}

#[test]
fn who_cannot_follow_because_the_new_process_has_died_is_closed_with_1001() {
    let mut service = Service::start(&[]);
    let mut slow = [(); 2].map(|()| {
        let mut client = Client::connect(&service, "/echo", Deflate::On);
        client.begin("a message in ");
        client
    });
    service.replace();
    service.kill();
    slow[0].end("two parts");
    assert_eq!(slow[0].text(), "a message in two parts");
    let line = service.line("the new process takes no more: ");
    assert!(line.ends_with(". 2 connections are closed"), "{line}");
    slow.iter_mut().for_each(|client| assert_eq!(client.closed(), 1001));
    assert!(service.end_of_first().success());
}

/// It takes what it can from a full table of descriptors, and can still be replaced.
#[test]
fn a_handover_needs_no_descriptor_that_clients_could_take() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 100; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_handover")]);
    let mut service = Service::start_as(command, &[]);
    let mut client = Client::connect(&service, "/echo", Deflate::On);
    let silent: Vec<_> = (0..150).map(|_| connect(&service)).collect();
    client.echo("it has accepted those that it can");
    for _ in 0..3 {
        service.replace();
        client.echo("hello again");
    }
    drop(silent);
    Client::connect(&service, "/echo", Deflate::On).echo("hello, new one");
}

#[test]
fn a_handover_waits_for_the_one_before() {
    let mut service = Service::start(&[]);
    let mut slow = Client::connect(&service, "/echo", Deflate::On);
    slow.begin("a message in ");
    service.replace();
    service.hang_up();
    service.line("the next handover begins after the last one");
    slow.end("two parts");
    assert_eq!(slow.text(), "a message in two parts");
    service.until_replaced();
    slow.echo("in the third process");
}

#[test]
fn a_response_that_is_not_101_ends_where_it_began() {
    let mut service = Service::start(&[]);
    let mut socket = connect(&service);
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", service.address);
    socket.write_all(request.as_bytes()).unwrap();
    let mut first = [0; 1];
    socket.read_exact(&mut first).unwrap();
    service.replace();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("TTP/1.1 200 "), "{head}");
    assert_eq!(body, include_str!("../../../chat/page.html"));
}

#[test]
fn sigterm_closes_all_with_1001() {
    let mut service = Service::start(&[]);
    let mut client = Client::connect(&service, "/echo", Deflate::On);
    client.echo("hello");
    service.signal(Signal::TERM);
    match client.next() {
        Event::Close(Some(reason)) => {
            assert_eq!(reason.code.number(), 1001);
            assert_eq!(reason.reason, "the server is going down");
        }
        other => panic!("{other:?}"),
    }
    client.flush();
    assert!(service.end_of_first().success());
}
