//! The client's side of the opening handshake over bytes (RFC 6455 §4.1).

use alloc::boxed::Box;
use core::fmt;
use core::mem;

use super::client_request::ClientRequest;
use super::error::{HandshakeUsageError, ResponseError};
use super::key::Key;
use super::known::read_head;
use super::refusal::{Refusal, RefusalReader};
use super::response::Response;
use super::response_rules::Expected;
use super::write::write_request;
use crate::buffers::Outbox;
use crate::connection::{Config, Connection};
use crate::http::reader::HeadReader;
use crate::http::scan::StartLine;
use crate::input::Input;
use crate::keys::{MaskingKeys, RandomKeys};
use crate::role::Client;

/// A client that has sent its request, and waits for the server's answer.
///
/// **Create it, write the output, then [`receive`](Self::receive) until there is an answer.** The
/// module has [an example](super).
pub struct ClientHandshake<K = RandomKeys> {
    reader: HeadReader,
    expected: Expected,
    config: Config,
    refusal_bytes_max: u32,
    state: State<K>,
}

enum State<K> {
    Waiting {
        keys: K,
        /// How many interim responses there have been.
        interim: u8,
    },
    /// The server has refused. The rest of the body is still to come.
    Refused(Box<RefusalReader>),
    Failed(ResponseError),
    Answered,
}

/// More than any server has a reason for: a 100, a 102 now and then, a 103.
pub(super) const INTERIM_MAX: u8 = 16;

#[cfg(feature = "rand")]
impl ClientHandshake<RandomKeys> {
    /// Writes the request to `out`, with a random key. The connection masks with [`RandomKeys`].
    ///
    /// # Errors
    ///
    /// The request cannot be sent as it is. Nothing was written.
    pub fn new(request: &ClientRequest<'_>, out: &mut Outbox) -> Result<Self, HandshakeUsageError> {
        Self::with_keys(request, rand::random(), RandomKeys, out)
    }
}

impl<K: MaskingKeys> ClientHandshake<K> {
    /// As `new`, with a nonce for the key, which must be random and used once (RFC 6455 §4.1), and
    /// a source of masking keys.
    ///
    /// # Errors
    ///
    /// The request cannot be sent as it is. Nothing was written.
    pub fn with_keys(
        request: &ClientRequest<'_>,
        nonce: [u8; 16],
        keys: K,
        out: &mut Outbox,
    ) -> Result<Self, HandshakeUsageError> {
        Ok(Self {
            expected: send(request, nonce, out)?,
            config: *request.settings(),
            reader: HeadReader::new(StartLine::Status, request.limits()),
            refusal_bytes_max: request.refusal_limit(),
            state: State::Waiting { keys, interim: 0 },
        })
    }

    /// Reads the server's answer. Returns `None` while the head is not complete, or the body of a
    /// refusal, and after the answer has been returned. Interim responses (1xx other than 101) are
    /// skipped.
    ///
    /// The bytes after the head of a 101 stay in the input, for the connection. If no more bytes
    /// come, call [`end_of_input`](Self::end_of_input).
    ///
    /// # Errors
    ///
    /// The bytes are not HTTP, exceed a limit, or are a 101 that breaks a rule of RFC 6455 §4.1.
    /// The input has been discarded. Close the transport; later calls return the same error.
    ///
    /// If the server refuses, its status is returned, whatever is wrong after it: see
    /// [`Refusal::error`].
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Answer<'a, K>>, ResponseError> {
        loop {
            let interim = match &mut self.state {
                State::Waiting { interim, .. } => interim,
                State::Refused(reader) => {
                    let is_over = reader.read(input);
                    let refusal = if is_over { self.end_of_input() } else { None };
                    return Ok(refusal.map(Answer::Refused));
                }
                &mut State::Failed(error) => return Err(self.fail(error, input)),
                State::Answered => return Ok(None),
            };
            let head = match read_head(&mut self.reader, input) {
                Ok(Some(head)) => head,
                Ok(None) => return Ok(None),
                Err(fault) => return self.refused_badly(fault.into(), input),
            };
            let response = Response { head };
            match response.status() {
                101 => {}
                100..=199 => {
                    *interim = interim.saturating_add(1);
                    if *interim > INTERIM_MAX {
                        return Err(self.fail(ResponseError::TooManyInterim, input));
                    }
                    continue;
                }
                _ => {
                    let reader = RefusalReader::new(response, self.refusal_bytes_max);
                    self.state = State::Refused(reader);
                    continue;
                }
            }
            let agreed = match self.expected.check(&response.head, &self.config) {
                Ok(agreed) => agreed,
                Err(error) => return Err(self.fail(error, input)),
            };
            let State::Waiting { keys, .. } = mem::replace(&mut self.state, State::Answered) else {
                return Ok(None); // we were waiting above
            };
            let keys = Client::new(keys);
            let connection = Connection::negotiated(keys, &self.config, agreed.as_ref());
            return Ok(Some(Answer::Open(connection, response)));
        }
    }

    /// Ends the handshake without an answer: the transport has ended or failed, or you stop
    /// waiting. Returns the refusal if there was one whose end has not come, its head or its body:
    /// a server that sends no `Content-Length` ends the body by closing the connection.
    ///
    /// ```
    /// use hybi::handshake::ClientRequest;
    /// use hybi::{ClientHandshake, Inbox, Outbox, Uri};
    ///
    /// let uri = Uri::parse("ws://example.com/")?;
    /// let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
    /// // For tests only; outside of them use `ClientHandshake::new`.
    /// let (nonce, keys) = ([7; 16], || [1, 2, 3, 4]);
    /// let mut handshake =
    ///     ClientHandshake::with_keys(&ClientRequest::new(&uri), nonce, keys, &mut out)?;
    ///
    /// inbox.append(b"HTTP/1.1 429 Too Many Requests\r\n\r\nOnly two connections each.");
    /// assert!(handshake.receive(&mut inbox.input())?.is_none()); // then the server closes
    /// if let Some(refusal) = handshake.end_of_input() {
    ///     assert_eq!(refusal.response().status(), 429);
    ///     assert_eq!(refusal.body(), b"Only two connections each.");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end_of_input(&mut self) -> Option<Refusal> {
        match mem::replace(&mut self.state, State::Answered) {
            State::Refused(reader) => Some(reader.into_refusal()),
            State::Failed(error) => {
                self.state = State::Failed(error);
                None
            }
            State::Waiting { .. } => Refusal::salvage(&mut self.reader, is_refusal, None),
            State::Answered => None,
        }
    }

    /// Returns whether the server has refused, and only the rest of the body is to come. It
    /// explains, and decides nothing: do not wait for it as long as for an answer.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused(_))
    }

    /// Returns the refusal that a head with a fault may have begun with.
    #[cold]
    fn refused_badly(
        &mut self,
        error: ResponseError,
        input: &mut Input<'_>,
    ) -> Result<Option<Answer<'static, K>>, ResponseError> {
        let Some(refusal) = Refusal::salvage(&mut self.reader, is_refusal, Some(error)) else {
            return Err(self.fail(error, input));
        };
        self.state = State::Answered;
        Ok(Some(Answer::Refused(refusal)))
    }

    #[cold]
    fn fail(&mut self, error: ResponseError, input: &mut Input<'_>) -> ResponseError {
        input.take_up_to(usize::MAX);
        self.state = State::Failed(error);
        error
    }
}

/// Writes a request. Returns what the response has to match. Not generic, so that it is compiled
/// once.
fn send(
    request: &ClientRequest<'_>,
    nonce: [u8; 16],
    out: &mut Outbox,
) -> Result<Expected, HandshakeUsageError> {
    let credentials = request.check()?;
    let prepared = request.with_key(&Key::from_nonce(nonce), credentials);
    write_request(&prepared, out);
    Ok(prepared.into_expected())
}

/// Returns whether a response of that status, of which not all can be read, is a refusal.
fn is_refusal(status: u16) -> bool {
    !matches!(status, 100..=199)
}

/// Prints how far it is, and no key.
impl<K> fmt::Debug for ClientHandshake<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting { .. } => "Waiting",
            State::Refused(_) => "Refused",
            State::Failed(_) => "Failed",
            State::Answered => "Answered",
        };
        f.debug_struct("ClientHandshake").field("state", &state).finish_non_exhaustive()
    }
}

/// A server's final answer.
#[derive(Debug)]
pub enum Answer<'a, K = RandomKeys> {
    /// The connection is open. The bytes that remain in the input belong to it.
    Open(Connection<Client<K>>, Response<'a>),
    /// The server refuses, redirects, or asks for credentials.
    Refused(Refusal),
}
