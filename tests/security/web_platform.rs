//! What the web platform tests (`websockets/`) expect of an endpoint, as far as it is not a browser, under their names. Of the rest
//! docs/security.md says where it is.

use hybi::connection::{ReadyState, Transport};
use hybi::handshake::{Answer, ClientRequest, HandshakeUsageError, ResponseError};
use hybi::{
    Client, ClientHandshake, CloseCode, Config, Connection, CutOff, Event, Input, Outbox, Uri,
    UsageError,
};

use crate::common::*;

type Opened = (Connection<Client<Keys>>, Option<String>);

/// A client that offers these subprotocols, and what comes of this response. What is behind the head goes to `rest`.
fn answer(offers: &[&str], response: &[u8], rest: &mut Vec<u8>) -> Result<Opened, ResponseError> {
    let uri = Uri::parse("ws://server.example.com/chat").unwrap();
    let request =
        offers.iter().fold(ClientRequest::new(&uri), |request, offer| request.subprotocol(*offer));
    let keys: Keys = || KEY;
    let mut client =
        ClientHandshake::with_keys(&request, *b"the sample nonce", keys, &mut Outbox::new())
            .unwrap();
    let mut bytes = response.to_vec();
    let mut input = Input::new(&mut bytes);
    match client.receive(&mut input)? {
        Some(Answer::Open(ws, response)) => {
            let chosen = response.subprotocol().map(str::to_owned);
            rest.extend(input.remaining());
            Ok((ws, chosen))
        }
        other => panic!("{other:?}"),
    }
}

fn switching(line: &str, extra: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {line}\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{extra}\r\n"
    )
    .into()
}

/// opening-handshake/001, /003, security/001: garbage, and an accept key of somebody else, open nothing.
#[test]
fn wpt_what_is_no_answer_to_us_fails() {
    let mut rest = Vec::new();
    let garbage = answer(&[], b"FOO BAR BAZ\r\n\r\n", &mut rest).err();
    assert_eq!(garbage, Some(ResponseError::StatusLine));
    let mut wrong = switching("101 Switching Protocols", "");
    let at = wrong.windows(4).position(|bytes| bytes == b"s3pP").unwrap();
    wrong[at] = b'S';
    assert_eq!(answer(&[], &wrong, &mut rest).err(), Some(ResponseError::Accept));
}

/// opening-handshake/005 and the simple handshake: the answer and a Close frame in one segment open the connection and then close
/// it cleanly, whatever the reason phrase.
#[test]
fn wpt_an_answer_and_a_close_in_one_segment() {
    for line in [
        "101 Switching Protocols",
        "101 Switching Protocols:",
        "101 WebSocket Protocol Handshake",
        "101 ",
    ] {
        for (frame, want) in [
            (Side::Client.incoming(0x88, &close_body(1001, "PASS")), closed(1001, "PASS")),
            (Side::Client.incoming(0x88, b""), Event::Close(None)),
        ] {
            let mut rest = Vec::new();
            let bytes = [switching(line, ""), frame.clone()].concat();
            let (ws, _) = answer(&[], &bytes, &mut rest).unwrap();
            assert_eq!(ws.ready_state(), ReadyState::Open, "open first");
            assert_eq!(rest, frame);
            let mut ws = Ws::Client(ws);
            let run = Run::of(&mut ws, Mode::Messages, [&rest[..]]);
            assert_eq!(run.events(), [want]);
            assert!(!run.out.0.is_empty(), "answered");
            assert_eq!(
                (ws.ready_state(), ws.transport()),
                (ReadyState::Closed, Transport::AwaitClose)
            );
            assert_eq!(ws.end_of_input(&mut Outbox::new()), Ok(()));
        }
    }
}

/// constructor/010, /012, opening-handshake/002, /006, /007: subprotocols. What a browser takes for a failure, an offer that is not
/// taken up, RFC 6455 §4.1 allows: we open and tell, or fail if told to.
#[test]
fn wpt_subprotocols_offered_and_answered() {
    let with = |extra: &str| switching("101 x", extra);
    let mut rest = Vec::new();
    let chosen = |result: Result<Opened, ResponseError>| result.map(|(_, chosen)| chosen);
    let chat = with("Sec-WebSocket-Protocol: chat\r\n");
    assert_eq!(chosen(answer(&[], &chat, &mut rest)), Err(ResponseError::SubprotocolNotOffered));
    assert_eq!(
        chosen(answer(&["superchat"], &chat, &mut rest)),
        Err(ResponseError::SubprotocolNotOffered)
    );
    assert_eq!(chosen(answer(&["superchat", "chat"], &chat, &mut rest)), Ok(Some("chat".into())));
    assert_eq!(chosen(answer(&["chat"], &with(""), &mut rest)), Ok(None));
    let two = with("Sec-WebSocket-Protocol: chat, superchat\r\n");
    assert_eq!(
        chosen(answer(&["superchat", "chat"], &two, &mut rest)),
        Err(ResponseError::SubprotocolRepeated)
    );

    // The syntax of an offer, before a byte is written.
    let uri = Uri::parse("ws://a/").unwrap();
    for (offers, want) in [
        (&["a/b"][..], HandshakeUsageError::Subprotocol),
        (&["a b"], HandshakeUsageError::Subprotocol),
        (&["a\0b"], HandshakeUsageError::Subprotocol),
        (&["\u{e4}"], HandshakeUsageError::Subprotocol),
        (&[""], HandshakeUsageError::Subprotocol),
        (&["a,b"], HandshakeUsageError::Subprotocol),
        (&["a", "b", "a"], HandshakeUsageError::SubprotocolRepeated),
        (&["a", "A"], HandshakeUsageError::SubprotocolRepeated),
    ] {
        let request = offers
            .iter()
            .fold(ClientRequest::new(&uri), |request, offer| request.subprotocol(*offer));
        let mut out = Outbox::new();
        let result = ClientHandshake::with_keys(&request, [1; 16], || KEY, &mut out);
        assert_eq!((result.err(), out.len()), (Some(want), 0), "{offers:?}");
    }
}

/// interfaces/WebSocket/close: what may be sent, at the bounds. Browsers let their pages send 1000 and 3000 to 4999 only; an endpoint
/// that is none may send what RFC 6455 §7.4 lets it, and 65536 + 1000 does not fit the type.
#[test]
fn wpt_close_codes_and_reasons_at_their_bounds() {
    for refused in [0, 500, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        assert_eq!(CloseCode::try_from(refused).map_err(|error| error.number), Err(refused));
    }
    for side in BOTH {
        for code in [1000, 1001, 3000, 4999] {
            for (reason, fits) in [
                ("x".repeat(123), true),
                ("x".repeat(124), false),
                ("€".repeat(41), true),
                ("€".repeat(42), false),
            ] {
                let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
                let result = ws.close(CloseCode::new(code).unwrap(), &reason, &mut out);
                if fits {
                    assert_eq!(Hex(&out), Hex(&side.close_frame(code, &reason)));
                } else {
                    assert_eq!(result, Err(UsageError::CloseReasonTooLong { len: reason.len() }));
                    assert!(out.is_empty() && ws.ready_state() == ReadyState::Open);
                }
            }
        }
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.close_without_code(&mut out).unwrap();
        assert_eq!(Hex(&out), Hex(&side.outgoing(0x88, b"")));
    }
}

/// closing-handshake/002 to /004: a Close of the peer is echoed with its code and reason, or empty; data behind it is ignored.
#[test]
fn wpt_data_behind_a_close_is_ignored() {
    for side in BOTH {
        for (body, want) in
            [(close_body(3456, "done"), closed(3456, "done")), (vec![], Event::Close(None))]
        {
            let wire = [
                side.incoming(0x81, b"before"),
                side.incoming(0x88, &body),
                side.incoming(0x81, b"after"),
                vec![0xff],
            ];
            let run = run_every_way(side, Config::default(), Mode::Messages, &wire.concat(), &[]);
            assert_eq!(run.events(), [text("before"), want]);
            assert_eq!((run.error, Hex(&run.out.0)), (None, Hex(&side.outgoing(0x88, &body))));
        }
    }
}

/// The passive-close tests: a peer that never answers our Close and drops is 1006; one that takes its time is waited for, and what
/// it had still to say arrives.
#[test]
fn wpt_a_close_that_is_not_answered_is_unclean() {
    for side in BOTH {
        let (mut ws, mut out) = (side.connection(Config::default()), Vec::new());
        ws.close(CloseCode::NORMAL, "", &mut out).unwrap();
        let mut run = Run::of(
            &mut ws,
            Mode::Messages,
            [&side.incoming(0x81, b"still")[..], &side.incoming(0x89, b"?")],
        );
        assert_eq!((ws.ready_state(), ws.transport()), (ReadyState::Closing, Transport::Keep));
        let mut patient = side.connection(Config::default());
        patient.close(CloseCode::NORMAL, "", &mut out).unwrap();
        assert_eq!(
            ws.end_of_input(&mut Outbox::new()),
            Err(CutOff::BetweenMessages.into()),
            "1006"
        );
        assert_eq!((ws.ready_state(), ws.transport()), (ReadyState::Closed, Transport::Close));
        run.feed(&mut ws, Mode::Messages, &side.incoming(0x88, b""));
        assert_eq!(run.events(), [text("still"), ping(b"?")], "too late");

        let answered = Run::of(
            &mut patient,
            Mode::Messages,
            [&side.incoming(0x88, &close_body(1000, ""))[..]],
        );
        assert_eq!(answered.events(), [closed(1000, "")]);
        assert_eq!(patient.end_of_input(&mut Outbox::new()), Ok(()));
    }
}
