//! [`Outgoing`]: sends while an event is lent.

use std::fmt;

use hybi::adapter::{Error, IoFailure};
use hybi::connection::{Data, Prepared};
use hybi::{CloseCode, Connection, Message, Outbox, Role, UsageError};

/// Sends while an event is lent out, in [`receive_with`](crate::WebSocket::receive_with).
///
/// It queues messages. The next call that receives, sends or flushes writes them.
pub struct Outgoing<'a, R> {
    connection: &'a mut Connection<R>,
    out: &'a mut Outbox,
    failure: Option<&'a IoFailure>,
}

impl<'a, R: Role> Outgoing<'a, R> {
    pub(crate) const fn new(
        connection: &'a mut Connection<R>,
        out: &'a mut Outbox,
        failure: Option<&'a IoFailure>,
    ) -> Self {
        Self { connection, out, failure }
    }

    /// Queues a message: text from a `&str`, binary from a `&[u8]`.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] as [`Connection::send`]; [`Error::Io`] if a write has failed before.
    pub fn feed<'m>(&mut self, message: impl Into<Data<'m>>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send(message, out))
    }

    /// Queues a message whose payload need not be copied, if that is large.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed). The message is dropped.
    pub fn feed_owned(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_owned(message, out))
    }

    /// Queues a message that was encoded once for many connections.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed).
    pub fn feed_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.encode(|connection, out| connection.send_prepared(message, out))
    }

    /// Starts the closing handshake, with a code and a reason of at most 123 bytes.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`], and as [`feed`](Self::feed).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.encode(|connection, out| connection.close(code, reason, out))
    }

    /// Returns how many bytes are queued that the stream has not taken.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.out.len()
    }

    fn encode(
        &mut self,
        encode: impl FnOnce(&mut Connection<R>, &mut Outbox) -> Result<(), UsageError>,
    ) -> Result<(), Error> {
        if let Some(failure) = self.failure {
            return Err(failure.to_error().into());
        }
        Ok(encode(self.connection, self.out)?)
    }
}

impl<R> fmt::Debug for Outgoing<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("unsent_bytes", &self.out.len()).finish_non_exhaustive()
    }
}
