//! The memory of a TLS connection that is idle.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hybi::blocking::rustls::crypto::ring;
use hybi::blocking::rustls::pki_types::PrivatePkcs8KeyDer;
use hybi::blocking::rustls::{ClientConfig, RootCertStore, ServerConfig};
use hybi::blocking::{Error, Stream, TlsStream, WebSocket};
use hybi::{Inbox, Message};

use super::*;

/// One end of a stream in memory.
#[derive(Default)]
struct Pipe {
    from: Rc<RefCell<VecDeque<u8>>>,
    to: Rc<RefCell<VecDeque<u8>>>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.from.borrow_mut().read(buffer)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Pipe {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

/// As the docs of `TlsStream` say. Long messages leave no more than short ones.
#[test]
fn an_idle_tls_connection_keeps_what_rustls_keeps() {
    let (server_config, client_config) = configs();
    let uri = Uri::parse("wss://localhost/").unwrap();
    for len in [5, 100_000] {
        for is_server in [true, false] {
            // The first time, the configurations grow, too: they keep sessions to resume.
            for is_first in [true, false] {
                let pipe = Pipe::default();
                let other = Pipe { from: Rc::clone(&pipe.to), to: Rc::clone(&pipe.from) };
                let wire = [Rc::clone(&pipe.from), Rc::clone(&pipe.to)];
                let before = LIVE.get();
                let server = TlsStream::server(pipe, Arc::clone(&server_config)).unwrap();
                let client = TlsStream::client(other, Arc::clone(&client_config), &uri).unwrap();
                let mut server =
                    WebSocket::new(server, Connection::server(Config::default()), Inbox::new());
                let connection = Connection::client_with_keys(Config::default(), || KEY);
                let mut client = WebSocket::new(client, connection, Inbox::new());
                for _ in 0..3 {
                    assert!(matches!(client.receive(), Err(Error::TimedOut)));
                    assert!(matches!(server.receive(), Err(Error::TimedOut)));
                }
                let message = vec![b'x'; len];
                client.send(&*message).unwrap();
                assert_eq!(server.receive().unwrap(), Some(Message::from(&*message)));
                server.send(&*message).unwrap();
                assert_eq!(client.receive().unwrap(), Some(Message::from(&*message)));
                assert!(matches!(client.receive(), Err(Error::TimedOut)));
                assert!(matches!(server.receive(), Err(Error::TimedOut)));
                drop(message);
                for bytes in &wire {
                    bytes.borrow_mut().shrink_to_fit();
                }
                if is_server {
                    drop(client);
                } else {
                    drop(server);
                }
                let kept = LIVE.get() - before;
                assert!(is_first || kept <= 11 << 10, "{kept} bytes after messages of {len}");
            }
        }
    }
}
