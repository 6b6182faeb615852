//! The settings of an HTTP proxy.

use core::fmt;
use std::string::String;
use std::sync::Arc;

use crate::handshake::{FieldValue, HeadLimits, ProxyRequest, Refusal};

/// Returns the credentials for a demand, and the target of the CONNECT.
pub(super) type Authorize = dyn Fn(&Refusal, &str) -> Option<String> + Send + Sync;

/// An HTTP proxy between a client and its server, for the setting `proxy` of a `Connector`.
///
/// ```
/// use hybi::adapter::HttpProxy;
///
/// let proxy = HttpProxy::new("proxy.example.com", 3128)
///     .credentials("user", "secret")
///     .field("User-Agent", "example/1.0");
/// assert!(!format!("{proxy:?}").contains("secret"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct HttpProxy {
    host: String,
    port: u16,
    /// All of the request but its target.
    pub(super) request: ProxyRequest<'static>,
    pub(super) authorize: Option<Arc<Authorize>>,
}

impl HttpProxy {
    /// Creates an HTTP proxy, which is asked for a tunnel with `CONNECT` (RFC 6455 §4.1). Its host
    /// is a name, an IPv4 address, or an IPv6 address with or without brackets.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
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
    ///
    /// ```
    /// use hybi::adapter::HttpProxy;
    ///
    /// let proxy = HttpProxy::new("proxy.example.com", 3128).authorize(|refusal, _target| {
    ///     let mut challenges =
    ///         refusal.response().fields().filter(|(name, _)| {
    ///             name.eq_ignore_ascii_case("Proxy-Authenticate")
    ///         });
    ///     let bearer = challenges.any(|(_, value)| value.starts_with(b"Bearer"));
    ///     let token = std::env::var("PROXY_TOKEN").ok()?; // without one, the 407 is the error
    ///     bearer.then(|| format!("Bearer {token}"))
    /// });
    /// ```
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

    /// Returns the host to connect to.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Prints where the proxy is: the rest may be credentials.
impl fmt::Debug for HttpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
