//! Tasks that are polled when the test says so, and time that passes when the test says so.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// A waker that counts.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Count {
    /// How often it was woken since the last call.
    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A runtime whose clock stands still. Its timers work while it is
/// [entered](Runtime::enter), and no budget is counted outside of `block_on`.
pub fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Lets time pass, and timers fire.
pub fn advance(runtime: &Runtime, time: Duration) {
    runtime.block_on(async {
        tokio::time::advance(time).await;
        tokio::task::yield_now().await;
    });
}

/// Polls a new future once, with a waker that nobody looks at.
pub fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls something whose future needs nothing but polls.
#[track_caller]
pub fn settle<F: Future>(future: F) -> F::Output {
    match poll_once(future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// A future with a waker of its own.
pub struct Task<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    waker: Arc<Count>,
}

impl<'a, T> Task<'a, T> {
    pub fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self { future: Box::pin(future), waker: Arc::default() }
    }

    pub fn poll(&mut self) -> Poll<T> {
        let waker = Arc::clone(&self.waker).into();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// How often it was woken since the last call.
    pub fn woken(&self) -> usize {
        self.waker.take()
    }
}
