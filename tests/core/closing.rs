//! The closing handshake: every state × every event, as a table in `closing.txt` that gives the RFC's reason beside
//! each group of rows; and the end of the input at every byte of a stream.

use std::fmt::Write;

use crate::common::*;
use hybi::connection::{ReadyState, Transport};
use hybi::frame::{Header, Mask, OpCode};
use hybi::{CloseCode, Config, CutOff, EndOfInputError, Event, ProtocolError, UsageError};

type Reach = fn(Side) -> Ws;

/// A connection in each state, by the shortest way there.
const STATES: [(&str, Reach); 10] = [
    ("open", |side| side.connection(Config::default())),
    // Messages under way in both directions.
    ("in messages", |side| {
        let mut ws = side.connection(Config::default());
        ws.send_part("un", &mut Vec::new()).unwrap();
        Run::of(&mut ws, Mode::Messages, [&side.incoming(0x01, b"un")[..]]);
        ws
    }),
    ("close sent", |side| {
        let mut ws = side.connection(Config::default());
        ws.close(CloseCode::GOING_AWAY, "", &mut Vec::new()).unwrap();
        ws
    }),
    // The program replies by itself and has not yet.
    ("close received", |side| {
        let mut ws = side.manual_connection(Config::default());
        Run::of(&mut ws, Mode::Messages, [&side.incoming(0x88, &close_body(1001, ""))[..]]);
        ws
    }),
    ("closed by us", |side| {
        let mut ws = STATES[2].1(side);
        Run::of(&mut ws, Mode::Messages, [&side.incoming(0x88, &close_body(1001, ""))[..]]);
        ws
    }),
    ("closed by peer", |side| {
        let mut ws = side.connection(Config::default());
        Run::of(&mut ws, Mode::Messages, [&side.incoming(0x88, &close_body(1001, ""))[..]]);
        ws
    }),
    ("failed", |side| {
        let mut ws = side.connection(Config::default());
        Run::of(&mut ws, Mode::Messages, [&[0xff][..]]);
        ws
    }),
    ("failed closing", |side| {
        let mut ws = STATES[2].1(side);
        Run::of(&mut ws, Mode::Messages, [&[0xff][..]]);
        ws
    }),
    ("cut off", |side| {
        let mut ws = side.connection(Config::default());
        ws.end_of_input(&mut Vec::new()).unwrap_err();
        ws
    }),
    ("cut off closing", |side| {
        let mut ws = STATES[2].1(side);
        ws.end_of_input(&mut Vec::new()).unwrap_err();
        ws
    }),
];

type Act = fn(&mut Ws, &mut Vec<u8>) -> String;

/// What can happen in each of them.
const EVENTS: [(&str, Act); 15] = [
    ("send text", |ws, out| sent(ws.send("hi", out))),
    ("send last part", |ws, out| sent(ws.send_last_part("hi", out))),
    ("send ping", |ws, out| sent(ws.ping(b"hi", out))),
    ("send pong", |ws, out| sent(ws.pong(b"hi", out))),
    ("send close", |ws, out| sent(ws.close(CloseCode::NORMAL, "bye", out))),
    ("send empty close", |ws, out| sent(ws.close_without_code(out))),
    ("reply pong", |ws, out| {
        ws.reply(&ping(b"hi").reply().unwrap(), out);
        "ok".into()
    }),
    ("reply close", |ws, out| {
        ws.reply(&closed(1001, "").reply().unwrap(), out);
        "ok".into()
    }),
    ("get text", |ws, out| got(ws, out, 0x81, b"hi")),
    ("get last part", |ws, out| got(ws, out, 0x80, b"hi")),
    ("get ping", |ws, out| got(ws, out, 0x89, b"hi")),
    ("get close", |ws, out| got(ws, out, 0x88, &close_body(1000, "bye"))),
    ("get empty close", |ws, out| got(ws, out, 0x88, b"")),
    ("get nonsense", |ws, out| got(ws, out, 0xf0, b"")),
    ("get the end", |ws, out| match ws.end_of_input(out) {
        Ok(()) => "ok".into(),
        Err(EndOfInputError::CutOff(cut_off)) => format!("1006 {cut_off:?}"),
        Err(error) => format!("{error:?}"),
    }),
];

fn sent(result: Result<(), UsageError>) -> String {
    result.map_or_else(|misuse| format!("refused: {misuse:?}"), |()| "ok".into())
}

fn got(ws: &mut Ws, out: &mut Vec<u8>, first: u8, payload: &[u8]) -> String {
    let wire = ws.side().incoming(first, payload);
    let run = Run::of(ws, Mode::Messages, [&wire[..]]);
    out.extend(&run.out.0);
    let mut got = String::new();
    for event in run.events() {
        match event {
            Event::Text(text) => write!(got, "Text {text}"),
            Event::Ping(payload) => write!(got, "Ping {}", payload.escape_ascii()),
            Event::Close(None) => write!(got, "Close"),
            Event::Close(Some(reason)) => write!(got, "Close {} {}", reason.code, reason.reason),
            other => write!(got, "{other:?}"),
        }
        .unwrap();
    }
    match run.error {
        Some(violation) => write!(got, "violation, {}", violation.close_code()).unwrap(),
        None if got.is_empty() => got.push_str("nothing"),
        None => {}
    }
    got
}

/// The frames in `out`, in words.
fn frames(out: &[u8]) -> String {
    let (mut rest, mut words) = (out, Vec::new());
    while let Some((header, used)) = Header::decode(rest) {
        let end = used + header.payload_len as usize;
        let mut payload = rest[used..end].to_vec();
        Mask::new(header.masking_key.unwrap_or_default()).apply(&mut payload);
        let payload = match (header.opcode, payload.split_first_chunk()) {
            // The reasons of violations are those in errors.rs.
            (OpCode::CLOSE, Some((code, reason))) if reason.starts_with(b"RFC ") => {
                format!(" {} rule", u16::from_be_bytes(*code))
            }
            (OpCode::CLOSE, Some((code, reason))) => {
                format!(" {} {}", u16::from_be_bytes(*code), reason.escape_ascii())
            }
            (OpCode::CLOSE, None) => String::new(),
            _ => format!(" {}", payload.escape_ascii()),
        };
        words.push(format!("{:?}{payload}", header.opcode).trim_end().to_owned());
        rest = &rest[end..];
    }
    assert!(rest.is_empty());
    if words.is_empty() { "-".into() } else { words.join(", ") }
}

#[test]
fn every_state_and_every_event() {
    let mut got = String::new();
    for side in BOTH {
        for (state, reach) in STATES {
            for (event, act) in EVENTS {
                // There is a Close frame to reply to only once one was received.
                if event == "reply close" && ["open", "in messages", "close sent"].contains(&state)
                {
                    continue;
                }
                let (mut ws, mut out) = (reach(side), Vec::new());
                let result = act(&mut ws, &mut out);
                let row = format!(
                    "{:<6} | {state:<15} | {event:<16} | {:<30} | {:<15} | {:<7} | {:?}",
                    format!("{side:?}").to_lowercase(),
                    result.trim_end(),
                    frames(&out),
                    format!("{:?}", ws.ready_state()),
                    ws.transport(),
                );
                writeln!(got, "{row}").unwrap();
            }
        }
    }
    let table = include_str!("closing.txt");
    let rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    for (want, got) in rows.clone().zip(got.lines()) {
        assert_eq!(got, want);
    }
    assert_eq!(got.lines().count(), rows.count(), "all rows:\n{got}");
}

#[test]
fn fresh_connections_are_open() {
    for side in BOTH {
        let ws = side.connection(Config::default());
        assert_eq!((ws.ready_state(), ws.transport()), (ReadyState::Open, Transport::Keep));
    }
}

#[test]
fn both_sides_close_at_once() {
    // RFC 6455 §5.5.1: both have sent and received a Close; neither sends another.
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.close(CloseCode::new(3001).unwrap(), "mine", &mut out).unwrap();
        let run = Run::of(
            &mut ws,
            Mode::Messages,
            [&side.incoming(0x88, &close_body(3002, "theirs"))[..]],
        );
        assert_eq!(run.events(), [closed(3002, "theirs")]);
        assert_eq!(Hex(&run.out.0), Hex(&[]));
        assert_eq!(ws.ready_state(), ReadyState::Closed);
        assert_eq!(ws.end_of_input(&mut Vec::new()), Ok(()));
    }
}

/// RFC 6455 §5.5.1, §7.4: these bodies break rules after our Close frame as before it. Deployed peers answer so; whoever
/// tolerates that does it above the connection, which tells it. §5.5.1: a second Close frame does not go out.
#[test]
fn a_bad_answer_to_our_close_stays_a_violation() {
    let bad: [(&[u8], ProtocolError); 6] = [
        (&[3, 0xed], ProtocolError::CloseCode { number: 1005 }),
        (&[3, 0xee], ProtocolError::CloseCode { number: 1006 }),
        (&[0, 0], ProtocolError::CloseCode { number: 0 }),
        // A reason without a code: its first two bytes are taken for one.
        (b"bye", ProtocolError::CloseCode { number: 0x6279 }),
        (b"b", ProtocolError::CloseBodyTooShort),
        (&[3, 0xe8, 0xff], ProtocolError::CloseReasonNotUtf8),
    ];
    for side in BOTH {
        for (body, want) in bad {
            for mode in [Mode::Messages, Mode::Chunks] {
                for manual in [false, true] {
                    let mut ws = match manual {
                        true => side.manual_connection(Config::default()),
                        false => side.connection(Config::default()),
                    };
                    ws.close(CloseCode::NORMAL, "", &mut Vec::new()).unwrap();
                    let wire = [side.incoming(0x88, body), side.incoming(0x88, b"")].concat();
                    let run = Run::of(&mut ws, mode, [&wire[..]]);
                    let context = format!("{side:?}, {mode:?}, halves: {manual}, {body:?}");
                    assert_eq!((run.items, run.error), (vec![], Some(want)), "{context}");
                    assert_eq!(Hex(&run.out.0), Hex(&[]), "{context}");
                    assert_eq!(ws.ready_state(), ReadyState::Closed, "{context}");
                    // §7.1.7: the client does not wait for the server, either.
                    assert_eq!(ws.transport(), Transport::Close, "{context}");
                    assert_eq!(ws.end_of_input(&mut Vec::new()), Ok(()), "{context}");
                }
            }
        }
    }
}

#[test]
fn what_the_peer_had_under_way_arrives_after_our_close() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        let mut run = Run::of(&mut ws, Mode::Messages, [&side.incoming(0x01, b"under ")[..]]);
        ws.close_without_code(&mut out).unwrap();
        run.feed(&mut ws, Mode::Messages, &side.incoming(0x80, b"way"));
        run.feed(&mut ws, Mode::Messages, &side.incoming(0x82, b"more"));
        run.feed(&mut ws, Mode::Messages, &side.incoming(0x88, b""));
        assert_eq!(run.events(), [text("under way"), binary(b"more"), Event::Close(None)]);
        assert_eq!(Hex(&run.out.0), Hex(&[]));
    }
}

#[test]
fn the_end_of_the_input_at_every_byte() {
    let cut = |received| Err(CutOff::InMessage { received });
    let in_control = |opcode| Err(CutOff::InControl { opcode });
    for side in BOTH {
        // A stream in pieces, and what its end says behind each byte of the piece.
        let header = if side == Side::Server { 6 } else { 2 };
        type Piece = (Vec<u8>, Box<dyn Fn(usize) -> Result<(), CutOff>>);
        let script: [Piece; 8] = [
            (
                side.incoming(0x82, b"whole"),
                Box::new(move |n| match n {
                    0 => Err(CutOff::BetweenMessages),
                    n if n < header => Err(CutOff::InHeader),
                    n => cut((n - header) as u64),
                }),
            ),
            (
                side.incoming(0x89, b"ping"),
                Box::new(move |n| match n {
                    0 => Err(CutOff::BetweenMessages),
                    n if n < header => Err(CutOff::InHeader),
                    _ => in_control(OpCode::PING),
                }),
            ),
            (
                side.incoming(0x01, b"frag"),
                Box::new(move |n| match n {
                    0 => Err(CutOff::BetweenMessages),
                    n if n < header => Err(CutOff::InHeader),
                    n => cut((n - header) as u64),
                }),
            ),
            (
                side.incoming(0x8a, b"pong"),
                Box::new(move |n| if n < header { cut(4) } else { in_control(OpCode::PONG) }),
            ),
            (
                side.incoming(0x00, b"men"),
                Box::new(move |n| cut(4 + n.saturating_sub(header) as u64)),
            ),
            (side.incoming(0x80, b"t"), Box::new(move |_| cut(7))),
            (
                side.incoming(0x88, &close_body(1000, "")),
                Box::new(move |n| match n {
                    0 => Err(CutOff::BetweenMessages),
                    n if n < header => Err(CutOff::InHeader),
                    _ => in_control(OpCode::CLOSE),
                }),
            ),
            (b"ignored".to_vec(), Box::new(|_| Ok(()))),
        ];
        let mut before = Vec::new();
        for (piece, want) in &script {
            for n in 0..piece.len() {
                let wire = [&before[..], &piece[..n]].concat();
                for chunk in [1, wire.len().max(1)] {
                    let mut ws = side.connection(Config::default());
                    Run::of(&mut ws, Mode::Messages, wire.chunks(chunk));
                    let ending = ws.end_of_input(&mut Vec::new());
                    assert_eq!(
                        ending,
                        want(n).map_err(EndOfInputError::from),
                        "{side:?}, behind {}",
                        Hex(&wire)
                    );
                    assert_eq!(
                        ws.end_of_input(&mut Vec::new()),
                        ending,
                        "a second call says the same"
                    );
                    assert_eq!((ws.ready_state(), ws.transport()).0, ReadyState::Closed);
                    ws.assert_refuses_to_send();
                    // Nothing is received any more, either.
                    let late =
                        Run::of(&mut ws, Mode::Messages, [&side.incoming(0x89, b"late")[..]]);
                    assert_eq!(late, Run::default());
                }
            }
            before.extend(piece);
        }
    }
}
