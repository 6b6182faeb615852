//! Class 23: a handshake beside the checked one, under a framework. There is one set of rules, and a request has one verdict
//! whether it comes as bytes, as a list of fields or in the types of the `http` crate. Other classes ask this module, too.

use hybi::handshake::{
    Acceptance, HeadLimits, HttpVersion, Request, RequestError as Bad, RequestParts,
    ServerHandshakeError,
};
use hybi::{Input, Outbox, ServerHandshake};

type Pair<'a> = (&'a [u8], &'a [u8]);

/// A whole head of HTTP/1.1: method, target and fields, as a stack splits them.
fn split(bytes: &[u8]) -> (&str, &str, Vec<Pair<'_>>) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut lines = bytes[..end].split(|&byte| byte == b'\n');
    let start = std::str::from_utf8(lines.next().unwrap()).unwrap();
    let mut words = start.split(' ');
    let fields = lines.map(|line| {
        let colon = line.iter().position(|&byte| byte == b':').unwrap();
        let value = &line[colon + 1..];
        (&line[..colon], value.strip_suffix(b"\r").unwrap_or(value).trim_ascii())
    });
    (words.next().unwrap(), words.next().unwrap(), fields.collect())
}

fn verdict(request: Result<Request<'_>, Bad>, acceptance: &Acceptance<'_>) -> Result<(), Bad> {
    match acceptance.check(&request?) {
        Ok(accepted) => {
            assert_eq!(accepted.status(), 101);
            Ok(())
        }
        Err(ServerHandshakeError::Request(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Checks that a head, whose lines are well-formed, has this verdict as a list of fields, copied or not, and in the types of the
/// `http` crate, if they hold it.
#[track_caller]
pub(crate) fn same_from_parts(bytes: &[u8], acceptance: &Acceptance<'_>, want: Result<(), Bad>) {
    let (method, target, fields) = split(bytes);
    let parts = RequestParts::new(method, target).fields(&fields);
    let request = Request::from_parts(&parts);
    let text = bytes.escape_ascii();
    assert_eq!(verdict(request.clone(), acceptance), want, "{text}");
    assert_eq!(verdict(request.map(Request::into_owned), acceptance), want, "{text}");
    #[cfg(feature = "http")]
    {
        let mut typed = http::Request::builder().method(method).uri(target);
        for (name, value) in fields {
            typed = typed.header(name, value);
        }
        let Ok(typed) = typed.body(()) else { return };
        assert_eq!(verdict(Request::from_http(&typed, None), acceptance), want, "{text}");
    }
}

/// A good request for this target, with other values of some fields.
fn head(target: &str, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let good = [
        ("Host", &b"a.example"[..]),
        ("Upgrade", b"websocket"),
        ("Connection", b"Upgrade"),
        ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", b"13"),
    ];
    let is_other = |name: &str| fields.iter().any(|(other, _)| *other == name);
    let mut head = format!("GET {target} HTTP/1.1\r\n").into_bytes();
    let kept = good.iter().filter(|(name, _)| !is_other(name));
    for (name, value) in kept.chain(fields) {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

fn from_bytes(bytes: &[u8], acceptance: &Acceptance<'_>) -> Result<(), Bad> {
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let mut bytes = bytes.to_vec();
    let request = server.receive(&mut Input::new(&mut bytes), &mut out)?.unwrap();
    match server.accept(&request, acceptance, &mut out) {
        Ok(_) => Ok(()),
        Err(ServerHandshakeError::Request(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Substrings, commas in odd places, repeats and bytes beyond ASCII, where a framework's own comparison lets pass what no list
/// of tokens has.
#[test]
fn class_23_one_verdict_whatever_a_request_comes_in() {
    type Line = (&'static str, &'static [u8]);
    let any = Acceptance::from_any_origin();
    let rows: [(&[Line], Result<(), Bad>); 27] = [
        (&[], Ok(())),
        (&[("Upgrade", b",websocket,")], Ok(())),
        (&[("Upgrade", b"h2c, WebSocket")], Ok(())),
        (&[("Upgrade", b"h2c"), ("Upgrade", b"websocket")], Ok(())),
        (&[("Upgrade", b"websocketx")], Err(Bad::UpgradeMissing)),
        (&[("Upgrade", b"xwebsocket")], Err(Bad::UpgradeMissing)),
        (&[("Upgrade", b"web,socket")], Err(Bad::UpgradeMissing)),
        (&[("Upgrade", b"\"websocket\"")], Err(Bad::UpgradeMissing)),
        (&[("Upgrade", b"websocket\xff")], Err(Bad::UpgradeMissing)),
        (&[("Connection", b"keep-alive,,\tupgrade ,")], Ok(())),
        (&[("Connection", b"keep-alive"), ("Connection", b"UPGRADE")], Ok(())),
        (&[("Connection", b"no-upgrade")], Err(Bad::ConnectionMissing)),
        (&[("Connection", b"up,grade")], Err(Bad::ConnectionMissing)),
        (&[("Connection", b"upgrade;q=1")], Err(Bad::ConnectionMissing)),
        (&[("Connection", b",")], Err(Bad::ConnectionMissing)),
        (&[("Sec-WebSocket-Version", b"13,")], Err(Bad::Version)),
        (&[("Sec-WebSocket-Version", b"8, 13")], Err(Bad::Version)),
        (&[("Sec-WebSocket-Version", b"8")], Err(Bad::Version)),
        (
            &[("Sec-WebSocket-Version", b"13"), ("Sec-WebSocket-Version", b"13")],
            Err(Bad::VersionRepeated),
        ),
        (&[("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ==,")], Err(Bad::KeyMalformed)),
        (&[("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZ\xff==")], Err(Bad::KeyMalformed)),
        (
            &[
                ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
                ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
            ],
            Err(Bad::KeyRepeated),
        ),
        (&[("Host", b"a.example"), ("Host", b"a.example")], Err(Bad::HostRepeated)),
        (&[("Host", b"a.example\xff")], Err(Bad::HostMalformed)),
        (&[("Sec-WebSocket-Protocol", b",chat,,")], Ok(())),
        (&[("Sec-WebSocket-Protocol", b"ch\xc3\xa4t")], Err(Bad::SubprotocolsMalformed)),
        (&[("Sec-WebSocket-Extensions", b"a;,b")], Err(Bad::ExtensionsMalformed)),
    ];
    for (fields, want) in rows {
        let bytes = head("/", fields);
        assert_eq!(from_bytes(&bytes, &any), want, "{}", bytes.escape_ascii());
        same_from_parts(&bytes, &any, want);
    }
}

/// RFC 9110 §5.3: a second `Origin` makes no list.
#[test]
fn class_17_two_origins_are_none() {
    let evil = [("Origin", &b"https://a.example"[..]), ("Origin", b"https://evil.example")];
    let same = [evil[0], evil[0]];
    let list = Acceptance::from_origins(["https://a.example"]).unwrap();
    for fields in [evil, same] {
        for acceptance in [&list, &Acceptance::from_same_origin()] {
            let bytes = head("/", &fields);
            assert_eq!(from_bytes(&bytes, acceptance), Err(Bad::Origin));
            same_from_parts(&bytes, acceptance, Err(Bad::Origin));
        }
    }
}

/// Read as a reference (RFC 3986 §4.2), these targets name a host. In a request they are paths (RFC 9112 §3.2.1).
#[test]
fn class_17_a_target_with_two_slashes_names_no_host() {
    let same = Acceptance::from_same_origin();
    for target in ["//evil.example", "//evil.example/", "///evil.example", "//@evil.example/?"] {
        for (origin, want) in
            [("https://a.example", Ok(())), ("https://evil.example", Err(Bad::Origin))]
        {
            let bytes = head(target, &[("Origin", origin.as_bytes())]);
            assert_eq!(from_bytes(&bytes, &same), want, "{target} {origin}");
            same_from_parts(&bytes, &same, want);
            let fields = [(&b"origin"[..], origin.as_bytes()), (b"sec-websocket-version", b"13")];
            for version in [HttpVersion::Http2, HttpVersion::Http3] {
                let parts = RequestParts::new("CONNECT", target).version(version).fields(&fields);
                let parts = parts.protocol("websocket").scheme("https").authority("a.example");
                let request = Request::from_parts(&parts).unwrap();
                assert_eq!((request.host(), request.target()), (Some("a.example"), target));
                let got = same.check(&request).map(drop);
                assert_eq!(got, want.map_err(ServerHandshakeError::Request), "{target} {origin}");
            }
        }
    }
}
