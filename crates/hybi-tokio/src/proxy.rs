//! The way through an HTTP proxy.

use std::fmt;
use std::sync::Arc;

use hybi::handshake::{FieldValue, HeadLimits, ProxyAnswer, ProxyHandshake, ProxyRequest, Refusal};
use hybi::{Outbox, Uri};
use tokio::net::TcpStream;

use crate::connect_error::ConnectError;
use crate::connector::{Progress, ask};
use crate::dial::open_tcp;
use crate::exchange::Exchange;

/// How many times a proxy's demand for credentials is answered. Schemes with a handshake of their
/// own, such as NTLM, need two.
const ANSWERS_MAX: u8 = 3;

/// Returns the credentials for a demand, and the target of the CONNECT.
type Authorize = dyn Fn(&Refusal, &str) -> Option<String> + Send + Sync;

/// An HTTP proxy between a client and its server.
///
/// ```
/// use hybi_tokio::{Connector, Proxy};
///
/// let proxy = Proxy::http("proxy.example.com", 3128)
///     .credentials("user", "secret")
///     .field("User-Agent", "example/1.0");
/// let connector = Connector::new().proxy(proxy);
/// assert!(!format!("{connector:?}").contains("secret"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Proxy {
    host: String,
    port: u16,
    /// All of the request but its target.
    request: ProxyRequest<'static>,
    authorize: Option<Arc<Authorize>>,
}

impl Proxy {
    /// Creates an HTTP proxy, which is asked for a tunnel with `CONNECT` (RFC 6455 §4.1). Its host
    /// is a name, an IPv4 address, or an IPv6 address with or without brackets.
    pub fn http(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, request: ProxyRequest::new("", 0), authorize: None }
    }

    /// Sets a user name and a password, which are sent with the first request (RFC 7617).
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.request = self.request.credentials(user.into(), password.into());
        self
    }

    /// Sets a function that answers the proxy's demands for credentials, by any scheme (RFC 9110
    /// §11.7).
    ///
    /// It is called with a 407, whose fields have the challenges, and with the target of the
    /// request, such as `example.com:443`. It returns the value of `Proxy-Authorization` for the
    /// next try, or `None` to give up: then the 407 is the error. The next try goes over the same
    /// stream if the 407 leaves it usable (RFC 9112 §9.3), otherwise over a new one. There are at
    /// most three further tries, all within the time-out of the connector.
    pub fn authorize(
        mut self,
        authorize: impl Fn(&Refusal, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.authorize = Some(Arc::new(authorize));
        self
    }

    /// Adds a field to the request, such as `User-Agent`.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<FieldValue<'static>>) -> Self {
        self.request = self.request.field(name.into(), value);
        self
    }

    /// Sets the limits for the head of the proxy's response.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.request = self.request.head_limits(limits);
        self
    }

    /// Sets how much is read of the body of a refusal, in bytes. Default: 64 KiB. With zero, or if
    /// the body is longer, a second try needs a new stream.
    pub fn refusal_bytes_max(mut self, bytes: u32) -> Self {
        self.request = self.request.refusal_bytes_max(bytes);
        self
    }

    /// Opens a tunnel to the host of the URI.
    pub(crate) async fn open(&self, uri: &Uri) -> Result<Exchange<TcpStream>, ConnectError> {
        let mut request = self.request.clone().with_target(uri.host().to_owned(), uri.port());
        let mut kept = None;
        let mut answers = 0_u8;
        loop {
            let mut out = Outbox::new();
            let handshake = ProxyHandshake::new(&request, &mut out)?; // before anything is opened
            let is_kept = kept.is_some();
            let mut exchange = match kept.take() {
                Some(exchange) => exchange,
                None => Exchange::new(open_tcp(&self.host, self.port).await?),
            };
            exchange.out = out;
            let refusal = match tunnel(&mut exchange, handshake).await {
                Ok(None) => return Ok(exchange),
                Ok(Some(refusal)) => refusal,
                // The proxy has closed the connection that it left usable (RFC 9112 §9.3.1).
                Err(ConnectError::Io(_)) if is_kept => continue,
                Err(error) => return Err(error),
            };
            let authorization = match &self.authorize {
                Some(authorize) if refusal.response().status() == 407 && answers < ANSWERS_MAX => {
                    authorize(&refusal, &request.target())
                }
                _ => None,
            };
            let Some(authorization) = authorization else {
                return Err(ConnectError::ProxyRefused(Box::new(refusal)));
            };
            request = request.authorization(authorization);
            answers = answers.saturating_add(1);
            // RFC 9112 §9.2: bytes after the refusal answer no request of ours.
            let is_usable = refusal.keeps_connection() && exchange.inbox.is_none();
            kept = is_usable.then_some(exchange);
        }
    }
}

/// Asks for the tunnel. Returns the refusal, if the proxy refuses.
async fn tunnel(
    exchange: &mut Exchange<TcpStream>,
    mut handshake: ProxyHandshake,
) -> Result<Option<Refusal>, ConnectError> {
    let answer = ask(exchange, |input| {
        Ok(match handshake.receive(input)? {
            None if handshake.is_refused() => Progress::Refused,
            None => Progress::Waiting,
            Some(ProxyAnswer::Open(_)) => Progress::Answer(None),
            Some(ProxyAnswer::Refused(refusal)) => Progress::Answer(Some(refusal)),
        })
    });
    match answer.await {
        Ok(answer) => Ok(answer),
        // A refusal takes precedence over the failure to read its body to the end.
        Err(error) => handshake.end_of_input().map(Some).ok_or(error),
    }
}

/// Prints where the proxy is: the rest may be credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
