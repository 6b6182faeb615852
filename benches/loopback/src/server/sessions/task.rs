//! Implementations that are written as futures: the loop polls a connection's one task whenever its socket is ready.

use super::{Result, Socket};
use crate::server::event_loop::Session;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Something that echoes over a socket until the connection is over.
pub trait Echoes {
    fn echo(socket: Socket) -> impl Future<Output = Result<()>> + 'static;
}

pub struct Echo<E> {
    socket: Socket,
    task: Pin<Box<dyn Future<Output = Result<()>>>>,
    echoes: PhantomData<E>,
}

impl<E: Echoes> Session for Echo<E> {
    fn open(socket: Socket) -> Self {
        Self { task: Box::pin(E::echo(socket.clone())), socket, echoes: PhantomData }
    }

    fn ready(&mut self, _: &mut [u8]) -> Result<bool> {
        // Whatever the task waits for is the socket, which wakes the loop.
        let polled = self.task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.socket.push_out()?;
        match polled {
            Poll::Pending => Ok(true),
            Poll::Ready(result) => result.map(|()| false),
        }
    }
}
