//! The difference between failures that may pass and those that come again.

use std::io::{self, ErrorKind};
use std::time::Duration;

use hybi::blocking::{Abnormal, Closed, ConnectError};
use hybi::frame::CloseReason;
use hybi::handshake::{Refusal, Response, ResponseError, ResponseParts};
use hybi::keepalive::KeepaliveError;
use hybi::{CloseCode, CutOff, ProtocolError, Uri};

/// Another attempt is in vain if somebody has to change something first.
#[test]
fn failures_of_the_network_and_of_a_busy_server_are_transient() {
    let refused = |status| {
        let response = Response::from_parts(&ResponseParts::new(status)).unwrap();
        Box::new(Refusal::from_parts(response, Vec::new(), true))
    };
    let of = |kind| io::Error::new(kind, "a reason");
    for (error, is_transient) in [
        (ConnectError::TimedOut, true),
        (ConnectError::Connect(Vec::new()), true),
        (ConnectError::Resolve(of(ErrorKind::Other)), true),
        (ConnectError::Io(of(ErrorKind::ConnectionReset)), true),
        (ConnectError::Tls(of(ErrorKind::UnexpectedEof)), true),
        (ConnectError::Tls(of(ErrorKind::InvalidData)), false), // not trusted
        (ConnectError::Tls(of(ErrorKind::Other)), false),
        (ConnectError::Socks(of(ErrorKind::HostUnreachable)), true),
        (ConnectError::Socks(of(ErrorKind::PermissionDenied)), false),
        (ConnectError::Response(ResponseError::Accept), false),
        (ConnectError::Uri(Uri::parse("http://a/").unwrap_err()), false),
        (ConnectError::Refused(refused(503)), true),
        (ConnectError::ProxyRefused(refused(502)), true),
        (ConnectError::Refused(refused(429)), true),
        (ConnectError::Refused(refused(301)), false),
        (ConnectError::Refused(refused(401)), false),
        (ConnectError::Refused(refused(404)), false),
    ] {
        assert_eq!(error.is_transient(), is_transient, "{error}");
    }
}

/// By the texts of the codes in RFC 6455 §7.4.1 and in the registry of IANA.
#[test]
fn an_end_that_the_server_calls_temporary_is_transient() {
    for (code, is_transient) in [
        (1000, false),
        (1001, true),
        (1002, false),
        (1008, false),
        (1009, false),
        (1011, true),
        (1012, true),
        (1013, true),
        (1014, true),
        (3000, false),
        (3008, true),
        (4000, false),
    ] {
        let code = CloseCode::new(code).unwrap();
        let closed = Closed::Clean(Some(CloseReason { code, reason: "".into() }));
        assert_eq!(closed.is_transient(), is_transient, "{closed}");
    }
    assert!(!Closed::Clean(None).is_transient());
    for (why, is_transient) in [
        (Abnormal::Transport, true),
        (Abnormal::CutOff(CutOff::BetweenMessages), true),
        (Abnormal::TimedOut(KeepaliveError::Pong), true),
        (Abnormal::Protocol(ProtocolError::TextNotUtf8), false),
        (Abnormal::Terminated, false),
    ] {
        assert_eq!(Closed::Abnormal(why).is_transient(), is_transient, "{why}");
    }
}

/// RFC 9110 §10.2.3: a number of seconds, or a date.
#[test]
fn a_refusal_tells_how_long_to_wait() {
    for (field, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        ("+5", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("99999999999999999999", None),
    ] {
        let fields: &[(&[u8], &[u8])] = &[(b"retry-after", field.as_bytes())];
        let response = Response::from_parts(&ResponseParts::new(503).fields(fields)).unwrap();
        let refusal = Refusal::from_parts(response, Vec::new(), true);
        assert_eq!(refusal.retry_after(), seconds.map(Duration::from_secs), "{field:?}");
    }
}
