//! Frames as lines for people to read.

use std::fmt::Write;

use hybi::connection::Kind;
use hybi::frame::OpCode;
use hybi::relay::{Passing, Piece, Side, Verdict};
use hybi::{Event, escaped};

use crate::say;

/// Prints what one side sends.
pub(crate) struct View {
    number: usize,
    side: Side,
    payload_bytes_max: usize,
    /// The start of the payload of the frame that is passing.
    start: Vec<u8>,
    is_printed: bool,
    #[cfg(feature = "deflate")]
    inflating: Option<inflating::Inflating>,
}

/// Returns the name of a side, of the same width for both.
pub(crate) const fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

impl View {
    pub(crate) fn new(number: usize, side: Side, payload_bytes_max: usize) -> Self {
        Self {
            number,
            side,
            payload_bytes_max,
            start: Vec::new(),
            is_printed: false,
            #[cfg(feature = "deflate")]
            inflating: inflating::Inflating::new(payload_bytes_max),
        }
    }

    /// Looks at what passes.
    pub(crate) fn observe(&mut self, passing: Passing<'_, '_>) -> Verdict {
        match passing {
            Passing::Data(piece) => self.data(piece),
            Passing::Control(event) => self.control(event),
            _ => {}
        }
        Verdict::Pass
    }

    fn data(&mut self, piece: &mut Piece<'_>) {
        if piece.begins_frame() {
            self.start.clear();
            self.is_printed = false;
        }
        let room = self.payload_bytes_max - self.start.len();
        let payload = piece.payload();
        self.start.extend_from_slice(&payload[..payload.len().min(room)]);
        // A long frame is printed when its start is known, not when it ends.
        let is_enough = piece.ends_frame() || self.start.len() == self.payload_bytes_max;
        if is_enough && !self.is_printed {
            self.is_printed = true;
            self.frame(piece);
        }
        #[cfg(feature = "deflate")]
        if piece.is_compressed()
            && let Some(inflating) = &mut self.inflating
            && let Some(line) = inflating.take(piece)
        {
            self.line(&line);
        }
    }

    fn frame(&self, piece: &Piece<'_>) {
        let header = piece.header();
        let start = if piece.kind() == Kind::Text && !piece.is_compressed() {
            text(&self.start)
        } else {
            hex(&self.start)
        };
        let is_more = header.payload_len > self.start.len() as u64;
        let compressed = if piece.is_compressed() { ", compressed" } else { "" };
        let fin = if header.fin { "" } else { ", to be continued" };
        let len = bytes(header.payload_len);
        let more = if is_more { " ..." } else { "" };
        let (wire, opcode) = (hex(&header.encode()), header.opcode);
        self.line(&format!("{wire}  {opcode}{compressed}{fin}, {len}  {start}{more}"));
    }

    fn control(&self, event: &Event<'_>) {
        let (opcode, payload) = match event {
            Event::Ping(payload) => (OpCode::PING, hex_and_text(payload)),
            Event::Pong(payload) => (OpCode::PONG, hex_and_text(payload)),
            Event::Close(None) => (OpCode::CLOSE, "without a code".into()),
            Event::Close(Some(close)) if close.reason.is_empty() => {
                (OpCode::CLOSE, close.code.to_string())
            }
            Event::Close(Some(close)) => {
                (OpCode::CLOSE, format!("{} \"{}\"", close.code, escaped(&close.reason)))
            }
            _ => return,
        };
        self.line(&format!("{opcode}  {payload}"));
    }

    fn line(&self, line: &str) {
        say(format_args!("#{} {}  {line}", self.number, name(self.side)));
    }
}

fn bytes(n: u64) -> String {
    if n == 1 { "1 byte".into() } else { format!("{n} bytes") }
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for (n, byte) in bytes.iter().enumerate() {
        let space = if n == 0 { "" } else { " " };
        let _ = write!(hex, "{space}{byte:02x}");
    }
    hex
}

/// Returns a text in quotes, without the start of a code point at its end.
fn text(bytes: &[u8]) -> String {
    let valid = match str::from_utf8(bytes) {
        Ok(text) => text,
        // A fragment may also begin within a code point.
        Err(error) if error.error_len().is_some() || error.valid_up_to() == 0 => {
            return format!("\"{}\"", escaped(&String::from_utf8_lossy(bytes)));
        }
        Err(error) => str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    format!("\"{}\"", escaped(valid))
}

/// Returns the payload of a ping or pong, which is often text.
fn hex_and_text(payload: &[u8]) -> String {
    match str::from_utf8(payload) {
        Ok("") => "empty".into(),
        Ok(text) => format!("\"{}\"", escaped(text)),
        Err(_) => hex(payload),
    }
}

/// Compressed messages, decompressed to be looked at (RFC 7692).
#[cfg(feature = "deflate")]
mod inflating {
    use hybi::connection::{Chunk, ChunkData, ChunkEvent, Reader};
    use hybi::extension::{Offers, deflate};
    use hybi::frame::Header;
    use hybi::relay::Piece;
    use hybi::{Client, Config, Connection, Input, Limits};

    use super::{hex, text};

    /// The half of a connection, for which the compressed messages are made frames again. It gives
    /// them back in chunks, so no message is held, whatever it inflates to.
    pub(super) struct Inflating {
        reader: Reader<Client>,
        start: Vec<u8>,
        start_bytes_max: usize,
        len: u64,
        is_over: bool,
    }

    impl Inflating {
        pub(super) fn new(start_bytes_max: usize) -> Option<Self> {
            // A reader that keeps a window can read messages that were made with none, or with a
            // smaller one. So the agreed parameters make no difference here.
            let config = deflate::DeflateConfig::default();
            let agreed = deflate::respond(&config, Offers::new(b"permessage-deflate").flatten())?;
            // The relay has no limit either.
            let limits = Limits::default().fragments_max(u32::MAX);
            let connection = Connection::client(Config::default().limits(limits));
            let connection = connection.with_deflate(&agreed, &config);
            let (reader, _) = connection.split();
            Some(Self { reader, start: Vec::new(), start_bytes_max, len: 0, is_over: false })
        }

        /// Takes a piece of a compressed message. Returns a line at the end of the message.
        pub(super) fn take(&mut self, piece: &mut Piece<'_>) -> Option<String> {
            if self.is_over {
                return None;
            }
            let mut bytes = Vec::new();
            if piece.begins_frame() {
                // As from a server, which does not mask.
                let header = Header { masking_key: None, ..*piece.header() };
                bytes.extend_from_slice(&header.encode());
            }
            bytes.extend_from_slice(piece.payload());
            let mut input = Input::new(&mut bytes);
            loop {
                match self.reader.receive_chunk_within(u64::MAX, &mut input) {
                    Ok(Some(ChunkEvent::Chunk(chunk))) => {
                        if let Some(line) = self.chunk(chunk) {
                            return Some(line);
                        }
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(error) => {
                        self.is_over = true;
                        return Some(format!("  cannot be inflated: {error}"));
                    }
                }
            }
        }

        fn chunk(&mut self, chunk: Chunk<'_>) -> Option<String> {
            let bytes = chunk.data.as_bytes();
            let room = self.start_bytes_max - self.start.len();
            self.start.extend_from_slice(&bytes[..bytes.len().min(room)]);
            self.len += bytes.len() as u64;
            if !chunk.last {
                return None;
            }
            let start = match chunk.data {
                ChunkData::Text(_) => text(&self.start),
                ChunkData::Binary(_) => hex(&self.start),
            };
            let more = if self.len > self.start.len() as u64 { " ..." } else { "" };
            let line = format!("  inflated, {}  {start}{more}", super::bytes(self.len));
            self.start.clear();
            self.len = 0;
            Some(line)
        }
    }
}
