//! Compression of messages (RFC 7692 §7.2.1).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use zlib_rs::{Deflate, DeflateFlush, Status};

use crate::export::{Body, ImportError};
use crate::length::in_memory;

use super::inflate::TAIL;
use super::negotiate::WINDOW_BITS_MAX;
use super::{Compression, DeflateConfig};

/// A message that compresses to nothing: an empty stored block without its tail (RFC 7692
/// §7.2.3.6).
const EMPTY: [u8; 1] = [0x00];

/// The smallest window that the backend can compress with.
const WINDOW_BITS_MIN: u8 = 9;

/// The compressed form of a message for many connections, and the window that it needs. It is made
/// for the first connection that can use it. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct SharedForm(Arc<OnceLock<(u8, Bytes)>>);

/// The sending side of permessage-deflate on one connection.
pub(crate) struct Deflater {
    /// `None` between messages without context takeover.
    stream: Option<Deflate>,
    backend: zlib_rs::DeflateConfig,
    window_bits: u8,
    /// Whether the peer, or a fallback, has asked for a smaller window than we would use.
    window_is_reduced: bool,
    takeover: bool,
    compress_from: usize,
    compression: Compression,
}

impl Deflater {
    /// Returns `None` for a window that the backend cannot compress with. All messages are then
    /// sent uncompressed, which is always allowed (RFC 7692 §6).
    pub(super) fn new(window_bits: u8, takeover: bool, config: &DeflateConfig) -> Option<Self> {
        if window_bits < WINDOW_BITS_MIN {
            return None;
        }
        let backend = zlib_rs::DeflateConfig {
            level: i32::from(config.level),
            // Negative: without a zlib header.
            window_bits: i32::from(window_bits).saturating_neg(),
            mem_level: i32::from(config.memory_level),
            ..zlib_rs::DeflateConfig::default()
        };
        Some(Self {
            stream: None,
            backend,
            window_bits,
            window_is_reduced: window_bits < config.wishes.outgoing_window_bits,
            takeover,
            compress_from: config.compress_from,
            compression: Compression::Auto,
        })
    }

    /// Appends what the peer was promised, and which messages are compressed. What it remembers of
    /// earlier messages stays here.
    pub(crate) fn export(&self, to: &mut Vec<u8>) {
        let compression = match self.compression {
            Compression::Auto => 0,
            Compression::Always => 1,
            Compression::Never => 2,
        };
        to.extend_from_slice(&[self.window_bits, self.takeover.into(), compression]);
    }

    /// Reads what [`export`](Self::export) has written. Returns `None` as [`new`](Self::new): the
    /// configuration may allow less than was promised.
    pub(crate) fn import(
        config: &DeflateConfig,
        body: &mut Body<'_>,
    ) -> Result<Option<Self>, ImportError> {
        let window_bits = body.u8()?;
        body.check((WINDOW_BITS_MIN..=WINDOW_BITS_MAX).contains(&window_bits))?;
        let takeover = body.flag()?;
        let compression = match body.u8()? {
            0 => Compression::Auto,
            1 => Compression::Always,
            2 => Compression::Never,
            _ => return Err(body.malformed()),
        };
        let wishes = config.wishes;
        let window_bits = window_bits.min(wishes.outgoing_window_bits);
        let deflater = Self::new(window_bits, takeover && wishes.outgoing_context_takeover, config);
        Ok(deflater.map(|deflater| Self { compression, ..deflater }))
    }

    /// Sets which messages are compressed from now on. Returns what was set before.
    pub(crate) fn set_compression(&mut self, compression: Compression) -> Compression {
        core::mem::replace(&mut self.compression, compression)
    }

    /// Returns whether to compress a message of this many bytes, or one in parts (`None`).
    pub(crate) fn wants(&self, bytes: Option<usize>) -> bool {
        match self.compression {
            // RFC 7692 §7.3: with takeover, later messages may benefit from a short one.
            Compression::Auto => {
                self.takeover || bytes.is_none_or(|bytes| bytes >= self.compress_from)
            }
            Compression::Always => true,
            Compression::Never => false,
        }
    }

    /// Compresses a message or the next part of one. The peer can decompress all of it at once.
    pub(crate) fn compress(&mut self, part: &[u8], last: bool) -> Vec<u8> {
        let mut compressed = Vec::new();
        if !part.is_empty() {
            self.compress_into(part, &mut compressed);
        }
        if last {
            // Every flush ends with the tail, which is omitted from a message (RFC 7692 §7.2.1).
            match compressed.strip_suffix(&TAIL).map(<[u8]>::len) {
                Some(len) => compressed.truncate(len),
                None => compressed.extend_from_slice(&EMPTY),
            }
            if !self.takeover {
                self.stream = None;
            }
        }
        compressed
    }

    /// Compresses a message for many connections. Those that keep no window share the result.
    pub(crate) fn compress_shared(&mut self, message: &[u8], shared: &SharedForm) -> Bytes {
        // A peer with a smaller window must not decide what the others get.
        if !self.takeover && !self.window_is_reduced {
            // Without the room that it grew in.
            let make =
                || (self.window_bits, self.compress(message, true).into_boxed_slice().into());
            let (window_bits, compressed) = shared.0.get_or_init(make);
            // Another configuration may have used a larger window.
            if *window_bits <= self.window_bits {
                return compressed.clone();
            }
        }
        self.compress(message, true).into()
    }

    fn compress_into(&mut self, part: &[u8], out: &mut Vec<u8>) {
        let stream = self.stream.get_or_insert_with(|| Deflate::new_with_config(self.backend));
        let mut rest = part;
        let mut room = (part.len() / 2).max(128);
        loop {
            let begin = out.len();
            out.resize(begin.saturating_add(room), 0);
            let (in_before, out_before) = (stream.total_in(), stream.total_out());
            let status = stream.compress(
                rest,
                out.get_mut(begin..).unwrap_or_default(),
                DeflateFlush::SyncFlush,
            );
            let read = in_memory(stream.total_in().saturating_sub(in_before));
            let written = in_memory(stream.total_out().saturating_sub(out_before));
            rest = rest.get(read..).unwrap_or_default();
            out.truncate(begin.saturating_add(written));
            debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)));
            // If room is left, the flush is complete.
            if status.is_err() || (rest.is_empty() && written < room) {
                return;
            }
            room = room.max(out.len() / 2);
        }
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("compression", &self.compression).finish_non_exhaustive()
    }
}
