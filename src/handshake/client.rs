//! The client's side of the opening handshake (RFC 6455 §4.1).

use alloc::string::String;
use alloc::vec::Vec;

use super::error::{HandshakeMisuse, ResponseError};
use super::extra::{ExtraHeaders, Text, basic_credentials, percent_decode, write_header};
use super::head::{Field, Head, HeadReader};
use super::key::{accept_key, encode_key};
use super::limits::HeadLimits;
use super::response::{Refused, Response};
use super::scan::StartLine;
use crate::connection::{Config, Connection};
use crate::extension::Offers;
use crate::extension::deflate::{self, Agreed, DeflateConfig};
use crate::extension::grammar::{elements, is_token};
use crate::input::Input;
use crate::role::{Client, MaskingKeys, RandomKeys};
use crate::uri::Uri;

/// What a client asks a server for.
///
/// ```
/// use hybi::Uri;
/// use hybi::handshake::ClientRequest;
///
/// let uri = Uri::parse("ws://user:secret@example.com/chat")?; // sent as HTTP credentials
/// let request = ClientRequest::new(&uri).subprotocol("v2.chat").subprotocol("v1.chat").header("Cookie", "a=b");
/// # Ok::<(), hybi::uri::UriError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientRequest<'a> {
    uri: &'a Uri,
    subprotocols: Vec<&'a str>,
    origin: Option<&'a str>,
    deflate: Option<DeflateConfig>,
    headers: ExtraHeaders<'a>,
}

impl<'a> ClientRequest<'a> {
    /// Asks for what the URI names. Its userinfo becomes an `Authorization: Basic` header (RFC 7617), unless the caller adds an
    /// `Authorization` of its own.
    pub fn new(uri: &'a Uri) -> Self {
        Self {
            uri,
            subprotocols: Vec::new(),
            origin: None,
            deflate: None,
            headers: ExtraHeaders::default(),
        }
    }

    /// Offers a subprotocol; the most wanted one first.
    pub fn subprotocol(mut self, subprotocol: &'a str) -> Self {
        self.subprotocols.push(subprotocol);
        self
    }

    /// Says on behalf of which origin the request is made, such as `https://example.com`. Browsers must do this; others
    /// need not (RFC 6455 §4.1).
    pub fn origin(mut self, origin: &'a str) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Offers permessage-deflate (RFC 7692). Not by default.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, config: DeflateConfig) -> Self {
        self.deflate = Some(config);
        self
    }

    /// Adds a header, such as `Cookie` or `Authorization`.
    pub fn header(mut self, name: &'a str, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.headers.push(name, value.as_ref());
        self
    }

    /// What is asked for.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    fn check(&self) -> Result<(), HandshakeMisuse> {
        for (at, subprotocol) in self.subprotocols.iter().enumerate() {
            if !is_token(subprotocol.as_bytes()) {
                return Err(HandshakeMisuse::Subprotocol);
            }
            // RFC 6455 §4.1: all different. Browsers count those that differ in case only as the same, and so do we.
            if self
                .subprotocols
                .iter()
                .take(at)
                .any(|before| before.eq_ignore_ascii_case(subprotocol))
            {
                return Err(HandshakeMisuse::SubprotocolRepeated);
            }
        }
        if let Some(origin) = self.origin
            && (origin.is_empty() || !origin.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(HandshakeMisuse::Origin);
        }
        self.headers.check(Some("origin"))
    }

    fn credentials(&self) -> Result<Option<String>, HandshakeMisuse> {
        match self.uri.userinfo() {
            Some(userinfo) if !self.headers.has("authorization") => {
                let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
                basic_credentials(&percent_decode(user), &percent_decode(password)).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// A client that has asked, and waits for the server's answer.
///
/// **Create it, write the output, then [`receive`](Self::receive) until there is an answer.** The module has
/// [an example](super).
#[derive(Debug)]
pub struct ClientHandshake<K = RandomKeys> {
    config: Config,
    reader: HeadReader,
    state: State<K>,
}

#[derive(Debug)]
enum State<K> {
    Waiting(Wanted<K>),
    Failed(ResponseError),
    Answered,
}

/// What the answer has to fit.
#[derive(Debug)]
struct Wanted<K> {
    keys: K,
    /// The `Sec-WebSocket-Accept` that belongs to our key.
    accept: [u8; 28],
    /// What we have offered, as in `Sec-WebSocket-Protocol`.
    subprotocols: String,
    /// What we have offered of permessage-deflate.
    deflate: Option<DeflateConfig>,
    /// How many interim responses there have been.
    interim: u8,
}

/// More than any server has a reason for: a 100, a 102 now and then, a 103.
pub(super) const INTERIM_MAX: u8 = 16;

#[cfg(feature = "rand")]
impl ClientHandshake<RandomKeys> {
    /// Writes the request to `out`, with a random key. The connection will have this configuration, and
    /// [`RandomKeys`] to mask with.
    ///
    /// # Errors
    ///
    /// The request cannot be sent as it is. Nothing was written.
    pub fn new(
        request: &ClientRequest<'_>,
        config: Config,
        out: &mut Vec<u8>,
    ) -> Result<Self, HandshakeMisuse> {
        Self::with_keys(request, config, rand::random(), RandomKeys, out)
    }
}

impl<K: MaskingKeys> ClientHandshake<K> {
    /// As `new`, with a nonce for the key, which must be random and used once (RFC 6455 §4.1), and a source of masking
    /// keys.
    ///
    /// # Errors
    ///
    /// The request cannot be sent as it is. Nothing was written.
    pub fn with_keys(
        request: &ClientRequest<'_>,
        config: Config,
        nonce: [u8; 16],
        keys: K,
        out: &mut Vec<u8>,
    ) -> Result<Self, HandshakeMisuse> {
        request.check()?;
        let credentials = request.credentials()?;
        let key = encode_key(nonce);
        let subprotocols = request.subprotocols.join(", ");
        for part in ["GET ", request.uri.resource_name(), " HTTP/1.1\r\nHost: "] {
            out.extend_from_slice(part.as_bytes());
        }
        let _ = request.uri.write_authority(&mut Text(out));
        out.extend_from_slice(
            b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ",
        );
        out.extend_from_slice(&key);
        out.extend_from_slice(b"\r\nSec-WebSocket-Version: 13\r\n");
        if let Some(origin) = request.origin {
            write_header("Origin", origin.as_bytes(), out);
        }
        if !subprotocols.is_empty() {
            write_header("Sec-WebSocket-Protocol", subprotocols.as_bytes(), out);
        }
        if let Some(config) = &request.deflate {
            write_header("Sec-WebSocket-Extensions", deflate::offer(config).as_bytes(), out);
        }
        if let Some(credentials) = credentials {
            write_header("Authorization", credentials.as_bytes(), out);
        }
        request.headers.write(out);
        out.extend_from_slice(b"\r\n");
        let accept = accept_key(&key);
        let state = State::Waiting(Wanted {
            keys,
            accept,
            subprotocols,
            deflate: request.deflate,
            interim: 0,
        });
        Ok(Self {
            config,
            reader: HeadReader::new(StartLine::Status, HeadLimits::default()),
            state,
        })
    }

    /// Sets the limits for the response's head. To be called before anything is received.
    #[must_use]
    pub fn with_limits(self, limits: HeadLimits) -> Self {
        Self { reader: HeadReader::new(StartLine::Status, limits), ..self }
    }

    /// Reads the server's answer. `None`: the head is not complete, come back with more; or the answer has been given out
    /// already. Interim responses (1xx other than 101) are skipped.
    ///
    /// What follows the head of a 101 stays in the input, for the connection.
    ///
    /// # Errors
    ///
    /// What arrived is not HTTP, goes beyond a limit, or is a 101 that breaks a rule of RFC 6455 §4.1. The input has been
    /// swallowed. Close the transport; later calls give the same error.
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
            let wanted = match &mut self.state {
                State::Waiting(wanted) => wanted,
                State::Failed(error) => return Err(*error),
                State::Answered => return Ok(None),
            };
            let Some(head) = self.reader.read(input)? else { return Ok(None) };
            match head.status() {
                101 => {}
                100..=199 => {
                    wanted.interim = wanted.interim.saturating_add(1);
                    if wanted.interim > INTERIM_MAX {
                        return Err(ResponseError::TooManyInterim);
                    }
                    continue;
                }
                _ => {
                    self.state = State::Answered;
                    let body_start = input.take_up_to(usize::MAX);
                    return Ok(Some(Answer::Refused(Refused {
                        response: Response { head },
                        body_start,
                    })));
                }
            }
            let agreed = wanted.check(&head)?;
            let State::Waiting(wanted) = core::mem::replace(&mut self.state, State::Answered)
            else {
                return Ok(None); // we were waiting above
            };
            let connection = Connection::client_with_keys(self.config, wanted.keys)
                .with_negotiated(agreed.zip(wanted.deflate));
            return Ok(Some(Answer::Open(connection, Response { head })));
        }
    }
}

impl<K> Wanted<K> {
    /// The checks of RFC 6455 §4.1 behind the status.
    fn check(&self, head: &Head<'_>) -> Result<Option<Agreed>, ResponseError> {
        if head.version() == 0 {
            return Err(ResponseError::Http10);
        }
        match (head.count(Field::Upgrade), head.first(Field::Upgrade)) {
            (0, _) => return Err(ResponseError::UpgradeMissing),
            (1, Some(upgrade)) if upgrade.eq_ignore_ascii_case(b"websocket") => {}
            _ => return Err(ResponseError::Upgrade),
        }
        if !head.has_token(Field::Connection, "upgrade") {
            return Err(ResponseError::ConnectionMissing);
        }
        match (head.count(Field::Accept), head.first(Field::Accept)) {
            (0, _) => return Err(ResponseError::AcceptMissing),
            (1, Some(accept)) if accept == self.accept => {}
            (1, _) => return Err(ResponseError::Accept),
            _ => return Err(ResponseError::AcceptRepeated),
        }
        self.check_subprotocol(head)?;
        self.negotiate(head)
    }

    /// What the server has chosen of the extensions that we offered.
    #[cfg_attr(not(feature = "deflate"), expect(unreachable_code, reason = "nothing was offered"))]
    fn negotiate(&self, head: &Head<'_>) -> Result<Option<Agreed>, ResponseError> {
        let extensions = head.all(Field::Extensions).flat_map(Offers::new);
        if extensions.clone().any(|extension| extension.is_err())
            || (head.count(Field::Extensions) > 0 && extensions.clone().next().is_none())
        {
            return Err(ResponseError::ExtensionsMalformed);
        }
        let mut agreed = None;
        for extension in extensions.flatten() {
            let Some(config) = self.deflate.as_ref().filter(|_| extension.name() == deflate::NAME)
            else {
                return Err(ResponseError::ExtensionNotOffered);
            };
            if agreed.replace(deflate::conclude(config, &extension)?).is_some() {
                return Err(ResponseError::ExtensionRepeated);
            }
        }
        Ok(agreed)
    }

    fn check_subprotocol(&self, head: &Head<'_>) -> Result<(), ResponseError> {
        let Some(subprotocol) = head.first(Field::Protocol) else { return Ok(()) };
        if head.count(Field::Protocol) > 1 || subprotocol.contains(&b',') {
            return Err(ResponseError::SubprotocolRepeated);
        }
        if !is_token(subprotocol) {
            return Err(ResponseError::SubprotocolMalformed);
        }
        if !elements(self.subprotocols.as_bytes()).any(|offered| offered == subprotocol) {
            return Err(ResponseError::SubprotocolNotOffered);
        }
        Ok(())
    }
}

/// A server's final answer.
#[derive(Debug)]
pub enum Answer<'a, K = RandomKeys> {
    /// The connection is open. What is left in the input belongs to it.
    Open(Connection<Client<K>>, Response<'a>),
    /// The server does not want to, or not here, or not yet.
    Refused(Refused<'a>),
}
