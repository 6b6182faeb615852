//! A tunnel through an HTTP proxy that asks for credentials, without a socket.

use std::sync::Mutex;

use hybi::adapter::{ConnectError, HttpProxy, Tunnel, TunnelAnswer};
use hybi::handshake::HandshakeUsageError;
use hybi::{Input, Outbox};

const DEMAND: &str = "HTTP/1.1 407 x\r\nProxy-Authenticate: Test nonce=1\r\n\
    Content-Length: 5\r\n\r\nsorry";
const OPEN: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// A proxy whose demands are answered with `Test 1`, `Test 2` and so on.
fn proxy() -> HttpProxy {
    let tries = Mutex::new(0);
    HttpProxy::new("proxy.example", 3128).credentials("me", "x").authorize(
        move |refusal, target| {
            assert_eq!(target, "server.example:443");
            assert_eq!(refusal.response().status(), 407);
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            Some(format!("Test {tries}"))
        },
    )
}

fn start(proxy: &HttpProxy) -> (Tunnel<'_>, Outbox) {
    let mut out = Outbox::new();
    let tunnel = Tunnel::new(proxy, "server.example", 443, &mut out).unwrap();
    (tunnel, out)
}

/// The credentials of the one request in `out`, which is taken.
#[track_caller]
fn asked(out: &mut Outbox) -> String {
    let head = String::from_utf8(out.take()).unwrap();
    assert!(head.starts_with("CONNECT server.example:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n") && head.matches("\r\n\r\n").count() == 1, "{head}");
    assert_eq!(head.matches("Proxy-Authorization: ").count(), 1, "{head}");
    let (_, value) = head.split_once("\r\nProxy-Authorization: ").unwrap();
    value.split("\r\n").next().unwrap().to_owned()
}

type Answer = Result<Option<TunnelAnswer>, ConnectError>;

/// Receives the bytes. Returns the answer, and how many bytes were left.
fn receive(tunnel: &mut Tunnel<'_>, bytes: &str, out: &mut Outbox) -> (Answer, usize) {
    let mut bytes = bytes.as_bytes().to_vec();
    let mut input = Input::new(&mut bytes);
    (tunnel.receive(&mut input, out), input.len())
}

#[track_caller]
fn refused_with(status: u16, answer: Answer) {
    match answer {
        Err(ConnectError::ProxyRefused(refusal)) => {
            assert_eq!(refusal.response().status(), status);
        }
        other => panic!("{other:?}"),
    }
}

/// RFC 9112 §9.3. However the bytes are split, which here is byte by byte.
#[test]
fn the_same_stream_is_asked_again_while_it_is_usable() {
    let proxy = proxy();
    let (mut tunnel, mut out) = start(&proxy);
    assert_eq!(asked(&mut out), "Basic bWU6eA=="); // base64 of me:x
    for want in ["Test 1", "Test 2", "Test 3"] {
        for byte in 0..DEMAND.len() {
            assert!(out.is_empty());
            let head = DEMAND.len() - "sorry".len();
            assert_eq!(tunnel.is_refused(), byte >= head);
            let (answer, left) = receive(&mut tunnel, &DEMAND[byte..=byte], &mut out);
            assert!(matches!(answer, Ok(None)) && left == 0, "{answer:?}");
        }
        assert!(!tunnel.is_refused());
        assert_eq!(asked(&mut out), want);
    }
    let (answer, left) = receive(&mut tunnel, &format!("{OPEN}abc"), &mut out);
    assert_eq!((answer.unwrap(), left), (Some(TunnelAnswer::Open), 3));
    assert!(out.is_empty());
}

/// RFC 9112 §6.3, §9.2, §9.3: the stream ends with the 407, or cannot be trusted.
#[test]
fn a_stream_of_no_more_use_is_left_for_another() {
    for (bytes, is_cut_off) in [
        ("HTTP/1.1 407 x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nsorry", false),
        ("HTTP/1.0 407 x\r\nContent-Length: 5\r\n\r\nsorry", false),
        ("HTTP/1.1 407 x\r\nContent-Length: 5\r\n\r\nsorryHTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.1 407 x\r\n\r\nsorry", true),
        ("HTTP/1.1 407 x\r\nContent-Length: 9\r\n\r\nsorry", true),
        ("HTTP/1.1 407 x\r\nContent-Le", true),
    ] {
        let proxy = proxy();
        let (mut tunnel, mut out) = start(&proxy);
        // A part of the request was not written: nobody reads it any more.
        assert!(!out.is_empty());
        let mut answer = receive(&mut tunnel, bytes, &mut out).0.unwrap();
        if is_cut_off {
            assert_eq!(answer, None, "{bytes:?}");
            answer = tunnel.end_of_input(&mut out).unwrap();
        }
        assert_eq!(answer, Some(TunnelAnswer::Reconnect), "{bytes:?}");
        assert_eq!(asked(&mut out), "Test 1");
        // This one is not reused: if it ends, that is the end.
        assert_eq!(tunnel.end_of_input(&mut out).unwrap(), None);
    }
}

/// RFC 9112 §9.3.1: the proxy may have closed it before it saw the request.
#[test]
fn a_reused_stream_that_ends_is_replaced_once() {
    for bytes in ["", "HTTP/1.1 "] {
        let proxy = proxy();
        let (mut tunnel, mut out) = (start(&proxy).0, Outbox::new());
        assert!(matches!(receive(&mut tunnel, DEMAND, &mut out).0, Ok(None)));
        assert_eq!(asked(&mut out), "Test 1");
        assert!(matches!(receive(&mut tunnel, bytes, &mut out).0, Ok(None)));
        assert_eq!(tunnel.end_of_input(&mut out).unwrap(), Some(TunnelAnswer::Reconnect));
        assert_eq!(asked(&mut out), "Test 1");
        assert_eq!(tunnel.end_of_input(&mut out).unwrap(), None);
    }
}

#[test]
fn without_credentials_a_demand_is_the_error() {
    let silent = HttpProxy::new("proxy.example", 3128);
    let helpless = HttpProxy::new("proxy.example", 3128).authorize(|_, _| None);
    for proxy in [silent, helpless] {
        let (mut tunnel, mut out) = (start(&proxy).0, Outbox::new());
        refused_with(407, receive(&mut tunnel, DEMAND, &mut out).0);
        assert!(out.is_empty());
        assert_eq!(tunnel.end_of_input(&mut out).unwrap(), None);
    }
    // Another refusal asks nobody.
    let proxy = HttpProxy::new("proxy.example", 3128).authorize(|_, _| panic!("not a 407"));
    let (mut tunnel, mut out) = start(&proxy);
    let forbidden = "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n";
    refused_with(403, receive(&mut tunnel, forbidden, &mut out).0);
}

#[test]
fn a_proxy_that_demands_without_end_is_given_up() {
    let proxy = proxy();
    let (mut tunnel, mut out) = start(&proxy);
    for _ in 0..3 {
        assert!(matches!(receive(&mut tunnel, DEMAND, &mut out).0, Ok(None)));
    }
    let mut out = Outbox::new();
    refused_with(407, receive(&mut tunnel, DEMAND, &mut out).0);
    assert!(out.is_empty());
}

#[test]
fn bytes_that_are_not_http_are_an_error_on_any_stream() {
    for before in ["", DEMAND] {
        let proxy = proxy();
        let (mut tunnel, mut out) = start(&proxy);
        assert!(matches!(receive(&mut tunnel, before, &mut out).0, Ok(None)));
        let (answer, _) = receive(&mut tunnel, "SSH-2.0-x\r\n", &mut out);
        assert!(matches!(answer, Err(ConnectError::Response(_))), "{answer:?}");
        assert_eq!(tunnel.end_of_input(&mut out).unwrap(), None);
    }
}

#[test]
fn credentials_that_break_out_of_their_line_are_not_written() {
    let proxy = HttpProxy::new("a", 80).authorize(|_, _| Some("Test x\r\nHost: other".into()));
    let (mut tunnel, mut out) = (start(&proxy).0, Outbox::new());
    let (answer, _) = receive(&mut tunnel, DEMAND, &mut out);
    let Err(ConnectError::Usage(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error, HandshakeUsageError::FieldValue);
    assert!(out.is_empty());
    assert_eq!(tunnel.end_of_input(&mut out).unwrap(), None);
}

#[test]
fn nothing_prints_the_credentials() {
    let proxy = HttpProxy::new("a", 80).credentials("me", "hunter2");
    let (tunnel, _) = start(&proxy);
    for printed in [format!("{proxy:?}"), format!("{tunnel:?}")] {
        assert!(!printed.contains("hunter2") && !printed.contains("me\""), "{printed}");
    }
}
