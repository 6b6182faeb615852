//! Any bytes as the export of a connection, and then use of what came out.

use std::time::Duration;

use hybi::connection::{ChunkEvent, Data, ReadyState};
use hybi::export::ImportError;
use hybi::keepalive::{Keepalive, KeepaliveConfig};
use hybi::{Client, CloseCode, Config, Connection, Event, Inbox, Limits, Outbox, Role, Server};

use super::common::{KEY, Keys};

/// Limits that small inputs can exceed.
fn tight() -> Config {
    let limits = Limits::default().message_bytes_max(64).frame_bytes_max(48).fragments_max(4);
    config().limits(limits)
}

fn config() -> Config {
    #[cfg(feature = "deflate")]
    return Config::default().deflate(
        hybi::extension::deflate::DeflateConfig::default()
            .compress_from(0)
            .inflated_bytes_max(1 << 16),
    );
    #[cfg(not(feature = "deflate"))]
    Config::default()
}

/// Imports any bytes as the bodies of a connection. The first byte chooses the role and the
/// settings. The second and third are the length of the reader's body, and the fourth that of the
/// writer's. Both bodies follow, and then the peer's input. The headers are added here, so that
/// most inputs get beyond them; [`import_raw`] reads them, too.
pub fn import(data: &[u8]) {
    let Some((&[how, a, b, c], rest)) = data.split_first_chunk() else { return };
    let (reader, rest) = rest.split_at(usize::from(u16::from_be_bytes([a, b])).min(rest.len()));
    let (writer, wire) = rest.split_at(usize::from(c).min(rest.len()));
    let export = [record(1, reader), record(2, writer), record(3, &[]), record(4, &[])].concat();
    let config = if how & 1 == 0 { config() } else { tight() };
    if how & 2 == 0 {
        used(Server, &config, how, &export, wire);
    } else {
        used(client(), &config, how, &export, wire);
    }
    let now = Duration::from_secs(100);
    let keepalive = record(5, reader);
    let keepalive = Keepalive::import(
        KeepaliveConfig::default(),
        now,
        Outbox::new().progress(),
        &mut &keepalive[..],
    );
    if let Ok(mut keepalive) = keepalive {
        let (mut ws, mut out) = (Connection::server(config), Outbox::new());
        for seconds in 100..300 {
            let _ = keepalive.poll(Duration::from_secs(seconds), &mut ws, &mut out);
        }
        assert!(out.len() <= 20 * 10, "{} bytes of pings", out.len());
    }
}

/// Imports the bytes of a whole export, headers included, as both roles. Returns the result of the
/// server.
pub fn import_raw(export: &[u8]) -> Result<(), ImportError> {
    let wire = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    for how in [0, 4] {
        used(client(), &config(), how, export, wire);
        used(Server, &tight(), how, export, wire);
        used(Server, &config(), how, export, wire);
    }
    Connection::import(Server, &config(), &mut &export[..]).map(drop)
}

fn client() -> Client<Keys> {
    Client::new(|| KEY)
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&b"hybi\x01"[..], &[kind], &(body.len() as u64).to_be_bytes(), body].concat()
}

/// Imports a connection and does all that can be done with one. It is a legal connection, whatever
/// the bytes were.
fn used<R: Role + std::fmt::Debug>(role: R, config: &Config, how: u8, export: &[u8], wire: &[u8]) {
    let from = &mut &export[..];
    let Ok(mut ws) = Connection::import(role, config, from) else {
        assert_eq!(from.len(), export.len(), "something was taken of a bad export");
        return;
    };
    let inbox = Inbox::import(from).unwrap_or_default();
    let mut out = Outbox::import(from).unwrap_or_default();
    let state = ws.ready_state();
    let _ = (ws.transport(), ws.message_bytes_left(), format!("{ws:?}"));

    // A state that can be imported can be exported: no compressed message is in progress in it.
    let mut again = Vec::new();
    ws.export(&mut again).expect("a state between compressed messages");
    assert!(again.len() <= export.len() + 14, "it has grown");

    // Sending fails or writes a frame.
    let before = out.len();
    let sent = ws.send_last_part(Data::Text(""), &mut out).is_ok()
        | ws.send("text", &mut out).is_ok()
        | ws.send_part(Data::Binary(b"part"), &mut out).is_ok()
        | ws.ping(b"ping", &mut out).is_ok();
    assert_eq!(sent, out.len() > before);
    assert!(!sent || state != ReadyState::Closed);

    // Receiving gets on, and nothing comes after the end.
    let mut inbox = inbox.in_place_up_to(if how & 8 == 0 { 0 } else { 1 << 20 });
    inbox.append(wire);
    let (mut idle, mut over) = (0, false);
    loop {
        let mut input = inbox.input();
        let left = input.len();
        let received = if how & 4 == 0 {
            ws.receive(&mut input, &mut out).map(|event| event.map(ChunkEvent::Control))
        } else {
            ws.receive_chunk(&mut input, &mut out)
        };
        assert!(!over || matches!(received, Ok(None)), "something after the end");
        match received {
            Ok(None) => break,
            Ok(Some(ChunkEvent::Control(Event::Close(_)))) | Err(_) => over = true,
            Ok(Some(_)) => {}
        }
        idle = if input.len() == left { idle + 1 } else { 0 };
        assert!(idle < 100, "no progress");
    }
    let _ = ws.close(CloseCode::NORMAL, "bye", &mut out);
    let ended = ws.end_of_input(&mut out);
    assert_eq!(
        ws.end_of_input(&mut out).is_ok(),
        ended.is_ok() || ended.is_err_and(|e| matches!(e, hybi::EndOfInputError::Protocol(_)))
    );
    assert_eq!(ws.ready_state(), ReadyState::Closed);
    assert!(ws.send("text", &mut out).is_err());
}
