//! What `deflate` adds: which messages are compressed is the program's decision.

use std::io::Read;

use hybi::blocking::WebSocket;
use hybi::extension::Offers;
use hybi::extension::deflate::{self, Agreed, Compression, DeflateConfig};
use hybi::{Config, Connection, Inbox, Server};

use crate::stream::*;

/// RSV1, which says that a message is compressed (RFC 7692 §6).
const COMPRESSED: u8 = 0x40;

fn agreed_connection() -> (Connection<Server>, Agreed) {
    let config = DeflateConfig::default();
    let offers = Offers::new(b"permessage-deflate").map(Result::unwrap);
    let agreed = deflate::respond(&config, offers).unwrap();
    (Connection::server(Config::default()).with_deflate(&agreed, &config), agreed)
}

#[test]
fn what_was_agreed_on_can_be_asked() {
    let (connection, agreed) = agreed_connection();
    let ws = WebSocket::new(Script::new([]), connection, Inbox::new());
    assert_eq!(ws.deflate(), Some(&agreed));
    assert_eq!(server(Script::new([])).deflate(), None);
    let (reader, _writer) = ws.split().unwrap();
    assert_eq!(reader.deflate(), Some(&agreed));
    let (reader, _writer) = server(Script::new([])).split().unwrap();
    assert_eq!(reader.deflate(), None);
}

#[test]
fn a_secret_is_sent_uncompressed() {
    let stream = Script::new([]);
    let mut ws = WebSocket::new(stream.clone(), agreed_connection().0, Inbox::new());
    let secret = "secret ".repeat(16);
    for (compression, bit) in [(Compression::Never, 0), (Compression::Always, COMPRESSED)] {
        let written = stream.written().len();
        ws.set_compression(compression);
        ws.send(&secret).unwrap();
        assert_eq!(stream.written()[written] & COMPRESSED, bit, "{compression:?}");
    }
}

#[test]
fn a_writer_decides_too() {
    let (mut peer, stream) = sockets();
    let ws = WebSocket::new(stream, agreed_connection().0, Inbox::new());
    let (_reader, writer) = ws.split().unwrap();
    let secret = "secret ".repeat(16);
    writer.set_compression(Compression::Never);
    writer.send(&secret).unwrap();
    writer.set_compression(Compression::Always);
    writer.send(&secret).unwrap();
    let mut frame = vec![0; 2 + secret.len()];
    peer.read_exact(&mut frame).unwrap();
    assert_eq!(frame[0] & COMPRESSED, 0);
    peer.read_exact(&mut frame[..1]).unwrap();
    assert_eq!(frame[0] & COMPRESSED, COMPRESSED);
}

/// Of several threads that share a writer, one that set something for all could not decide about
/// its own message.
#[test]
fn each_message_can_be_decided_about_and_the_others_stay_as_they_were() {
    let (mut peer, stream) = sockets();
    let ws = WebSocket::new(stream, agreed_connection().0, Inbox::new());
    let (_reader, writer) = ws.split().unwrap();
    let other = writer.clone();
    let message = "message ".repeat(10);
    for usual in [Compression::Always, Compression::Never] {
        other.set_compression(usual);
        for (decided, bit) in [(Compression::Never, 0), (Compression::Always, COMPRESSED)] {
            writer.send_with(decided, &message).unwrap();
            other.send(&message).unwrap();
            let usual = if usual == Compression::Always { COMPRESSED } else { 0 };
            assert_eq!([0; 2].map(|_| first_byte(&mut peer) & COMPRESSED), [bit, usual]);
        }
    }
    // A whole connection has the same verb, and so has one without compression.
    let stream = Script::new([]);
    let mut ws = WebSocket::new(stream.clone(), agreed_connection().0, Inbox::new());
    ws.send_with(Compression::Never, &message).unwrap();
    ws.send(&message).unwrap();
    let written = stream.written();
    assert_eq!((written[0] & COMPRESSED, written[82] & COMPRESSED), (0, COMPRESSED));
    let stream = Script::new([]);
    server(stream.clone()).send_with(Compression::Always, "plain").unwrap();
    assert_eq!(stream.written(), plain(hybi::frame::OpCode::TEXT, b"plain"));
}

/// Reads a frame with a length in the first form. Returns its first byte.
fn first_byte(peer: &mut impl Read) -> u8 {
    let mut header = [0; 2];
    peer.read_exact(&mut header).unwrap();
    peer.read_exact(&mut vec![0; header[1].into()]).unwrap();
    header[0]
}
