//! What the errors print, what their sources are, and which threads may have what.

use std::error::Error as _;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::TcpStream;

use hybi::blocking::{
    AcceptError, Acceptor, ConnectError, Connector, Error, Pending, Proxy, Reader, Shared, Untimed,
    WebSocket, Writer,
};
use hybi::handshake::{HandshakeUsageError, RequestError, ResponseError};
use hybi::{Client, ProtocolError, Server, Uri, UsageError};

/// What a program prints that follows the sources, as `anyhow` does.
fn chain(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect()
}

#[test]
fn each_error_is_printed_once() {
    let reset = || io::Error::from(ErrorKind::ConnectionReset);
    let uri = Uri::parse("http://a/").unwrap_err();
    let errors: Vec<(Box<dyn std::error::Error>, String)> = vec![
        (Error::Protocol(ProtocolError::Unmasked).into(), ProtocolError::Unmasked.to_string()),
        (Error::Usage(UsageError::Closed).into(), UsageError::Closed.to_string()),
        (Error::TimedOut.into(), "the time-out has passed".into()),
        (Error::Io(reset()).into(), format!("the stream failed: {}", reset())),
        (AcceptError::Request(RequestError::Origin).into(), RequestError::Origin.to_string()),
        (
            AcceptError::Usage(HandshakeUsageError::Status).into(),
            HandshakeUsageError::Status.to_string(),
        ),
        (AcceptError::TimedOut.into(), "the client took too long for the handshake".into()),
        (
            AcceptError::Io(reset()).into(),
            format!("the stream failed during the handshake: {}", reset()),
        ),
        (ConnectError::Uri(uri).into(), uri.to_string()),
        (ConnectError::Response(ResponseError::Accept).into(), ResponseError::Accept.to_string()),
        (ConnectError::TimedOut.into(), "connecting took too long".into()),
        (
            ConnectError::Resolve(reset()).into(),
            format!("the host could not be looked up: {}", reset()),
        ),
        (
            ConnectError::Connect(reset()).into(),
            format!("the host could not be reached: {}", reset()),
        ),
    ];
    for (error, text) in errors {
        assert_eq!(chain(&*error), [text]);
    }
}

/// Such as a TLS stream's.
#[derive(Debug)]
struct Outer(ProtocolError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn what_an_io_error_does_not_print_is_its_source() {
    let failed = || io::Error::other(Outer(ProtocolError::Masked));
    let inner = ProtocolError::Masked.to_string();
    assert_eq!(chain(&Error::Io(failed())), ["the stream failed: outer".into(), inner.clone()]);
    assert_eq!(chain(&AcceptError::Io(failed()))[1..], *std::slice::from_ref(&inner));
    assert_eq!(chain(&ConnectError::Connect(failed()))[1..], [inner]);
    assert!(AcceptError::TimedOut.source().is_none());
}

#[test]
fn everything_may_go_to_another_thread() {
    const fn check<T: Send + Sync>() {}
    const {
        check::<WebSocket<TcpStream, Client>>();
        check::<WebSocket<TcpStream, Server>>();
        check::<Reader<TcpStream, Client>>();
        check::<Writer<TcpStream, Client>>();
        check::<Reader<Shared<TcpStream>, Server>>();
        check::<Writer<Shared<TcpStream>, Server>>();
        check::<Pending<TcpStream>>();
        check::<Untimed<TcpStream>>();
        check::<(Acceptor, Connector, Proxy)>();
        check::<(Error, AcceptError, ConnectError)>();
    }
}
