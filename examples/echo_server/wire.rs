//! Recording the wire: a stream that keeps the heads of the opening handshake and the newest
//! frames, as they were read and written. The page shows them, as browsers keep them secret.
//!
//! The page chooses an id and connects with `?id=ID` as the query. `/wire?id=ID` then returns what
//! was kept, as JSON. Nothing is kept of a connection without an id, and only the newest
//! connections are kept.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hybi::blocking::{Stream, TryClone};
use hybi::frame::Header;
use hybi::handshake::Request;

use crate::tls::Socket;

/// The most connections that are kept, open or not.
const RECORDINGS_MAX: usize = 100;
/// How much of each is kept: of each head, how many frames, and of each payload.
const HEAD_BYTES_MAX: usize = 8 << 10;
const FRAMES_MAX: usize = 12;
const PAYLOAD_BYTES_MAX: usize = 48;
const ID_BYTES_MAX: usize = 32;

/// Returns the id in the query of a request: ASCII letters and digits.
pub(crate) fn id<'a>(request: &'a Request<'_>) -> Option<&'a str> {
    let id = request.query()?.split('&').find_map(|field| field.strip_prefix("id="))?;
    let good = (1..=ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then_some(id)
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

    /// Returns the recording as JSON: `{"request": HEX, "response": HEX, "frames": [{"from":
    /// "client", "header": HEX, "payload": HEX, "length": 5}]}`. A payload is as it was sent,
    /// masked and compressed, and cut if it is long.
    pub(crate) fn to_json(&self) -> Option<String> {
        let wire = lock(&self.0);
        let wire = wire.as_ref()?;
        let frames: Vec<String> = wire.frames.iter().map(Frame::to_json).collect();
        Some(format!(
            r#"{{"request":"{}","response":"{}","frames":[{}]}}"#,
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
    /// The frames of both directions, in the order in which they began.
    frames: VecDeque<Frame>,
}

/// The state of one direction.
#[derive(Default)]
struct Progress {
    head: Vec<u8>,
    head_ended: bool,
    /// A header that is not complete yet.
    header: Vec<u8>,
    payload_left: u64,
}

struct Frame {
    side: Side,
    header: Vec<u8>,
    payload: Vec<u8>,
    payload_len: u64,
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
                progress.payload_left = header.payload_len;
                if self.frames.len() >= FRAMES_MAX {
                    self.frames.pop_front();
                }
                let header_bytes = std::mem::take(&mut progress.header);
                let payload_len = header.payload_len;
                self.frames.push_back(Frame {
                    side,
                    header: header_bytes,
                    payload: Vec::new(),
                    payload_len,
                });
            }
        }
    }
}

impl Frame {
    fn to_json(&self) -> String {
        let from = match self.side {
            Side::Client => "client",
            Side::Server => "server",
        };
        format!(
            r#"{{"from":"{from}","header":"{}","payload":"{}","length":{}}}"#,
            hex(&self.header),
            hex(&self.payload),
            self.payload_len
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Locks even after a panic in another thread: at worst, the recording has a gap.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
