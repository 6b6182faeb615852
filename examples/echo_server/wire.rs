//! Recording the wire: a stream that keeps the heads of the opening handshake and the newest
//! frames, as they were read and written. The page shows them, as browsers keep them secret.
//!
//! The page chooses an id and connects with `?id=ID` as the query. `/wire?id=ID&from=NUMBER` then
//! returns what was kept from that frame on, as JSON. The page asks after each message and keeps a
//! longer list, so it misses frames only in bursts. Frames have numbers, so it sees what it missed.
//! Nothing is kept of a connection without an id, and only the newest connections are kept.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hybi::Message;
use hybi::blocking::{Stream, TryClone};
use hybi::frame::{Header, OpCode, Reserved};

use crate::tls::Socket;

/// The most connections that are kept, open or not.
const RECORDINGS_MAX: usize = 100;
/// How much of each is kept: of each head, how many frames and messages, and of each payload. All
/// recordings together take 35 MiB at most.
const HEAD_BYTES_MAX: usize = 8 << 10;
const FRAMES_MAX: usize = 250;
const PAYLOAD_BYTES_MAX: usize = 512;
const ID_BYTES_MAX: usize = 32;

/// Returns whether this may name a recording: ASCII letters and digits.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The recordings of the newest connections.
#[derive(Default)]
pub(crate) struct Recordings(Mutex<VecDeque<(String, Recording)>>);

impl Recordings {
    /// Keeps a recording, instead of the oldest or of one with the same id.
    pub(crate) fn keep(&self, id: &str, recording: Recording) {
        let mut all = lock(&self.0);
        all.retain(|(other, _)| other != id);
        if all.len() >= RECORDINGS_MAX {
            all.pop_front();
        }
        all.push_back((id.to_owned(), recording));
    }

    pub(crate) fn find(&self, id: &str) -> Option<Recording> {
        lock(&self.0).iter().find(|(other, _)| other == id).map(|(_, recording)| recording.clone())
    }
}

/// The wire of one connection, shared by the stream that adds to it and the page that asks for it.
/// `None` if it is not to be kept.
#[derive(Clone, Default)]
pub(crate) struct Recording(Arc<Mutex<Option<Wire>>>);

impl Recording {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Wire::default()))))
    }

    /// Forgets everything, and keeps nothing from now on.
    pub(crate) fn stop(&self) {
        *lock(&self.0) = None;
    }

    fn add(&self, side: Side, bytes: &[u8]) {
        if let Some(wire) = &mut *lock(&self.0) {
            wire.add(side, bytes);
        }
    }

    /// Returns how long the head of the request was.
    pub(crate) fn request_bytes(&self) -> usize {
        lock(&self.0).as_ref().map_or(0, |wire| wire.client.head.len())
    }

    /// Notes a message of the client that goes back as it is: what the frames of both directions
    /// are when they are inflated.
    pub(crate) fn echoes(&self, message: &Message) {
        let bytes = match message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        };
        if let Some(wire) = &mut *lock(&self.0) {
            let start = bytes.iter().take(PAYLOAD_BYTES_MAX).copied().collect();
            push(&mut wire.messages, Inflated { start, len: bytes.len() });
            wire.messages_ended += 1;
        }
    }

    /// Returns the recording as JSON, without the frames before number `from`:
    ///
    /// ```json
    /// {"request": HEX, "response": HEX, "next": 1, "frames": [{"number": 0, "from": "client",
    ///     "header": HEX, "payload": HEX, "length": 5, "inflated": {"start": HEX, "length": 9}}]}
    /// ```
    ///
    /// A payload is as it was sent, masked and compressed. `inflated` is in the last frame of a
    /// compressed message. Both are cut if they are long. Frames from `next` on may still change.
    pub(crate) fn to_json(&self, from: u64) -> Option<String> {
        let wire = lock(&self.0);
        let wire = wire.as_ref()?;
        let mut next = wire.frames_begun;
        let mut frames = Vec::new();
        let first = wire.frames_begun - wire.frames.len() as u64;
        for (number, frame) in (first..).zip(&wire.frames).filter(|(number, _)| *number >= from) {
            let inflated = frame.message.map(|number| wire.inflated(number));
            if inflated == Some(None) || !frame.is_whole() {
                next = next.min(number);
            }
            frames.push(frame.to_json(number, inflated.flatten()));
        }
        Some(format!(
            r#"{{"request":"{}","response":"{}","next":{next},"frames":[{}]}}"#,
            hex(&wire.client.head),
            hex(&wire.server.head),
            frames.join(",")
        ))
    }
}

/// The sender.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Server,
}

#[derive(Default)]
struct Wire {
    client: Progress,
    server: Progress,
    /// The newest frames of both directions, in the order in which they began.
    frames: VecDeque<Frame>,
    frames_begun: u64,
    /// The newest messages, inflated.
    messages: VecDeque<Inflated>,
    messages_ended: u64,
}

/// The state of one direction.
#[derive(Default)]
struct Progress {
    head: Vec<u8>,
    head_ended: bool,
    /// A header that is not complete yet.
    header: Vec<u8>,
    payload_left: u64,
    messages_begun: u64,
    is_compressed: bool,
}

struct Frame {
    side: Side,
    header: Vec<u8>,
    payload: Vec<u8>,
    payload_len: u64,
    /// The number of the compressed message that ends with this frame.
    message: Option<u64>,
}

#[derive(PartialEq)]
struct Inflated {
    start: Vec<u8>,
    len: usize,
}

impl Wire {
    fn add(&mut self, side: Side, mut bytes: &[u8]) {
        let progress = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        while let Some((&first, rest)) = bytes.split_first() {
            if progress.payload_left > 0 {
                let here = usize::try_from(progress.payload_left)
                    .map_or(bytes.len(), |left| left.min(bytes.len()));
                let (payload, rest) = bytes.split_at(here);
                progress.payload_left = progress.payload_left.saturating_sub(here as u64);
                // Its frame is the newest of its side, unless so many others came meanwhile that it
                // is not kept.
                if let Some(frame) = self.frames.iter_mut().rev().find(|frame| frame.side == side) {
                    let room = PAYLOAD_BYTES_MAX.saturating_sub(frame.payload.len());
                    frame.payload.extend(payload.iter().take(room));
                }
                bytes = rest;
                continue;
            }
            bytes = rest;
            if !progress.head_ended {
                progress.head.push(first);
                progress.head_ended =
                    progress.head.ends_with(b"\r\n\r\n") || progress.head.len() >= HEAD_BYTES_MAX;
                continue;
            }
            progress.header.push(first);
            if let Some((header, _)) = Header::decode(&progress.header) {
                let frame = Frame {
                    side,
                    header: std::mem::take(&mut progress.header),
                    payload: Vec::new(),
                    payload_len: header.payload_len,
                    message: progress.begin_frame(&header),
                };
                push(&mut self.frames, frame);
                self.frames_begun += 1;
            }
        }
    }

    /// Returns a message, if it is known already, and still.
    fn inflated(&self, number: u64) -> Option<&Inflated> {
        let first = self.messages_ended - self.messages.len() as u64;
        self.messages.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }
}

impl Progress {
    /// Returns the number of the compressed message that ends with a frame.
    fn begin_frame(&mut self, header: &Header) -> Option<u64> {
        self.payload_left = header.payload_len;
        if header.opcode.is_control() {
            return None;
        }
        if header.opcode != OpCode::CONTINUATION {
            self.messages_begun += 1;
            // The first frame says it for the whole message (RFC 7692 §6).
            self.is_compressed = header.reserved.contains(Reserved::RSV1);
        }
        let ends = header.fin && self.is_compressed;
        if ends { self.messages_begun.checked_sub(1) } else { None }
    }
}

impl Frame {
    /// Returns whether as much of the payload has come as is kept.
    fn is_whole(&self) -> bool {
        self.payload.len() as u64 >= self.payload_len.min(PAYLOAD_BYTES_MAX as u64)
    }

    fn to_json(&self, number: u64, inflated: Option<&Inflated>) -> String {
        let from = match self.side {
            Side::Client => "client",
            Side::Server => "server",
        };
        let inflated = inflated.map_or_else(String::new, |Inflated { start, len }| {
            format!(r#","inflated":{{"start":"{}","length":{len}}}"#, hex(start))
        });
        format!(
            r#"{{"number":{number},"from":"{from}","header":"{}","payload":"{}","length":{}{}}}"#,
            hex(&self.header),
            hex(&self.payload),
            self.payload_len,
            inflated
        )
    }
}

/// A stream that records what goes through it.
pub(crate) struct Tap {
    stream: Socket,
    recording: Recording,
    /// How many recorded bytes the stream has not taken yet. They are recorded first, so that a
    /// client that has received them can ask for them.
    ahead: usize,
}

impl Tap {
    pub(crate) fn new(stream: Socket) -> Self {
        Self { stream, recording: Recording::new(), ahead: 0 }
    }

    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.recording.add(Side::Client, buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl Write for Tap {
    /// Bytes that are not taken are offered again, so these are the next ones in any case.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(new) = bytes.get(self.ahead..) {
            self.recording.add(Side::Server, new);
            self.ahead = bytes.len();
        }
        let n = self.stream.write(bytes)?;
        self.ahead = self.ahead.saturating_sub(n);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for Tap {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(timeout)
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }

    fn set_nodelay(&mut self) -> io::Result<()> {
        self.stream.set_nodelay()
    }

    fn has_independent_directions(&self) -> bool {
        self.stream.has_independent_directions()
    }
}

/// The halves of a connection have a handle each. Only one of them writes.
impl TryClone for Tap {
    fn try_clone(&self) -> io::Result<Self> {
        let Self { stream, recording, ahead } = self;
        Ok(Self { stream: stream.try_clone()?, recording: recording.clone(), ahead: *ahead })
    }
}

/// Adds to the newest, instead of the oldest.
fn push<T>(newest: &mut VecDeque<T>, item: T) {
    if newest.len() >= FRAMES_MAX {
        newest.pop_front();
    }
    newest.push_back(item);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Locks even after a panic in another thread: at worst, the recording has a gap.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
