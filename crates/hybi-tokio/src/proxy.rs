//! [`Proxy`]: what is between a client and its server.

use std::mem;

use hybi::adapter::{ConnectError, HttpProxy, Tunnel, TunnelAnswer};
use hybi::{Outbox, Uri};
use tokio::net::TcpStream;

use crate::connector::{Progress, ask};
use crate::dial::open_tcp;
use crate::exchange::Exchange;
#[cfg(feature = "socks")]
use crate::socks::Socks5;

/// A proxy between a client and its server.
///
/// ```
/// use hybi_tokio::{Connector, HttpProxy, Proxy};
///
/// let proxy = Proxy::http("proxy.example.com", 3128).credentials("user", "secret");
/// let connector = Connector::new().proxy(proxy);
/// assert!(!format!("{connector:?}").contains("secret"));
///
/// // An `HttpProxy` has more settings.
/// let proxy = HttpProxy::new("proxy.example.com", 3128).field("User-Agent", "example/1.0");
/// let connector = Connector::new().proxy(Proxy::from(proxy));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Proxy(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Http(HttpProxy),
    #[cfg(feature = "socks")]
    Socks5(Socks5),
}

impl Proxy {
    /// Creates an HTTP proxy, which is asked for a tunnel with `CONNECT` (RFC 6455 §4.1). Its host
    /// is a name, an IPv4 address, or an IPv6 address with or without brackets.
    pub fn http(host: impl Into<String>, port: u16) -> Self {
        HttpProxy::new(host, port).into()
    }

    /// Creates a SOCKS5 proxy (RFC 1928). It looks up the server's name, so this machine asks
    /// nobody for that: what other programs call `socks5h:`.
    ///
    /// ```
    /// use hybi_tokio::{Connector, Proxy};
    ///
    /// let connector = Connector::new().proxy(Proxy::socks5("localhost", 9050));
    /// ```
    #[cfg(feature = "socks")]
    #[cfg_attr(docsrs, doc(cfg(feature = "socks")))]
    pub fn socks5(host: impl Into<String>, port: u16) -> Self {
        Self(Kind::Socks5(Socks5::new(host.into(), port)))
    }

    /// Sets a user name and a password. An HTTP proxy gets them with the first request (RFC 7617),
    /// a SOCKS5 proxy if it asks for them (RFC 1929); that one takes 1 to 255 bytes of each. Both
    /// get them unencrypted.
    pub fn credentials(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        match self.0 {
            Kind::Http(proxy) => proxy.credentials(user, password).into(),
            #[cfg(feature = "socks")]
            Kind::Socks5(proxy) => {
                Self(Kind::Socks5(proxy.credentials(user.into(), password.into())))
            }
        }
    }

    /// Opens a connection to the host of the URI.
    pub(crate) async fn open(&self, uri: &Uri) -> Result<Exchange<TcpStream>, ConnectError> {
        match &self.0 {
            Kind::Http(proxy) => open_tunnel(proxy, uri).await,
            #[cfg(feature = "socks")]
            Kind::Socks5(proxy) => Ok(Exchange::new(proxy.open(uri).await?)),
        }
    }
}

impl From<HttpProxy> for Proxy {
    fn from(proxy: HttpProxy) -> Self {
        Self(Kind::Http(proxy))
    }
}

/// Opens a tunnel to the host of the URI.
async fn open_tunnel(proxy: &HttpProxy, uri: &Uri) -> Result<Exchange<TcpStream>, ConnectError> {
    let mut out = Outbox::new();
    let mut tunnel = Tunnel::new(proxy, uri.host(), uri.port(), &mut out)?; // before it connects
    loop {
        let mut exchange = Exchange::new(open_tcp(proxy.host(), proxy.port()).await?);
        exchange.out = mem::take(&mut out);
        let answer = ask(&mut exchange, |input, out| {
            Ok(match tunnel.receive(input, out)? {
                None if tunnel.is_refused() => Progress::Refused,
                None => Progress::Waiting,
                Some(answer) => Progress::Answer(answer),
            })
        });
        let answer = match answer.await {
            Ok(answer) => answer,
            // A refusal takes precedence over the failure to read its body to the end.
            Err(error) => tunnel.end_of_input(&mut exchange.out)?.ok_or(error)?,
        };
        match answer {
            TunnelAnswer::Open => return Ok(exchange),
            TunnelAnswer::Reconnect => out = exchange.out,
        }
    }
}
