//! What the errors print, what their sources are, and which threads may have what.

use std::error::Error as _;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::TcpStream;

use hybi::blocking::{
    Abnormal, AcceptError, Acceptor, AddressError, ClientSocket, Closed, ConnectError, Connector,
    Error, MaybeTls, Pending, Proxy, Reader, Shared, Untimed, WebSocket, Writer,
};
use hybi::frame::CloseReason;
use hybi::handshake::{
    HandshakeUsageError, ProxyAnswer, ProxyHandshake, ProxyRequest, RequestError, ResponseError,
};
use hybi::{Client, CloseCode, Input, Outbox, ProtocolError, Server, Uri, UsageError};

/// An error for each of the addresses 127.0.0.0, 127.0.0.1 and so on.
fn unreachable<const N: usize>(errors: [io::Error; N]) -> ConnectError {
    let failed = |(n, error)| AddressError { address: ([127, 0, 0, n], 80).into(), error };
    ConnectError::Connect((0..).zip(errors).map(failed).collect())
}

/// What a program prints that follows the sources, as `anyhow` does.
fn chain(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect()
}

fn too_big() -> Closed {
    Closed::Clean(Some(CloseReason { code: CloseCode::TOO_BIG, reason: "too big".into() }))
}

#[test]
fn each_error_is_printed_once() {
    let reset = || io::Error::from(ErrorKind::ConnectionReset);
    let uri = Uri::parse("http://a/").unwrap_err();
    let errors: Vec<(Box<dyn std::error::Error>, String)> = vec![
        (Error::Protocol(ProtocolError::Unmasked).into(), ProtocolError::Unmasked.to_string()),
        (Error::Usage(UsageError::Closed).into(), UsageError::Closed.to_string()),
        (Error::Closed(too_big()).into(), "the connection is closed: 1009 \"too big\"".into()),
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
            unreachable([reset()]).into(),
            format!("the host could not be reached: 127.0.0.0:80: {}", reset()),
        ),
        (
            unreachable([reset(), ErrorKind::TimedOut.into()]).into(),
            format!(
                "the host could not be reached: 127.0.0.0:80: {}; 127.0.0.1:80: {}",
                reset(),
                ErrorKind::TimedOut
            ),
        ),
    ];
    for (error, text) in errors {
        assert_eq!(chain(&*error), [text]);
    }
}

/// Logs and metrics keep these names, so a change here breaks their readers.
#[test]
fn the_errors_have_stable_names() {
    let reset = || io::Error::from(ErrorKind::ConnectionReset);
    let refusal = || {
        let request = ProxyRequest::new("a", 80);
        let mut handshake = ProxyHandshake::new(&request, &mut Outbox::new()).unwrap();
        match handshake
            .receive(&mut Input::new(&mut b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n".to_vec()))
        {
            Ok(Some(ProxyAnswer::Refused(refusal))) => Box::new(refusal),
            other => panic!("{other:?}"),
        }
    };
    let uri = Uri::parse("http://a/").unwrap_err();
    for (name, want) in [
        // What is inside keeps its own.
        (Error::Protocol(ProtocolError::Unmasked).name(), ProtocolError::Unmasked.name()),
        (Error::Usage(UsageError::Closed).name(), UsageError::Closed.name()),
        (AcceptError::Request(RequestError::Origin).name(), RequestError::Origin.name()),
        (
            AcceptError::Usage(HandshakeUsageError::Status).name(),
            HandshakeUsageError::Status.name(),
        ),
        (ConnectError::Uri(uri).name(), uri.name()),
        (ConnectError::Usage(HandshakeUsageError::Host).name(), HandshakeUsageError::Host.name()),
        (ConnectError::Response(ResponseError::Accept).name(), ResponseError::Accept.name()),
        (Error::Io(reset()).name(), Abnormal::Transport.name()),
        (Error::Closed(too_big()).name(), too_big().name()),
        (Error::TimedOut.name(), "timed-out"),
        (AcceptError::TimedOut.name(), "accept-timed-out"),
        (AcceptError::Io(reset()).name(), "accept-failed"),
        (ConnectError::NeedsTls.name(), "connect-needs-tls"),
        (ConnectError::Tls(reset()).name(), "connect-tls"),
        (ConnectError::Resolve(reset()).name(), "connect-resolve"),
        (unreachable([reset()]).name(), "connect-unreachable"),
        (ConnectError::TimedOut.name(), "connect-timed-out"),
        (ConnectError::Io(reset()).name(), "connect-failed"),
        (ConnectError::Refused(refusal()).name(), "connect-refused"),
        (ConnectError::ProxyRefused(refusal()).name(), "connect-proxy-refused"),
    ] {
        assert_eq!(name, want);
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
    let reset = || io::Error::from(ErrorKind::ConnectionReset);
    let failed = || io::Error::other(Outer(ProtocolError::Masked));
    let inner = ProtocolError::Masked.to_string();
    assert_eq!(chain(&Error::Io(failed())), ["the stream failed: outer".into(), inner.clone()]);
    assert_eq!(chain(&AcceptError::Io(failed()))[1..], *std::slice::from_ref(&inner));
    assert_eq!(chain(&unreachable([reset(), failed()]))[1..], [inner]);
    assert!(AcceptError::TimedOut.source().is_none());
}

#[test]
fn everything_may_go_to_another_thread() {
    const fn check<T: Send + Sync>() {}
    const {
        check::<ClientSocket>();
        check::<WebSocket<TcpStream, Server>>();
        check::<Reader<MaybeTls<TcpStream>, Client>>();
        check::<Writer<MaybeTls<TcpStream>, Client>>();
        check::<Reader<Shared<TcpStream>, Server>>();
        check::<Writer<Shared<TcpStream>, Server>>();
        check::<Pending<TcpStream>>();
        check::<Untimed<TcpStream>>();
        check::<(Acceptor, Connector, Proxy)>();
        check::<(Error, AcceptError, ConnectError)>();
    }
}
