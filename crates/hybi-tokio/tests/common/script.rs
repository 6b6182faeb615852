//! [`Script`]: a stream in memory that does what the test says, and nothing more.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The stream. It keeps one waker for each direction, that of the last poll, and only if that was
/// pending, as a stream is allowed to do.
///
/// Panics if it is shut down before everything was flushed, or twice, or if it is written or flushed
/// after it was shut down.
pub struct Script(Arc<Mutex<State>>);

/// The test's end of a script.
#[derive(Clone)]
pub struct Peer(Arc<Mutex<State>>);

/// A call that was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read(usize),
    Write(usize),
    Flush,
    Shutdown,
    Failed,
}

/// What a direction comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end of the input; a write that takes nothing.
    Zero,
    Error(io::ErrorKind),
}

struct State {
    input: VecDeque<u8>,
    /// What comes after the input. `None`: nothing yet.
    input_end: Option<End>,
    read_max: usize,
    /// A read must write something first, as in TLS.
    read_needs_room: bool,
    written: Vec<u8>,
    /// How many bytes are taken.
    room: usize,
    /// What comes when there is no room.
    output_end: Option<End>,
    write_max: usize,
    is_vectored: bool,
    /// How many bytes it holds back until it is flushed.
    buffer_max: usize,
    buffer: VecDeque<u8>,
    /// Whether it was not flushed after a write.
    is_unflushed: bool,
    has_failed: bool,
    is_shut_down: bool,
    blocks_shutdown: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// How often a waker was replaced by that of another task.
    replaced: usize,
    calls: Vec<Call>,
    polls: usize,
    is_dropped: bool,
}

impl Script {
    /// A stream that takes everything, and the other end.
    pub fn new() -> (Self, Peer) {
        let state = Arc::new(Mutex::new(State {
            input: VecDeque::new(),
            input_end: None,
            read_max: usize::MAX,
            read_needs_room: false,
            written: Vec::new(),
            room: usize::MAX,
            output_end: None,
            write_max: usize::MAX,
            is_vectored: false,
            buffer_max: 0,
            buffer: VecDeque::new(),
            is_unflushed: false,
            has_failed: false,
            is_shut_down: false,
            blocks_shutdown: false,
            reader: None,
            writer: None,
            replaced: 0,
            calls: Vec::new(),
            polls: 0,
            is_dropped: false,
        }));
        (Self(Arc::clone(&state)), Peer(state))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let mut state = self.state();
        state.is_dropped = true;
        (state.reader, state.writer) = (None, None);
    }
}

/// Settings. They wake nobody.
impl Peer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Sets how many bytes a read delivers at most.
    pub fn set_read_max(&self, max: usize) -> &Self {
        self.state().read_max = max;
        self
    }

    /// Sets how many bytes a write takes at most.
    pub fn set_write_max(&self, max: usize) -> &Self {
        self.state().write_max = max;
        self
    }

    /// Takes no more bytes.
    pub fn stop_taking(&self) -> &Self {
        self.state().room = 0;
        self
    }

    pub fn set_vectored(&self, is_vectored: bool) -> &Self {
        self.state().is_vectored = is_vectored;
        self
    }

    /// Holds so many bytes back until it is flushed.
    pub fn set_buffer_max(&self, max: usize) -> &Self {
        self.state().buffer_max = max;
        self
    }

    /// Lets no read pass while there is no room to write.
    pub fn set_read_needs_room(&self) -> &Self {
        self.state().read_needs_room = true;
        self
    }

    pub fn block_shutdown(&self) -> &Self {
        self.state().blocks_shutdown = true;
        self
    }
}

/// Events. They wake who has polled last.
impl Peer {
    fn change_input(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let waker = state.reader.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn change_output(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let waker = state.writer.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Delivers bytes.
    pub fn deliver(&self, bytes: impl AsRef<[u8]>) {
        self.change_input(|state| state.input.extend(bytes.as_ref()));
    }

    /// Delivers bytes whose event is still on the way.
    pub fn deliver_silently(&self, bytes: impl AsRef<[u8]>) {
        self.state().input.extend(bytes.as_ref());
    }

    /// Ends the input, after what was delivered.
    pub fn end_input(&self, end: End) {
        self.change_input(|state| state.input_end = Some(end));
    }

    /// Takes so many bytes more.
    pub fn take_more(&self, bytes: usize) {
        self.change_output(|state| state.room = state.room.saturating_add(bytes));
    }

    /// Takes nothing more, and says so.
    pub fn end_output(&self, end: End) {
        self.change_output(|state| {
            state.room = 0;
            state.output_end = Some(end);
        });
    }

    pub fn allow_shutdown(&self) {
        self.change_output(|state| state.blocks_shutdown = false);
    }
}

/// What has happened.
impl Peer {
    /// Takes the bytes that have been written.
    pub fn take_written(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().written)
    }

    pub fn written_len(&self) -> usize {
        self.state().written.len()
    }

    /// The calls that were ready so far.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// How often it has been polled, in vain or not.
    pub fn polls(&self) -> usize {
        self.state().polls
    }

    /// Frees the memory that is not in use.
    pub fn shrink(&self) {
        let mut state = self.state();
        state.input.shrink_to_fit();
        state.written.shrink_to_fit();
        state.calls.shrink_to_fit();
    }

    pub fn replaced(&self) -> usize {
        self.state().replaced
    }

    pub fn is_shut_down(&self) -> bool {
        self.state().is_shut_down
    }

    pub fn is_dropped(&self) -> bool {
        self.state().is_dropped
    }

    pub fn has_room(&self) -> bool {
        self.state().room > 0
    }

    pub fn unread_len(&self) -> usize {
        self.state().input.len()
    }

    /// Whether somebody waits to read.
    pub fn has_reader(&self) -> bool {
        self.state().reader.is_some()
    }

    /// Whether somebody waits to write.
    pub fn has_writer(&self) -> bool {
        self.state().writer.is_some()
    }
}

fn register(slot: &mut Option<Waker>, replaced: &mut usize, cx: &Context<'_>) {
    if slot.as_ref().is_some_and(|waker| !waker.will_wake(cx.waker())) {
        *replaced += 1;
    }
    *slot = Some(cx.waker().clone());
}

impl State {
    fn wait_to_read(&mut self, cx: &Context<'_>) {
        register(&mut self.reader, &mut self.replaced, cx);
    }

    fn wait_to_write(&mut self, cx: &Context<'_>) {
        register(&mut self.writer, &mut self.replaced, cx);
    }

    /// Moves what is held back to where there is room for it.
    fn drain(&mut self) {
        let n = self.buffer.len().min(self.room);
        self.room -= n;
        self.written.extend(self.buffer.drain(..n));
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        assert!(!self.is_shut_down, "written after it was shut down");
        assert!(slices.iter().any(|slice| !slice.is_empty()), "an empty write");
        let mut room = self.room;
        if self.buffer_max > 0 {
            if self.buffer.len() == self.buffer_max {
                self.drain();
            }
            room = self.buffer_max - self.buffer.len();
        }
        if self.room == 0
            && let Some(end) = self.output_end
        {
            self.has_failed = true;
            return match end {
                End::Zero => Ok(Some(0)),
                End::Error(kind) => Err(kind.into()),
            };
        }
        let mut left = room.min(self.write_max);
        if left == 0 {
            return Ok(None);
        }
        let before = left;
        for slice in slices {
            let taken = &slice[..slice.len().min(left)];
            left -= taken.len();
            if self.buffer_max > 0 {
                self.buffer.extend(taken);
            } else {
                self.written.extend(taken);
            }
        }
        let n = before - left;
        if self.buffer_max == 0 {
            self.room -= n;
        }
        self.is_unflushed = true;
        Ok(Some(n))
    }
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let state = &mut *state;
        state.polls += 1;
        if state.read_needs_room && state.room == 0 {
            state.wait_to_write(cx);
            return Poll::Pending;
        }
        if state.input.is_empty() {
            state.reader = None;
            return match state.input_end {
                None => {
                    state.wait_to_read(cx);
                    Poll::Pending
                }
                Some(End::Zero) => {
                    state.calls.push(Call::Read(0));
                    Poll::Ready(Ok(()))
                }
                Some(End::Error(kind)) => {
                    state.calls.push(Call::Failed);
                    Poll::Ready(Err(kind.into()))
                }
            };
        }
        let n = state.input.len().min(state.read_max).min(buf.remaining());
        let (front, back) = state.input.as_slices();
        let from_front = n.min(front.len());
        buf.put_slice(&front[..from_front]);
        buf.put_slice(&back[..n - from_front]);
        state.input.drain(..n);
        state.reader = None;
        state.calls.push(Call::Read(n));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        state.polls += 1;
        match state.write(slices) {
            Ok(None) => {
                state.wait_to_write(cx);
                Poll::Pending
            }
            Ok(Some(n)) => {
                state.writer = None;
                state.calls.push(Call::Write(n));
                Poll::Ready(Ok(n))
            }
            Err(error) => {
                state.writer = None;
                state.calls.push(Call::Failed);
                Poll::Ready(Err(error))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.state().is_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        state.polls += 1;
        assert!(!state.is_shut_down, "flushed after it was shut down");
        state.drain();
        if !state.buffer.is_empty() {
            state.wait_to_write(cx);
            return Poll::Pending;
        }
        state.writer = None;
        state.is_unflushed = false;
        state.calls.push(Call::Flush);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        state.polls += 1;
        assert!(!state.is_shut_down, "shut down twice");
        assert!(!state.is_unflushed || state.has_failed, "shut down before it was flushed");
        if state.blocks_shutdown {
            state.wait_to_write(cx);
            return Poll::Pending;
        }
        state.writer = None;
        state.is_shut_down = true;
        state.calls.push(Call::Shutdown);
        Poll::Ready(Ok(()))
    }
}
