//! Extended CONNECT (RFC 8441, RFC 9220): both ends, with header lists in place of a head and the
//! DATA of a stream in place of TCP.

use hybi::connection::Transport;
use hybi::handshake::{
    ConnectSetting, ConnectSettingError, HttpVersion, PreparedRequest, RequestParts, ResponseParts,
};
use hybi::{CloseCode, Config, Connection, EndOfInputError, Server};

use super::*;

#[test]
fn a_server_says_that_extended_connect_may_be_used() {
    assert_eq!(ConnectSetting::ID, 0x8);
    for (values, want, is_enabled) in [
        (&[][..], Ok(()), false),
        (&[0], Ok(()), false),
        (&[1], Ok(()), true),
        (&[0, 0, 1, 1], Ok(()), true),
        (&[1, 0], Err(ConnectSettingError::Withdrawn), true),
        (&[2], Err(ConnectSettingError::Value), false),
        (&[1, u64::MAX], Err(ConnectSettingError::Value), true),
    ] {
        let mut setting = ConnectSetting::new();
        let got = values.iter().try_for_each(|&value| setting.receive(value));
        assert_eq!((got, setting.is_enabled()), (want, is_enabled), "{values:?}");
        assert_eq!(setting == ConnectSetting::default(), !is_enabled);
    }
    for (error, name, text) in [
        (ConnectSettingError::Value, "connect-setting-value", "other than 0 and 1"),
        (ConnectSettingError::Withdrawn, "connect-setting-withdrawn", "0 after 1"),
    ] {
        assert_eq!((error.name(), error.section()), (name, "RFC 8441 §3"));
        assert!(error.to_string().contains(text) && error.to_string().ends_with("(RFC 8441 §3)"));
    }
}

/// A caller that forgets the version is told so, and not that the client sent no `Host`.
#[test]
fn a_protocol_in_http1_is_the_error_whatever_else_is_missing() {
    for version in [HttpVersion::Http10, HttpVersion::Http11] {
        let parts = RequestParts::new("CONNECT", "/chat").version(version).protocol("websocket");
        let error = Request::from_parts(&parts).map(drop).unwrap_err();
        assert_eq!(error, RequestError::ProtocolMisplaced);
    }
}

/// RFC 9113 §8.3.1: a path, `*` for OPTIONS, or none for CONNECT. In HTTP/1.1 an absolute target
/// names another host than `Host`; here it would only seem to.
#[test]
fn a_path_of_http2_names_no_host() {
    let fields: [(&[u8], &[u8]); 1] = [(b"host", b"good.example")];
    for (method, path, is_right) in [
        ("GET", "/", true),
        ("GET", "//evil.example/", true), // a path
        ("OPTIONS", "*", true),
        ("CONNECT", "", true),
        ("GET", "http://evil.example/", false),
        ("GET", "http://evil.example:99999/", false),
        ("GET", "evil.example", false),
        ("GET", "*", false),
        ("GET", "", false),
        ("OPTIONS", "", false),
    ] {
        for version in [HttpVersion::Http2, HttpVersion::Http3] {
            let parts =
                RequestParts::new(method, path).version(version).scheme("https").fields(&fields);
            match Request::from_parts(&parts) {
                Ok(request) => {
                    assert!(is_right, "{method} {path}");
                    assert_eq!(request.host(), Some("good.example"));
                }
                Err(error) => {
                    assert!(!is_right, "{method} {path}: {error}");
                    assert_eq!(error, RequestError::TargetForm);
                }
            }
        }
    }
}

/// A request that came another way: the 101 would have no key to answer.
#[test]
fn bytes_do_not_answer_a_request_of_http2() {
    let mut handshake = ServerHandshake::new(HeadLimits::default());
    let (mut inbox, mut out) = (hybi::Inbox::new(), Outbox::new());
    inbox.append(b"GET /chat HTTP/1.1\r\nHost: a\r\n\r\n");
    handshake.receive(&mut inbox.input(), &mut out).unwrap().unwrap();
    let parts = RequestParts::new("CONNECT", "/chat")
        .version(HttpVersion::Http2)
        .protocol("websocket")
        .scheme("https")
        .authority("a")
        .fields(&[(b"sec-websocket-version", b"13")]);
    let request = Request::from_parts(&parts).unwrap();
    let error = handshake.accept(&request, &Acceptance::from_any_origin(), &mut out).unwrap_err();
    assert_eq!(error, ServerHandshakeError::Usage(UsageError::NoRequest));
    assert!(out.is_empty());
}

/// RFC 8441 §5: no `Host`, `Connection`, `Upgrade` or key; names in lower case; the scheme by TLS.
#[test]
fn an_extended_connect_as_values() {
    let uri = Uri::parse("ws://user:secret@[::1]:8080/a?b").unwrap();
    let request = ClientRequest::new(&uri)
        .subprotocol("a")
        .subprotocol("b")
        .origin("http://a")
        .field("Cookie", "c=D")
        .field("x-bytes", b"\xff");
    let prepared = request.prepare_connect().unwrap();
    assert_eq!((prepared.method(), prepared.protocol()), ("CONNECT", Some("websocket")));
    assert_eq!((prepared.scheme(), prepared.authority()), ("http", "[::1]:8080"));
    assert_eq!(prepared.target(), "/a?b");
    let fields: Vec<_> = prepared.fields().collect();
    let want: [(&str, &[u8]); 6] = [
        ("sec-websocket-version", b"13"),
        ("origin", b"http://a"),
        ("sec-websocket-protocol", b"a, b"),
        ("authorization", b"Basic dXNlcjpzZWNyZXQ="),
        ("cookie", b"c=D"),
        ("x-bytes", b"\xff"),
    ];
    assert_eq!(fields, want);
    assert!(!format!("{prepared:?}").contains("secret"));

    let uri = Uri::parse("wss://example.com/").unwrap();
    let request = ClientRequest::new(&uri);
    let prepared = request.prepare_connect().unwrap();
    assert_eq!((prepared.scheme(), prepared.authority()), ("https", "example.com"));
    // In HTTP/1.1 the same URI is an upgrade.
    let prepared = request.prepare_with_nonce([0; 16]).unwrap();
    assert_eq!((prepared.method(), prepared.protocol()), ("GET", None));
}

/// RFC 9113 §8.2.2.
#[test]
fn fields_that_http_2_does_not_have_are_not_sent() {
    let uri = Uri::parse("wss://a/").unwrap();
    for name in ["Connection", "upgrade", "Keep-Alive", "proxy-connection", "TE", "Host"] {
        let request = ClientRequest::new(&uri).field(name, "x");
        let error = request.prepare_connect().err();
        assert_eq!(error, Some(UsageError::FieldReserved), "{name}");
        let terms = Acceptance::from_any_origin().field(name, "x");
        let request = ClientRequest::new(&uri);
        let prepared = request.prepare_connect().unwrap();
        let error = received(&prepared, HttpVersion::Http2, |request| terms.check(request).err());
        assert_eq!(error, Some(UsageError::FieldReserved.into()), "{name}");
    }
}

/// Hands a client's request to a server, as two HTTP stacks do.
fn received<T>(
    prepared: &PreparedRequest<'_>,
    version: HttpVersion,
    run: impl FnOnce(&Request<'_>) -> T,
) -> T {
    let fields: Vec<_> = prepared.fields().map(|(name, value)| (name.as_bytes(), value)).collect();
    let parts = RequestParts::new(prepared.method(), prepared.target())
        .version(version)
        .protocol(prepared.protocol().unwrap())
        .scheme(prepared.scheme())
        .authority(prepared.authority())
        .fields(&fields);
    run(&Request::from_parts(&parts).unwrap())
}

type ClientEnd = Connection<hybi::Client<fn() -> [u8; 4]>>;

fn open(version: HttpVersion) -> (ClientEnd, Connection<Server>) {
    let uri = Uri::parse("wss://server.example.com/chat").unwrap();
    let request = ClientRequest::new(&uri)
        .subprotocol("chat")
        .origin("https://server.example.com")
        .config(config());
    let prepared = request.prepare_connect().unwrap();
    let terms = Acceptance::from_same_origin().subprotocol("chat").config(config());
    received(&prepared, version, |request| {
        let accepted = terms.check(request).unwrap();
        let fields: Vec<_> =
            accepted.fields().map(|(name, value)| (name.as_bytes(), value)).collect();
        let parts = ResponseParts::new(accepted.status()).version(version).fields(&fields);
        let response = Response::from_parts(&parts).unwrap();
        let client = prepared.open(&response, (|| KEY) as fn() -> _).unwrap();
        assert_eq!(response.subprotocol(), Some("chat"));
        let is_compressed = cfg!(feature = "deflate");
        assert_eq!(response.extensions().count(), usize::from(is_compressed));
        drop(fields);
        (client, accepted.into_connection())
    })
}

fn config() -> Config {
    #[cfg(feature = "deflate")]
    return Config::default().deflate(hybi::extension::deflate::DeflateConfig::default());
    #[cfg(not(feature = "deflate"))]
    Config::default()
}

const KEY: [u8; 4] = [1, 2, 3, 4];

/// One end of a stream, whatever its role.
trait End {
    fn say(&mut self, text: &str, out: &mut Outbox);
    fn begin_close(&mut self, out: &mut Outbox);
    /// Takes DATA; returns what it meant.
    fn data(&mut self, data: Vec<u8>, out: &mut Outbox) -> Vec<Event<'static>>;
    /// END_STREAM.
    fn end_stream(&mut self) -> Result<(), EndOfInputError>;
    fn transport(&self) -> Transport;
}

impl<R: hybi::Role> End for Connection<R> {
    fn say(&mut self, text: &str, out: &mut Outbox) {
        self.send(text, out).unwrap();
    }

    fn begin_close(&mut self, out: &mut Outbox) {
        self.close(CloseCode::NORMAL, "bye", out).unwrap();
    }

    fn data(&mut self, mut data: Vec<u8>, out: &mut Outbox) -> Vec<Event<'static>> {
        let mut input = Input::new(&mut data);
        let mut events = Vec::new();
        while let Some(event) = self.receive(&mut input, out).unwrap() {
            events.push(event.into_owned());
        }
        events
    }

    fn end_stream(&mut self) -> Result<(), EndOfInputError> {
        self.end_of_input(&mut Outbox::new())
    }

    fn transport(&self) -> Transport {
        Connection::transport(self)
    }
}

/// RFC 6455 §5.3 holds on a stream, too: frames from the client are masked, others are not.
#[test]
fn frames_are_masked_in_a_stream_as_over_tcp() {
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        let (mut client, mut server) = open(version);
        let mut out = Outbox::new();
        client.ping(b"a", &mut out).unwrap();
        assert_eq!(out, [0x89, 0x81, 1, 2, 3, 4, b'a' ^ 1], "masked");
        assert_eq!(server.data(out.take().to_vec(), &mut out), [Event::Ping(b"a"[..].into())]);
        assert_eq!(out, b"\x8a\x01a", "not masked");
        assert_eq!(client.data(out.take().to_vec(), &mut out), [Event::Pong(b"a"[..].into())]);
        let mut unmasked = *b"\x89\x00";
        let violation = server.receive(&mut Input::new(&mut unmasked), &mut out).err();
        assert_eq!(violation.map(|error| error.name()), Some("unmasked"));
        let mut masked = *b"\x89\x80\0\0\0\0";
        let violation = client.receive(&mut Input::new(&mut masked), &mut out).err();
        assert_eq!(violation.map(|error| error.name()), Some("masked"));
    }
}

/// Both ends talk and close, whoever begins and however the DATA is cut. RFC 8441 §5: END_STREAM is
/// the orderly end of the transport.
#[test]
fn messages_and_closing_in_every_order() {
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        for client_talks_first in [true, false] {
            for client_closes in [true, false] {
                for both_close in [true, false] {
                    for piece in [1, 3, usize::MAX] {
                        let (mut client, mut server) = open(version);
                        let ends: [&mut dyn End; 2] = match client_talks_first {
                            true => [&mut client, &mut server],
                            false => [&mut server, &mut client],
                        };
                        converse(ends, client_closes == client_talks_first, both_close, piece);
                    }
                }
            }
        }
    }
}

/// The first of the ends talks first; `first_closes` if it begins the closing, too.
fn converse(ends: [&mut dyn End; 2], first_closes: bool, both_close: bool, piece: usize) {
    let [first, second] = ends;
    let (mut from_first, mut from_second) = (Outbox::new(), Outbox::new());
    let carry = |to: &mut dyn End, from: &mut Outbox, answer: &mut Outbox| {
        let bytes = from.take().to_vec();
        let pieces = bytes.chunks(piece.min(bytes.len().max(1)));
        pieces.flat_map(|piece| to.data(piece.to_vec(), answer)).collect::<Vec<_>>()
    };
    first.say("Hello, hello, hello", &mut from_first);
    let heard = carry(second, &mut from_first, &mut from_second);
    assert_eq!(heard, [Event::Text("Hello, hello, hello".into())]);
    second.say("and good-bye", &mut from_second);
    let heard = carry(first, &mut from_second, &mut from_first);
    assert_eq!(heard, [Event::Text("and good-bye".into())]);

    let (closing, from_closing, other, from_other) = match first_closes {
        true => (first, &mut from_first, second, &mut from_second),
        false => (second, &mut from_second, first, &mut from_first),
    };
    closing.begin_close(from_closing);
    if both_close {
        other.begin_close(from_other);
    } else {
        other.say("one more", from_other);
    }
    let is_close = |event: &Event<'_>| matches!(event, Event::Close(Some(reason)) if reason.code == CloseCode::NORMAL && reason.reason == "bye");
    let heard = carry(other, from_closing, from_other);
    assert!(matches!(&heard[..], [event] if is_close(event)), "{heard:?}");
    let heard = carry(closing, from_other, from_closing);
    let (last, before) = heard.split_last().unwrap();
    assert!(is_close(last), "{heard:?}");
    assert_eq!(before.len(), usize::from(!both_close), "what was on its way arrives");
    // The last DATA has END_STREAM.
    for end in [closing, other] {
        assert_ne!(end.transport(), Transport::Keep);
        assert_eq!(end.end_stream(), Ok(()));
    }
}

/// END_STREAM without a Close frame, and RST_STREAM with CANCEL, are an end that is not clean: the
/// 1006 of RFC 6455 §7.1.5.
#[test]
fn a_stream_that_ends_without_a_close_frame() {
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        let (mut client, mut server) = open(version);
        let mut out = Outbox::new();
        client.say("cut", &mut out);
        let mut bytes = out.take().to_vec();
        bytes.pop();
        assert_eq!(server.data(bytes, &mut out), []);
        let ends: [(&mut dyn End, _); 2] =
            [(&mut server, "cut-off-in-message"), (&mut client, "cut-off-between-messages")];
        for (end, cut_off) in ends {
            assert_eq!(end.end_stream().map_err(EndOfInputError::name), Err(cut_off));
            assert_eq!(end.transport(), Transport::Close);
        }
        assert!(server.send("more", &mut out).is_err() && client.send("more", &mut out).is_err());
        assert!(out.is_empty(), "nothing more is written to the stream");
    }
}
