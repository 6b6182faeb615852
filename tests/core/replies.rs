//! Replies: automatic, manual, held back while the output is full, and passed between halves.

use crate::common::*;
use hybi::connection::{Reader, ReadyState, Transport, Writer};
use hybi::frame::{HEADER_BYTES_MAX, OpCode};
use hybi::{CloseCode, Config, Connection, Event, Input, Limits, Outbox, Server};

/// The reply is in the output as soon as the event is shown: what the caller sends while it looks at it comes behind.
#[test]
fn a_reply_is_there_when_its_event_is() {
    for side in BOTH {
        for (first, reply) in [(0x89, 0x8a), (0x88, 0x88)] {
            let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
            let mut inbox = side.incoming(first, &[]);
            assert!(ws.receive(&mut Input::new(&mut inbox), &mut out).unwrap().is_some());
            assert_eq!(Hex(&out), Hex(&side.outgoing(reply, &[])));
        }
    }
}

#[test]
fn automatic_replies_stand_in_the_order_of_what_asked_for_them() {
    for side in BOTH {
        let wire = [
            side.incoming(0x89, b"1"),
            side.incoming(0x81, b"text"),
            side.incoming(0x89, b""),
            side.incoming(0x8a, b"unasked"),
            side.incoming(0x89, &[7; 125]),
            side.incoming(0x88, &close_body(4000, "why")),
            side.incoming(0x89, b"too late"),
        ]
        .concat();
        let out = [
            side.outgoing(0x8a, b"1"),
            side.outgoing(0x8a, b""),
            side.outgoing(0x8a, &[7; 125]),
            side.close_frame(4000, "why"),
        ]
        .concat();
        for mode in [Mode::Messages, Mode::Chunks] {
            let run = run_every_way(side, Config::default(), mode, &wire, &[]);
            assert_eq!(Hex(&run.out.0), Hex(&out));
        }
    }
}

#[test]
fn manual_replies_are_left_to_the_caller() {
    for side in BOTH {
        let wire =
            [side.incoming(0x89, b"1"), side.incoming(0x88, &close_body(4000, "why"))].concat();
        let manual = || side.manual_connection(Config::default());
        let run = run_fresh_every_way(&manual, Mode::Messages, &wire, &[]);
        assert_eq!(Hex(&run.out.0), Hex(&[]));

        let mut ws = manual();
        let run = Run::of(&mut ws, Mode::Messages, [&wire[..]]);
        assert_eq!(ws.ready_state(), ReadyState::Closing);
        assert_eq!(ws.transport(), Transport::Keep);
        // RFC 6455 §5.5.1: the reply may wait until the current message is sent.
        let mut out = Vec::new();
        ws.send("last", &mut out).unwrap();
        for event in run.events() {
            ws.reply(&event.reply().unwrap(), &mut out);
        }
        let want = [
            side.outgoing(0x81, b"last"),
            side.outgoing(0x8a, b"1"),
            side.close_frame(4000, "why"),
        ]
        .concat();
        assert_eq!(Hex(&out), Hex(&want));
        assert_eq!(ws.ready_state(), ReadyState::Closed);
        ws.assert_refuses_to_send();
        // A violation is answered all the same: there is nobody else who could.
        let run = Run::of(&mut manual(), Mode::Messages, [&[0xff][..]]);
        assert_eq!(run.out.0, side.failure(1002, run.error.unwrap()));
    }
}

#[test]
fn replies_after_the_last_close_are_dropped() {
    // RFC 6455 §5.5.1: after both Close frames the connection is closed.
    for side in BOTH {
        let mut ws = side.manual_connection(Config::default());
        let wire = [side.incoming(0x89, b"1"), side.incoming(0x88, b"")].concat();
        let run = Run::of(&mut ws, Mode::Messages, [&wire[..]]);
        let [pong, close] =
            [&run.events()[0], &run.events()[1]].map(|event| event.reply().unwrap());
        let mut out = Vec::new();
        ws.reply(&close, &mut out);
        assert_eq!(Hex(&out), Hex(&side.outgoing(0x88, b"")));
        out.clear();
        ws.reply(&pong, &mut out);
        ws.reply(&close, &mut out);
        assert_eq!(Hex(&out), Hex(&[]));

        // The same if our Close had gone out first: the peer's reply to it owes nothing.
        let mut ws = side.manual_connection(Config::default());
        ws.close(CloseCode::NORMAL, "", &mut out).unwrap();
        out.clear();
        Run::of(&mut ws, Mode::Messages, [&wire[..]]);
        ws.reply(&close, &mut out);
        ws.reply(&pong, &mut out);
        assert_eq!(Hex(&out), Hex(&[]));
    }
}

#[test]
fn a_ping_is_answered_between_the_two_close_frames() {
    // RFC 6455 §5.5.2: "unless it already received a Close frame"
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.close(CloseCode::NORMAL, "", &mut out).unwrap();
        let run = Run::of(&mut ws, Mode::Messages, [&side.incoming(0x89, b"still there?")[..]]);
        assert_eq!(Hex(&run.out.0), Hex(&side.outgoing(0x8a, b"still there?")));
    }
}

#[test]
fn reply_values_say_what_they_are() {
    let reply = ping(b"hi").reply().unwrap();
    assert_eq!((reply.opcode(), reply.payload()), (OpCode::PONG, &b"hi"[..]));
    let reply = closed(1000, "bye").reply().unwrap();
    assert_eq!((reply.opcode(), reply.payload()), (OpCode::CLOSE, &b"\x03\xe8bye"[..]));
    let reply = Event::Close(None).reply().unwrap();
    assert_eq!((reply.opcode(), reply.payload()), (OpCode::CLOSE, &b""[..]));
    for event in [text(""), binary(b""), pong(b"")] {
        assert_eq!(event.reply(), None);
    }
}

#[test]
fn a_million_pings_without_draining_and_the_newest_is_answered() {
    const MAX: usize = 10_000;
    for side in BOTH {
        let config = Config::default().limits(Limits::default().reply_backlog_max(MAX as u32));
        let (mut ws, mut out) = (side.connection(config), Vec::new());
        let mut answered_at_once = 0;
        for number in 0..1_000_000u64 {
            let mut inbox = side.incoming(0x89, &number.to_be_bytes());
            let before = out.len();
            assert!(ws.receive(&mut Input::new(&mut inbox), &mut out).unwrap().is_some());
            if out.len() > before {
                assert!(before <= MAX);
                assert_eq!(out[before..], side.outgoing(0x8a, &number.to_be_bytes()));
                answered_at_once = number + 1;
            }
        }
        assert!(out.len() > MAX && out.len() <= MAX + HEADER_BYTES_MAX + 125, "{}", out.len());
        assert!(answered_at_once < 1_000_000);

        let newest = side.outgoing(0x8a, &999_999u64.to_be_bytes());
        ws.flush_replies(&mut out);
        assert!(out.len() <= MAX + HEADER_BYTES_MAX + 125, "still full");
        out.clear();
        ws.flush_replies(&mut out);
        assert_eq!(Hex(&out), Hex(&newest));
        out.clear();
        ws.flush_replies(&mut out);
        assert_eq!(Hex(&out), Hex(&[]), "answered once");
    }
}

#[test]
fn a_held_back_pong_goes_out_with_the_next_call_in_either_way() {
    for side in BOTH {
        for mode in [Mode::Messages, Mode::Chunks] {
            let config = Config::default().limits(Limits::default().reply_backlog_max(3));
            let mut ws = side.connection(config);
            let mut full = b"full".to_vec();
            for payload in [b"1", b"2"] {
                let mut inbox = side.incoming(0x89, payload);
                assert!(ws.receive(&mut Input::new(&mut inbox), &mut full).unwrap().is_some());
            }
            assert_eq!(full, b"full");
            // At the limit is not beyond it; and it goes out before anything newer.
            let mut run = Run { out: HexVec(b"not".to_vec()), ..Run::default() };
            run.feed(&mut ws, mode, b"");
            assert_eq!(run.out.0, [&b"not"[..], &side.outgoing(0x8a, b"2")].concat());
        }
    }
}

/// A connection that holds back the pong to the ping "1", and its output.
fn holding_back() -> (Connection<Server>, Outbox) {
    let config = Config::default().limits(Limits::default().reply_backlog_max(3));
    let (mut ws, mut out) = (Connection::server(config), Outbox::new());
    out.append(b"full");
    let mut ping = Side::Server.incoming(0x89, b"1");
    assert!(ws.receive(&mut Input::new(&mut ping), &mut out).unwrap().is_some());
    assert_eq!(out, b"full");
    (ws, out)
}

#[test]
fn a_held_back_pong_survives_the_split_and_the_join() {
    let (ws, mut out) = holding_back();
    let (reader, writer) = ws.split();
    let mut ws = Connection::join(reader, writer);
    assert_eq!(ws.receive(&mut Input::default(), &mut out), Ok(None));
    assert_eq!(out, b"full", "there is no room yet");
    out.clear();
    assert_eq!(ws.receive(&mut Input::default(), &mut out), Ok(None));
    assert_eq!(out, Side::Server.outgoing(0x8a, b"1"));
}

/// RFC 6455 §5.5.3: "MAY elect to send a Pong frame for only the most recently processed Ping frame."
#[test]
fn a_held_back_pong_does_not_follow_the_pong_to_a_later_ping() {
    let (ws, mut out) = holding_back();
    let (mut reader, mut writer) = ws.split();
    let mut later = Side::Server.incoming(0x89, b"2");
    let event = reader.receive(&mut Input::new(&mut later)).unwrap().unwrap();
    out.clear();
    writer.reply(&event.reply().unwrap(), &mut out);
    writer.flush_replies(&mut out);
    assert_eq!(out, Side::Server.outgoing(0x8a, b"2"));
}

#[test]
fn a_held_back_pong_stays_with_the_writer() {
    let (ws, mut out) = holding_back();
    let (_reader, mut writer) = ws.split();
    writer.flush_replies(&mut out);
    assert_eq!(out, b"full", "there is no room yet");
    out.clear();
    writer.flush_replies(&mut out);
    assert_eq!(out, Side::Server.outgoing(0x8a, b"1"));
    out.clear();
    writer.flush_replies(&mut out);
    assert!(out.is_empty(), "answered once");
}

#[test]
fn each_half_says_how_its_direction_stands() {
    let halves = || Connection::server(Config::default()).split();
    let mut out = Outbox::new();
    let state = |(reader, writer): &(Reader<Server>, Writer<Server>)| {
        (reader.ready_state(), writer.ready_state())
    };

    let mut closing = halves();
    assert_eq!(state(&closing), (ReadyState::Open, ReadyState::Open));
    closing.1.close(CloseCode::NORMAL, "", &mut out).unwrap();
    assert_eq!(state(&closing), (ReadyState::Open, ReadyState::Closing));
    let mut close = Side::Server.incoming(0x88, b"");
    let event = closing.0.receive(&mut Input::new(&mut close)).unwrap().unwrap();
    assert_eq!(state(&closing), (ReadyState::Closing, ReadyState::Closing));
    closing.1.reply(&event.reply().unwrap(), &mut out);
    assert_eq!(state(&closing), (ReadyState::Closing, ReadyState::Closed));
    assert_eq!(Connection::join(closing.0, closing.1).ready_state(), ReadyState::Closed);

    let mut failed = halves();
    let violation = failed.0.receive(&mut Input::new(&mut [0xff])).unwrap_err();
    assert_eq!(state(&failed), (ReadyState::Closed, ReadyState::Open));
    failed.1.reply(&violation.reply(), &mut out);
    assert_eq!(state(&failed), (ReadyState::Closed, ReadyState::Closed));

    let mut ended = halves();
    ended.0.end_of_input().unwrap_err();
    ended.1.end_of_output();
    assert_eq!(state(&ended), (ReadyState::Closed, ReadyState::Closed));
}

#[test]
fn a_close_is_answered_however_full_the_output_is() {
    for side in BOTH {
        let config = Config::default().limits(Limits::default().reply_backlog_max(0));
        let wire = [side.incoming(0x89, b"held back"), side.incoming(0x88, b"")].concat();
        let mut run = Run { out: HexVec(b"full".to_vec()), ..Run::default() };
        let mut ws = side.connection(config);
        run.feed(&mut ws, Mode::Messages, &wire);
        // RFC 6455 §5.5.2: and with it no ping needs an answer any more.
        let want = [&b"full"[..], &side.outgoing(0x88, b"")].concat();
        assert_eq!(Hex(&run.out.0), Hex(&want));
        let mut out = Vec::new();
        ws.flush_replies(&mut out);
        assert_eq!(Hex(&out), Hex(&[]));

        let mut run = Run { out: HexVec(b"full".to_vec()), ..Run::default() };
        run.feed(
            &mut side.connection(config),
            Mode::Messages,
            &[&wire[..wire.len() - 6], &[0xff][..]].concat(),
        );
        if side == Side::Server {
            assert_eq!(
                Hex(&run.out.0),
                Hex(&[&b"full"[..], &side.failure(1002, run.error.unwrap())].concat())
            );
        }
    }
}

#[test]
fn halves_are_as_good_as_the_whole() {
    let wire = [
        Side::Server.incoming(0x01, b"Hel"),
        Side::Server.incoming(0x89, b"?"),
        Side::Server.incoming(0x80, b"lo"),
        Side::Server.incoming(0x88, &close_body(1001, "bye")),
    ]
    .concat();
    let broken = [&wire[..wire.len() - 10], &[0xff]].concat();
    for wire in [wire, broken] {
        for len in [1, 7, wire.len()] {
            let whole = Run::of(
                &mut Side::Server.connection(Config::default()),
                Mode::Messages,
                wire.chunks(len),
            );

            let (mut reader, mut writer) = Connection::server(Config::default()).split();
            let mut halves = Run::default();
            for piece in wire.chunks(len) {
                let mut inbox = piece.to_vec();
                let mut input = Input::new(&mut inbox);
                loop {
                    let reply = match reader.receive(&mut input) {
                        Ok(None) => break,
                        Ok(Some(event)) => {
                            let reply = event.reply();
                            halves.items.push(Item::Event(event.into_owned()));
                            reply
                        }
                        Err(violation) => {
                            halves.error = Some(violation);
                            Some(violation.reply())
                        }
                    };
                    if let Some(reply) = reply {
                        through_outbox(&mut halves.out.0, |out| writer.reply(&reply, out));
                    }
                }
            }
            assert_eq!(halves, whole);
            assert_eq!(reader.end_of_input(), Ok(()));
            let closed = Err(hybi::UsageError::Closed);
            let mut out = Outbox::new();
            assert_eq!(writer.send("late", &mut out), closed);
            writer.reply(&ping(b"").reply().unwrap(), &mut out);
            assert_eq!(halves, whole);
            assert!(out.is_empty(), "nothing was written");
        }
    }
}

#[test]
fn halves_of_a_client_mask_and_close() {
    let (mut reader, mut writer) = Connection::client_with_keys(Config::default(), || KEY).split();
    let mut out = Outbox::new();
    writer.send("hi", &mut out).unwrap();
    writer.send_part("a", &mut out).unwrap();
    writer.ping(b"?", &mut out).unwrap();
    writer.send_last_part("b", &mut out).unwrap();
    writer.close(CloseCode::NORMAL, "", &mut out).unwrap();
    let want = [
        Side::Client.outgoing(0x81, b"hi"),
        Side::Client.outgoing(0x01, b"a"),
        Side::Client.outgoing(0x89, b"?"),
        Side::Client.outgoing(0x80, b"b"),
        Side::Client.close_frame(1000, ""),
    ];
    assert_eq!(out, want.concat());
    // §5.5.2: pongs are still owed until the peer's Close.
    out.clear();
    let mut inbox = [Side::Client.incoming(0x89, b"x"), Side::Client.incoming(0x88, b"")].concat();
    let mut input = Input::new(&mut inbox);
    while let Some(event) = reader.receive(&mut input).unwrap() {
        writer.reply(&event.reply().unwrap(), &mut out);
    }
    assert_eq!(out, Side::Client.outgoing(0x8a, b"x"));
    writer.end_of_output();
    writer.reply(&ping(b"").reply().unwrap(), &mut out);
    assert_eq!(out, Side::Client.outgoing(0x8a, b"x"));
}

/// The mistake that `join` does not notice: the reader of one connection, the writer of another.
/// The writer's peer hears what it did not ask for, and nothing that breaks a rule.
#[test]
fn joined_halves_of_two_connections_say_nothing_that_their_peer_may_not_hear() {
    let key: fn() -> [u8; 4] = || KEY;
    for wire in [
        Side::Server.incoming(0x89, b"?"),
        Side::Server.incoming(0x81, b"question"),
        Side::Server.incoming_part(0x82, 100, b"half"),
        Side::Server.incoming(0x88, &close_body(1001, "bye")),
        Side::Server.incoming(0x81, b"\xff"), // 1007
        vec![0xff],                           // 1002
    ] {
        for writer_is in [ReadyState::Open, ReadyState::Closing, ReadyState::Closed] {
            let (reader, _) = Connection::server(Config::default()).split();
            let (_, mut writer) = Connection::server(Config::default()).split();
            let mut out = Outbox::new();
            match writer_is {
                ReadyState::Closing => writer.close(CloseCode::NORMAL, "", &mut out).unwrap(),
                ReadyState::Closed => writer.end_of_output(),
                _ => writer.send_part("unfinished", &mut out).unwrap(),
            }
            let mut ws = Connection::join(reader, writer);
            let mut inbox = wire.clone();
            let mut input = Input::new(&mut inbox);
            while let Ok(Some(_)) = ws.receive(&mut input, &mut out) {}
            let _ = ws.send_last_part(" message", &mut out);
            let _ = ws.ping(b"still there?", &mut out);
            let _ = ws.close(CloseCode::NORMAL, "", &mut out);
            let _ = ws.end_of_input(&mut out);
            assert_eq!(ws.ready_state(), ReadyState::Closed);

            let mut heard = out.take();
            let mut peer = Connection::client_with_keys(Config::default(), key);
            let (mut input, mut replies) = (Input::new(&mut heard), Outbox::new());
            while peer.receive(&mut input, &mut replies).expect("legal").is_some() {}
        }
    }
}
