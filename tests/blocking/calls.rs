//! How many calls of the stream messages take. Each is a system call, which costs more than all else
//! that is done for a short message.

use std::io::ErrorKind;

use hybi::Message;
use hybi::blocking::{Error, Reader, Stream, WebSocket, Writer};
use hybi::frame::OpCode;
use hybi::keepalive::KeepaliveConfig;

use crate::stream::*;

/// How many bursts a client sends. What the first ones cost does not count.
const BURSTS: usize = 10;
const FIRST: usize = 2;

/// Something that echoes.
trait Echo {
    fn receive(&mut self) -> Result<Option<Message>, Error>;
    fn feed(&mut self, message: &Message);
}

impl<S: Stream, R: hybi::Role> Echo for WebSocket<S, R> {
    fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.receive()
    }

    fn feed(&mut self, message: &Message) {
        self.feed(message).unwrap();
    }
}

impl<S: Stream, R: hybi::Role> Echo for (Reader<S, R>, Writer<S, R>) {
    fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.0.receive()
    }

    fn feed(&mut self, message: &Message) {
        self.1.feed(message).unwrap();
    }
}

/// Echoes bursts of messages. Returns how many reads, writes and time-outs each of the later ones
/// takes, in whole numbers.
fn calls(
    messages: usize,
    len: usize,
    echo: impl FnOnce(WebSocket<Script, hybi::Server>) -> Box<dyn Echo>,
) -> [usize; 3] {
    let burst = masked(OpCode::BINARY, &vec![7; len]).repeat(messages);
    let wait = In::Error(ErrorKind::WouldBlock);
    let bursts = [In::Bytes(burst), wait].into_iter().cycle().take(2 * BURSTS);
    let stream = Script { independent: true, ..Script::new(bursts) };
    let mut ws = server(stream.clone());
    // Without a deadline, or how long the test takes would decide when a time-out is set anew.
    let no_deadlines = KeepaliveConfig::default().ping_after(None).pong_within(None);
    ws.set_keepalive(no_deadlines.close_within(None));
    let mut ws = echo(ws);
    let mut counts = Vec::new();
    for _ in 0..BURSTS {
        for _ in 0..messages {
            let message = ws.receive().unwrap().unwrap();
            assert_eq!(message.as_bytes().len(), len);
            ws.feed(&message);
        }
        timed_out(ws.receive());
        let log = stream.log.borrow();
        counts.push([log.reads - 1, log.writes, log.settings]); // one read has met nothing
        drop(log);
        stream.log.borrow_mut().reads = 0;
        stream.log.borrow_mut().writes = 0;
        stream.log.borrow_mut().settings = 0;
    }
    let later = counts.split_off(FIRST);
    assert!(later.iter().all(|counts| *counts == later[0]), "{later:?}");
    later[0]
}

#[test]
fn what_arrives_together_takes_one_read_and_one_write() {
    for (messages, len) in [(1, 16), (16, 16), (1, 1 << 10), (16, 1 << 10), (1, 16 << 10)] {
        let whole = calls(messages, len, |ws| Box::new(ws));
        let halves = calls(messages, len, |ws| Box::new(ws.split().unwrap()));
        assert_eq!([whole, halves], [[1, 1, 0]; 2], "{messages} messages of {len} bytes");
    }
}

/// The more of it has arrived, the more is read at once. A writing half writes at most 64 KiB at
/// once, because the other half wants to know how far it is.
#[test]
fn a_long_message_takes_few_reads_and_writes() {
    let len = 1 << 20;
    for halves in [false, true] {
        let [reads, writes, settings] = calls(1, len, |ws| match halves {
            false => Box::new(ws),
            true => Box::new(ws.split().unwrap()),
        });
        assert!(reads <= len / (64 << 10) + 3, "{reads} reads");
        assert!(writes <= if halves { len / (64 << 10) + 1 } else { 1 }, "{writes} writes");
        assert_eq!(settings, 0);
    }
}
