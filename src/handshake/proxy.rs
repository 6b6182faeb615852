//! The way through an HTTP proxy: CONNECT (RFC 9110 §9.3.6, RFC 6455 §4.1).

use alloc::string::String;
use alloc::vec::Vec;

use super::client::INTERIM_MAX;
use super::error::{HandshakeMisuse, ResponseError};
use super::extra::{basic_credentials, write_header};
use super::head::HeadReader;
use super::limits::HeadLimits;
use super::response::{Refused, Response};
use super::scan::StartLine;
use crate::input::Input;
use crate::uri::{host_and_port, write_authority};

/// A client that has asked an HTTP proxy for a tunnel to a server, and waits for the answer.
///
/// **Create it, write the output, then [`receive`](Self::receive) until there is an answer.** Once the tunnel is open, begin
/// TLS for a `wss:` URI, then the [client's handshake](super::ClientHandshake), as if the transport had been connected
/// to the server.
///
/// ```
/// use hybi::Input;
/// use hybi::handshake::{ProxyAnswer, ProxyHandshake};
///
/// let mut out = Vec::new();
/// let mut proxy = ProxyHandshake::new("example.com", 80, None, &mut out)?;
/// assert_eq!(out, b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n");
/// let mut inbox = *b"HTTP/1.1 200 OK\r\n\r\n";
/// let answer = proxy.receive(&mut Input::new(&mut inbox))?;
/// assert!(matches!(answer, Some(ProxyAnswer::Open(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ProxyHandshake {
    reader: HeadReader,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting {
        /// How many interim responses there have been.
        interim: u8,
    },
    Failed(ResponseError),
    Answered,
}

impl ProxyHandshake {
    /// Writes the request for a tunnel to that host (an IPv6 address without or with brackets) and port to `out`; with a
    /// user name and a password, if the proxy wants them.
    ///
    /// # Errors
    ///
    /// [`HandshakeMisuse::Host`], [`HandshakeMisuse::Credentials`]. Nothing was written.
    pub fn new(
        host: &str,
        port: u16,
        credentials: Option<(&str, &str)>,
        out: &mut Vec<u8>,
    ) -> Result<Self, HandshakeMisuse> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let mut authority = String::new();
        // Writing to a String never fails.
        let _ = write_authority(host, Some(port), &mut authority);
        host_and_port(authority.as_bytes()).map_err(|_| HandshakeMisuse::Host)?;
        let credentials = match credentials {
            Some((user, password)) => {
                Some(basic_credentials(user.as_bytes(), password.as_bytes())?)
            }
            None => None,
        };
        for part in ["CONNECT ", &authority, " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        write_header("Host", authority.as_bytes(), out);
        if let Some(credentials) = credentials {
            write_header("Proxy-Authorization", credentials.as_bytes(), out);
        }
        out.extend_from_slice(b"\r\n");
        let reader = HeadReader::new(StartLine::Status, HeadLimits::default());
        Ok(Self { reader, state: State::Waiting { interim: 0 } })
    }

    /// Sets the limits for the response's head. To be called before anything is received.
    #[must_use]
    pub fn with_limits(self, limits: HeadLimits) -> Self {
        Self { reader: HeadReader::new(StartLine::Status, limits), ..self }
    }

    /// Reads the proxy's answer. `None`: the head is not complete, come back with more; or the answer has been given out
    /// already. Interim responses (1xx other than 101) are skipped.
    ///
    /// What follows the head of a 2xx stays in the input: it comes from the server.
    ///
    /// # Errors
    ///
    /// What arrived is not HTTP or goes beyond a limit. The input has been swallowed. Close the transport; later calls give
    /// the same error.
    pub fn receive<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<ProxyAnswer<'a>>, ResponseError> {
        let answer = self.read(input);
        if let Err(error) = answer {
            input.take_up_to(usize::MAX);
            self.state = State::Failed(error);
        }
        answer
    }

    fn read<'a>(
        &mut self,
        input: &mut Input<'a>,
    ) -> Result<Option<ProxyAnswer<'a>>, ResponseError> {
        loop {
            let interim = match &mut self.state {
                State::Waiting { interim } => interim,
                State::Failed(error) => return Err(*error),
                State::Answered => return Ok(None),
            };
            let Some(head) = self.reader.read(input)? else { return Ok(None) };
            let response = Response { head };
            match response.status() {
                // Nothing was to be upgraded, so a 101 is an answer to something else.
                100 | 102..=199 => {
                    *interim = interim.saturating_add(1);
                    if *interim > INTERIM_MAX {
                        return Err(ResponseError::TooManyInterim);
                    }
                }
                // RFC 9110 §9.3.6: any 2xx, and it has no body, whatever its headers say.
                200..=299 => {
                    self.state = State::Answered;
                    return Ok(Some(ProxyAnswer::Open(response)));
                }
                _ => {
                    self.state = State::Answered;
                    let body_start = input.take_up_to(usize::MAX);
                    return Ok(Some(ProxyAnswer::Refused(Refused { response, body_start })));
                }
            }
        }
    }
}

/// A proxy's final answer.
#[derive(Clone, Debug)]
pub enum ProxyAnswer<'a> {
    /// The tunnel is open. What is left in the input comes from the server.
    Open(Response<'a>),
    /// The proxy does not want to; 407 asks for credentials.
    Refused(Refused<'a>),
}
