//! The server's side of the opening handshake over bytes (RFC 6455 §4.2).

use super::acceptance::Acceptance;
use super::error::{HandshakeUsageError, RequestError, ServerHandshakeError};
use super::known::read_head;
use super::rejection::Rejection;
use super::request::Request;
use super::request_rules::check_host;
use super::write::{write_accepted, write_rejection};
use crate::buffers::Outbox;
use crate::connection::Connection;
use crate::http::HeadLimits;
use crate::http::reader::HeadReader;
use crate::http::scan::StartLine;
use crate::input::Input;
use crate::role::Server;

/// Reads a client's opening handshake, shows it to you, and writes your answer.
///
/// **[`receive`](Self::receive) until there is a request, then [`accept`](Self::accept) or
/// [`reject`](Self::reject) it, and write the output**, also after an error. The module has
/// [an example](super).
///
/// It answers one request. Any response other than 101 closes the connection, and says so;
/// pipelined bytes are never treated as a second request.
#[derive(Debug)]
pub struct ServerHandshake {
    reader: HeadReader,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waits for the rest of a head.
    Waiting,
    /// Waits for the caller's decision about a request.
    Shown {
        /// Whether the response has no body: to a HEAD request (RFC 9110 §9.3.2).
        without_body: bool,
    },
    /// The bytes were no request.
    Failed(RequestError),
    /// The response has been written.
    Answered,
}

impl ServerHandshake {
    /// Creates the server's side, with limits for the request's head.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self { reader: HeadReader::new(StartLine::Request, limits), state: State::Waiting }
    }

    /// Reads the request: any that is HTTP/1.1 (or 1.0), a WebSocket handshake or not, because a
    /// server may serve a page at the same port. Returns `None` while the head is not complete, and
    /// after it has been returned.
    ///
    /// The bytes after the head stay in the input, for the connection.
    ///
    /// # Errors
    ///
    /// The bytes are not HTTP, have no valid `Host`, or exceed a limit. The refusal (400, 414, 431
    /// or 505) is in `out`, and the input has been discarded. Later calls return the same error and
    /// write nothing.
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
        out: &mut Outbox,
    ) -> Result<Option<Request<'a>>, RequestError> {
        match self.state {
            State::Waiting => {}
            State::Shown { .. } | State::Answered => return Ok(None),
            State::Failed(error) => {
                input.take_up_to(usize::MAX);
                return Err(error);
            }
        }
        let head = match read_head(&mut self.reader, input) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(fault) => return Err(self.fail(fault.into(), out)),
        };
        let without_body = head.word() == b"HEAD";
        self.state = State::Shown { without_body };
        if let Err(error) = check_host(&head) {
            input.take_up_to(usize::MAX);
            return Err(self.fail(error, out));
        }
        Ok(Some(Request::of_wire(head)))
    }

    /// Accepts the request, if it is a good handshake on these terms: the 101 is in `out`, and the
    /// connection is open. Continue with it and with the bytes that remain in the input.
    ///
    /// # Errors
    ///
    /// [`ServerHandshakeError::Request`]: a rule of RFC 6455 §4.2.1 is broken ([`Request::check`]),
    /// or the origin is not allowed. The refusal (400, 403, 405 or 426) is in `out`. Write it and
    /// close the transport.
    ///
    /// [`ServerHandshakeError::Usage`]: a field or the subprotocol cannot be sent, there is no
    /// request, or it has been answered. Nothing was written, and a request that waits still can be
    /// answered.
    pub fn accept(
        &mut self,
        request: &Request<'_>,
        acceptance: &Acceptance<'_>,
        out: &mut Outbox,
    ) -> Result<Connection<Server>, ServerHandshakeError> {
        self.may_answer()?;
        if request.is_connect() {
            return Err(HandshakeUsageError::NoRequest.into()); // it came another way
        }
        match &acceptance.check(request) {
            Ok(accepted) => {
                write_accepted(accepted, out);
                self.state = State::Answered;
                Ok(accepted.connection())
            }
            Err(ServerHandshakeError::Request(error)) => Err(self.fail(*error, out).into()),
            Err(usage) => Err(*usage),
        }
    }

    /// Answers the request with any other response: a refusal, a redirect, a page. Write `out`,
    /// then close the transport.
    ///
    /// `Content-Length` and `Connection: close` are added, and the fields that a 426 needs (RFC
    /// 6455 §4.4, RFC 9110 §15.5.22). The response to a HEAD request has no body.
    ///
    /// # Errors
    ///
    /// The response cannot be sent, there is no request, or it has been answered. Nothing was
    /// written.
    pub fn reject(
        &mut self,
        rejection: &Rejection<'_>,
        out: &mut Outbox,
    ) -> Result<(), HandshakeUsageError> {
        let without_body = self.may_answer()?;
        rejection.check_any()?;
        write_rejection(rejection, without_body, out);
        self.state = State::Answered;
        Ok(())
    }

    fn may_answer(&self) -> Result<bool, HandshakeUsageError> {
        match self.state {
            State::Waiting => Err(HandshakeUsageError::NoRequest),
            State::Shown { without_body } => Ok(without_body),
            State::Failed(_) | State::Answered => Err(HandshakeUsageError::Answered),
        }
    }

    /// Writes the refusal for an error. Out of line, because a good handshake needs none of it.
    #[cold]
    fn fail(&mut self, error: RequestError, out: &mut Outbox) -> RequestError {
        let without_body = self.state == State::Shown { without_body: true };
        write_rejection(&error.rejection(), without_body, out);
        self.state = State::Failed(error);
        error
    }
}
