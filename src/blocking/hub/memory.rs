//! Assembling messages in memory that all connections of a hub share.

use std::string::String;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::vec::Vec;

use crate::connection::{Chunk, ChunkData, Message};

/// What each connection may use without asking, so that long messages of others cannot starve it: a
/// message of 64 KiB, and the same again while its buffer grows.
pub(super) const SHARE: usize = 128 << 10;
/// The capacity of a buffer that holds the beginning of a message.
const SMALL: usize = 4 << 10;

/// Memory for messages.
pub(super) struct Pool {
    free: AtomicUsize,
}

impl Pool {
    pub(super) fn new(bytes: usize) -> Self {
        Self { free: AtomicUsize::new(bytes) }
    }

    fn take(&self, bytes: usize) -> Result<(), NoMemory> {
        let taken = self
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes));
        taken.map(|_| ()).map_err(|_| NoMemory)
    }

    fn give_back(&self, bytes: usize) {
        self.free.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// There is no memory for a message, in the pool or in the system.
pub(super) struct NoMemory;

/// The message of one connection: in progress, or returned last.
pub(super) struct Assembly {
    pool: Arc<Pool>,
    taken: usize,
    message: Option<Buffer>,
    /// When the message in progress began to hold shared memory.
    shared_since: Option<Instant>,
}

enum Buffer {
    Text(String),
    Binary(Vec<u8>),
}

impl Assembly {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, taken: 0, message: None, shared_since: None }
    }

    /// Returns whether part of a message is held.
    pub(super) fn is_in_progress(&self) -> bool {
        self.message.is_some()
    }

    /// Returns since when the message in progress has held memory that others could use.
    pub(super) fn shared_since(&self) -> Option<Instant> {
        self.shared_since
    }

    /// Takes out what there is of a message in progress.
    pub(super) fn take_part(&mut self) -> Option<ChunkData<'static>> {
        Some(match self.message.take()? {
            Buffer::Text(text) => ChunkData::Text(text.into()),
            Buffer::Binary(bytes) => ChunkData::Binary(bytes.into()),
        })
    }

    /// Gives back the memory of the message that was returned, unless one is in progress.
    pub(super) fn release(&mut self) {
        if self.message.is_none() {
            self.pool.give_back(std::mem::take(&mut self.taken));
            self.shared_since = None;
        }
    }

    /// Frees everything.
    pub(super) fn clear(&mut self) {
        self.message = None;
        self.release();
    }

    /// Adds a chunk, after which `rest` bytes of the message will follow, if that is known. Returns
    /// the message if it is complete.
    pub(super) fn push(
        &mut self,
        chunk: Chunk<'static>,
        rest: Option<u64>,
    ) -> Result<Option<Message>, NoMemory> {
        let Chunk { data, last, .. } = chunk;
        let message = match (self.message.take(), data) {
            // The message has one chunk only, or this is the first: nothing is copied.
            (None, ChunkData::Text(text)) => Buffer::Text(text.into_owned()),
            (None, ChunkData::Binary(bytes)) => Buffer::Binary(bytes.into_owned()),
            (Some(Buffer::Text(mut text)), ChunkData::Text(more)) => {
                if let Some(room) = self.make_room(text.len(), text.capacity(), more.len(), rest)? {
                    text.try_reserve_exact(room).map_err(|_| NoMemory)?;
                }
                text.push_str(&more);
                Buffer::Text(text)
            }
            (Some(Buffer::Binary(mut bytes)), ChunkData::Binary(more)) => {
                if let Some(room) =
                    self.make_room(bytes.len(), bytes.capacity(), more.len(), rest)?
                {
                    bytes.try_reserve_exact(room).map_err(|_| NoMemory)?;
                }
                bytes.extend_from_slice(&more);
                Buffer::Binary(bytes)
            }
            // All chunks of a message are of one kind.
            (Some(buffer), _) => buffer,
        };
        self.hold(message.capacity())?;
        if last {
            self.shared_since = None;
            return Ok(Some(message.into_message()));
        }
        if self.taken > 0 && self.shared_since.is_none() {
            self.shared_since = Some(Instant::now());
        }
        self.message = Some(message);
        Ok(None)
    }

    /// Takes memory for growing a buffer, which needs the old one and the new. Returns by how much
    /// to grow it, `None` if there is room.
    fn make_room(
        &mut self,
        len: usize,
        capacity: usize,
        more: usize,
        rest: Option<u64>,
    ) -> Result<Option<usize>, NoMemory> {
        let needed = len.saturating_add(more);
        if needed <= capacity {
            return Ok(None);
        }
        let in_all = rest.map_or(usize::MAX, |rest| {
            needed.saturating_add(usize::try_from(rest).unwrap_or(usize::MAX))
        });
        let doubled = needed.checked_next_power_of_two().unwrap_or(needed);
        let grown = doubled.max(SMALL).min(in_all);
        self.hold(grown.saturating_add(capacity))?;
        Ok(Some(grown.saturating_sub(len)))
    }

    /// Takes as much of the pool as `bytes` need beyond the share, or gives the rest back.
    fn hold(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let wanted = bytes.saturating_sub(SHARE);
        if wanted > self.taken {
            self.pool.take(wanted.saturating_sub(self.taken))?;
        } else {
            self.pool.give_back(self.taken.saturating_sub(wanted));
        }
        self.taken = wanted;
        Ok(())
    }
}

impl Drop for Assembly {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Buffer {
    fn capacity(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::Binary(bytes) => bytes.capacity(),
        }
    }

    fn into_message(self) -> Message {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(bytes: usize, first: bool, last: bool) -> Chunk<'static> {
        Chunk { data: ChunkData::Binary(std::vec![7; bytes].into()), first, last }
    }

    fn free(pool: &Pool) -> usize {
        pool.free.load(Ordering::Relaxed)
    }

    #[test]
    fn messages_within_the_share_need_nothing_of_the_pool() {
        let pool = Arc::new(Pool::new(0));
        let mut assembly = Assembly::new(Arc::clone(&pool));
        for _ in 0..3 {
            assembly.release();
            assert!(matches!(assembly.push(chunk(SHARE, true, true), Some(0)), Ok(Some(_))));
            assembly.release();
            for n in 0..1024 {
                assert!(assembly.push(chunk(64, n == 0, n == 1023), None).is_ok());
            }
        }
    }

    #[test]
    fn a_message_holds_its_memory_until_the_next_one_and_a_growing_buffer_holds_both() {
        let pool = Arc::new(Pool::new(10 * SHARE));
        let mut assembly = Assembly::new(Arc::clone(&pool));
        assert!(assembly.push(chunk(2 * SHARE, true, false), None).is_ok());
        assert_eq!(free(&pool), 9 * SHARE);
        assert!(assembly.push(chunk(2 * SHARE, false, true), None).is_ok());
        assert_eq!(free(&pool), 7 * SHARE);
        assembly.release();
        assert_eq!(free(&pool), 10 * SHARE);

        // 6 parts and one more would need 6 + 8 - 1 while they grow.
        assert!(assembly.push(chunk(6 * SHARE, true, false), None).is_ok());
        assert!(assembly.push(chunk(1, false, false), None).is_err());
        assembly.clear();
        assert_eq!(free(&pool), 10 * SHARE);
        // If no more than that is to follow, they need less.
        assert!(assembly.push(chunk(5 * SHARE, true, false), None).is_ok());
        assert!(assembly.push(chunk(1, false, false), Some(9)).is_ok());
        assert_eq!(free(&pool), 6 * SHARE - 10);
        drop(assembly);
        assert_eq!(free(&pool), 10 * SHARE);
    }
}
