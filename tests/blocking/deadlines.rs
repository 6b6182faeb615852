//! Deadlines that no peer can move: calls and events are counted, nothing measures time. A time-out
//! of zero has passed as soon as somebody looks.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use hybi::blocking::{
    Abnormal, AcceptError, Acceptor, Closed, Connector, Error, Reader, Stream, Untimed, WebSocket,
};
use hybi::frame::OpCode;
use hybi::handshake::ClientRequest;
use hybi::keepalive::{KeepaliveConfig, KeepaliveError};
use hybi::{CloseCode, Config, Connection, CutOff, Event, Inbox, Server, Uri};

use crate::stream::*;

/// At most so many events are taken between two looks at the clock, as the docs say.
const EVENTS_MAX: usize = 256;
const FLOOD: usize = 10_000;

/// A connection that has received these frames already, over a stream that takes no byte.
fn flooded(frames: impl IntoIterator<Item = Vec<u8>>) -> (Script, WebSocket<Script, Server>) {
    let mut inbox = Inbox::new();
    frames.into_iter().for_each(|frame| inbox.append(&frame));
    let blocked = (0..10 * FLOOD).map(|_| Out::Error(ErrorKind::WouldBlock));
    let stream = Script::new([In::Error(ErrorKind::WouldBlock)]).writing(blocked);
    let ws = WebSocket::new(stream.clone(), Connection::server(Config::default()), inbox);
    (stream, ws)
}

fn times(n: usize, opcode: OpCode, payload: &[u8]) -> Vec<Vec<u8>> {
    vec![masked(opcode, payload); n]
}

/// What both a whole connection and its reading half do.
trait Flooded: Receive {
    fn receive_event(&mut self) -> Result<Option<Event<'static>>, Error>;
    fn set_read_timeout(&mut self, timeout: Duration);
}

impl Flooded for WebSocket<Script, Server> {
    fn receive_event(&mut self) -> Result<Option<Event<'static>>, Error> {
        self.receive_event()
    }
    fn set_read_timeout(&mut self, timeout: Duration) {
        self.set_read_timeout(timeout).unwrap();
    }
}

impl Flooded for Reader<Script, Server> {
    fn receive_event(&mut self) -> Result<Option<Event<'static>>, Error> {
        self.receive_event()
    }
    fn set_read_timeout(&mut self, timeout: Duration) {
        self.set_read_timeout(timeout).unwrap();
    }
}

/// Receives a message with a time-out of zero, which fails with control frames left.
fn check_look(ws: &mut impl Flooded, what: &str) {
    ws.set_read_timeout(Duration::ZERO);
    timed_out(ws.receive());
    let mut left = 0;
    while let Ok(Some(_)) = ws.receive_event() {
        left += 1;
    }
    assert!(left > 0 && FLOOD - left <= EVENTS_MAX, "{what}: {} events", FLOOD - left);
}

#[test]
fn class_20_a_call_looks_at_its_deadline_after_a_bounded_number_of_control_frames() {
    for (opcode, payload) in
        [(OpCode::PING, &b""[..]), (OpCode::PING, &[7; 125]), (OpCode::PONG, b"unasked")]
    {
        let what = format!("{opcode:?} of {} bytes", payload.len());
        let (_, mut ws) = flooded(times(FLOOD, opcode, payload));
        check_look(&mut ws, &what);
        let (_, ws) = flooded(times(FLOOD, opcode, payload));
        let (mut reader, _writer) = ws.split().unwrap();
        check_look(&mut reader, &what);
    }
}

/// Whatever arrives as one event or none, at most one read of it lies between two looks.
#[test]
fn class_20_a_call_looks_at_its_deadline_after_each_read_that_completes_no_event() {
    let fragment = frame(true, false, OpCode::CONTINUATION, b"");
    let mut fragments = vec![frame(true, false, OpCode::BINARY, b"")];
    fragments.extend(vec![fragment; 5_000]);
    let part = [&masked(OpCode::BINARY, &[0; 100_000])[..8], &[0; 10]].concat();
    for input in [vec![In::Bytes(fragments.concat())], one_by_one(&part).collect()] {
        for halves in [false, true] {
            let stream = Script::new(input.clone());
            let mut ws = server(stream.clone());
            ws.set_read_timeout(Duration::ZERO).unwrap();
            let reads = || stream.log.borrow().reads;
            if halves {
                let (mut reader, _writer) = ws.split().unwrap();
                timed_out(reader.receive());
            } else {
                timed_out(ws.receive());
            }
            assert_eq!(reads(), 1);
        }
    }
}

#[cfg(feature = "deflate")]
#[test]
fn class_20_a_call_looks_at_its_deadline_after_each_read_that_inflates() {
    use hybi::extension::Offers;
    use hybi::extension::deflate::{self, DeflateConfig};
    let config = DeflateConfig::default();
    let offers: Vec<_> = Offers::new(b"permessage-deflate").collect::<Result<_, _>>().unwrap();
    let agreed = deflate::respond(&config, offers).unwrap();
    // A megabyte of zeros, compressed by our own client, of which all but the end arrives bytewise.
    let mut client =
        Connection::client_with_keys(Config::default(), || KEY).with_deflate(&agreed, &config);
    let mut out = hybi::Outbox::new();
    client.send(&vec![0; 1 << 20], &mut out).unwrap();
    let wire = out.take();
    let stream = Script::new(one_by_one(&wire[..wire.len() - 1]));
    let connection = Connection::server(Config::default()).with_deflate(&agreed, &config);
    let mut ws = WebSocket::new(stream.clone(), connection, Inbox::new());
    ws.set_read_timeout(Duration::ZERO).unwrap();
    for reads in 1..wire.len() {
        timed_out(ws.receive());
        assert_eq!(stream.log.borrow().reads, reads);
    }
}

#[test]
fn class_20_tiny_messages_do_not_put_off_the_deadline_for_closing() {
    for halves in [false, true] {
        let (_, mut ws) = flooded(times(FLOOD, OpCode::TEXT, b"x"));
        ws.set_keepalive(KeepaliveConfig::default().close_within(Duration::ZERO));
        let mut messages = 0;
        let closed = if halves {
            let (mut reader, writer) = ws.split().unwrap();
            writer.close(CloseCode::NORMAL, "").unwrap();
            while reader.receive().unwrap().is_some() {
                messages += 1;
            }
            reader.closed().cloned()
        } else {
            ws.close(CloseCode::NORMAL, "").unwrap();
            while ws.receive().unwrap().is_some() {
                messages += 1;
            }
            ws.closed().cloned()
        };
        assert_eq!(closed, Some(Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close))));
        // A deadline may count as passed only at the second look.
        assert!(messages <= 2 * EVENTS_MAX, "{messages} messages");
    }
}

/// A slow program takes messages out of what has been read. The peer's pong is still unread.
#[test]
fn a_pong_is_not_late_while_input_is_left_unread() {
    let soon = Duration::from_nanos(1);
    let config = KeepaliveConfig::default().ping_after(soon).pong_within(Duration::ZERO);
    for halves in [false, true] {
        let mut inbox = Inbox::new();
        times(FLOOD, OpCode::TEXT, b"x").iter().for_each(|frame| inbox.append(frame));
        let stream = Script::new([bytes(&[masked(OpCode::TEXT, b"unread")])]);
        let mut ws = WebSocket::new(stream, Connection::server(Config::default()), inbox);
        ws.set_keepalive(config);
        let mut received = 0;
        let closed = if halves {
            let (mut reader, _writer) = ws.split().unwrap();
            while reader.receive().unwrap().is_some() {
                received += 1;
            }
            reader.closed().cloned()
        } else {
            while ws.receive().unwrap().is_some() {
                received += 1;
            }
            ws.closed().cloned()
        };
        assert_eq!(received, FLOOD + 1, "{closed:?}");
        let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
        assert_eq!(closed, Some(Closed::Abnormal(cut_off)));
    }
}

/// A program that sends with calls that wait has nothing unsent when it receives.
#[test]
fn a_peer_that_makes_room_for_what_is_sent_is_alive() {
    let soon = Duration::from_nanos(1);
    let config = KeepaliveConfig::default().ping_after(soon).pong_within(Duration::ZERO);
    let gone = Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Pong));
    // The stream has no room at first, then the peer makes some.
    let room = || [Out::Error(ErrorKind::WouldBlock), Out::Takes(usize::MAX)];
    let script = || Script::new((0..100).map(|_| In::Error(ErrorKind::WouldBlock)));

    let stream = script();
    let mut ws = server(stream.clone());
    ws.set_keepalive(config);
    ws.set_read_timeout(Duration::ZERO).unwrap();
    for _ in 0..10 {
        timed_out(ws.receive());
        stream.output.borrow_mut().extend(room());
        ws.send("Hello").unwrap();
        ws.send("Hello").unwrap();
        assert_eq!(ws.unsent_bytes(), 0);
    }
    timed_out(ws.receive());
    assert_eq!(closed(&mut ws), gone);

    let stream = script();
    let mut ws = server(stream.clone());
    ws.set_keepalive(config);
    ws.set_read_timeout(Duration::ZERO).unwrap();
    let (mut reader, writer) = ws.split().unwrap();
    for _ in 0..10 {
        timed_out(reader.receive());
        stream.output.borrow_mut().extend(room());
        writer.send("Hello").unwrap();
        writer.send("Hello").unwrap();
        assert_eq!(writer.unsent_bytes(), 0);
    }
    timed_out(reader.receive());
    assert_eq!(closed(&mut reader), gone);
}

/// RFC 6455 §5.5.3: the newest ping is enough. A write for each would let the peer choose how long
/// we take.
#[test]
fn class_20_replies_are_written_once_for_many_pings() {
    let flood = || [times(FLOOD, OpCode::PING, &[7; 125]), times(1, OpCode::TEXT, b"Hello")];
    let writes_max = FLOOD / EVENTS_MAX + 2;

    let (stream, mut ws) = flooded(flood().concat());
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    let writes = stream.log.borrow().writes;
    assert!(writes <= writes_max, "{writes} writes");

    let (stream, ws) = flooded(flood().concat());
    let (mut reader, _writer) = ws.split().unwrap();
    assert_eq!(reader.receive().unwrap(), text("Hello"));
    let writes = stream.log.borrow().writes;
    assert!(writes <= writes_max, "{writes} writes by the reading half");
}

/// As a whole connection does.
#[test]
fn a_reading_half_answers_every_ping_while_the_stream_takes_that() {
    let pings: Vec<_> = (0..100u8).map(|number| masked(OpCode::PING, &[number])).collect();
    let stream = Script::new([bytes(&pings), bytes(&[masked(OpCode::TEXT, b"Hello")])]);
    let (mut reader, _writer) = server(stream.clone()).split().unwrap();
    assert_eq!(reader.receive().unwrap(), text("Hello"));
    let pongs: Vec<_> = (0..100u8).map(|number| plain(OpCode::PONG, &[number])).collect();
    assert_eq!(stream.written(), pongs.concat());
    assert!(stream.log.borrow().writes <= 2);
}

#[test]
fn class_20_terminate_reads_no_more_once_its_time_is_over() {
    let flood = (0..1000).map(|_| In::Bytes(times(100, OpCode::PING, b"").concat()));
    let stream = Script::new(flood);
    let closed = server(stream.clone()).terminate(Duration::from_nanos(1));
    assert_eq!(closed, Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close)));
    assert!(stream.log.borrow().reads <= 2, "{} reads", stream.log.borrow().reads);
}

#[test]
fn class_20_a_handshake_reads_no_more_once_its_time_is_over() {
    let stream = Script::new(one_by_one(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    let accepted = Acceptor::new().timeout(Duration::ZERO).receive_request(stream.clone());
    assert!(matches!(accepted, Err(AcceptError::TimedOut)));
    assert!(stream.log.borrow().reads <= 1);

    let stream = Script::new(one_by_one(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"));
    let uri = Uri::parse("ws://a/").unwrap();
    let connector = Connector::new().timeout(Duration::ZERO);
    let connected = connector.connect_over(stream.clone(), &ClientRequest::new(&uri));
    assert!(matches!(connected, Err(hybi::blocking::ConnectError::TimedOut)));
    assert!(stream.log.borrow().reads <= 1);
}

#[test]
fn the_documented_time_outs_of_handshakes_are_those_of_the_code() {
    // docs/security.md: connecting takes at most 30 s in all, and accepting at most 10 s.
    assert!(format!("{:?}", Acceptor::new()).contains("timeout: Some(10s)"));
    assert!(format!("{:?}", Connector::new()).contains("timeout: Some(30s)"));
}

// ---- the time-outs that are set on a stream

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));
const SECOND: Option<Duration> = Some(Duration::from_secs(1));

/// Time-outs are rounded up to whole milliseconds, and some of the time may have passed.
#[track_caller]
fn bounded(got: &[(Option<Duration>, Option<Duration>)], by: Option<Duration>) {
    assert!(!got.is_empty());
    for timeouts in got {
        match by {
            None => assert_eq!(*timeouts, (None, None)),
            Some(most) => {
                let fits =
                    |one: Option<Duration>| one.is_some_and(|one| one <= most && one > most / 2);
                assert!(fits(timeouts.0) && fits(timeouts.1), "{timeouts:?} instead of {most:?}");
            }
        }
    }
}

/// As a stream does that encrypts: to write it may have to read, and the other way round.
#[test]
fn both_time_outs_of_a_stream_are_those_of_the_call_that_uses_it() {
    let read = |text: &[u8]| In::Bytes(masked(OpCode::TEXT, text));
    let stream = Script::new((0..20).map(|_| read(b"Hello")));
    let mut ws = server(stream.clone());
    for (for_reading, for_writing) in
        [(MINUTE, SECOND), (SECOND, MINUTE), (None, SECOND), (SECOND, None), (MINUTE, None)]
    {
        ws.set_read_timeout(for_reading).unwrap();
        ws.set_write_timeout(for_writing).unwrap();
        for _ in 0..2 {
            stream.log.borrow_mut().waiting.clear();
            ws.receive().unwrap();
            bounded(&stream.waiting(Call::Read), for_reading);
            ws.send("Hello").unwrap();
            bounded(&stream.waiting(Call::Write), for_writing);
            bounded(&stream.waiting(Call::Flush), for_writing);
        }
    }
}

#[test]
fn the_end_of_a_stream_is_bounded_too() {
    // To end a stream may mean to write.
    let stream = Script::new([bytes(&[masked(OpCode::CLOSE, b"")])]);
    let mut ws = server(stream.clone());
    assert_eq!(closed(&mut ws), Closed::Clean(None));
    for timeouts in stream.waiting(Call::Shutdown) {
        let fits = |one: Option<Duration>| one.is_some_and(|one| Some(one) <= SECOND);
        assert!(fits(timeouts.0) && fits(timeouts.1), "{timeouts:?}");
    }
}

#[test]
fn a_time_out_that_somebody_has_left_on_the_stream_is_removed() {
    let stream = Script::new([bytes(&[masked(OpCode::TEXT, b"Hello")])]);
    stream.log.borrow_mut().read_timeout = SECOND;
    stream.log.borrow_mut().write_timeout = SECOND;
    let mut ws = server(stream.clone());
    ws.receive().unwrap();
    ws.send("Hello").unwrap();
    bounded(&stream.waiting(Call::Read), None);
    bounded(&stream.waiting(Call::Write), None);
}

#[test]
fn no_time_out_is_left_for_the_next_owner_of_a_stream() {
    let stream = Script::new([bytes(&[masked(OpCode::TEXT, b"Hello")])]);
    let mut ws = server(stream);
    ws.set_read_timeout(MINUTE).unwrap();
    ws.set_write_timeout(SECOND).unwrap();
    ws.receive().unwrap();
    ws.send("Hello").unwrap();
    let stream = ws.into_stream();
    let log = stream.log.borrow();
    assert_eq!((log.read_timeout, log.write_timeout), (None, None));
}

#[test]
fn time_outs_cost_no_calls_where_nothing_changes() {
    for independent in [false, true] {
        let mut stream = Script::new((0..1000).map(|_| bytes(&[masked(OpCode::TEXT, b"Hello")])));
        stream.independent = independent;
        let mut ws = server(stream.clone());
        for _ in 0..1000 {
            ws.receive().unwrap();
            ws.send("Hello").unwrap();
        }
        let settings = stream.log.borrow().settings;
        assert!(settings <= 2, "{settings} calls for 1000 messages");
    }
    // Neither does writing what was fed while receiving, which must not wait.
    let mut stream = Script::new((0..1000).map(|_| bytes(&[masked(OpCode::TEXT, b"Hello")])));
    stream.independent = true;
    let mut ws = server(stream.clone());
    for _ in 0..1000 {
        ws.feed("Hello").unwrap();
        ws.receive().unwrap();
    }
    let settings = stream.log.borrow().settings;
    assert!(settings <= 2, "{settings} calls for 1000 messages that were fed");
}

/// A socket never reads while it writes, so reading and writing by turns costs no calls.
#[test]
fn an_independent_direction_keeps_its_time_out() {
    let mut stream = Script::new((0..2).map(|_| bytes(&[masked(OpCode::TEXT, b"Hello")])));
    stream.independent = true;
    let mut ws = server(stream.clone());
    ws.set_read_timeout(MINUTE).unwrap();
    ws.receive().unwrap();
    let settings = stream.log.borrow().settings;
    ws.send("Hello").unwrap();
    assert_eq!(stream.log.borrow().settings, settings + 1, "the first write");
    ws.send("Hello").unwrap();
    assert_eq!(stream.log.borrow().settings, settings + 1);
    assert_eq!(stream.log.borrow().write_timeout, None);
    assert_ne!(stream.log.borrow().read_timeout, None);
}

/// A writer that gives up cannot wake a reader that waits. So the reader looks in time.
#[test]
fn a_reading_half_waits_no_longer_than_a_writer_for_what_that_has_left() {
    let stream = Script::new((0..10).map(|_| bytes(&[masked(OpCode::TEXT, b"Hello")])));
    let mut ws = server(stream.clone());
    let no_deadlines = KeepaliveConfig::default().ping_after(None).pong_within(None);
    ws.set_keepalive(no_deadlines.close_within(None));
    ws.set_write_timeout(SECOND).unwrap();
    let (mut reader, writer) = ws.split().unwrap();
    let mut read_timeout = || {
        stream.log.borrow_mut().waiting.clear();
        reader.receive().unwrap();
        stream.waiting(Call::Read)[0].0
    };
    assert!(read_timeout().is_some_and(|timeout| Some(timeout) <= SECOND));
    writer.set_write_timeout(None).unwrap();
    assert_eq!(read_timeout(), None);
    writer.set_write_timeout(MINUTE).unwrap();
    assert!(read_timeout().is_some_and(|timeout| Some(timeout) <= MINUTE));
    // Not all the time.
    writer.set_write_timeout(Duration::ZERO).unwrap();
    assert!(read_timeout().is_some_and(|timeout| timeout > Duration::from_millis(10)));
}

/// To end a stream may mean to write.
#[test]
fn a_writer_that_terminates_bounds_the_end_of_the_stream() {
    for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
        let stream = Script::new([]);
        let (_reader, writer) = server(stream.clone()).split().unwrap();
        stream.log.borrow_mut().read_timeout = None;
        stream.log.borrow_mut().write_timeout = None;
        writer.terminate(timeout);
        bounded_by_a_second(&stream.waiting(Call::Shutdown));
    }
}

fn bounded_by_a_second(timeouts: &[(Option<Duration>, Option<Duration>)]) {
    let fits = |one: &Option<Duration>| one.is_some() && *one <= SECOND;
    assert!(timeouts.iter().all(|(read, write)| fits(read) && fits(write)), "{timeouts:?}");
    assert!(!timeouts.is_empty());
}

/// A stream whose calls are interrupted again and again.
#[derive(Clone)]
struct Interrupted {
    left: Rc<Cell<usize>>,
    /// Whether writing works, so that only reading and flushing do not.
    writes: bool,
}

impl Interrupted {
    fn new(writes: bool) -> Self {
        Self { left: Rc::new(Cell::new(FLOOD)), writes }
    }

    fn open(&self) -> WebSocket<Self, Server> {
        WebSocket::new(self.clone(), Connection::server(Config::default()), Inbox::new())
    }

    fn call(&self) -> io::Result<()> {
        let left = self.left.get().checked_sub(1).ok_or(ErrorKind::BrokenPipe)?;
        self.left.set(left);
        Err(ErrorKind::Interrupted.into())
    }
}

impl Read for Interrupted {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.call().map(|()| 0)
    }
}

impl Write for Interrupted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.writes {
            self.call()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call()
    }
}

impl Stream for Interrupted {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

/// A signal now and then is no reason to give up, but the time of a call is.
#[test]
fn class_20_a_call_that_is_interrupted_for_ever_ends_with_its_time() {
    let stream = Interrupted::new(true);
    let mut ws = stream.open();
    ws.set_read_timeout(Duration::ZERO).unwrap();
    timed_out(ws.receive());
    assert!(stream.left.get() > FLOOD / 2, "reading");
    for writes in [false, true] {
        let stream = Interrupted::new(writes);
        let mut ws = stream.open();
        ws.set_write_timeout(Duration::ZERO).unwrap();
        ws.feed("Hello").unwrap();
        timed_out(ws.flush());
        assert_eq!(ws.unsent_bytes() == 0, writes);
        assert!(stream.left.get() > FLOOD / 2, "writing: {writes}");
    }
}

// ---- for ever

#[test]
fn the_longest_time_out_is_a_time_out() {
    let stream = || Untimed(std::io::Cursor::new(Vec::new()));
    let open = || WebSocket::new(stream(), Connection::server(Config::default()), Inbox::new());
    let mut ws = open();
    let refused = ws.set_read_timeout(Duration::MAX).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let refused = ws.set_write_timeout(Duration::MAX).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert_eq!(ws.terminate(Duration::MAX), Closed::Abnormal(Abnormal::Terminated));
    let accepted = Acceptor::new().timeout(Duration::MAX).receive_request(stream());
    assert!(
        matches!(accepted, Err(AcceptError::Io(error)) if error.kind() == ErrorKind::Unsupported)
    );

    // With one that has time-outs it is as good as none.
    let stream = Script::new([bytes(&[masked(OpCode::TEXT, b"Hello")])]);
    let mut ws = server(stream);
    ws.set_read_timeout(Duration::MAX).unwrap();
    ws.set_write_timeout(Duration::MAX).unwrap();
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    ws.send("Hello").unwrap();
}
