//! What two frameworks, axum and actix-http, test of their WebSocket upgrades, shown through hybi in
//! the types that they have in common. Where hybi decides otherwise, the test says so.

use http::header::{
    ALLOW, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderName, HeaderValue, Method, Version};
use hybi::connection::{Chunk, ChunkData, ChunkEvent, Transport};
use hybi::{Client, CloseCode, Config, Connection, Server, UsageError as SendError};

use super::*;

type Response = http::Response<()>;

/// Upgrades as a handler of a framework does: the response, and the connection if it is open.
fn upgrade(
    request: &http::Request<()>,
    protocol: Option<&str>,
) -> Result<(Response, Connection<Server>), Bad> {
    let request = Request::from_http(request, protocol)?;
    let chosen = request.choose_subprotocol(&["echo2", "echo"]);
    let acceptance = Acceptance::from_any_origin().subprotocol(chosen);
    match acceptance.check(&request) {
        Ok(accepted) => Ok(accepted.into_http().unwrap()),
        Err(ServerHandshakeError::Request(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// The status of the response, and the error if it is a refusal.
fn status(request: &http::Request<()>) -> (u16, Option<Bad>) {
    match upgrade(request, None) {
        Ok((response, _)) => (response.status().as_u16(), None),
        Err(error) => (error.rejection().into_http().unwrap().status().as_u16(), Some(error)),
    }
}

fn get(fields: &[(HeaderName, &'static str)]) -> http::Request<()> {
    let mut request = http::Request::get("/echo").body(()).unwrap();
    request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
    for (name, value) in fields {
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    request
}

const UPGRADES: (HeaderName, &str) = (UPGRADE, "websocket");
const CONNECTS: (HeaderName, &str) = (CONNECTION, "upgrade");
const SPEAKS_13: (HeaderName, &str) = (SEC_WEBSOCKET_VERSION, "13");
const HAS_KEY: (HeaderName, &str) = (SEC_WEBSOCKET_KEY, "6D69KGBOr4Re+Nj6zx9aQA==");

/// A client and a server after a good handshake.
struct Pair {
    client: Connection<Client<Keys>>,
    server: Connection<Server>,
}

impl Pair {
    /// Opens over HTTP/1.1 or, by extended CONNECT, over HTTP/2. All goes through `http` types.
    fn open(version: Version, subprotocols: &[&'static str]) -> (Self, Response) {
        let uri = Uri::parse("ws://localhost/echo").unwrap();
        let mut asked = ClientRequest::new(&uri);
        for subprotocol in subprotocols {
            asked = asked.subprotocol(*subprotocol);
        }
        let prepared = match version {
            Version::HTTP_2 => asked.prepare_connect().unwrap(),
            _ => asked.prepare_with_nonce(*b"the sample nonce").unwrap(),
        };
        let request = prepared.to_http().unwrap();
        let (mut response, server) = upgrade(&request, prepared.protocol()).unwrap();
        *response.version_mut() = version; // which the stack sets
        let received = hybi::handshake::Response::from_http(&response).unwrap();
        let client = prepared.open(&received, (|| [1, 2, 3, 4]) as Keys).unwrap();
        (Self { client, server }, response)
    }

    /// Carries what the client has sent to the server, which answers with `echo`, and returns what
    /// the client then receives.
    fn echoed(&mut self, mut sent: Outbox) -> Vec<ChunkEvent<'static>> {
        let (mut sent, mut back) = (sent.take(), Outbox::new());
        let mut input = Input::new(&mut sent);
        while let Some(event) = self.server.receive_chunk(&mut input, &mut back).unwrap() {
            // The replies to pings and Close frames are in `back` already.
            let ChunkEvent::Chunk(Chunk { data, last, .. }) = event else { continue };
            match data {
                ChunkData::Text(text) if last => self.server.send_last_part(&*text, &mut back),
                ChunkData::Text(text) => self.server.send_part(&*text, &mut back),
                ChunkData::Binary(data) if last => self.server.send_last_part(&*data, &mut back),
                ChunkData::Binary(data) => self.server.send_part(&*data, &mut back),
            }
            .unwrap();
        }
        let (mut back, mut out) = (back.take(), Outbox::new());
        let mut input = Input::new(&mut back);
        let mut events = Vec::new();
        while let Some(event) = self.client.receive_chunk(&mut input, &mut out).unwrap() {
            events.push(event.into_owned());
        }
        events
    }

    fn send(&mut self, run: impl FnOnce(&mut Connection<Client<Keys>>, &mut Outbox)) -> Outbox {
        let mut out = Outbox::new();
        run(&mut self.client, &mut out);
        out
    }
}

fn text(text: &str, first: bool, last: bool) -> ChunkEvent<'_> {
    ChunkEvent::Chunk(Chunk { data: ChunkData::Text(text.into()), first, last })
}

// axum

#[test]
fn a_request_in_http_1_0_is_refused() {
    let mut request = get(&[UPGRADES, CONNECTS, SPEAKS_13, HAS_KEY]);
    assert_eq!(status(&request), (101, None));
    *request.version_mut() = Version::HTTP_10;
    assert_eq!(status(&request), (400, Some(Bad::Http10)));
}

#[test]
fn a_text_is_echoed_and_a_ping_is_answered() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (mut pair, response) = Pair::open(version, &["echo3", "echo"]);
        let status = if version == Version::HTTP_2 { 200 } else { 101 };
        assert_eq!(response.status(), status);
        let sent = pair.send(|ws, out| ws.send("foobar", out).unwrap());
        assert_eq!(pair.echoed(sent), [text("foobar", true, true)]);
        let sent = pair.send(|ws, out| ws.ping(b"ping", out).unwrap());
        let pong = Event::Pong(b"ping"[..].into());
        assert_eq!(pair.echoed(sent), [ChunkEvent::Control(pong)]);
    }
}

/// The server's order of preference decides, among what the client offers.
#[test]
fn a_subprotocol_of_the_servers_is_selected() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (_, response) = Pair::open(version, &["echo3", "echo"]);
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "echo");
        let (_, response) = Pair::open(version, &["echo", "echo2"]);
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "echo2");
        let (_, response) = Pair::open(version, &["echo3"]);
        assert!(!response.headers().contains_key(SEC_WEBSOCKET_PROTOCOL));
    }
}

#[test]
fn over_http_2_a_websocket_is_opened_by_extended_connect() {
    let connect = |version| {
        http::Request::connect("http://server.example.com/echo")
            .version(version)
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header("host", "server.example.com")
            .body(())
            .unwrap()
    };
    let http_2 = connect(Version::HTTP_2);
    assert_eq!(upgrade(&http_2, Some("websocket")).unwrap().0.status(), 200);
    assert_eq!(upgrade(&http_2, None).err(), Some(Bad::ProtocolMissing));
    assert_eq!(upgrade(&http_2, Some("connect-udp")).err(), Some(Bad::Protocol));
    let http_1 = connect(Version::HTTP_11);
    assert_eq!(upgrade(&http_1, None).err(), Some(Bad::Method));
}

// actix-http

#[test]
fn only_get_is_upgraded() {
    let mut request = get(&[UPGRADES, CONNECTS, SPEAKS_13, HAS_KEY]);
    *request.method_mut() = Method::POST;
    assert_eq!(status(&request), (405, Some(Bad::Method)));
    let response = Bad::Method.rejection().into_http().unwrap();
    assert_eq!(response.headers()[ALLOW], "GET");
}

/// They answer 400 where hybi has a 426, which tells the client what to ask for (RFC 9110
/// §15.5.22).
#[test]
fn a_request_without_upgrade_to_websocket_is_refused() {
    assert_eq!(status(&get(&[])), (426, Some(Bad::UpgradeMissing)));
    let other = get(&[(UPGRADE, "test"), CONNECTS, SPEAKS_13, HAS_KEY]);
    assert_eq!(status(&other), (426, Some(Bad::UpgradeMissing)));
}

#[test]
fn a_request_without_connection_upgrade_is_refused() {
    assert_eq!(status(&get(&[UPGRADES])), (400, Some(Bad::ConnectionMissing)));
}

/// They answer 400, hybi 426 with the version that it speaks (RFC 6455 §4.4).
#[test]
fn a_request_without_a_known_version_is_refused() {
    assert_eq!(status(&get(&[UPGRADES, CONNECTS])), (426, Some(Bad::VersionMissing)));
    let other = get(&[UPGRADES, CONNECTS, (SEC_WEBSOCKET_VERSION, "5")]);
    assert_eq!(status(&other), (426, Some(Bad::Version)));
    let response = Bad::Version.rejection().into_http().unwrap();
    assert_eq!(response.headers()[SEC_WEBSOCKET_VERSION], "13");
}

#[test]
fn a_request_without_a_key_is_refused() {
    let request = get(&[UPGRADES, CONNECTS, SPEAKS_13]);
    assert_eq!(status(&request), (400, Some(Bad::KeyMissing)));
}

/// They take any key, hybi base64 of 16 bytes (RFC 6455 §4.2.1).
#[test]
fn a_good_request_is_answered_with_101() {
    let short = get(&[UPGRADES, CONNECTS, SPEAKS_13, (SEC_WEBSOCKET_KEY, "13")]);
    assert_eq!(status(&short), (400, Some(Bad::KeyMalformed)));
    let (response, _) = upgrade(&get(&[UPGRADES, CONNECTS, SPEAKS_13, HAS_KEY]), None).unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()[UPGRADE], "websocket");
    // By another implementation of SHA-1 and base64.
    assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "hq8gguCz4uOzuysfsIjg6Sq+1KY=");
}

#[test]
fn texts_and_binaries_are_echoed_as_what_they_are() {
    let (mut pair, _) = Pair::open(Version::HTTP_11, &[]);
    let sent = pair.send(|ws, out| ws.send("text", out).unwrap());
    assert_eq!(pair.echoed(sent), [text("text", true, true)]);
    let sent = pair.send(|ws, out| ws.send(b"text", out).unwrap());
    let data = ChunkData::Binary(b"text"[..].into());
    assert_eq!(pair.echoed(sent), [ChunkEvent::Chunk(Chunk { data, first: true, last: true })]);
    let sent = pair.send(|ws, out| ws.ping(b"text", out).unwrap());
    assert_eq!(pair.echoed(sent), [ChunkEvent::Control(Event::Pong(b"text"[..].into()))]);
}

#[test]
fn fragments_are_echoed_one_by_one() {
    let (mut pair, _) = Pair::open(Version::HTTP_11, &[]);
    let sent = pair.send(|ws, out| ws.send_part("text", out).unwrap());
    assert_eq!(pair.echoed(sent), [text("text", true, false)]);
    let sent = pair.send(|ws, out| ws.send_part("text", out).unwrap());
    assert_eq!(pair.echoed(sent), [text("text", false, false)]);
    let sent = pair.send(|ws, out| ws.send_last_part("text", out).unwrap());
    assert_eq!(pair.echoed(sent), [text("text", false, true)]);
}

#[test]
fn a_message_cannot_begin_within_another() {
    let (mut pair, _) = Pair::open(Version::HTTP_11, &[]);
    let mut out = Outbox::new();
    pair.client.send_part("text", &mut out).unwrap();
    let before = out.len();
    assert_eq!(pair.client.send("text", &mut out), Err(SendError::MessageInProgress));
    assert_eq!(pair.client.send_part(b"text", &mut out), Err(SendError::OtherKindOfMessage));
    assert_eq!(out.len(), before, "nothing was written");
    pair.client.send_last_part("text", &mut out).unwrap();
}

/// Their sender refuses it; hybi's has no call for it, and its receiver refuses it.
#[test]
fn a_continuation_needs_a_beginning() {
    for fin in [0x00, 0x80] {
        let mut server = Connection::server(Config::default());
        let mut frame = [fin, 0x84, 0, 0, 0, 0, b't', b'e', b'x', b't'];
        let mut out = Outbox::new();
        let error = server.receive(&mut Input::new(&mut frame), &mut out).unwrap_err();
        assert!(error.to_string().contains("RFC 6455 §5.4"), "{error}");
    }
}

#[test]
fn a_close_is_answered_with_its_code() {
    let (mut pair, _) = Pair::open(Version::HTTP_11, &[]);
    let sent = pair.send(|ws, out| ws.close(CloseCode::NORMAL, "", out).unwrap());
    let events = pair.echoed(sent);
    let [ChunkEvent::Control(Event::Close(Some(reason)))] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(reason.code, CloseCode::NORMAL);
    assert_eq!(pair.server.transport(), Transport::Close);
    assert_eq!(pair.client.transport(), Transport::AwaitClose);
}
