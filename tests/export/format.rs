//! Version 1 of the format, from a file that was written by hand from its description.

use std::time::Duration;

use hybi::keepalive::{Keepalive, KeepaliveConfig};
use hybi::{Event, UsageError};

use super::states::incoming;
use super::*;

/// The bytes of the export with this title.
fn version_1(title: &str) -> Vec<u8> {
    let file = include_str!("version1.txt");
    let section = file.split_once(&format!("[{title}]\n")).unwrap_or_else(|| panic!("{title}")).1;
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let digits: String = lines
        .flat_map(|line| line.split('#').next())
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Imports a connection, and checks that all bytes are of use and that it exports the same ones.
fn connection<R: Remade>(title: &str) -> Peer<R> {
    let bytes = version_1(title);
    let from = &mut &bytes[..];
    let ws = Connection::import(R::make(), &config(), from).unwrap();
    let mut again = Vec::new();
    ws.export(&mut again).unwrap();
    assert_eq!(again, bytes[..bytes.len() - from.len()]);
    let inbox = if from.is_empty() { Inbox::new() } else { Inbox::import(from).unwrap() };
    let out = if from.is_empty() { Outbox::new() } else { Outbox::import(from).unwrap() };
    assert!(from.is_empty());
    Peer { ws, inbox, out, mode: Mode::InPlace, seen: Vec::new() }
}

fn text(text: &str) -> Seen {
    Seen::Event(Event::Text(text.to_owned().into()))
}

#[test]
fn a_server_between_messages() {
    let title = "a server between messages";
    let mut peer = connection::<Server>(title);
    peer.feed(&incoming::<Server>(0x81, 2, b"hi"));
    assert_eq!(peer.seen, [text("hi")]);
    assert_eq!(peer.out, b"\x81\x02hi");

    let mut bytes = Vec::new();
    Connection::server(Config::default()).export(&mut bytes).unwrap();
    assert_eq!(bytes, version_1(title));
}

#[test]
fn a_server_in_the_middle_of_everything() {
    let title = "a server in the second frame of a text, which itself sends a text in parts and \
                 holds a pong back";
    let mut peer = connection::<Server>(title);
    let Peer { ws, inbox, out, .. } = &mut peer;
    inbox.append(&[0xa9 ^ 0xfa, b'c' ^ 0x21, b'd' ^ 0x3d]);
    let event = ws.receive(&mut inbox.input(), out).unwrap();
    assert_eq!(event, Some(Event::Text("ab\u{e9}cd".into())));
    assert_eq!(out.take(), b"\x8a\x02hi");
    assert_eq!(ws.send("other", out), Err(UsageError::MessageInProgress));
    assert_eq!(ws.send_part(&[1], out), Err(UsageError::OtherKindOfMessage));
    ws.send_last_part("end", out).unwrap();
    assert_eq!(*out, b"\x80\x03end");
}

#[cfg(feature = "deflate")]
#[test]
fn a_client_after_a_compressed_message() {
    let mut peer = connection::<Client<Keys>>("a client in a header, after Hello was decompressed");
    let agreed = peer.ws.deflate().unwrap().to_string();
    assert_eq!(agreed, "permessage-deflate; client_no_context_takeover; server_max_window_bits=10");
    peer.feed(&[&[0x2c], &[b'x'; 300][..]].concat());
    assert_eq!(peer.seen.pop(), Some(text(&"x".repeat(300))));
    let key = KEY;
    assert_eq!(peer.out.front()[..4], [0x81, 0xfe, 0x01, 0x2c], "not compressed");
    assert_eq!(peer.out.front()[4..8], key);
    // RFC 7692 §7.2.3.2: "Hello" once more.
    peer.feed(b"\xc1\x05\xf2\x00\x11\x00\x00");
    assert_eq!(peer.seen, [text("Hello")]);
}

#[test]
fn a_server_with_unread_and_unsent_bytes() {
    let title = "a server with a text in its inbox, and half a frame in its outbox";
    let mut peer = connection::<Server>(title);
    assert_eq!(peer.out.take(), b"\x02\x03\xe8");
    let Peer { ws, inbox, out, .. } = &mut peer;
    inbox.append(&[b'e' ^ 0x37, b'f' ^ 0xfa, b'g' ^ 0x21, b'h' ^ 0x3d, b'i' ^ 0x37, b'j' ^ 0xfa]);
    let event = ws.receive(&mut inbox.input(), out).unwrap();
    assert_eq!(event, Some(Event::Text("abcdefghij".into())));
    assert_eq!(ws.send("late", out), Err(UsageError::Closed));
}

#[test]
fn a_client_in_a_ping_in_a_long_message() {
    let mut peer = connection::<Client<Keys>>("a client in a ping between two fragments in chunks");
    let Peer { ws, inbox, out, .. } = &mut peer;
    inbox.append(b"!?\x80\x03end");
    let mut input = inbox.input();
    let ping = ws.receive_chunk_within(1 << 30, &mut input, out).unwrap();
    assert_eq!(ping, Some(ChunkEvent::Control(Event::Ping(b"hi!?".into()))));
    let chunk = ws.receive_chunk_within(1 << 30, &mut input, out).unwrap();
    let data = ChunkData::Binary(b"end".into());
    assert_eq!(chunk, Some(ChunkEvent::Chunk(Chunk { data, first: false, last: true })));
}

#[test]
fn a_keep_alive() {
    let bytes = version_1("a keep-alive");
    let (now, from) = (Duration::from_secs(100), &mut &bytes[..]);
    let (mut ws, mut out) = (Connection::server(config()), Outbox::new());
    let config = KeepaliveConfig::default().pong_within(Duration::from_secs(20));
    let mut keepalive = Keepalive::import(config, now, out.progress(), from).unwrap();
    assert!(from.is_empty());
    let mut again = Vec::new();
    keepalive.export(now, out.progress(), &mut again);
    assert_eq!(again, bytes);

    let half = Duration::from_millis(500);
    let wake = keepalive.poll(now, &mut ws, &mut out).unwrap();
    assert_eq!(wake, Some(Duration::from_secs(120) - half));
    assert_eq!(keepalive.round_trip(), Some(Duration::from_millis(1)));
    assert!(keepalive.see(&Event::Pong(7u64.to_be_bytes().to_vec().into()), now));
    assert_eq!(keepalive.round_trip(), Some(half));
}
