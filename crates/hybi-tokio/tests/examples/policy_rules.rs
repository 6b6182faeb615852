//! The rules by which the client that reconnects handles failures and ends.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use hybi::connection::{Abnormal, Closed};
use hybi::frame::CloseReason;
use hybi::handshake::{Refusal, Response, ResponseError, ResponseParts};
use hybi::keepalive::KeepaliveError;
use hybi::{CloseCode, ProtocolError, Uri};
use hybi_tokio::ConnectError;

use crate::policy::{Verdict, Waits, of_connecting, of_end};

fn refused(status: u16, retry_after: &str) -> ConnectError {
    let fields: &[(&[u8], &[u8])] = &[(b"retry-after", retry_after.as_bytes())];
    let response = Response::from_parts(&ResponseParts::new(status).fields(fields)).unwrap();
    ConnectError::Refused(Box::new(Refusal::from_parts(response, Vec::new(), true)))
}

#[test]
fn failures_of_the_network_and_of_a_busy_server_pass_and_others_do_not() {
    let passes = |seconds| Verdict::Passes(Duration::from_secs(seconds));
    for (error, want) in [
        (ConnectError::TimedOut, passes(0)),
        (ConnectError::Connect(Vec::new()), passes(0)),
        (ConnectError::Resolve(ErrorKind::Other.into()), passes(0)),
        (ConnectError::Io(ErrorKind::ConnectionReset.into()), passes(0)),
        (ConnectError::Tls(ErrorKind::UnexpectedEof.into()), passes(0)),
        (ConnectError::Tls(Error::new(ErrorKind::InvalidData, "not trusted")), Verdict::Final),
        (ConnectError::Response(ResponseError::Accept), Verdict::Final),
        (ConnectError::Uri(Uri::parse("http://a/").unwrap_err()), Verdict::Final),
        (refused(503, "7"), passes(7)),
        (refused(429, "Fri, 31 Dec 1999 23:59:59 GMT"), passes(0)),
        (refused(503, "99999999999999999999"), passes(0)),
        (refused(503, "999999999"), passes(3600)),
        (refused(502, ""), passes(0)),
        (refused(301, "7"), Verdict::Final),
        (refused(401, ""), Verdict::Final),
        (refused(404, ""), Verdict::Final),
    ] {
        assert_eq!(of_connecting(&error), want, "{error}");
    }
}

#[test]
fn an_end_that_the_server_calls_temporary_passes() {
    let passes = Some(Verdict::Passes(Duration::ZERO));
    for (code, want) in [
        (1000, None),
        (1001, passes),
        (1002, Some(Verdict::Final)),
        (1008, Some(Verdict::Final)),
        (1011, passes),
        (1012, passes),
        (1013, passes),
        (4000, Some(Verdict::Final)),
    ] {
        let code = CloseCode::new(code).unwrap();
        let closed = Closed::Clean(Some(CloseReason { code, reason: "".into() }));
        assert_eq!(of_end(&closed), want, "{closed}");
    }
    assert_eq!(of_end(&Closed::Clean(None)), None);
    for (why, want) in [
        (Abnormal::Transport, passes),
        (Abnormal::TimedOut(KeepaliveError::Pong), passes),
        (Abnormal::Protocol(ProtocolError::TextNotUtf8), Some(Verdict::Final)),
    ] {
        assert_eq!(of_end(&Closed::Abnormal(why)), want, "{why}");
    }
}

#[test]
fn waits_grow_up_to_a_bound_and_begin_anew() {
    let max = Duration::from_secs(60);
    let mut waits = Waits::new(max);
    let mut means = Vec::new();
    for _ in 0..2 {
        for attempt in 0..20 {
            let wait = waits.next(Duration::ZERO);
            let bound = Duration::from_secs(1 << attempt.min(10)).min(max);
            assert!(wait <= bound, "{wait:?} at attempt {attempt}");
            means.push(wait);
        }
        waits.reset();
    }
    means.dedup();
    assert!(means.len() > 30, "not random: {means:?}");
    assert!(waits.next(Duration::from_secs(7)) >= Duration::from_secs(7));
    assert!(Waits::new(Duration::ZERO).next(Duration::ZERO).is_zero());
}
