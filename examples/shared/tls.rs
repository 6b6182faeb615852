//! TLS for the example servers, if they are built with feature `rustls`. docs/guide.md tells how to
//! make a certificate.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::io;
use std::net::TcpStream;
#[cfg(feature = "rustls")]
use std::sync::Arc;

#[cfg(feature = "rustls")]
use hybi::blocking::rustls::{ServerConfig, crypto::ring};
use hybi::blocking::{MaybeTls, Shared};

#[cfg(feature = "rustls")]
#[path = "pem.rs"]
mod pem;

/// What a connection runs over.
pub(crate) type Socket = MaybeTls<Shared<TcpStream>>;

/// Whether and how a server speaks TLS.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    #[cfg(feature = "rustls")]
    config: Option<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads two PEM files: a chain of certificates, and its key. The error names the file.
    #[cfg(feature = "rustls")]
    pub(crate) fn read(chain: &str, key: &str) -> Result<Self, String> {
        let (certificates, private) = pem::identity(chain, key)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(certificates, private))
            .map_err(|error| format!("{chain}: {error}"))?;
        Ok(Self { config: Some(Arc::new(config)) })
    }

    #[cfg(not(feature = "rustls"))]
    pub(crate) fn read(_: &str, _: &str) -> Result<Self, String> {
        Err("this program was built without TLS: cargo run --features rustls".into())
    }

    /// Puts TLS on a socket that was accepted. Shakes hands when it is first read.
    pub(crate) fn wrap(&self, socket: TcpStream) -> io::Result<Socket> {
        let socket = Shared::new(socket);
        #[cfg(feature = "rustls")]
        if let Some(config) = &self.config {
            let stream = hybi::blocking::TlsStream::server(socket, Arc::clone(config))?;
            return Ok(MaybeTls::Tls(Box::new(stream)));
        }
        Ok(MaybeTls::Plain(socket))
    }

    /// Returns what the URIs of pages and WebSockets end with: `s` or nothing.
    pub(crate) fn letter(&self) -> &'static str {
        #[cfg(feature = "rustls")]
        if self.config.is_some() {
            return "s";
        }
        ""
    }
}
