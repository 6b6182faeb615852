//! The cost of tokio and the system calls: all frames are assumed masked, final and legal.
//!
//! Reads go into the inbox of the thread, as hybi-tokio's do, so they are as long. Writes are
//! gathered in a buffer of the thread. Long payloads are written from where they were read to.

use super::{Result, Stream, Writes, answer};
use ::hybi::Inbox;
use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::ready;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};

/// From here on a payload is not copied.
const LARGE: usize = 8 << 10;

thread_local! {
    static INBOX: Cell<Option<Inbox>> = const { Cell::new(None) };
    static OUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

pub async fn gathered<S: Stream>(stream: S) -> Result<()> {
    echo(stream, Writes::Gathered).await
}

pub async fn each<S: Stream>(stream: S) -> Result<()> {
    echo(stream, Writes::Each).await
}

/// Keeps a connection, and nothing more.
pub async fn idle<S: Stream>(mut stream: S) -> Result<()> {
    answer(&mut stream).await?;
    loop {
        if stream.read_u8().await.is_err() {
            return Ok(());
        }
    }
}

async fn echo<S: Stream>(mut stream: S, writes: Writes) -> Result<()> {
    answer(&mut stream).await?;
    // A connection has an inbox only while something is in it.
    let mut own = None;
    loop {
        let n = poll_fn(|cx| {
            let mut inbox = own.take().or_else(|| INBOX.take()).unwrap_or_default();
            let mut room = ReadBuf::new(inbox.room());
            let read = Pin::new(&mut stream).poll_read(cx, &mut room);
            let n = room.filled().len();
            inbox.filled(n);
            own = give_back(inbox);
            read.map_ok(|()| n)
        })
        .await?;
        let Some(mut inbox) = own.take().filter(|_| n > 0) else { return Ok(()) };
        let mut out = OUT.take();
        let mut input = inbox.input();
        while let Some((header_len, len)) = frame(input.remaining()) {
            let Some(bytes) = input.take(header_len + len) else { break };
            if bytes[0] == 0x88 {
                return Ok(());
            }
            let (header, payload) = bytes.split_at_mut(header_len);
            let (header, key) = header.split_at_mut(header_len - 4);
            unmask(payload, [key[0], key[1], key[2], key[3]]);
            header[1] &= 0x7f;
            out.extend_from_slice(header);
            if len < LARGE {
                out.extend_from_slice(payload);
                if writes == Writes::Each {
                    write(&mut stream, &mut out, &[]).await?;
                }
            } else {
                write(&mut stream, &mut out, payload).await?;
            }
        }
        write(&mut stream, &mut out, &[]).await?;
        OUT.set(out);
        own = give_back(inbox);
    }
}

/// Gives the inbox back to the thread if it is empty.
fn give_back(inbox: Inbox) -> Option<Inbox> {
    if !inbox.is_empty() {
        return Some(inbox);
    }
    INBOX.set(Some(inbox));
    None
}

/// Returns the lengths of the header and the payload, if the header is there.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [_, second, a, b, ..] if second & 0x7f == 126 => {
            Some((8, usize::from(u16::from_be_bytes([a, b]))))
        }
        [_, second, a, b, c, d, e, f, g, h, ..] if second & 0x7f == 127 => {
            Some((14, u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize))
        }
        [_, second, ..] if second & 0x7f < 126 => Some((6, usize::from(second & 0x7f))),
        _ => None,
    }
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let (words, tail) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Writes what is in `out`, and a payload after it.
async fn write<S: Stream>(stream: &mut S, out: &mut Vec<u8>, payload: &[u8]) -> io::Result<()> {
    let (mut written, total) = (0, out.len() + payload.len());
    poll_fn(|cx| {
        while written < total {
            let in_out = written.min(out.len());
            let slices = [IoSlice::new(&out[in_out..]), IoSlice::new(&payload[written - in_out..])];
            let stream = Pin::new(&mut *stream);
            let poll = match payload {
                [] => stream.poll_write(cx, &slices[0]),
                _ => stream.poll_write_vectored(cx, &slices),
            };
            written += ready!(poll)?;
        }
        std::task::Poll::Ready(Ok::<(), io::Error>(()))
    })
    .await?;
    out.clear();
    stream.flush().await
}
