//! The client's side of the opening handshake over bytes (RFC 6455 §4.1).

use core::fmt;
use core::mem;

use super::client_request::ClientRequest;
use super::error::{HandshakeUsageError, ResponseError};
use super::known::read_head;
use super::response::{Refusal, Response};
use super::response_rules::Expected;
use super::write::write_request;
use crate::buffers::Outbox;
use crate::connection::Connection;
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
    state: State<K>,
}

enum State<K> {
    Waiting {
        expected: Expected,
        keys: K,
        /// How many interim responses there have been.
        interim: u8,
    },
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
        let prepared = request.prepare_with_nonce(nonce)?;
        write_request(&prepared, out);
        let state = State::Waiting { expected: prepared.into_expected(), keys, interim: 0 };
        Ok(Self { reader: HeadReader::new(StartLine::Status, request.limits()), state })
    }

    /// Reads the server's answer. Returns `None` while the head is not complete, and after the
    /// answer has been returned. Interim responses (1xx other than 101) are skipped.
    ///
    /// The bytes after the head of a 101 stay in the input, for the connection.
    ///
    /// # Errors
    ///
    /// The bytes are not HTTP, exceed a limit, or are a 101 that breaks a rule of RFC 6455 §4.1.
    /// The input has been discarded. Close the transport; later calls return the same error.
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<Answer<'a, K>>, ResponseError> {
        let answer = self.read(input);
        if let Err(error) = answer {
            input.take_up_to(usize::MAX);
            self.state = State::Failed(error);
        }
        answer
    }

    fn read<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Answer<'a, K>>, ResponseError> {
        loop {
            let (expected, interim) = match &mut self.state {
                State::Waiting { expected, interim, .. } => (expected, interim),
                State::Failed(error) => return Err(*error),
                State::Answered => return Ok(None),
            };
            let Some(head) = read_head(&mut self.reader, input)? else { return Ok(None) };
            let response = Response { head };
            match response.status() {
                101 => {}
                100..=199 => {
                    *interim = interim.saturating_add(1);
                    if *interim > INTERIM_MAX {
                        return Err(ResponseError::TooManyInterim);
                    }
                    continue;
                }
                _ => {
                    self.state = State::Answered;
                    let body_start = input.take_up_to(usize::MAX);
                    return Ok(Some(Answer::Refused(Refusal::new(response, body_start))));
                }
            }
            let agreed = expected.check(&response.head)?;
            let State::Waiting { expected, keys, .. } =
                mem::replace(&mut self.state, State::Answered)
            else {
                return Ok(None); // we were waiting above
            };
            return Ok(Some(Answer::Open(expected.open(agreed, keys), response)));
        }
    }
}

/// Prints how far it is, and no key.
impl<K> fmt::Debug for ClientHandshake<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting { .. } => "Waiting",
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
    Refused(Refusal<'a>),
}
