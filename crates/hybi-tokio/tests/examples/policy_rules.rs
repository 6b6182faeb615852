//! The rules by which the client that reconnects waits.

use std::time::Duration;

use hybi::handshake::{Refusal, Response, ResponseParts};
use hybi_tokio::ConnectError;

use crate::policy::{Waits, asked_for};

fn refused(retry_after: &str) -> ConnectError {
    let fields: &[(&[u8], &[u8])] = &[(b"retry-after", retry_after.as_bytes())];
    let response = Response::from_parts(&ResponseParts::new(503).fields(fields)).unwrap();
    ConnectError::Refused(Box::new(Refusal::from_parts(response, Vec::new(), true)))
}

#[test]
fn a_server_may_ask_for_an_hour_and_no_more() {
    assert_eq!(asked_for(&ConnectError::TimedOut), Duration::ZERO);
    for (field, seconds) in [("7", 7), ("999999999", 3600), ("tomorrow", 0)] {
        assert_eq!(asked_for(&refused(field)), Duration::from_secs(seconds), "{field}");
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
