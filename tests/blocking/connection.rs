//! An open connection: every way that a stream can behave, scripted; and over real sockets.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use hybi::blocking::{Abnormal, Closed, Error, ReadyState, Untimed, WebSocket};
use hybi::frame::OpCode;
use hybi::keepalive::{KeepaliveConfig, KeepaliveError};
use hybi::{
    CloseCode, Config, Connection, CutOff, Event, Inbox, Limits, Message, ProtocolError, Server,
    UsageError,
};

use crate::stream::*;

// ---- reading

#[test]
fn messages_are_received_and_pings_answered() {
    let stream = Script::new([bytes(&[
        masked(OpCode::TEXT, b"Hello"),
        masked(OpCode::PING, b"are you there"),
        masked(OpCode::PONG, b"unasked"),
        masked(OpCode::BINARY, &[0, 255]),
    ])]);
    let mut ws = server(stream.clone());
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    assert_eq!(stream.written(), b"");
    assert_eq!(ws.receive().unwrap(), binary(&[0, 255]));
    // Not only with the next message that is waited for.
    assert_eq!(stream.written(), plain(OpCode::PONG, b"are you there"));
}

#[test]
fn all_events_show_if_asked_for_and_have_been_replied_to() {
    let stream = Script::new([bytes(&[
        masked(OpCode::TEXT, b"Hello"),
        masked(OpCode::PING, b"are you there"),
        masked(OpCode::BINARY, &[0, 255]),
        masked(OpCode::PONG, b"unasked"),
        masked(OpCode::CLOSE, b"\x03\xe8bye"),
    ])]);
    let mut ws = server(stream.clone());
    let replies = [plain(OpCode::PONG, b"are you there"), plain(OpCode::CLOSE, b"\x03\xe8bye")];
    assert_eq!(ws.receive_event().unwrap(), Some(Event::Text("Hello".into())));
    assert_eq!(stream.written(), b"");
    assert_eq!(ws.receive_event().unwrap(), Some(Event::Ping(b"are you there".into())));
    assert_eq!(stream.written(), replies[0]);
    assert_eq!(ws.receive_event().unwrap(), Some(Event::Binary((&[0, 255]).into())));
    assert_eq!(ws.receive_event().unwrap(), pong(b"unasked"));
    let Some(Event::Close(Some(reason))) = ws.receive_event().unwrap() else { panic!("no Close") };
    assert_eq!((reason.code, &*reason.reason), (CloseCode::NORMAL, "bye"));
    assert_eq!(stream.written(), replies.concat());
    assert_eq!(ws.closed(), None); // the stream has not ended
    assert_eq!(ws.receive_event().unwrap(), None);
    assert_eq!(ws.closed(), Some(&Closed::Clean(Some(reason))));
}

#[test]
fn what_was_read_before_comes_first() {
    let message = masked(OpCode::BINARY, &[7; 100]);
    for cut in 0..=message.len() {
        let (before, after) = message.split_at(cut);
        let mut inbox = Inbox::new();
        inbox.append(before);
        let stream = Script::new([In::Bytes([after, &masked(OpCode::TEXT, b"next")].concat())]);
        let mut ws = WebSocket::new(stream, Connection::server(Config::default()), inbox);
        assert_eq!(ws.receive().unwrap(), binary(&[7; 100]), "cut at {cut}");
        assert_eq!(ws.receive().unwrap(), text("next"), "cut at {cut}");
    }
}

/// The caller's own loop has left part of a message in the inbox, some of it unmasked.
#[test]
fn a_connection_is_taken_over_in_the_middle_of_a_message() {
    let message = masked(OpCode::BINARY, &[7; 40_000]);
    for cut in [0, 1, 5, 6, 7, 8, 9, 20, 16_000, 20_000, 39_000] {
        let mut connection = Connection::server(Config::default());
        let (mut inbox, mut out) = (Inbox::new(), hybi::Outbox::new());
        inbox.append(&message[..cut]);
        assert_eq!(connection.receive(&mut inbox.input(), &mut out).unwrap(), None);
        let stream = Script::new([In::Bytes(message[cut..].to_vec())]);
        let mut ws = WebSocket::new(stream, connection, inbox);
        assert_eq!(ws.receive().unwrap(), binary(&[7; 40_000]), "cut at {cut}");
    }
}

#[test]
fn input_may_come_byte_by_byte_with_interruptions() {
    let message = [
        frame(true, false, OpCode::TEXT, "gr\u{fc}\u{df}".as_bytes()),
        masked(OpCode::PING, b""),
        frame(true, true, OpCode::CONTINUATION, "e \u{1f600}".as_bytes()),
    ]
    .concat();
    let input = one_by_one(&message).flat_map(|byte| [In::Error(ErrorKind::Interrupted), byte]);
    let stream = Script::new(input);
    let mut ws = server(stream.clone());
    assert_eq!(ws.receive().unwrap(), text("gr\u{fc}\u{df}e \u{1f600}"));
    assert_eq!(stream.written(), plain(OpCode::PONG, b""));
}

#[test]
fn a_stream_that_has_nothing_is_a_time_out_that_loses_nothing() {
    for kind in [ErrorKind::WouldBlock, ErrorKind::TimedOut] {
        let message = masked(OpCode::TEXT, b"Hello");
        for cut in 0..message.len() {
            let (front, back) = message.split_at(cut);
            let mut input =
                vec![In::Bytes(front.to_vec()), In::Error(kind), In::Bytes(back.to_vec())];
            input.retain(|input| !matches!(input, In::Bytes(bytes) if bytes.is_empty()));
            let mut ws = server(Script::new(input));
            timed_out(ws.receive());
            assert_eq!(ws.ready_state(), ReadyState::Open);
            assert_eq!(ws.receive().unwrap(), text("Hello"), "{kind:?} at {cut}");
        }
    }
}

#[test]
fn with_a_time_out_of_zero_what_is_there_is_read() {
    let stream =
        Script::new([bytes(&[masked(OpCode::TEXT, b"Hello")]), In::Error(ErrorKind::WouldBlock)]);
    let mut ws = server(stream);
    ws.set_read_timeout(Some(Duration::ZERO)).unwrap();
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    timed_out(ws.receive());
}

#[test]
fn a_time_out_holds_for_the_whole_read() {
    // Every byte comes at once; were the time-out one of each system call, all of them would be
    // read.
    let stream = Script::new(one_by_one(&masked(OpCode::TEXT, b"Hello")));
    let mut ws = server(stream.clone());
    ws.set_read_timeout(Some(Duration::ZERO)).unwrap();
    let before = stream.unread();
    timed_out(ws.receive());
    assert_eq!(stream.unread(), before - 1);
    ws.set_read_timeout(None).unwrap();
    assert_eq!(ws.receive().unwrap(), text("Hello"));
}

#[test]
fn a_stream_without_time_outs_refuses_them_and_reads_all_the_same() {
    let mut ws = WebSocket::new(
        Untimed(io::Cursor::new(masked(OpCode::TEXT, b"Hello"))),
        Connection::server(Config::default()),
        Inbox::new(),
    );
    let refused = ws.set_read_timeout(Some(Duration::from_secs(1))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert_eq!(
        ws.set_write_timeout(Some(Duration::from_secs(1))).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    assert_eq!(closed(&mut ws).code(), 1006);
}

// ---- the end, wherever it comes

/// What a peer may send, from the first byte to its Close frame, and how many events that makes.
fn conversation(masked: bool) -> Vec<u8> {
    [
        frame(masked, true, OpCode::TEXT, b"one"),
        frame(masked, false, OpCode::BINARY, b"t"),
        frame(masked, true, OpCode::PING, b"?"),
        frame(masked, true, OpCode::CONTINUATION, b"wo"),
        frame(masked, true, OpCode::CLOSE, b"\x0f\xa0bye"), // 4000
    ]
    .concat()
}

/// Reads until the connection is over, and checks that it stays so.
fn read_out<R: hybi::Role>(
    ws: &mut WebSocket<Script, R>,
) -> (Vec<Message>, Result<Closed, String>) {
    let mut messages = Vec::new();
    let end = loop {
        assert_eq!(ws.closed(), None);
        match ws.receive() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break Ok(ws.closed().unwrap().clone()),
            Err(error) => break Err(error.to_string()),
        }
    };
    for _ in 0..3 {
        match &end {
            Ok(closed) => assert_eq!((ws.receive().unwrap(), ws.closed()), (None, Some(closed))),
            Err(error) => {
                assert_eq!(ws.receive().unwrap_err().to_string(), *error);
                let closed = ws.closed().unwrap();
                assert_eq!((closed.code(), closed.was_clean()), (1006, false), "as in a browser");
            }
        }
    }
    assert_eq!(ws.ready_state(), ReadyState::Closed);
    assert_eq!(ws.unsent_bytes(), 0);
    for sent in [ws.send("more"), ws.ping(b""), ws.close(CloseCode::NORMAL, "")] {
        match (&end, sent.unwrap_err()) {
            (Ok(closed), Error::Closed(told)) => assert_eq!(told, *closed),
            (Ok(_), other) => panic!("{other:?}"),
            (Err(error), told) => assert_eq!(told.to_string(), *error),
        }
    }
    assert_eq!(ws.stream().log.borrow().shut.last(), Some(&Shutdown::Both));
    (messages, end)
}

fn check_end_everywhere<R: hybi::Role>(
    from_client: bool,
    open: impl Fn(Script) -> WebSocket<Script, R>,
) {
    let all = conversation(from_client);
    let header = if from_client { 6 } else { 2 };
    let one = header + 3; // where each frame ends
    let two_begun = one + header + 1;
    let ping = two_begun + header + 1;
    let two = ping + header + 2;
    for cut in 0..=all.len() {
        let (expected_messages, expected_cut_off) = match cut {
            0 => (0, CutOff::BetweenMessages),
            _ if cut < header => (0, CutOff::InHeader),
            _ if cut < one => (0, CutOff::InMessage { received: (cut - header) as u64 }),
            _ if cut == one => (1, CutOff::BetweenMessages),
            _ if cut < one + header => (1, CutOff::InHeader),
            _ if cut < two_begun => (1, CutOff::InMessage { received: 0 }),
            _ if cut < two_begun + header => (1, CutOff::InMessage { received: 1 }),
            _ if cut < ping => (1, CutOff::InControl { opcode: OpCode::PING }),
            _ if cut < ping + header => (1, CutOff::InMessage { received: 1 }),
            _ if cut < two => (1, CutOff::InMessage { received: 1 + (cut - ping - header) as u64 }),
            _ if cut == two => (2, CutOff::BetweenMessages),
            _ if cut < two + header => (2, CutOff::InHeader),
            _ => (2, CutOff::InControl { opcode: OpCode::CLOSE }),
        };
        let whole = cut == all.len();
        let messages = [Message::from("one"), Message::from(&b"two"[..])];
        for one_at_a_time in [false, true] {
            let script = |end: In| {
                let front = &all[..cut];
                let mut input: Vec<_> = if one_at_a_time {
                    one_by_one(front).collect()
                } else {
                    front.chunks(usize::MAX).map(|all| In::Bytes(all.to_vec())).collect()
                };
                input.push(end);
                Script::new(input)
            };

            let mut ws = open(script(In::End));
            let (got, end) = read_out(&mut ws);
            assert_eq!(got, messages[..expected_messages], "end at {cut}");
            let end = end.unwrap();
            if whole {
                assert_eq!((end.code(), end.reason(), end.was_clean()), (4000, "bye", true));
            } else {
                assert_eq!(
                    end,
                    Closed::Abnormal(Abnormal::CutOff(expected_cut_off)),
                    "end at {cut}"
                );
                assert_eq!((end.code(), end.reason(), end.was_clean()), (1006, "", false));
            }

            let mut ws = open(script(In::Error(ErrorKind::ConnectionReset)));
            let (got, end) = read_out(&mut ws);
            assert_eq!(got, messages[..expected_messages], "reset at {cut}");
            if whole {
                assert_eq!(end.unwrap().code(), 4000, "both Close frames are through");
            } else {
                assert!(end.unwrap_err().starts_with("the stream failed: "), "reset at {cut}");
            }
        }
    }
}

#[test]
fn a_client_may_vanish_after_any_byte() {
    check_end_everywhere(true, server);
}

#[test]
fn a_server_may_vanish_after_any_byte() {
    check_end_everywhere(false, client);
}

#[test]
fn a_reset_is_told_as_such_again_and_again() {
    let mut ws = server(Script::new([In::Error(ErrorKind::ConnectionReset)]));
    for _ in 0..3 {
        assert_eq!(io_kind(ws.receive()), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_violation_is_told_after_what_came_before_and_the_peer_is_told_too() {
    let stream = Script::new([bytes(&[
        masked(OpCode::TEXT, b"good"),
        plain(OpCode::TEXT, b"not masked"),
        masked(OpCode::TEXT, b"never seen"),
    ])]);
    let mut ws = server(stream.clone());
    let (messages, end) = read_out(&mut ws);
    assert_eq!(messages, [Message::from("good")]);
    assert_eq!(end.unwrap_err(), ProtocolError::Unmasked.to_string());
    assert_eq!(stream.written(), plain(OpCode::CLOSE, ProtocolError::Unmasked.reply().payload()));
    // Our side ends at once, the whole when the peer's has.
    assert_eq!(stream.log.borrow().shut, [Shutdown::Write, Shutdown::Both]);
    assert!(matches!(ws.receive(), Err(Error::Protocol(ProtocolError::Unmasked))));
}

#[test]
fn a_message_over_the_limit_is_refused_with_1009() {
    let stream = Script::new([bytes(&[masked(OpCode::BINARY, &[0; 11])])]);
    let config = Config::default().limits(Limits::default().message_bytes_max(10));
    let mut ws = WebSocket::new(stream.clone(), Connection::server(config), Inbox::new());
    let too_big = ProtocolError::MessageTooBig { len: 11 };
    assert!(matches!(ws.receive(), Err(Error::Protocol(error)) if error == too_big));
    assert_eq!(too_big.close_code(), CloseCode::TOO_BIG);
    assert_eq!(stream.written(), plain(OpCode::CLOSE, too_big.reply().payload()));
}

// ---- closing

#[test]
fn the_server_ends_the_transport_after_the_peers_close() {
    let stream = Script::new([
        bytes(&[masked(OpCode::CLOSE, b"\x03\xe8done")]),
        bytes(&[b"what comes now is thrown away".to_vec()]),
    ]);
    let mut ws = server(stream.clone());
    let closed = closed(&mut ws);
    assert_eq!((closed.code(), closed.reason(), closed.was_clean()), (1000, "done", true));
    assert_eq!(closed.to_string(), "1000 (normal closure) \"done\"");
    assert_eq!(stream.written(), plain(OpCode::CLOSE, b"\x03\xe8done"));
    assert_eq!(stream.log.borrow().shut, [Shutdown::Write, Shutdown::Both]);
    assert_eq!(stream.unread(), 0, "unread bytes would make a reset of our close");
}

#[test]
fn the_server_does_not_read_for_ever_after_closing() {
    let input = [bytes(&[masked(OpCode::CLOSE, b"")])];
    let stream =
        Script::new(input.into_iter().chain((0..1000).map(|_| In::Bytes(vec![0; 1 << 16]))));
    let mut ws = server(stream.clone());
    assert_eq!(closed(&mut ws).code(), 1005);
    assert!(stream.unread() > 900, "more than 6 MiB were read for nothing");
}

#[test]
fn the_client_waits_for_the_server_to_end_the_transport() {
    let stream = Script::new([
        bytes(&[plain(OpCode::CLOSE, b"")]),
        In::Error(ErrorKind::WouldBlock),
        In::End,
    ]);
    let mut ws = client(stream.clone());
    timed_out(ws.receive());
    assert_eq!(ws.ready_state(), ReadyState::Closing);
    assert_eq!(stream.log.borrow().shut, []);
    assert_eq!(closed(&mut ws), Closed::Clean(None));
    assert_eq!(stream.written(), masked(OpCode::CLOSE, b""));
    assert_eq!(stream.log.borrow().shut, [Shutdown::Both]);
}

#[test]
fn nobody_waits_for_an_end_that_a_stream_without_time_outs_may_never_tell() {
    let mut stream = Script::new([bytes(&[plain(OpCode::CLOSE, b"")]), In::Bytes(vec![])]);
    stream.timed = false;
    let mut ws = client(stream.clone());
    assert_eq!(closed(&mut ws), Closed::Clean(None));
    assert_eq!(stream.unread(), 1);

    let mut stream = Script::new([bytes(&[masked(OpCode::CLOSE, b"")]), In::Bytes(vec![])]);
    stream.timed = false;
    let mut ws = server(stream.clone());
    assert_eq!(closed(&mut ws), Closed::Clean(None));
    assert_eq!(stream.unread(), 1);
}

#[test]
fn our_close_is_answered_and_messages_before_that_still_arrive() {
    let stream =
        Script::new([bytes(&[masked(OpCode::TEXT, b"last"), masked(OpCode::CLOSE, b"\x03\xe8")])]);
    let mut ws = server(stream.clone());
    ws.close(CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(ws.ready_state(), ReadyState::Closing);
    assert!(matches!(ws.close(CloseCode::NORMAL, "bye"), Err(Error::Usage(UsageError::Closed))));
    assert_eq!(ws.receive().unwrap(), text("last"));
    assert_eq!(closed(&mut ws).code(), 1000);
    assert_eq!(
        stream.written(),
        plain(OpCode::CLOSE, b"\x03\xe8bye"),
        "one Close frame and no more"
    );
}

#[test]
fn a_close_without_a_code_is_an_empty_frame() {
    let stream = Script::new([bytes(&[masked(OpCode::CLOSE, b"")])]);
    let mut ws = server(stream.clone());
    ws.close_without_code().unwrap();
    assert_eq!(closed(&mut ws).to_string(), "1005 (no code)");
    assert_eq!(stream.written(), [0x88, 0]);
}

#[test]
fn closing_is_not_waited_for_longer_than_agreed() {
    let stream = Script::new([In::Error(ErrorKind::WouldBlock)]);
    let mut ws = server(stream);
    ws.set_keepalive(KeepaliveConfig::default().close_within(Some(Duration::ZERO)));
    ws.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(closed(&mut ws), Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close)));
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    // Once after the ping has left, and once more when its time is over.
    let nothing = [ErrorKind::WouldBlock, ErrorKind::WouldBlock].map(In::Error);
    let stream = Script::new(nothing);
    let mut ws = server(stream.clone());
    let soonest = Duration::from_nanos(1);
    ws.set_keepalive(KeepaliveConfig::default().ping_after(soonest).pong_within(Duration::ZERO));
    assert_eq!(closed(&mut ws), Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Pong)));
    assert_eq!(stream.written()[..2], [0x89, 8]);
}

#[test]
fn a_pong_tells_the_round_trip_time() {
    // The keep-alive's own pong does not show; one that nobody asked for does.
    let pongs = [masked(OpCode::PONG, &1u64.to_be_bytes()), masked(OpCode::PONG, b"hi")].concat();
    let mut ws = server(Script::new([In::Bytes(pongs)]));
    ws.set_keepalive(KeepaliveConfig::default().ping_after(Duration::from_nanos(1)));
    assert_eq!(ws.round_trip(), None);
    assert_eq!(ws.receive_event().unwrap(), pong(b"hi"));
    assert!(ws.round_trip().is_some());
}

#[test]
fn terminate_with_zero_drops_the_connection_at_once() {
    let stream = Script::new([bytes(&[masked(OpCode::TEXT, b"unread")])]);
    let mut ws = server(stream.clone());
    assert_eq!(ws.terminate(Duration::ZERO), Closed::Abnormal(Abnormal::Terminated));
    assert_eq!((stream.written(), stream.unread()), (vec![], 1));
    assert_eq!(stream.log.borrow().shut, [Shutdown::Both]);
    assert_eq!(closed(&mut ws), Closed::Abnormal(Abnormal::Terminated));
    assert_eq!(ws.ready_state(), ReadyState::Closed);
}

#[test]
fn terminate_closes_cleanly_if_the_peer_does() {
    let hour = Duration::from_secs(3600);
    let stream = Script::new([
        bytes(&[masked(OpCode::TEXT, b"thrown away")]),
        In::Error(ErrorKind::WouldBlock),
        bytes(&[masked(OpCode::CLOSE, b"\x03\xe9")]),
    ]);
    let mut ws = server(stream.clone());
    let closed = ws.terminate(hour);
    assert_eq!((closed.code(), closed.was_clean()), (1001, true));
    assert_eq!(stream.written(), plain(OpCode::CLOSE, b"\x03\xe9"));

    let stream = Script::new([bytes(&[plain(OpCode::CLOSE, b"\x03\xe8")])]);
    assert!(client(stream.clone()).terminate(hour).was_clean());
    assert_eq!(stream.written(), masked(OpCode::CLOSE, b"\x03\xe8"));

    // Already closing: no second Close frame. Already closed: the same as before.
    let stream = Script::new([bytes(&[masked(OpCode::CLOSE, b"\x0b\xb8")])]);
    let mut ws = server(stream.clone());
    ws.close_without_code().unwrap();
    assert_eq!(ws.terminate(hour).code(), 3000);
    assert_eq!(ws.terminate(Duration::ZERO).code(), 3000);
    assert_eq!(stream.written(), [0x88, 0]);
}

#[test]
fn terminate_gives_up_on_a_peer_that_never_stops_talking() {
    let stream = Script::new((0..1_000_000).map(|_| In::Bytes(masked(OpCode::PING, b""))));
    let mut ws = server(stream.clone());
    let closed = ws.terminate(Duration::from_millis(1));
    assert_eq!(closed, Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close)));
    assert!(stream.unread() > 0);
}

#[test]
fn terminate_does_not_begin_a_wait_that_the_stream_cannot_bound() {
    let mut stream = Script::new([bytes(&[masked(OpCode::CLOSE, b"")])]);
    stream.timed = false;
    let mut ws = server(stream);
    let closed = ws.terminate(Duration::from_secs(3600));
    assert_eq!(closed, Closed::Abnormal(Abnormal::Terminated));
}

// ---- writing

#[test]
fn writes_may_be_short_and_interrupted() {
    let outs = (0..100).flat_map(|_| [Out::Error(ErrorKind::Interrupted), Out::Takes(1)]);
    let stream = Script::new([]).writing(outs);
    let mut ws = server(stream.clone());
    ws.send("Hello").unwrap();
    ws.send_part(b"ab").unwrap();
    ws.ping(b"now").unwrap();
    ws.send_last_part(b"c").unwrap();
    let expected = [&b"\x81\x05Hello\x02\x02ab\x89\x03now\x80\x01c"[..]].concat();
    assert_eq!(stream.written(), expected);
    assert_eq!(ws.unsent_bytes(), 0);
}

#[test]
fn what_a_stream_does_not_take_waits_for_the_next_call() {
    let block = Out::Error(ErrorKind::WouldBlock);
    let would = || In::Error(ErrorKind::WouldBlock);
    let stream = Script::new([would(), would()]).writing([
        Out::Takes(3),
        block,
        block,
        Out::Takes(1),
        block,
    ]);
    let mut ws = server(stream.clone());
    ws.send("Hello").unwrap();
    assert_eq!(ws.unsent_bytes(), 4);
    timed_out(ws.flush());
    assert_eq!(ws.unsent_bytes(), 4);
    timed_out(ws.receive()); // writes first
    assert_eq!(ws.unsent_bytes(), 3);
    ws.send("again").unwrap();
    assert_eq!(stream.written(), b"\x81\x05Hello\x81\x05again");
    ws.flush().unwrap();
}

#[test]
fn a_pong_that_the_stream_does_not_take_goes_out_later() {
    let block = Out::Error(ErrorKind::WouldBlock);
    let input = [bytes(&[masked(OpCode::PING, b"?"), masked(OpCode::TEXT, b"Hello")])];
    let stream =
        Script::new(input.into_iter().chain([In::Error(ErrorKind::WouldBlock)])).writing([block]);
    let mut ws = server(stream.clone());
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    assert_eq!(ws.unsent_bytes(), 3);
    timed_out(ws.receive());
    assert_eq!(stream.written(), plain(OpCode::PONG, b"?"));
}

#[test]
fn our_side_is_not_ended_before_the_close_reply_is_out() {
    let block = Out::Error(ErrorKind::WouldBlock);
    let would = || In::Error(ErrorKind::WouldBlock);
    let input = [bytes(&[masked(OpCode::CLOSE, b"")]), would(), would()];
    let stream = Script::new(input).writing([Out::Takes(1), block]);
    let mut ws = server(stream.clone());
    timed_out(ws.receive());
    assert_eq!(stream.log.borrow().shut, []);
    assert_eq!(closed(&mut ws), Closed::Clean(None));
    assert_eq!(stream.written(), [0x88, 0]);
    assert_eq!(stream.log.borrow().shut, [Shutdown::Write, Shutdown::Both]);
}

#[test]
fn many_pings_do_not_make_much_of_what_a_stream_does_not_take() {
    let pings = (0..100_000).map(|_| In::Bytes(masked(OpCode::PING, &[7; 125])));
    let stream =
        Script::new(pings).writing((0..200_000).map(|_| Out::Error(ErrorKind::WouldBlock)));
    let mut ws = server(stream);
    ws.transfer_until_end();
    assert_eq!(ws.ready_state(), ReadyState::Closed);
}

trait UntilEnd {
    fn transfer_until_end(&mut self);
}

impl UntilEnd for WebSocket<Script, Server> {
    fn transfer_until_end(&mut self) {
        while let Ok(Some(_)) | Err(Error::TimedOut) = self.receive() {
            assert!(self.unsent_bytes() < 70_000, "{}", self.unsent_bytes());
        }
    }
}

#[test]
fn queued_messages_go_out_together() {
    let stream = Script::new([In::Error(ErrorKind::WouldBlock)]);
    let mut ws = server(stream.clone());
    ws.feed("a").unwrap();
    ws.feed("b").unwrap();
    assert_eq!((ws.unsent_bytes(), stream.log.borrow().writes), (6, 0));
    ws.send("c").unwrap();
    assert_eq!(stream.log.borrow().writes, 1);
    ws.feed("d").unwrap();
    timed_out(ws.receive());
    assert_eq!(stream.written(), b"\x81\x01a\x81\x01b\x81\x01c\x81\x01d");
    ws.feed(&[0; 70_000]).unwrap();
    assert_eq!(ws.unsent_bytes(), 0);
}

#[test]
fn a_stream_that_takes_nothing_more_is_an_error() {
    let stream = Script::new([]).writing([Out::Takes(0)]);
    let mut ws = server(stream);
    assert_eq!(io_kind(ws.send("Hello")), ErrorKind::WriteZero);
}

#[test]
fn after_a_failed_write_what_the_peer_had_sent_is_still_read() {
    let close = masked(OpCode::CLOSE, b"\x03\xf0not like this"); // 1008
    let stream = Script::new([bytes(&[masked(OpCode::PING, b""), close])]);
    stream.output.borrow_mut().push_back(Out::Error(ErrorKind::BrokenPipe));
    let mut ws = server(stream.clone());
    let why = "the connection is closed: 1008 (policy violation) \"not like this\"";
    assert_eq!(ws.send("Hello").unwrap_err().to_string(), why);
    assert_eq!(ws.ready_state(), ReadyState::Closing);
    assert_eq!(ws.unsent_bytes(), 0);
    assert_eq!(ws.send("again").unwrap_err().to_string(), why);
    assert_eq!(ws.flush().unwrap_err().to_string(), why);
    let closed = closed(&mut ws);
    assert_eq!((closed.code(), closed.reason()), (1008, "not like this"));
    assert_eq!(stream.written(), b"", "nothing may follow half a frame");
}

#[test]
fn a_failed_write_while_reading_does_not_hide_what_comes() {
    let stream = Script::new([
        bytes(&[masked(OpCode::PING, b"?")]),
        bytes(&[masked(OpCode::TEXT, b"Hello"), masked(OpCode::CLOSE, b"")]),
    ]);
    stream.output.borrow_mut().push_back(Out::Error(ErrorKind::ConnectionReset));
    let mut ws = server(stream);
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    assert!(matches!(ws.send("answer"), Err(Error::Closed(Closed::Clean(None)))));
    assert_eq!(closed(&mut ws), Closed::Clean(None));
}

#[test]
fn misuse_writes_nothing_and_harms_nothing() {
    let stream = Script::new([bytes(&[masked(OpCode::TEXT, b"Hello")])]);
    let mut ws = server(stream.clone());
    ws.send_part("half").unwrap();
    let written = stream.written();
    assert!(matches!(ws.send("whole"), Err(Error::Usage(UsageError::MessageInProgress))));
    assert!(matches!(ws.feed("whole"), Err(Error::Usage(UsageError::MessageInProgress))));
    assert!(matches!(ws.send_part(b"x"), Err(Error::Usage(UsageError::OtherKindOfMessage))));
    assert!(matches!(
        ws.ping(&[0; 126]),
        Err(Error::Usage(UsageError::ControlTooLong { len: 126 }))
    ));
    let long = "x".repeat(124);
    assert!(matches!(
        ws.close(CloseCode::NORMAL, &long),
        Err(Error::Usage(UsageError::CloseReasonTooLong { len: 124 }))
    ));
    assert_eq!(stream.written(), written);
    assert_eq!(ws.ready_state(), ReadyState::Open);
    ws.send_last_part("").unwrap();
    assert_eq!(ws.receive().unwrap(), text("Hello"));
}

// ---- real sockets

#[test]
fn a_read_times_out_at_a_silent_peer_and_goes_on_afterwards() {
    let (mut client, mut server) = pair();
    client.set_read_timeout(Duration::from_millis(1)).unwrap();
    timed_out(client.receive());
    server.send("now").unwrap();
    client.set_read_timeout(None).unwrap();
    assert_eq!(client.receive().unwrap(), text("now"));
}

#[test]
fn a_non_blocking_socket_says_that_it_has_nothing() {
    let (mut client, mut server) = pair();
    client.stream().set_nonblocking(true).unwrap();
    timed_out(client.receive());
    server.send("now").unwrap();
    let message = loop {
        match client.receive() {
            Err(Error::TimedOut) => thread::yield_now(),
            message => break message.unwrap(),
        }
    };
    assert_eq!(message, text("now"));
}

#[test]
fn what_does_not_fit_into_a_socket_stays_unsent_and_arrives_in_the_end() {
    let (mut client, mut server) = pair();
    let big = vec![42; 15 << 20]; // more than any socket buffer
    client.set_write_timeout(Duration::from_millis(1)).unwrap();
    client.send(&*big).unwrap();
    assert!(client.unsent_bytes() > 0);
    let reading = thread::spawn(move || server.receive().unwrap());
    client.set_write_timeout(None).unwrap();
    client.flush().unwrap();
    assert_eq!(reading.join().unwrap(), binary(&big));
}

#[test]
fn a_clean_close_over_tcp_in_both_directions() {
    let (mut client, mut server) = pair();
    let serving = thread::spawn(move || closed(&mut server));
    client.close(CloseCode::NORMAL, "client first").unwrap();
    assert_eq!(closed(&mut client).reason(), "client first");
    assert!(matches!(serving.join().unwrap(), Closed::Clean(Some(_))));

    let (mut client, mut server) = pair();
    let serving = thread::spawn(move || {
        server.close(CloseCode::GOING_AWAY, "server first").unwrap();
        closed(&mut server)
    });
    assert_eq!(closed(&mut client).reason(), "server first");
    assert!(matches!(serving.join().unwrap(), Closed::Clean(Some(_))));
}

#[test]
fn the_close_frame_reaches_a_client_that_is_still_sending() {
    // Were the socket closed with the client's bytes unread, a reset could overtake the Close
    // frame.
    for _ in 0..20 {
        let (mut client, mut server) = pair();
        let serving = thread::spawn(move || {
            assert_eq!(server.receive().unwrap(), text("now"));
            server.terminate(Duration::from_secs(60))
        });
        client.send("now").unwrap();
        while client.send(&[0; 4096]).is_ok() && client.unsent_bytes() == 0 {
            client.set_read_timeout(Duration::ZERO).unwrap();
            match client.receive() {
                Err(Error::TimedOut) => {}
                other => {
                    assert_eq!(other.unwrap(), None);
                    break;
                }
            }
        }
        client.set_read_timeout(None).unwrap();
        assert_eq!(closed(&mut client).code(), 1001);
        assert_eq!(serving.join().unwrap().code(), 1001);
    }
}

#[test]
fn terminate_does_not_wait_longer_for_a_silent_peer() {
    let (client, mut server) = sockets_with_server();
    let closed = server.terminate(Duration::from_millis(1));
    assert_eq!(closed, Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close)));
    drop(client);
}

#[test]
fn terminate_does_not_wait_longer_for_a_peer_that_does_not_read() {
    let (client, mut server) = sockets_with_server();
    server.set_write_timeout(Duration::from_millis(1)).unwrap();
    server.send(&*vec![0; 15 << 20]).unwrap();
    server.set_write_timeout(None).unwrap();
    assert!(server.unsent_bytes() > 0);
    let closed = server.terminate(Duration::from_millis(1));
    assert_eq!(closed, Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close)));
    drop(client);
}

#[test]
fn a_peer_that_does_not_read_is_found_out_by_the_keep_alive() {
    let (client, mut server) = sockets_with_server();
    server.set_write_timeout(Duration::from_millis(1)).unwrap();
    server.send(&*vec![0; 15 << 20]).unwrap();
    let soon = Some(Duration::from_millis(1));
    server.set_keepalive(KeepaliveConfig::default().ping_after(soon).pong_within(soon));
    assert_eq!(closed(&mut server), Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Pong)));
    drop(client);
}

// ---- a peer that has ended its stream may still read

#[test]
fn what_is_queued_goes_to_a_peer_that_has_ended_its_stream() {
    use std::io::{Read, Write};
    let (mut client, mut ws) = sockets_with_server();
    let big = vec![1; 15 << 20];
    ws.set_write_timeout(Duration::from_millis(1)).unwrap();
    ws.send(&*big).unwrap();
    assert!(ws.unsent_bytes() > 0);
    client.write_all(&masked(OpCode::CLOSE, b"")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    ws.set_read_timeout(Duration::from_millis(1)).unwrap();
    for _ in 0..3 {
        assert!(matches!(ws.receive(), Err(Error::TimedOut)), "nothing is lost: call again");
    }
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).map(|_| all.len())
    });
    while matches!(ws.receive(), Err(Error::TimedOut)) {}
    assert!(ws.closed().unwrap().was_clean());
    assert_eq!(reading.join().unwrap().unwrap(), 10 + big.len() + 2);
}

// ---- long messages that are given away

#[test]
fn a_long_message_that_is_given_away_is_written_with_its_header() {
    let payload = vec![7; 50_000];
    let stream = Script::new([]);
    server(stream.clone()).send_owned(payload.clone()).unwrap();
    client(stream.clone()).send_owned(payload.clone()).unwrap();
    let connection = Connection::server(Config::default());
    let mut ws = WebSocket::new(Untimed(stream.clone()), connection, Inbox::new());
    ws.send_owned(payload.clone()).unwrap();
    let (_reader, writer) = server(stream.clone()).split().unwrap();
    writer.send_owned(payload.clone()).unwrap();
    assert_eq!(stream.log.borrow().writes, 4);
    let (plain, masked) = (plain(OpCode::BINARY, &payload), masked(OpCode::BINARY, &payload));
    assert_eq!(stream.written(), [&plain, &masked, &plain, &plain].map(Vec::as_slice).concat());
}
