//! The code that adapters share: the texts, names and sources of errors, how a connection has
//! ended, and the order of addresses.

use std::error::Error as _;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use hybi::adapter::{
    AcceptError, AddressError, ConnectError, Ending, Error, IoFailure, address_of, interleave,
    leaving_code,
};
use hybi::connection::{Abnormal, Closed};
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

/// Returns an error and its sources, as a program that follows them prints them.
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
        (
            Error::Closed(too_big()).into(),
            "the connection is closed: 1009 (message too big) \"too big\"".into(),
        ),
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
            ConnectError::Socks(reset()).into(),
            format!("no way through the SOCKS proxy: {}", reset()),
        ),
        (
            ConnectError::NoExtendedConnect.into(),
            "the server does not allow WebSocket over HTTP/2 (RFC 8441 §3): connect over HTTP/1.1"
                .into(),
        ),
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
        // An inner error keeps its own name.
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
        (ConnectError::Socks(reset()).name(), "connect-socks"),
        (ConnectError::NoExtendedConnect.name(), "connect-no-extended-connect"),
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

/// A time-out of the system, or of a stream that has them, is one of connecting and accepting.
#[test]
fn a_stream_that_timed_out_is_a_time_out() {
    let late = || io::Error::from(ErrorKind::TimedOut);
    assert!(matches!(ConnectError::from(late()), ConnectError::TimedOut));
    assert!(matches!(AcceptError::from(late()), AcceptError::TimedOut));
    // On an open connection it is the stream that failed.
    assert!(matches!(Error::from(late()), Error::Io(_)));
}

#[test]
fn an_end_is_told_to_each_call() {
    let gone = io::Error::other("unplugged");
    let broken = ProtocolError::Masked;
    // How it ended, and the error of receiving and of sending, as printed.
    for (ending, closed, receives, sends) in [
        (
            Ending::from(too_big()),
            too_big(),
            None,
            "the connection is closed: 1009 (message too big) \"too big\"".to_owned(),
        ),
        (
            Ending::abnormal(Abnormal::Terminated),
            Closed::Abnormal(Abnormal::Terminated),
            None,
            format!("the connection is closed: {}", Closed::Abnormal(Abnormal::Terminated)),
        ),
        (
            Ending::protocol(broken, false),
            Closed::Abnormal(Abnormal::Protocol(broken)),
            Some(broken.to_string()),
            broken.to_string(),
        ),
        (
            Ending::io(&gone),
            Closed::Abnormal(Abnormal::Transport),
            Some("the stream failed: unplugged".to_owned()),
            "the stream failed: unplugged".to_owned(),
        ),
    ] {
        assert_eq!(*ending.closed(), closed);
        for _ in 0..2 {
            let received = ending.result::<()>();
            assert_eq!(received.map_err(|error| error.to_string()).err(), receives);
            assert_eq!(ending.error_of_sending().to_string(), sends);
        }
    }
}

/// The program is done with the connection, and many peers answer so.
#[test]
fn a_bad_answer_to_our_close_frame_is_an_end_and_no_error() {
    for (violation, is_end) in [
        (ProtocolError::CloseBodyTooShort, true),
        (ProtocolError::CloseCode { number: 1005 }, true),
        (ProtocolError::CloseReasonNotUtf8, true),
        (ProtocolError::Masked, false),
    ] {
        for is_after_our_close in [false, true] {
            let ending = Ending::protocol(violation, is_after_our_close);
            assert_eq!(ending.result::<()>().is_ok(), is_end && is_after_our_close);
            assert_eq!(*ending.closed(), Closed::Abnormal(Abnormal::Protocol(violation)));
        }
    }
}

/// RFC 6455 §7.4.1: 1001 is "such as a server going down".
#[test]
fn a_side_that_leaves_has_a_code() {
    assert_eq!(leaving_code::<Server>(), CloseCode::GOING_AWAY);
    assert_eq!(leaving_code::<Client>(), CloseCode::NORMAL);
}

#[test]
fn a_kept_io_error_is_returned_as_it_was() {
    for error in [
        io::Error::from_raw_os_error(2),
        io::Error::from(ErrorKind::BrokenPipe),
        io::Error::new(ErrorKind::InvalidData, "not TLS"),
    ] {
        let kept = IoFailure::new(&error);
        for again in [kept.to_error(), kept.clone().to_error()] {
            assert_eq!(again.kind(), error.kind());
            assert_eq!(again.raw_os_error(), error.raw_os_error());
            assert_eq!(again.to_string(), error.to_string());
        }
    }
}

/// RFC 8305 §4.
#[test]
fn address_families_alternate_and_nothing_is_tried_twice() {
    const A: [&str; 3] = ["[::1]:80", "[::2]:80", "[::3]:80"];
    const B: [&str; 2] = ["1.1.1.1:80", "2.2.2.2:80"];
    for (found, want) in [
        (&[A[0], A[1], A[2], B[0], B[1]][..], &[A[0], B[0], A[1], B[1], A[2]][..]),
        (&[A[0], A[1], B[0], A[0]], &[A[0], B[0], A[1]]),
        (&[B[0], B[1], A[0]], &[B[0], A[0], B[1]]),
        (&[A[0], B[0], A[0], B[0]], &[A[0], B[0]]),
        (&[B[0], B[1]], &[B[0], B[1]]),
        (&[], &[]),
    ] {
        let addresses = found.iter().map(|address| address.parse::<SocketAddr>().unwrap());
        let order: Vec<_> = interleave(addresses).iter().map(ToString::to_string).collect();
        assert_eq!(order, want, "{found:?}");
    }
}

#[test]
fn a_host_that_is_an_address_needs_no_look_up() {
    for (host, want) in [
        ("127.0.0.1", Some("127.0.0.1:80")),
        ("::1", Some("[::1]:80")),
        ("[2001:DB8::1]", Some("[2001:db8::1]:80")),
        ("localhost", None),
        ("1.2.3", None),
        ("", None),
    ] {
        assert_eq!(address_of(host, 80), want.map(|address| address.parse().unwrap()), "{host}");
    }
}
