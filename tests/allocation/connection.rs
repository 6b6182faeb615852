//! Connections: idle, receiving, sending, and short of memory.

use super::*;

#[test]
fn a_thousand_idle_connections_and_their_keepalives() {
    assert_allocates_nothing(|| {
        for _ in 0..1000 {
            let keepalive = Keepalive::new(KeepaliveConfig::default(), std::time::Duration::ZERO);
            let ends = (
                Connection::server(Config::default()),
                Connection::client_with_keys(Config::default(), || KEY),
                keepalive,
            );
            drop(std::hint::black_box(ends));
        }
    });
}

#[test]
fn a_message_in_place_however_it_is_cut() {
    for side in BOTH {
        let wire = side.incoming(0x82, &[7; 3000]);
        let header_len = wire.len() - 3000;
        for read_bytes in [1, 100, 1460] {
            let (mut ws, mut inbox, mut out) =
                (side.connection(Config::default()), wire.clone(), vec![]);
            let messages = assert_allocates_nothing(|| {
                let ends = (header_len..wire.len()).step_by(read_bytes).chain([wire.len()]);
                let mut messages = 0;
                for end in ends {
                    let mut input = Input::new(&mut inbox[..end]).in_place_up_to(wire.len());
                    messages += usize::from(ws.receive(&mut input, &mut out).unwrap().is_some());
                }
                messages
            });
            assert_eq!(messages, 1);
        }
    }
}

#[test]
fn an_idle_connection_holds_nothing_after_it_has_worked() {
    // A fragmented message, a ping in pieces: afterwards nothing of it is left.
    for side in BOTH {
        let mut ws = side.connection(Config::default());
        let wire = [
            side.incoming(0x01, &[b'x'; 10_000]),
            side.incoming(0x89, &[b'x'; 100]),
            side.incoming(0x80, b"x"),
        ]
        .concat();
        let mut inbox = wire.clone();
        let mut out = Outbox::with_capacity(1000);
        let before = LIVE.get();
        for piece in inbox.chunks_mut(7) {
            let mut input = Input::new(piece);
            while let Some(event) = ws.receive(&mut input, &mut out).unwrap() {
                drop(event);
            }
        }
        assert_eq!(LIVE.get(), before, "{side:?}");
    }
}

#[test]
fn unfragmented_messages_and_control_frames_in() {
    for side in BOTH {
        for len in [0, 64, 120, 125, 126, 1024, 65_530, 65_540, 200_000] {
            let text = "aß€😀 ".repeat(len / 11 + 1);
            let text = &text[..text.floor_char_boundary(len)];
            let wires: Vec<Vec<u8>> =
                [0x81, 0x82].map(|first| side.incoming(first, text.as_bytes())).into();
            let small = [0x89, 0x8a].map(|first| side.incoming(first, &[7; 125]));
            let mut ws = side.connection(Config::default());
            let mut out = Outbox::with_capacity(1 << 10);
            let mut inboxes: Vec<Vec<u8>> = wires.into_iter().chain(small).collect();
            assert_allocates_nothing(|| {
                for inbox in &mut inboxes {
                    let mut input = Input::new(inbox);
                    let event = ws.receive(&mut input, &mut out).unwrap().unwrap();
                    match &event {
                        Event::Text(got) => assert!(**got == *text),
                        Event::Binary(got) => assert!(**got == *text.as_bytes()),
                        Event::Ping(got) | Event::Pong(got) => assert!(**got == [7; 125]),
                        other => panic!("{other:?}"),
                    }
                    drop(event);
                    assert!(ws.receive(&mut input, &mut out).unwrap().is_none());
                }
            });
        }
    }
}

/// Receives `wire` in chunks, in reads of 700 bytes; how many messages ended.
fn receive_chunks(side: Side, wire: &mut [u8]) -> usize {
    let (mut ws, mut out, mut messages) = (side.connection(Config::default()), Outbox::new(), 0);
    for piece in wire.chunks_mut(700) {
        let mut input = Input::new(piece);
        while let Some(event) = ws.receive_chunk(&mut input, &mut out).unwrap() {
            let hybi::connection::ChunkEvent::Chunk(chunk) = event else { panic!("{event:?}") };
            messages += usize::from(chunk.last);
        }
    }
    messages
}

#[test]
fn messages_in_chunks_however_they_are_cut() {
    for side in BOTH {
        let mut wire = Vec::new();
        for _ in 0..50 {
            wire.extend(side.incoming(0x01, b"text"));
            wire.extend(side.incoming(0x80, &[b'x'; 1000]));
            wire.extend(side.incoming(0x82, &[0xff; 1000]));
        }
        assert_eq!(assert_allocates_nothing(|| receive_chunks(side, &mut wire)), 100);

        // A code point that two reads have cut is a chunk of its own, and the only thing that is owned.
        let mut wire = side.incoming(0x81, "€".repeat(1000).as_bytes());
        let reads = wire.len().div_ceil(700);
        let (count, bytes, messages) = allocations(|| receive_chunks(side, &mut wire));
        assert_eq!(messages, 1);
        assert!(
            count < reads && bytes <= 4,
            "{count} allocations, {bytes} bytes at once, {reads} reads"
        );
    }
}

#[test]
fn messages_out_once_the_output_has_grown() {
    let data = vec![b'x'; 200_000];
    let text = str::from_utf8(&data).unwrap();
    let prepared = Prepared::new(text);
    for side in BOTH {
        let mut ws = side.connection(Config::default());
        let mut out = Outbox::new();
        let mut round = || {
            out.clear();
            ws.send(text, &mut out).unwrap();
            ws.send(&*data, &mut out).unwrap();
            ws.send_part(text, &mut out).unwrap();
            ws.ping(b"?", &mut out).unwrap();
            ws.send_last_part(text, &mut out).unwrap();
            ws.send_prepared(&prepared, &mut out).unwrap();
        };
        round();
        assert_allocates_nothing(round);
    }
    // A clone of the frame of a prepared message costs a reference count.
    let _first = prepared.frame().clone();
    assert_allocates_nothing(|| prepared.frame().clone());
}

#[test]
fn announced_lengths_cost_nothing() {
    let limits = Limits::default().frame_bytes_max(u64::MAX).message_bytes_max(u64::MAX);
    for side in BOTH {
        for len in [
            125,
            126,
            65_535,
            65_536,
            16 << 20,
            (1 << 32) - 1,
            1 << 32,
            (1 << 32) + 1,
            (1 << 63) - 1,
        ] {
            for first in [0x01, 0x02, 0x81, 0x82] {
                let mut wire = side.incoming_part(first, len, b"");
                let (mut ws, mut out) =
                    (side.connection(Config::default().limits(limits)), Outbox::new());
                assert_allocates_nothing(|| {
                    for byte in wire.chunks_mut(1) {
                        assert!(ws.receive(&mut Input::new(byte), &mut out).unwrap().is_none());
                    }
                });
                // And with one byte of payload, little more than that.
                let mut byte = side.incoming_part(first, len, b"x").pop();
                let (_, bytes, event) = allocations(|| {
                    ws.receive(&mut Input::new(byte.as_mut_slice()), &mut out).unwrap().is_none()
                });
                assert!(event && bytes <= 16, "{bytes} bytes for one");
            }
        }
        // Over a limit, a Close frame and nothing else.
        let mut wire = side.incoming_part(0x82, u64::MAX >> 1, b"");
        let (mut ws, mut out) =
            (side.connection(Config::default()), Outbox::with_capacity(6 + 125));
        assert_allocates_nothing(|| ws.receive(&mut Input::new(&mut wire), &mut out).unwrap_err());
    }
}

#[test]
fn a_million_fragments_cost_their_bytes() {
    let limits = Limits::default().fragments_max(u32::MAX);
    for side in BOTH {
        for payload in [&b""[..], b"x"] {
            let frame = side.incoming(0x00, payload);
            let mut ws = side.connection(Config::default().limits(limits));
            let mut out = Outbox::new();
            let mut inbox = frame.clone();
            let mut begin = side.incoming(0x01, payload);
            let (_, bytes, ()) = allocations(|| {
                assert!(ws.receive(&mut Input::new(&mut begin), &mut out).unwrap().is_none());
                for _ in 1..1_000_000 {
                    inbox.copy_from_slice(&frame);
                    assert!(ws.receive(&mut Input::new(&mut inbox), &mut out).unwrap().is_none());
                }
            });
            // Amortised growth: twice what is kept, and while it moves, what was kept before.
            let arrived = 1_000_000 * payload.len();
            assert!(bytes <= 3 * arrived + 64, "{bytes} bytes for {arrived}");
            assert!(out.is_empty());
        }
    }
}

#[test]
fn memory_is_in_proportion_to_what_arrived() {
    for side in BOTH {
        let mut ws = side.connection(Config::default());
        let mut out = Outbox::new();
        let mut wire = side.incoming_part(0x82, 16 << 20, &vec![0xa5; 1 << 20]);
        let mut arrived = 0;
        let live = LIVE.get();
        PEAK.set(live);
        for piece in wire.chunks_mut(1 << 12) {
            arrived += piece.len();
            assert!(ws.receive(&mut Input::new(piece), &mut out).unwrap().is_none());
            let bytes = (PEAK.get() - live) as usize;
            // Room for four times what has arrived, and while it moves, what was kept before.
            assert!(bytes <= 5 * arrived + 64, "{bytes} bytes for {arrived}");
        }
        // A connection that fails or ends lets go of it.
        assert!(LIVE.get() > live);
        ws.end_of_input(&mut Outbox::new()).unwrap_err();
        assert_eq!(LIVE.get(), live);
    }
}

#[test]
fn a_message_without_memory_for_it_fails_the_connection_and_not_the_program() {
    for side in BOTH {
        for first in [0x01, 0x02] {
            let payload = vec![b'x'; 3 << 20];
            let whole = side.incoming(0x80 | first, &payload);
            let fragments =
                [side.incoming(first, &payload[..1 << 20]), side.incoming(0, &payload[1 << 20..])];
            let small = payload.chunks(60_000).map(|piece| side.incoming(0, piece));
            let small = [side.incoming(first, b"x")].into_iter().chain(small).collect::<Vec<_>>();
            for mut wire in [whole, fragments.concat(), small.concat()] {
                let (mut ws, mut out) =
                    (side.connection(Config::default()), Outbox::with_capacity(100));
                LARGEST.set(2 << 20);
                let outcome = wire
                    .chunks_mut(1 << 16)
                    .find_map(|piece| ws.receive(&mut Input::new(piece), &mut out).err());
                LARGEST.set(usize::MAX);
                let violation = outcome.expect("there is no memory for it");
                assert!(matches!(violation, ProtocolError::MessageTooBig { .. }), "{violation:?}");
                assert_eq!(out, side.failure(1009, violation));
            }
        }
    }
}

/// Taken from its place, a message needs memory of its own.
#[test]
fn a_message_that_cannot_be_taken_from_its_place_fails_the_connection_and_not_the_program() {
    for side in BOTH {
        let mut inbox = side.incoming(0x82, &vec![b'x'; 3 << 20]);
        let arrived = inbox.len() - 1;
        let (mut ws, mut out) = (side.connection(Config::default()), Outbox::with_capacity(100));
        let mut input = Input::new(&mut inbox[..arrived]).in_place_up_to(usize::MAX);
        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
        LARGEST.set(2 << 20);
        let outcome = ws.receive(&mut Input::new(&mut inbox[..arrived]), &mut out);
        LARGEST.set(usize::MAX);
        let violation = ProtocolError::MessageTooBig { len: 3 << 20 };
        assert_eq!(outcome, Err(violation));
        assert_eq!(out, side.failure(1009, violation));
    }
}

#[test]
fn a_flood_of_pings_holds_back_one_pong() {
    for side in BOTH {
        let config = Config::default().limits(Limits::default().reply_backlog_max(1000));
        let (mut ws, mut out) = (side.connection(config), Outbox::with_capacity(2000));
        let frame = side.incoming(0x89, &[7; 125]);
        let mut inbox = frame.clone();
        let (_, bytes, ()) = allocations(|| {
            for _ in 0..10_000 {
                inbox.copy_from_slice(&frame);
                assert!(ws.receive(&mut Input::new(&mut inbox), &mut out).unwrap().is_some());
            }
        });
        assert!(bytes <= 2 * 128, "{bytes} bytes");
    }
}

#[test]
fn a_long_message_that_is_given_away_costs_no_memory_of_its_own() {
    for side in BOTH {
        let payload = bytes::Bytes::from(vec![7; 10 << 20]);
        let prepared = Prepared::new(&payload);
        let (mut ws, mut out) = (side.connection(Config::default()), Outbox::new());
        let (_, bytes, sent) = allocations(|| {
            let mut sent = 0;
            for _ in 0..3 {
                ws.send_owned(payload.clone(), &mut out).unwrap();
                ws.send_prepared(&prepared, &mut out).unwrap();
                while !out.is_empty() {
                    sent += out.write_to(std::io::sink()).unwrap();
                }
            }
            sent
        });
        assert_eq!(sent, 6 * side.outgoing(0x82, &payload).len());
        // A client masks 64 KiB at once, and its buffer grows to at most twice that.
        let most = if matches!(side, Side::Server) { 1 << 10 } else { 3 * (64 << 10) };
        assert!(bytes <= most, "{side:?}: {bytes} bytes");

        // The next costs nothing, and an idle outbox can give everything back.
        assert_allocates_nothing(|| {
            ws.send_owned(payload.clone(), &mut out).unwrap();
            while out.write_to(std::io::sink()).unwrap() > 0 {}
        });
        let before = LIVE.get();
        out.shrink_to(0);
        let kept = LIVE.get();
        drop(out);
        assert_eq!(LIVE.get(), kept, "{side:?}: it kept memory, {before} before");
    }
}

/// Whatever lengths it claims.
#[test]
fn an_import_takes_no_more_memory_than_its_record() {
    let config = Config::default();
    let (mut ws, mut out) = (Connection::server(config), Outbox::new());
    let mut wire = Side::Server.incoming_part(0x01, 100_000, &[b'x'; 50_000]);
    assert_eq!(ws.receive(&mut Input::new(&mut wire), &mut out), Ok(None));
    let mut record = Vec::new();
    ws.export(&mut record).unwrap();
    let import = |record: &[u8]| Connection::import(Server, &config, &mut &record[..]).is_ok();
    let (_, bytes, is_good) = allocations(|| import(&record));
    assert!(is_good && bytes == 50_000, "{bytes} bytes");

    // Each of the numbers is made as large as can be.
    for at in 0..200 {
        for value in [[0xff; 8], [0x7f; 8], [0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff]] {
            let mut record = record.clone();
            record[at..at + 8].copy_from_slice(&value);
            let (_, bytes, _) = allocations(|| import(&record));
            assert!(bytes <= record.len(), "{bytes} bytes with {value:02x?} at {at}");
        }
    }
    for record in [&b"hybi\x01\x03"[..], b"hybi\x01\x04"] {
        let record = [record, &[0x7f; 8], b"a little"].concat();
        assert_allocates_nothing(|| hybi::Inbox::import(&mut &record[..]).is_err());
        assert_allocates_nothing(|| Outbox::import(&mut &record[..]).is_err());
    }
}
