//! HTTP `CONNECT` through a proxy.

use super::*;

#[test]
fn proxies() {
    let mut out = Outbox::new();
    let request = ProxyRequest::new("::1", 443).credentials("user", "a:b");
    ProxyHandshake::new(&request, &mut out).unwrap();
    // dXNlcjphOmI= is base64 of user:a:b.
    let want = "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Authorization: Basic dXNlcjphOmI=\r\n\r\n";
    assert_eq!(String::from_utf8(out.take()).unwrap(), want);
    let request = ProxyRequest::new("[::1]", 443).credentials("user", "a:b");
    ProxyHandshake::new(&request, &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out.take()).unwrap(),
        want,
        "an address may have its brackets already"
    );
    for (host, port, credentials, want) in [
        ("", 80, None, UsageError::Host),
        ("a b", 80, None, UsageError::Host),
        ("a\r\nb", 80, None, UsageError::Host),
        ("a:1", 80, None, UsageError::Host),
        ("a/b", 80, None, UsageError::Host),
        ("[a]", 80, None, UsageError::Host), // RFC 3986 §3.2.2: brackets hold an IPv6 address
        ("[127.0.0.1]", 80, None, UsageError::Host),
        ("[::1", 80, None, UsageError::Host),
        ("::1]", 80, None, UsageError::Host),
        ("[[::1]]", 80, None, UsageError::Host),
        ("::g", 80, None, UsageError::Host),
        ("a", 0, None, UsageError::Host),
        ("a", 80, Some(("a:b", "c")), UsageError::Credentials),
        ("a", 80, Some(("a", "c\n")), UsageError::Credentials),
    ] {
        let mut request = ProxyRequest::new(host, port);
        if let Some((user, password)) = credentials {
            request = request.credentials(user, password);
        }
        assert_eq!(ProxyHandshake::new(&request, &mut out).err(), Some(want), "{host:?}");
    }
    assert!(out.is_empty());
    let after = |interim, head| "HTTP/1.1 199 x\r\n\r\n".repeat(interim) + head;
    for (bytes, want) in [
        ("HTTP/1.1 200 OK\r\n\r\nab", Ok((true, 200, 2))),
        ("HTTP/1.0 200 Connection established\r\nContent-Length: 9\r\n\r\n", Ok((true, 200, 0))),
        ("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 204 x\r\n\r\n", Ok((true, 204, 0))),
        (&*after(16, "HTTP/1.1 299 x\r\n\r\na"), Ok((true, 299, 1))),
        (&*after(17, "HTTP/1.1 200 x\r\n\r\n"), Err(ResponseError::TooManyInterim)),
        ("HTTP/1.1 300 x\r\nContent-Length: 0\r\n\r\n", Ok((false, 300, 0))),
        ("HTTP/1.1 407 x\r\nContent-Length: 3\r\n\r\nabc", Ok((false, 407, 3))),
        ("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", Ok((false, 101, 0))),
        ("SSH-2.0-x\r\n", Err(ResponseError::StatusLine)),
        ("HTTP/1.1 200 OK\n\n", Ok((true, 200, 0))),
        ("HTTP/1.1 200 OK\r\r", Err(ResponseError::LineEnding)),
    ] {
        for size in [1, bytes.len()] {
            let request = ProxyRequest::new("a", 80);
            let mut proxy = ProxyHandshake::new(&request, &mut Outbox::new()).unwrap();
            let (mut verdict, mut rest) = (None, 0);
            for chunk in bytes.as_bytes().chunks(size) {
                let mut chunk = chunk.to_vec();
                let mut input = Input::new(&mut chunk);
                if verdict.is_none() {
                    verdict = proxy.receive(&mut input).transpose().map(|answer| {
                        answer.map(|answer| match answer {
                            ProxyAnswer::Open(response) => (true, response.status()),
                            ProxyAnswer::Refused(refused) => {
                                rest += refused.body().len();
                                (false, refused.response().status())
                            }
                        })
                    });
                }
                rest += input.len();
            }
            let verdict = verdict.unwrap().map(|(open, status)| (open, status, rest));
            assert_eq!(verdict, want, "{bytes:?} {size}");
        }
    }
}

#[test]
fn a_connect_carries_fields_of_the_callers() {
    let request = ProxyRequest::new("a", 80)
        .field("User-Agent", "test/1")
        .field("X-Owned", format!("{}", 1))
        .credentials("user", "secret");
    let mut out = Outbox::new();
    ProxyHandshake::new(&request, &mut out).unwrap();
    // dXNlcjpzZWNyZXQ= is base64 of user:secret.
    let want = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\
        Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\nUser-Agent: test/1\r\nX-Owned: 1\r\n\r\n";
    assert_eq!(String::from_utf8(out.take()).unwrap(), want);

    // Of any scheme, and in place of the user name and password.
    let request = request.field("proxy-authorization", "Bearer x");
    ProxyHandshake::new(&request, &mut out).unwrap();
    let want = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nUser-Agent: test/1\r\nX-Owned: 1\r\n\
        proxy-authorization: Bearer x\r\n\r\n";
    assert_eq!(String::from_utf8(out.take()).unwrap(), want);

    for (name, value, want) in [
        ("", "x", UsageError::FieldName),
        ("a\r\nb", "x", UsageError::FieldName),
        ("a:", "x", UsageError::FieldName),
        ("a", "x\r\nb: c", UsageError::FieldValue),
        ("Proxy-Authorization", "Basic a\r\n", UsageError::FieldValue),
        ("a", "\0", UsageError::FieldValue),
        ("host", "x", UsageError::FieldReserved),
        ("Content-Length", "1", UsageError::FieldReserved),
        ("Transfer-Encoding", "chunked", UsageError::FieldReserved),
        ("Connection", "x", UsageError::FieldReserved),
        ("Upgrade", "websocket", UsageError::FieldReserved),
        ("Sec-WebSocket-Key", "x", UsageError::FieldReserved),
    ] {
        let request = ProxyRequest::new("a", 80).field(name, value);
        assert_eq!(ProxyHandshake::new(&request, &mut out).err(), Some(want), "{name:?}");
        assert!(out.is_empty());
    }
}
