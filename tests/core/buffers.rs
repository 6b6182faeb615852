//! `Inbox` and `Outbox` beside a plain `Vec`, and connections that are driven through them.

use std::borrow::Cow;
use std::io::{self, IoSlice, Write};

use hybi::{Config, Connection, Event, Inbox, Input, Outbox};
use proptest::prelude::*;

use crate::common::*;

/// Something that a program does with an outbox.
#[derive(Clone, Debug)]
enum OutboxCall {
    Append(Vec<u8>),
    AppendShared(Vec<u8>),
    Send(Vec<u8>),
    Sent(usize),
    WriteTo(usize),
    Unsent(usize),
    Take,
    Clear,
    Shrink(usize),
    Elsewhere(usize),
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => (0usize..20_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn outbox_call() -> impl Strategy<Value = OutboxCall> {
    prop_oneof![
        4 => bytes().prop_map(OutboxCall::Append),
        2 => bytes().prop_map(OutboxCall::AppendShared),
        4 => bytes().prop_map(OutboxCall::Send),
        6 => (0usize..400).prop_map(OutboxCall::Sent),
        2 => (0usize..30_000).prop_map(OutboxCall::Sent),
        4 => (0usize..10_000).prop_map(OutboxCall::WriteTo),
        4 => (0usize..10).prop_map(OutboxCall::Unsent),
        1 => Just(OutboxCall::Take),
        1 => Just(OutboxCall::Clear),
        1 => (0usize..1000).prop_map(OutboxCall::Shrink),
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
    fn an_outbox_is_a_queue_of_bytes(calls in proptest::collection::vec(outbox_call(), 0..60)) {
        let mut ws = Connection::client_with_keys(Config::default(), || KEY);
        let (mut out, mut model, mut elsewhere) = (Outbox::new(), Vec::new(), 0);
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
                    model.extend(Side::Client.outgoing(0x82, &bytes));
                    ws.send_owned(bytes, &mut out).unwrap();
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
                }
                OutboxCall::Take => prop_assert_eq!(out.take(), std::mem::take(&mut model)),
                OutboxCall::Clear => {
                    out.clear();
                    model.clear();
                }
                OutboxCall::Shrink(bytes) => out.shrink_to(bytes),
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
