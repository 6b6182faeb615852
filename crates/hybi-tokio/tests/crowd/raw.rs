//! An end that knows nothing of hybi: frames as RFC 6455 §5.2 draws them, written and read by hand.

use std::io;

use hybi::connection::Closed;
use hybi::frame::CloseReason;
use hybi::{CloseCode, Message};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::common::Random;
use crate::messages::{Got, Log, Sent, UNASKED, check_pong, random_len};
use crate::plan::{Io, Leaving, Report, pause};

/// A control frame that the reading part passes to the writing part.
enum Told {
    Ping(Vec<u8>),
    Close(Vec<u8>),
}

/// Runs the program of one end.
pub(crate) async fn run(
    stream: TcpStream,
    is_client: bool,
    mut random: Random,
    leaving: Leaving,
) -> Report {
    if leaving == Leaving::Reset {
        stream.make_drop_reset();
    }
    let (tell, told) = unbounded_channel();
    let (input, output) = tokio::io::split(stream);
    let mut reading = Reading {
        input,
        random: Random::new(random.next()),
        is_masked: !is_client,
        tell,
        unread: Vec::new(),
        got: Vec::new(),
        message: None,
        last_pong: 0,
        closed: None,
    };
    let mut writing =
        Writing { output, random, is_masked: is_client, log: Log::default(), pings: 0 };
    let mut told = told;
    if leaving.is_orderly() {
        let ((), written) = tokio::join!(reading.read(), writing.write(&mut told, leaving));
        let io_failures = usize::from(written.is_err());
        return Report {
            sent: writing.log.sent,
            got: reading.got,
            closed: reading.closed,
            io_failures,
        };
    }
    select! {
        () = reading.read() => {}
        _ = writing.write(&mut told, leaving) => {}
    }
    Report { sent: writing.log.sent, got: reading.got, closed: None, io_failures: 0 }
}

struct Writing<W> {
    output: W,
    random: Random,
    is_masked: bool,
    log: Log,
    pings: usize,
}

impl<W: AsyncWrite + Unpin> Writing<W> {
    async fn write(
        &mut self,
        told: &mut UnboundedReceiver<Told>,
        leaving: Leaving,
    ) -> io::Result<()> {
        for _ in 0..self.random.below(15) {
            while let Ok(told) = told.try_recv() {
                if self.reply(told).await? {
                    return Ok(());
                }
            }
            match self.random.below(8) {
                0 => self.ping().await?,
                1 => self.frame(0x8a, UNASKED).await?,
                2 => pause(self.random.below(200)).await,
                _ => self.message().await?,
            }
        }
        if !leaving.is_orderly() {
            return Ok(());
        }
        let Some(code) = leaving.code(self.is_masked) else {
            while let Some(told) = told.recv().await {
                if self.reply(told).await? {
                    break;
                }
            }
            return Ok(());
        };
        self.frame(0x88, &code.to_be_bytes()).await?;
        // Pings need no answer any more: nothing follows a Close frame.
        while let Some(told) = told.recv().await {
            if matches!(told, Told::Close(_)) {
                break;
            }
        }
        self.output.shutdown().await
    }

    /// Replies to a control frame. Returns whether that was the last that we say.
    async fn reply(&mut self, told: Told) -> io::Result<bool> {
        match told {
            Told::Ping(payload) => self.frame(0x8a, &payload).await?,
            Told::Close(payload) => {
                self.frame(0x88, &payload).await?;
                self.output.shutdown().await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn ping(&mut self) -> io::Result<()> {
        self.pings += 1;
        self.frame(0x89, format!("ping {}", self.pings).as_bytes()).await
    }

    /// Sends a message in one to four frames, perhaps with pings between them.
    async fn message(&mut self) -> io::Result<()> {
        let (is_text, len) = (self.random.one_in(2), random_len(&mut self.random));
        let (message, sent) = self.log.message(is_text, len);
        // If this fails or is dropped, all of it may be on the way.
        self.log.note(sent, false);
        self.fragments(&message, sent).await?;
        self.log.confirm();
        Ok(())
    }

    async fn fragments(&mut self, message: &Message, sent: Sent) -> io::Result<()> {
        let mut payload = message.as_bytes();
        let mut opcode = if sent.is_text { 1 } else { 2 };
        for _ in 0..self.random.below(4) {
            // The border may be within a code point.
            let (part, rest) = payload.split_at(self.random.below(payload.len() + 1));
            self.frame(opcode, part).await?;
            (payload, opcode) = (rest, 0);
            if self.random.one_in(3) {
                self.ping().await?;
            }
        }
        self.frame(0x80 | opcode, payload).await
    }

    /// Writes a frame, in one piece or several.
    async fn frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let mask_bit = if self.is_masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..126 => frame.push(mask_bit | len as u8),
            len @ 126..0x1_0000 => {
                frame.push(mask_bit | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(mask_bit | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        let mut payload = payload.to_vec();
        if self.is_masked {
            let key = (self.random.next() as u32).to_be_bytes();
            frame.extend(key);
            mask(&mut payload, key);
        }
        frame.extend(payload);
        let mut rest = &frame[..];
        while self.random.one_in(3) {
            let (piece, after) = rest.split_at(self.random.below(rest.len() + 1));
            self.output.write_all(piece).await?;
            pause(self.random.below(4)).await;
            rest = after;
        }
        self.output.write_all(rest).await
    }
}

fn mask(payload: &mut [u8], key: [u8; 4]) {
    for chunk in payload.chunks_mut(4) {
        chunk.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
}

struct Reading<I> {
    input: I,
    random: Random,
    is_masked: bool,
    tell: UnboundedSender<Told>,
    unread: Vec<u8>,
    got: Vec<Got>,
    /// A message of which there are frames to come: whether it is text, and its payload.
    message: Option<(bool, Vec<u8>)>,
    last_pong: usize,
    closed: Option<Closed>,
}

impl<I: AsyncRead + Unpin> Reading<I> {
    /// Reads to the end. After its Close frame, a peer that has received none may still send pongs.
    async fn read(&mut self) {
        let mut room = vec![0; 1 + self.random.below(20_000)];
        loop {
            let n = match self.input.read(&mut room).await {
                Ok(0) | Err(_) => break,
                Ok(n) => n,
            };
            self.unread.extend(&room[..n]);
            while let Some((first, payload)) = self.take_frame() {
                self.receive(first, payload);
            }
            if self.random.one_in(8) {
                pause(self.random.below(200)).await;
            }
        }
        if self.closed.is_some() {
            assert!(self.unread.is_empty(), "a torn frame after the Close frame");
        }
        // Whoever waits for what is told must learn that there is no more.
        let (nobody, _) = unbounded_channel();
        self.tell = nobody;
    }

    fn receive(&mut self, first: u8, payload: Vec<u8>) {
        if self.closed.is_some() {
            assert_eq!(first, 0x8a, "after the Close frame");
        }
        match first {
            0x00 | 0x01 | 0x02 | 0x80 | 0x81 | 0x82 => {
                if first & 0xf == 0 {
                    let (_, message) = self.message.as_mut().expect("a message to continue");
                    message.extend(payload);
                } else {
                    assert!(self.message.is_none(), "a message within a message");
                    self.message = Some((first & 0xf == 1, payload));
                }
                if first & 0x80 != 0 {
                    let (is_text, message) = self.message.take().unwrap();
                    self.got.push(Got::check(is_text, &message));
                }
            }
            0x88 => {
                let code = u16::from_be_bytes(payload[..2].try_into().unwrap());
                let reason = String::from_utf8(payload[2..].to_vec()).unwrap();
                let code = CloseCode::new(code).unwrap();
                self.closed =
                    Some(Closed::Clean(Some(CloseReason { code, reason: reason.into() })));
                let _ = self.tell.send(Told::Close(payload));
            }
            0x89 => drop(self.tell.send(Told::Ping(payload))),
            0x8a => check_pong(&payload, &mut self.last_pong),
            _ => panic!("a frame that starts with {first:#x}"),
        }
        if first & 8 != 0 {
            assert!(first & 0x80 != 0, "a control frame in pieces");
        }
    }

    /// Takes a frame, if all of it is there: its first byte and its payload.
    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&first, &second) = (self.unread.first()?, self.unread.get(1)?);
        assert_eq!(second & 0x80 != 0, self.is_masked, "the mask bit");
        let (len, mut at) = match second & 0x7f {
            126 => (u16::from_be_bytes(self.unread.get(2..4)?.try_into().unwrap()).into(), 4),
            127 => (u64::from_be_bytes(self.unread.get(2..10)?.try_into().unwrap()), 10),
            len => (len.into(), 2),
        };
        let shortest = match len {
            0..126 => 2,
            126..0x1_0000 => 4,
            _ => 10,
        };
        assert_eq!(at, shortest, "the form of the length {len}");
        assert!(first & 8 == 0 || len < 126, "a control frame of {len} bytes");
        let mut key = [0; 4];
        if self.is_masked {
            key = self.unread.get(at..at + 4)?.try_into().unwrap();
            at += 4;
        }
        let end = at + len as usize;
        let mut payload = self.unread.get(at..end)?.to_vec();
        mask(&mut payload, key);
        self.unread.drain(..end);
        Some((first, payload))
    }
}
