//! The opening handshake through the public API: the RFC's examples, limits, origins, and the
//! caller's mistakes. The cases of what peers may send are in `hybi-conform`.

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a crate of its own elsewhere")]
mod bodies;
mod client;
mod connect;
#[path = "../common/corpus.rs"]
mod corpus;
mod errors;
#[cfg(feature = "http")]
mod frameworks;
#[cfg(feature = "http")]
mod http_types;
mod limits;
mod optimistic_upgrade;
mod printing;
mod proxies;
mod refusals;
mod replay;
mod server;
mod tolerance;
mod tunnel;
mod uris;
mod values;

use hybi::handshake::{
    Acceptance, Answer, ClientRequest, HandshakeUsageError as UsageError, HeadLimits, ProxyAnswer,
    ProxyHandshake, ProxyRequest, Rejection, Request, RequestError, RequestError as Bad, Response,
    ResponseError, ServerHandshakeError,
};
use hybi::uri::{UriErrorKind, UriPart};
use hybi::{ClientHandshake, Event, Input, Outbox, ServerHandshake, Uri};

/// RFC 6455 §1.2.
const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

fn server() -> ServerHandshake {
    ServerHandshake::new(HeadLimits::default())
}

#[test]
fn the_example_of_rfc_6455() {
    let (mut server, mut out) = (server(), Outbox::new());
    let mut inbox = [REQUEST.as_bytes(), b"\x81\x80\0\0\0\0"].concat();
    let mut input = Input::new(&mut inbox);
    let request = server.receive(&mut input, &mut out).unwrap().unwrap();
    assert_eq!((request.method(), request.target(), request.path()), ("GET", "/chat", "/chat"));
    assert_eq!((request.query(), request.host()), (None, Some("server.example.com")));
    assert_eq!(request.origin(), Some(&b"http://example.com"[..]));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(request.extensions().count(), 0);
    assert_eq!(request.field("SEC-WEBSOCKET-VERSION"), Some(&b"13"[..]));
    assert_eq!(request.fields().count(), 7);
    assert!(request.is_upgrade());
    assert_eq!(request.check(), Ok(()));
    assert_eq!(request.choose_subprotocol(&["v3", "superchat", "chat"]), Some("superchat"));
    assert_eq!(request.choose_subprotocol(&["Chat"]), None);
    let mut ws = server
        .accept(&request, &Acceptance::from_any_origin().subprotocol("chat"), &mut out)
        .unwrap();
    assert_eq!(out, RESPONSE.as_bytes());
    let owned = request.into_owned();
    assert_eq!(ws.receive(&mut input, &mut out), Ok(Some(Event::Text("".into()))));
    assert_eq!(owned.path(), "/chat");
    assert_eq!(
        server.receive(&mut Input::new(&mut [1, 2]), &mut out).map(|request| request.is_none()),
        Ok(true)
    );
}

#[test]
fn our_client_and_our_server_understand_each_other() {
    let uri = Uri::parse("ws://user:p%3Ass@[::1]:8080?x=%20").unwrap();
    let request = ClientRequest::new(&uri)
        .subprotocol("a")
        .origin("http://[::1]:8080")
        .field("Cookie", "c=d");
    let mut out = Outbox::new();
    let mut client =
        ClientHandshake::with_keys(&request, *b"the sample nonce", || [0; 4], &mut out).unwrap();
    // The order that RFC 6455 §4.1 lists; dXNlcjpwOnNz is base64 of user:p:ss.
    let want = "GET /?x=%20 HTTP/1.1\r\nHost: [::1]:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://[::1]:8080\r\n\
        Sec-WebSocket-Protocol: a\r\nAuthorization: Basic dXNlcjpwOnNz\r\nCookie: c=d\r\n\r\n";
    let mut out = out.take();
    assert_eq!(String::from_utf8(out.clone()).unwrap(), want);
    let (mut server, mut back) = (server(), Outbox::new());
    let request = server.receive(&mut Input::new(&mut out), &mut back).unwrap().unwrap();
    assert_eq!((request.path(), request.query()), ("/", Some("x=%20")));
    let accept = Acceptance::from_same_origin().subprotocol("a").field("Set-Cookie", b"\xff");
    assert_eq!((accept.chosen(), Acceptance::from_any_origin().chosen()), (Some("a"), None));
    server.accept(&request, &accept, &mut back).unwrap();
    back.append(b"\x88\x02\x03\xe8"); // a Close in the same segment
    let mut back = back.take();
    let mut input = Input::new(&mut back);
    let Some(Answer::Open(mut ws, response)) = client.receive(&mut input).unwrap() else {
        panic!()
    };
    assert_eq!((response.status(), response.subprotocol()), (101, Some("a")));
    assert_eq!(response.field("set-cookie"), Some(&b"\xff"[..]));
    let mut out = Outbox::new();
    assert!(matches!(ws.receive(&mut input, &mut out), Ok(Some(Event::Close(Some(_))))));
    assert!(client.receive(&mut Input::new(&mut [0])).unwrap().is_none());
}

/// `REQUEST` with a line (named by how it begins) replaced: by nothing, one line or several.
fn with(line: &str, by: &str) -> Vec<u8> {
    assert!(REQUEST.contains(line));
    let lines = REQUEST.split_inclusive("\r\n");
    lines
        .map(|old| if !line.is_empty() && old.starts_with(line) { by } else { old })
        .collect::<String>()
        .into()
}

type Keys = fn() -> [u8; 4];

fn client_of(
    request: &ClientRequest<'_>,
    out: &mut Outbox,
) -> Result<ClientHandshake<Keys>, UsageError> {
    ClientHandshake::with_keys(request, *b"the sample nonce", || [0; 4], out)
}
