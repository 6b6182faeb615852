//! `Inbox` and `Outbox` beside a plain `Vec`, and connections that are driven through them.

use std::borrow::Cow;
use std::io::{self, IoSlice, Write};
use std::num::NonZeroU32;

use bytes::Bytes;
use hybi::connection::Prepared;
use hybi::{Config, Connection, Event, Inbox, Input, Outbox};
use proptest::prelude::*;

use crate::common::*;

/// Something that a program does with an outbox.
#[derive(Clone, Debug)]
enum OutboxCall {
    Append(Vec<u8>),
    AppendShared(Vec<u8>),
    Send(Vec<u8>),
    SendOwned(Vec<u8>),
    SendOwnedText(usize),
    SendPrepared(Vec<u8>),
    SendPart(Vec<u8>),
    Ping(Vec<u8>),
    Sent(usize),
    WriteTo(usize),
    Unsent(usize),
    Take,
    Clear,
    Shrink(usize),
    SwapMemory,
    Elsewhere(usize),
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => long_bytes(0..20_000),
    ]
}

/// Bytes that differ, so that none can stand for another.
fn long_bytes(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    (len, any::<u8>())
        .prop_map(|(len, first)| (0..len).map(|i| (i / 251 + i) as u8 ^ first).collect())
}

/// Payloads of every length at which an outbox does something else.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => long_bytes(0..2100),
        1 => long_bytes(8000..8400),
        1 => long_bytes(65_500..65_600),
        1 => long_bytes(0..300_000),
    ]
}

fn outbox_call() -> impl Strategy<Value = OutboxCall> {
    prop_oneof![
        2 => bytes().prop_map(OutboxCall::Append),
        2 => payload().prop_map(OutboxCall::AppendShared),
        4 => payload().prop_map(OutboxCall::Send),
        4 => payload().prop_map(OutboxCall::SendOwned),
        1 => (0usize..100_000).prop_map(OutboxCall::SendOwnedText),
        1 => payload().prop_map(OutboxCall::SendPrepared),
        1 => payload().prop_map(OutboxCall::SendPart),
        1 => proptest::collection::vec(any::<u8>(), 0..126).prop_map(OutboxCall::Ping),
        6 => (0usize..400).prop_map(OutboxCall::Sent),
        3 => (0usize..150_000).prop_map(OutboxCall::Sent),
        4 => (0usize..10_000).prop_map(OutboxCall::WriteTo),
        3 => (0usize..200_000).prop_map(OutboxCall::WriteTo),
        4 => (0usize..40).prop_map(OutboxCall::Unsent),
        1 => Just(OutboxCall::Take),
        1 => Just(OutboxCall::Clear),
        1 => (0usize..1000).prop_map(OutboxCall::Shrink),
        1 => Just(OutboxCall::SwapMemory),
        1 => (0usize..1000).prop_map(OutboxCall::Elsewhere),
    ]
}

/// A writer that accepts a few bytes, and none after that.
struct Accepts {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Accepts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.room);
        self.bytes.extend_from_slice(&bytes[..n]);
        self.room -= n;
        Ok(n)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        slices.iter().map(|slice| self.write(slice)).sum()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Something that a program does with an inbox.
#[derive(Clone, Debug)]
enum InboxCall {
    /// Reads at most this many bytes.
    Read(usize),
    Append(Vec<u8>),
    /// Takes this many bytes from the input.
    Take(usize),
    Clear,
    Shrink,
}

fn inbox_call() -> impl Strategy<Value = InboxCall> {
    prop_oneof![
        4 => (0usize..100).prop_map(InboxCall::Read),
        4 => (0usize..40_000).prop_map(InboxCall::Read),
        2 => bytes().prop_map(InboxCall::Append),
        4 => (0usize..100).prop_map(InboxCall::Take),
        4 => (0usize..40_000).prop_map(InboxCall::Take),
        1 => Just(InboxCall::Clear),
        1 => Just(InboxCall::Shrink),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_outbox_is_a_queue_of_bytes(
        is_server in any::<bool>(),
        fragment_bytes in prop_oneof![3 => Just(0), 1 => 1000u32..100_000],
        calls in proptest::collection::vec(outbox_call(), 0..60),
    ) {
        let side = if is_server { Side::Server } else { Side::Client };
        let config = Config::default().fragment_bytes(NonZeroU32::new(fragment_bytes));
        let (mut ws, mut out, mut model, mut elsewhere) = (side.connection(config), Outbox::new(), Vec::new(), 0);
        let frames = |first, payload: &[u8]| -> Vec<u8> {
            if fragment_bytes == 0 || payload.is_empty() {
                return side.outgoing(first, payload);
            }
            let fragments = payload.chunks(fragment_bytes as usize);
            let last = fragments.len() - 1;
            let frames = fragments.enumerate().map(|(i, fragment)| {
                let fin = if i == last { first & 0x80 } else { 0 };
                side.outgoing(fin | if i == 0 { first & 0x7f } else { 0 }, fragment)
            });
            frames.collect::<Vec<_>>().concat()
        };
        let mut spare = Outbox::new();
        for call in calls {
            match call {
                OutboxCall::Append(bytes) => {
                    out.append(&bytes);
                    model.extend(bytes);
                }
                OutboxCall::AppendShared(bytes) => {
                    model.extend(&bytes);
                    out.append_shared(bytes.into());
                }
                OutboxCall::Send(bytes) => {
                    model.extend(frames(0x82, &bytes));
                    ws.send(&bytes, &mut out).unwrap();
                }
                OutboxCall::SendOwned(bytes) => {
                    model.extend(frames(0x82, &bytes));
                    // The caller's own bytes stay as they are, masked or not.
                    let (given, copy) = (Bytes::from(bytes.clone()), bytes);
                    ws.send_owned(given.clone(), &mut out).unwrap();
                    prop_assert_eq!(given, copy);
                }
                OutboxCall::SendOwnedText(len) => {
                    let text = "x".repeat(len);
                    model.extend(frames(0x81, text.as_bytes()));
                    ws.send_owned(text, &mut out).unwrap();
                }
                OutboxCall::SendPrepared(bytes) => {
                    model.extend(frames(0x82, &bytes));
                    ws.send_prepared(&Prepared::new(&bytes), &mut out).unwrap();
                }
                OutboxCall::SendPart(bytes) => {
                    model.extend(frames(0x02, &bytes));
                    ws.send_part(&bytes, &mut out).unwrap();
                    model.extend(side.outgoing(0x80, b""));
                    ws.send_last_part(b"", &mut out).unwrap();
                }
                OutboxCall::Ping(bytes) => {
                    model.extend(side.outgoing(0x89, &bytes));
                    ws.ping(&bytes, &mut out).unwrap();
                }
                OutboxCall::Sent(n) => {
                    out.sent(n);
                    model.drain(..n.min(model.len()));
                }
                OutboxCall::WriteTo(room) => {
                    let mut socket = Accepts { bytes: Vec::new(), room };
                    match out.write_to(&mut socket) {
                        Ok(n) => {
                            prop_assert_eq!(n, socket.bytes.len());
                            prop_assert_eq!(n > 0, !model.is_empty());
                        }
                        Err(error) => {
                            prop_assert_eq!(error.kind(), io::ErrorKind::WriteZero);
                            prop_assert!(room == 0 && !model.is_empty());
                        }
                    }
                    let written: Vec<_> = model.drain(..socket.bytes.len()).collect();
                    prop_assert_eq!(written, socket.bytes);
                }
                OutboxCall::Unsent(count) => {
                    let mut slices = vec![&b"untouched"[..]; count];
                    let filled = out.unsent(&mut slices);
                    prop_assert!(slices[filled..].iter().all(|slice| *slice == b"untouched"));
                    let slices = slices[..filled].concat();
                    prop_assert!(model.starts_with(&slices));
                    prop_assert_eq!(slices.is_empty(), count == 0 || model.is_empty());
                    // All of them are sent, as a vectored write does.
                    out.sent(slices.len());
                    model.drain(..slices.len());
                }
                OutboxCall::Take => prop_assert_eq!(out.take(), std::mem::take(&mut model)),
                OutboxCall::Clear => {
                    out.clear();
                    model.clear();
                }
                OutboxCall::Shrink(bytes) => out.shrink_to(bytes),
                OutboxCall::SwapMemory => {
                    let before = out.progress();
                    out.swap_memory(&mut spare);
                    prop_assert!(spare.is_empty() && spare.progress() == Outbox::new().progress());
                    prop_assert_eq!(out.progress(), before);
                }
                OutboxCall::Elsewhere(bytes) => {
                    out.set_elsewhere(bytes);
                    elsewhere = bytes;
                }
            }
            prop_assert_eq!(&out, &model);
            prop_assert_eq!((out.len(), out.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(out.backlog(), model.len() + elsewhere);
            let front = out.front();
            prop_assert!(model.starts_with(front) && front.is_empty() == model.is_empty());
            prop_assert_eq!(&out.clone(), &out);
        }
    }

    /// The program moves its output to a queue that others push to as well, and writes from there.
    #[test]
    fn an_outbox_knows_how_far_a_queue_elsewhere_has_got(
        others_push in any::<bool>(),
        calls in proptest::collection::vec((0..4, 0usize..2000), 0..100),
    ) {
        let (mut out, mut queue, mut written, mut taken) = (Outbox::new(), 0, 0, 0);
        for (call, n) in calls {
            match call {
                0 => out.append(&vec![0; n]),
                1 => queue += out.take().len(),
                2 => {
                    let n = n.min(queue);
                    queue -= n;
                    written += n as u64;
                }
                _ if others_push => queue += n,
                _ => continue,
            }
            if call > 0 {
                out.set_elsewhere(queue);
            }
            let progress = out.progress();
            prop_assert_eq!(progress.backlog, out.len() + queue);
            prop_assert_eq!(progress.backlog, out.backlog());
            prop_assert!(progress.taken >= taken, "it falls from {} to {}", taken, progress.taken);
            prop_assert_eq!(progress.taken, written);
            taken = progress.taken;
        }
    }

    #[test]
    fn an_inbox_is_a_queue_of_bytes(calls in proptest::collection::vec(inbox_call(), 0..60)) {
        let (mut inbox, mut model, mut next) = (Inbox::new(), Vec::new(), 0u8);
        for call in calls {
            match call {
                InboxCall::Read(n) => {
                    let room = inbox.room();
                    prop_assert!(!room.is_empty());
                    let n = n.min(room.len());
                    for byte in &mut room[..n] {
                        *byte = next;
                        model.push(next);
                        next = next.wrapping_add(1);
                    }
                    inbox.filled(n);
                }
                InboxCall::Append(bytes) => {
                    inbox.append(&bytes);
                    model.extend(bytes);
                }
                InboxCall::Take(n) => {
                    let mut input = inbox.input();
                    prop_assert_eq!(input.remaining(), &model);
                    let taken = input.take(n).map(|bytes| bytes.to_vec());
                    prop_assert_eq!(taken.is_some(), n <= model.len());
                    if let Some(taken) = taken {
                        prop_assert_eq!(taken, model.drain(..n).collect::<Vec<_>>());
                    }
                }
                InboxCall::Clear => {
                    inbox.clear();
                    model.clear();
                }
                InboxCall::Shrink => inbox.shrink(),
            }
            prop_assert_eq!(inbox.unread(), &model);
            prop_assert_eq!((inbox.len(), inbox.is_empty()), (model.len(), model.is_empty()));
        }
    }

    /// The same events as from a buffer that holds all of the stream, however reads split it.
    #[test]
    fn a_connection_reads_the_same_from_an_inbox(
        messages in proptest::collection::vec((any::<bool>(), any::<bool>(), 0usize..60_000), 1..6),
        reads in proptest::collection::vec(1usize..50_000, 1..6),
        in_place in prop_oneof![Just(usize::MAX), 0usize..50_000],
    ) {
        for side in BOTH {
            let mut wire = Vec::new();
            for (is_text, is_ping, len) in &messages {
                let payload: Vec<u8> = (0..*len).map(|i| b'a' + (i % 26) as u8).collect();
                wire.extend(side.incoming(if *is_text { 0x81 } else { 0x82 }, &payload));
                if *is_ping {
                    wire.extend(side.incoming(0x89, b"?"));
                }
            }
            let mut whole = wire.clone();
            let (mut ws, mut replies, mut want) = (side.connection(Config::default()), vec![], vec![]);
            let mut input = Input::new(&mut whole);
            while let Some(event) = ws.receive(&mut input, &mut replies).unwrap() {
                want.push(event.into_owned());
            }

            let (mut ws, mut out, mut got) = (side.connection(Config::default()), Outbox::new(), vec![]);
            let mut inbox = Inbox::new().in_place_up_to(in_place);
            let (mut rest, mut sizes) = (&wire[..], reads.iter().cycle());
            while !rest.is_empty() {
                let room = inbox.room();
                let n = room.len().min(*sizes.next().unwrap()).min(rest.len());
                room[..n].copy_from_slice(&rest[..n]);
                rest = &rest[n..];
                inbox.filled(n);
                let mut input = inbox.input();
                while let Some(event) = ws.receive(&mut input, &mut out).unwrap() {
                    got.push(event.into_owned());
                }
            }
            prop_assert!(got == want, "{side:?}: other events");
            prop_assert!(inbox.is_empty());
            prop_assert_eq!(&out, &replies);
        }
    }
}

#[test]
fn a_long_message_is_lent_out_of_the_inbox_and_read_up_to_its_end() {
    let payload = vec![7; 1 << 20];
    let wire =
        [Side::Server.incoming(0x82, &payload), Side::Server.incoming(0x81, b"next")].concat();
    let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
    let (mut inbox, mut rest, mut reads) = (Inbox::new(), &wire[..], 0);
    let is_lent = loop {
        let room = inbox.room();
        let n = room.len().min(rest.len());
        room[..n].copy_from_slice(&rest[..n]);
        rest = &rest[n..];
        inbox.filled(n);
        reads += 1;
        match ws.receive(&mut inbox.input(), &mut out).unwrap() {
            None => assert!(reads < 10, "a few reads, of more bytes each time"),
            Some(Event::Binary(bytes)) => {
                assert!(*bytes == *payload);
                break matches!(bytes, Cow::Borrowed(_));
            }
            Some(other) => panic!("{other:?}"),
        }
    };
    assert!(is_lent);
    assert_eq!(rest, Side::Server.incoming(0x81, b"next"), "nothing after the message was read");
    assert!(inbox.is_empty());
}

#[test]
fn one_inbox_serves_many_connections_in_turn() {
    let mut connections =
        [Connection::server(Config::default()), Connection::server(Config::default())];
    let (mut inbox, mut out) = (Inbox::new().in_place_up_to(0), Outbox::new());
    let wire = Side::Server.incoming(0x82, &[7; 30_000]);
    for piece in wire.chunks(17_000) {
        for ws in &mut connections {
            inbox.append(piece);
            if let Some(event) = ws.receive(&mut inbox.input(), &mut out).unwrap() {
                assert_eq!(event, binary(&[7; 30_000]));
                ws.send(b"got it", &mut out).unwrap();
            }
            assert!(inbox.is_empty(), "the connection keeps what is incomplete");
        }
    }
    assert_eq!(out, b"\x82\x06got it".repeat(2));
}

/// A transport that counts its calls.
#[derive(Default)]
struct Calls {
    bytes: Vec<u8>,
    writes: usize,
    vectored: usize,
}

impl Write for Calls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        self.bytes.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.vectored += 1;
        self.bytes.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_header_and_a_shared_payload_are_written_with_one_call() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Outbox::new());
        let mut socket = Calls::default();
        let payload = Bytes::from(vec![7; 50_000]);
        ws.send("before", &mut out).unwrap();
        ws.send_owned(payload.clone(), &mut out).unwrap();
        ws.send("after", &mut out).unwrap();
        while !out.is_empty() {
            out.write_to(&mut socket).unwrap();
        }
        assert_eq!(socket.writes + socket.vectored, 1, "{side:?}");
        let want = [
            side.outgoing(0x81, b"before"),
            side.outgoing(0x82, &payload),
            side.outgoing(0x81, b"after"),
        ];
        assert_eq!(socket.bytes, want.concat());

        // Without anything shared, a plain write: not every stream has the other.
        ws.send(&payload, &mut out).unwrap();
        let (writes, vectored) = (socket.writes, socket.vectored);
        out.write_to(&mut socket).unwrap();
        assert_eq!((socket.writes, socket.vectored), (writes + 1, vectored));
    }
}

#[test]
fn long_messages_of_a_client_share_a_call() {
    let side = Side::Client;
    let (mut ws, mut out) = (side.connection(Config::default()), Outbox::new());
    let mut socket = Calls::default();
    let payload = Bytes::from(vec![7; 100_000]);
    for _ in 0..10 {
        ws.send_owned(payload.clone(), &mut out).unwrap();
    }
    let bytes = out.len();
    while !out.is_empty() {
        out.write_to(&mut socket).unwrap();
    }
    assert_eq!(socket.bytes, side.outgoing(0x82, &payload).repeat(10));
    // 64 KiB are masked at once, of one message or several.
    assert_eq!(socket.writes + socket.vectored, bytes.div_ceil(64 << 10));
}

#[test]
fn a_shared_payload_is_not_copied() {
    let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
    let payload = Bytes::from(vec![7; 50_000]);
    let text = "x".repeat(50_000);
    let prepared = Prepared::new(&payload);
    let want = [payload.as_ptr(), text.as_ptr(), prepared.frame().as_ptr()];
    ws.send_owned(payload.clone(), &mut out).unwrap();
    ws.send_owned(text, &mut out).unwrap();
    ws.send_prepared(&prepared, &mut out).unwrap();
    let mut slices = [&[][..]; 8];
    let filled = out.unsent(&mut slices);
    let long = slices[..filled].iter().filter(|slice| slice.len() >= 50_000);
    assert_eq!(long.map(|slice| slice.as_ptr()).collect::<Vec<_>>(), want);
    // A fragment is a part of it.
    let config = Config::default().fragment_bytes(NonZeroU32::new(20_000));
    let (mut ws, mut out) = (Connection::server(config), Outbox::new());
    ws.send_owned(payload.clone(), &mut out).unwrap();
    let mut slices = [&[][..]; 8];
    out.unsent(&mut slices);
    assert_eq!(slices[1].as_ptr(), payload.as_ptr());
    assert_eq!(slices[3].as_ptr(), payload[20_000..].as_ptr());
}

#[test]
fn a_shared_payload_is_let_go_of_once_it_is_sent() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Outbox::new());
        let payload = Bytes::from(vec![7; 500_000]);
        for drop_it in [
            (|out: &mut Outbox| out.sent(out.len())) as fn(&mut _),
            |out| while out.write_to(io::sink()).unwrap() > 0 {},
            |out| drop(out.take()),
            Outbox::clear,
            |out| *out = Outbox::new(),
        ] {
            ws.send_owned(payload.clone(), &mut out).unwrap();
            assert!(!payload.is_unique());
            drop_it(&mut out);
            assert!(out.is_empty() && payload.is_unique(), "{side:?}");
        }
    }
}
