//! WebSocket over the streams of h2 (RFC 8441).

use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream, SendStream, client};
use http::{HeaderMap, Method, Request, Response};
use hybi::connection::{Abnormal, Closed, Prepared};
use hybi::handshake::{Acceptance, HandshakeUsageError, Rejection, RequestError};
use hybi::{Client, CloseCode, Message, Server};
use hybi_tokio::http2::{self, Http2Stream};
use hybi_tokio::{AcceptError, ConnectError, Connector, Error, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};

use crate::frames::{Log, Logged};
use crate::support::{acceptance, converse, echo, noise, request, uri};

/// More than anything here takes when the clock stands still.
const FOREVER: Duration = Duration::from_secs(3600);

type Incoming = (Request<RecvStream>, SendResponse<Bytes>);

/// The two ends of a connection.
struct Pair {
    requests: SendRequest<Bytes>,
    incoming: UnboundedReceiver<Incoming>,
    client_log: Log,
    server_log: Log,
}

impl Pair {
    async fn new() -> Self {
        Self::with(&http2::client_builder(), &http2::server_builder()).await
    }

    async fn with(client: &client::Builder, server: &server::Builder) -> Self {
        // Less than the messages and the windows of HTTP/2.
        let (near, far) = duplex(10_000);
        let (client_log, server_log) = (Log::default(), Log::default());
        let (sender, incoming) = unbounded_channel();
        let handshake = server.handshake(Logged(far, server_log.clone()));
        tokio::spawn(async move {
            let mut connection = handshake.await.unwrap();
            while let Some(Ok(request)) = connection.accept().await {
                let _ = sender.send(request);
            }
        });
        let near = Logged(near, client_log.clone());
        let (requests, connection) = client.handshake(near).await.unwrap();
        tokio::spawn(connection);
        Self { requests, incoming, client_log, server_log }
    }

    /// Opens one WebSocket, and returns its two ends.
    async fn open(&mut self) -> (WebSocket<Http2Stream, Client>, WebSocket<Http2Stream, Server>) {
        let uri = uri();
        let asked = request(&uri);
        let connector = Connector::new();
        let opening = connector.connect_over_http2(&self.requests, &asked);
        let accepting = async {
            let (request, respond) = self.incoming.recv().await.unwrap();
            http2::accept(request, respond, &acceptance()).unwrap()
        };
        let (client, server) = tokio::join!(opening, accepting);
        (client.unwrap(), server)
    }

    /// Opens a stream whose client is h2 alone, without a WebSocket.
    async fn open_raw(&mut self) -> (Raw, WebSocket<Http2Stream, Server>) {
        self.wait_for_settings().await;
        let (response, out) = self.requests.send_request(connect_request(), false).unwrap();
        let (request, respond) = self.incoming.recv().await.unwrap();
        let ws = http2::accept(request, respond, &Acceptance::from_any_origin()).unwrap();
        let incoming = response.await.unwrap().into_body();
        (Raw { incoming, out }, ws)
    }

    async fn wait_for_settings(&self) {
        while !self.requests.is_extended_connect_protocol_enabled() {
            yield_now().await;
        }
    }

    /// Sends a request, and returns the whole response.
    async fn ask(&mut self, request: Request<()>, terms: &Acceptance<'_>) -> (Answer, AcceptError) {
        self.wait_for_settings().await;
        let (response, _out) = self.requests.send_request(request, false).unwrap();
        let (request, respond) = self.incoming.recv().await.unwrap();
        let error = http2::accept(request, respond, terms).unwrap_err();
        (whole(response.await.unwrap()).await, error)
    }
}

/// One end of a stream.
struct Raw {
    incoming: RecvStream,
    out: SendStream<Bytes>,
}

type Answer = (u16, HeaderMap, String);

async fn whole(response: Response<RecvStream>) -> Answer {
    let (head, mut body) = response.into_parts();
    let mut text = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        text.extend_from_slice(&data);
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    (head.status.as_u16(), head.headers, String::from_utf8(text).unwrap())
}

fn connect_request() -> Request<()> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(http::Version::HTTP_2)
        .uri("http://example.com/chat")
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request
}

/// Lets all other tasks go on until they wait.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// A message with six characters, as a client sends it, with a masking key of zeros.
const SIX: &[u8] = b"\x81\x86\0\0\0\0sixsix";
/// A Close frame of a client, with 1000.
const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

#[tokio::test(start_paused = true)]
async fn five_websockets_on_one_connection_talk_and_close_at_once() {
    let mut pair = Pair::new().await;
    let mut tasks = JoinSet::new();
    for seed in 0..5 {
        let (client, server) = pair.open().await;
        tasks.spawn(converse(client, seed));
        tasks.spawn(async {
            assert_eq!(echo(server).await.to_string(), "1000 (normal closure) \"that was all\"");
        });
    }
    timeout(FOREVER, tasks.join_all()).await.unwrap();
    let ends = ["END"; 5];
    assert_eq!(pair.server_log.ends(), ends, "no stream is reset");
    assert_eq!(pair.client_log.ends(), ends, "no stream is reset");
}

/// Each order in which the two sides say that they close, and stop receiving.
#[tokio::test(start_paused = true)]
async fn every_order_of_closing_comes_to_its_end_at_once() {
    for (client_closes, server_closes) in [(true, false), (false, true), (true, true)] {
        for unread in [0, 3] {
            let mut pair = Pair::new().await;
            let (mut client, mut server) = pair.open().await;
            let start = Instant::now();
            for _ in 0..unread {
                client.feed("from the client").await.unwrap();
                server.feed("from the server").await.unwrap();
            }
            if client_closes {
                client.close(CloseCode::NORMAL, "client").await.unwrap();
            }
            if server_closes {
                server.close(CloseCode::GOING_AWAY, "server").await.unwrap();
            }
            let client = tokio::spawn(async move {
                let mut messages = 0;
                while client.receive().await.unwrap().is_some() {
                    messages += 1;
                }
                (messages, client.closed().unwrap().was_clean())
            });
            let server = tokio::spawn(async move {
                let mut messages = 0;
                while server.receive().await.unwrap().is_some() {
                    messages += 1;
                }
                (messages, server.closed().unwrap().was_clean())
            });
            let case = format!("{client_closes} {server_closes} {unread}");
            assert_eq!(client.await.unwrap(), (unread, true), "{case}");
            assert_eq!(server.await.unwrap(), (unread, true), "{case}");
            assert_eq!(start.elapsed(), Duration::ZERO, "{case}");
            yield_now().await;
            assert_eq!(pair.client_log.ends(), ["END"], "{case}");
            assert_eq!(pair.server_log.ends(), ["END"], "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_terminated_waits_for_nothing_more() {
    let mut pair = Pair::new().await;
    let (mut client, mut server) = pair.open().await;
    let start = Instant::now();
    let server = tokio::spawn(async move { server.terminate(FOREVER).await });
    assert!(client.terminate(FOREVER).await.was_clean());
    assert!(server.await.unwrap().was_clean());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn ten_megabytes_pass_through_windows_of_64_kib_in_both_directions() {
    let mut client = http2::client_builder();
    let mut server = http2::server_builder();
    client.initial_window_size(65_535).initial_connection_window_size(65_535);
    server.initial_window_size(65_535).initial_connection_window_size(65_535);
    let mut pair = Pair::with(&client, &server).await;
    let (mut client, mut server) = pair.open().await;
    let data = Message::from(noise(1).take(10 << 20).collect::<Vec<_>>());
    let sent = data.clone();
    let server = tokio::spawn(async move {
        let message = server.receive().await.unwrap().unwrap();
        server.send(&message).await.unwrap();
        message == sent
    });
    client.send(&data).await.unwrap();
    assert!(client.receive().await.unwrap().as_ref() == Some(&data));
    assert!(server.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn one_websocket_that_nobody_reads_does_not_stop_the_others() {
    let mut pair = Pair::new().await;
    let (mut stalled, _unread) = pair.open().await;
    let stuffing = tokio::spawn(async move {
        let data = noise(7).take(1 << 20).collect::<Vec<_>>();
        stalled.send(&*data).await
    });
    let mut tasks = JoinSet::new();
    for seed in 0..19 {
        let (client, server) = pair.open().await;
        tasks.spawn(converse(client, seed));
        tasks.spawn(async {
            echo(server).await;
        });
    }
    tasks.join_all().await;
    assert!(!stuffing.is_finished(), "it has flow control of its own");
}

/// h2 ends a connection with too many small frames that nobody has read.
#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_small_frames_are_received_and_stop_nobody() {
    let mut pair = Pair::new().await;
    let (mut raw, mut ws) = pair.open_raw().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        for _ in 0..100_000 {
            raw.out.reserve_capacity(SIX.len());
            while raw.out.capacity() < SIX.len() {
                poll_fn(|cx| raw.out.poll_capacity(cx)).await.unwrap().unwrap();
            }
            raw.out.send_data(Bytes::from_static(SIX), false).unwrap();
            count.fetch_add(1, Relaxed);
            yield_now().await; // so that each gets a frame of its own
        }
        raw.out.send_data(Bytes::from_static(CLOSE), false).unwrap();
        raw
    });
    // Nobody reads these, until the window is full.
    let mut before = usize::MAX;
    while before != sent.load(Relaxed) {
        before = sent.load(Relaxed);
        settle().await;
    }
    assert_eq!(before, 65_535 / SIX.len());
    let (client, server) = pair.open().await;
    let echo = tokio::spawn(echo(server));
    converse(client, 1).await;
    echo.await.unwrap();
    for _ in 0..100_000 {
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from("sixsix")));
    }
    let raw = sending.await.unwrap();
    drop(raw); // its program gives up after its Close frame: RST_STREAM (CANCEL)
    assert_eq!(ws.receive().await.unwrap(), None);
    assert_eq!(ws.closed().unwrap().code(), 1000);
}

/// The window of the connection is given back with a stream.
#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_dropped_with_bytes_unread_gives_back_its_window() {
    let mut server = http2::server_builder();
    server.initial_connection_window_size(65_535);
    let mut pair = Pair::with(&http2::client_builder(), &server).await;
    for seed in 0..3 {
        let (mut client, server) = pair.open().await;
        let data = noise(seed).take(60_000).collect::<Vec<_>>();
        client.send(&*data).await.unwrap();
        settle().await; // until it has arrived
        drop(server);
    }
    let (client, server) = pair.open().await;
    let echo = tokio::spawn(echo(server));
    converse(client, 1).await;
    echo.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_to_a_peer_that_does_not_read_is_bounded() {
    let mut client = http2::client_builder();
    client.initial_window_size(1000);
    let mut pair = Pair::with(&client, &http2::server_builder()).await;
    let (_unread, mut server) = pair.open().await;
    let message = Message::from(noise(3).take(10_000).collect::<Vec<_>>());
    let message = Prepared::new(&message);
    let mut sent = 0;
    let start = Instant::now();
    while timeout(Duration::from_secs(1), server.ready()).await.is_ok() {
        server.send_prepared(&message).await.unwrap_or(());
        sent += 1;
        if start.elapsed() > Duration::from_secs(1) {
            break;
        }
    }
    assert!(sent <= 8, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_an_error_before_the_close_frames_and_none_after_them() {
    for (reason, closed) in [
        (Reason::CANCEL, None),
        (Reason::INTERNAL_ERROR, None),
        (Reason::NO_ERROR, Some(Abnormal::CutOff(hybi::CutOff::BetweenMessages))),
    ] {
        let mut pair = Pair::new().await;
        let (mut raw, mut ws) = pair.open_raw().await;
        raw.out.send_data(Bytes::from_static(SIX), false).unwrap();
        settle().await; // until it has arrived
        raw.out.send_reset(reason);
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from("sixsix")));
        match closed {
            Some(closed) => {
                assert_eq!(ws.receive().await.unwrap(), None);
                assert_eq!(ws.closed(), Some(&Closed::Abnormal(closed)));
            }
            None => {
                let error = ws.receive().await.unwrap_err();
                let Error::Io(error) = &error else { panic!("{error}") };
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                assert_eq!(ws.closed(), Some(&Closed::Abnormal(Abnormal::Transport)));
            }
        }
        assert_eq!(ws.closed().unwrap().code(), 1006);

        let (mut raw, mut ws) = pair.open_raw().await;
        let start = Instant::now();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        raw.out.send_data(Bytes::from_static(CLOSE), false).unwrap();
        settle().await;
        raw.out.send_reset(reason);
        assert_eq!(ws.receive().await.unwrap(), None, "{reason}");
        assert_eq!(ws.closed().unwrap().to_string(), "1000 (normal closure)", "{reason}");
        assert_eq!(start.elapsed(), Duration::ZERO, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_of_the_stream_without_a_close_frame_is_a_cut_off() {
    let mut pair = Pair::new().await;
    let (mut raw, mut ws) = pair.open_raw().await;
    raw.out.send_data(Bytes::new(), false).unwrap(); // is not the end
    raw.out.send_data(Bytes::from_static(SIX), false).unwrap();
    raw.out.send_data(Bytes::new(), true).unwrap();
    assert_eq!(ws.receive().await.unwrap(), Some(Message::from("sixsix")));
    assert_eq!(ws.receive().await.unwrap(), None);
    assert!(matches!(ws.closed(), Some(Closed::Abnormal(Abnormal::CutOff(_)))));
    while let Some(data) = raw.incoming.data().await {
        assert!(data.unwrap().is_empty(), "we have ended it, too, and said nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_dropped_resets_its_stream_alone() {
    let mut pair = Pair::new().await;
    let (mut client, server) = pair.open().await;
    drop(server);
    let error = client.receive().await.unwrap_err();
    let Error::Io(error) = &error else { panic!("{error}") };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(pair.server_log.ends(), ["RST 8"], "CANCEL (RFC 9113 §7)");
    let (client, server) = pair.open().await;
    let echo = tokio::spawn(echo(server));
    converse(client, 1).await;
    echo.await.unwrap();
}

/// h2 throws away what it has not sent when a stream is dropped.
#[tokio::test(start_paused = true)]
async fn what_has_been_sent_arrives_although_the_sender_is_dropped() {
    let data = Message::from(noise(5).take(60_000).collect::<Vec<_>>());
    for closes in [false, true] {
        let mut pair = Pair::new().await;
        let (mut client, mut server) = pair.open().await;
        let expected = data.clone();
        let receiving = tokio::spawn(async move {
            assert_eq!(client.receive().await.unwrap(), Some(expected));
            let last = client.receive().await;
            (last, client.closed().unwrap().code())
        });
        server.send(&data).await.unwrap();
        if closes {
            server.close(CloseCode::GOING_AWAY, "").await.unwrap();
        }
        drop(server);
        let (last, code) = receiving.await.unwrap();
        match closes {
            true => assert!(matches!((last, code), (Ok(None), 1001))),
            false => assert!(matches!((last, code), (Err(Error::Io(_)), 1006))),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_the_settings() {
    let uri = uri();
    for (delay, allows, is_open) in
        [(1, true, true), (4, true, true), (0, false, false), (10, true, false)]
    {
        let (near, far) = duplex(1000);
        let mut builder = server::Builder::new();
        if allows {
            builder.enable_connect_protocol();
        }
        tokio::spawn(async move {
            sleep(Duration::from_secs(delay)).await;
            let mut connection = builder.handshake::<_, Bytes>(far).await.unwrap();
            let mut open = Vec::new();
            while let Some(Ok((request, respond))) = connection.accept().await {
                open.push(http2::accept(request, respond, &acceptance()).unwrap());
            }
        });
        let (requests, connection) = client::handshake(near).await.unwrap();
        tokio::spawn(connection);
        let start = Instant::now();
        let opened = Connector::new().connect_over_http2(&requests, &request(&uri)).await;
        let waited = start.elapsed();
        match opened {
            Ok(_) => assert!(is_open && waited.as_secs() == delay, "{waited:?}"),
            Err(ConnectError::NoExtendedConnect) => {
                assert!(!is_open && waited.as_secs() == 5, "{waited:?}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_out_holds_for_the_response_too() {
    let pair = Pair::new().await;
    let uri = uri();
    let connector = Connector::new().timeout(Duration::from_secs(7));
    let start = Instant::now();
    let opened = connector.connect_over_http2(&pair.requests, &request(&uri)).await;
    assert!(matches!(opened, Err(ConnectError::TimedOut)));
    assert_eq!(start.elapsed().as_secs(), 7);
    drop(pair);
}

/// RFC 8441 §5, RFC 9220 §3, RFC 6455 §4.4.
#[tokio::test(start_paused = true)]
async fn a_bad_request_is_answered_with_the_right_status_and_a_whole_body() {
    let mut client = http2::client_builder();
    client.initial_window_size(7); // so the body does not go out at once
    let mut pair = Pair::with(&client, &http2::server_builder()).await;
    let terms = Acceptance::from_same_origin();

    let mut foreign = connect_request();
    foreign.headers_mut().insert("origin", "http://evil.example".parse().unwrap());
    let mut other_version = connect_request();
    other_version.headers_mut().insert("sec-websocket-version", "12".parse().unwrap());
    let mut other_protocol = connect_request();
    other_protocol.extensions_mut().insert(Protocol::from_static("connect-udp"));
    let page = Request::get("http://example.com/chat").version(http::Version::HTTP_2);
    for (request, status, name) in [
        (foreign, 403, "request-origin"),
        (other_version, 400, "request-connect-version"),
        (other_protocol, 501, "request-protocol"),
        (page.body(()).unwrap(), 400, "request-protocol-missing"),
    ] {
        let (answer, error) = pair.ask(request, &terms).await;
        let AcceptError::Request(error) = error else { panic!("{error}") };
        let (code, fields, body) = answer;
        assert_eq!((code, error.name()), (status, name));
        assert_eq!(body, format!("{error}\n"));
        let names_version = fields.contains_key("sec-websocket-version");
        assert_eq!(names_version, error == RequestError::ConnectVersion);
        assert!(!fields.contains_key("upgrade"), "RFC 9113 §8.2.2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mistake_of_the_server_is_a_500() {
    let mut pair = Pair::new().await;
    let terms = Acceptance::from_any_origin().subprotocol("not-offered");
    let ((status, ..), error) = pair.ask(connect_request(), &terms).await;
    assert_eq!(status, 500);
    let expected = HandshakeUsageError::SubprotocolNotOffered;
    assert!(matches!(error, AcceptError::Usage(error) if error == expected));
}

/// RFC 9110 §9.3.2.
#[tokio::test(start_paused = true)]
async fn the_response_to_head_has_no_body() {
    let mut pair = Pair::new().await;
    for (method, body) in [(Method::HEAD, ""), (Method::GET, "a page")] {
        let request = Request::builder().method(method).uri("http://example.com/");
        let (response, _) = pair.requests.send_request(request.body(()).unwrap(), true).unwrap();
        let (request, respond) = pair.incoming.recv().await.unwrap();
        let page = Rejection::new(200).body("text/plain", "a page");
        http2::reject(&request, respond, &page).unwrap();
        let (status, fields, text) = whole(response.await.unwrap()).await;
        assert_eq!((status, &*text), (200, body));
        assert_eq!(fields["content-type"], "text/plain");
    }
}

/// RFC 9113 §8.2.2: a 426 has an `Upgrade`, which is not in HTTP/2.
#[tokio::test(start_paused = true)]
async fn a_rejection_that_http2_does_not_have_is_a_500() {
    let mut pair = Pair::new().await;
    let request = Request::builder().uri("http://example.com/").body(()).unwrap();
    let (response, _) = pair.requests.send_request(request, true).unwrap();
    let (request, respond) = pair.incoming.recv().await.unwrap();
    let error = http2::reject(&request, respond, &Rejection::new(426)).unwrap_err();
    assert!(matches!(error, AcceptError::Usage(HandshakeUsageError::Status)), "{error}");
    let (status, fields, _) = whole(response.await.unwrap()).await;
    assert_eq!((status, fields.contains_key("upgrade")), (500, false));
}

#[tokio::test(start_paused = true)]
async fn a_client_reads_the_whole_refusal_up_to_its_limit() {
    let mut client = http2::client_builder();
    client.initial_window_size(1000);
    let mut pair = Pair::with(&client, &http2::server_builder()).await;
    let uri = uri();
    let body = "no ".repeat(50_000);
    for (bytes_max, expected) in [(1 << 20, 150_000), (150_000, 150_000), (100_000, 100_000)] {
        let asked = request(&uri).refusal_bytes_max(bytes_max);
        let connector = Connector::new();
        let opening = connector.connect_over_http2(&pair.requests, &asked);
        let refusing = async {
            let (request, respond) = pair.incoming.recv().await.unwrap();
            let rejection = Rejection::new(404).body("text/plain", body.as_bytes());
            http2::reject(&request, respond, &rejection).unwrap();
        };
        let (opened, ()) = tokio::join!(opening, refusing);
        let Err(ConnectError::Refused(refusal)) = opened else { panic!("{opened:?}") };
        assert_eq!(refusal.response().status(), 404);
        assert_eq!(refusal.body(), &body.as_bytes()[..expected]);
        assert_eq!(refusal.is_complete(), expected == body.len());
        assert!(refusal.keeps_connection());
    }
    let (client, server) = pair.open().await;
    let echo = tokio::spawn(echo(server));
    converse(client, 1).await;
    echo.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_response_that_breaks_a_rule_opens_nothing() {
    let mut pair = Pair::new().await;
    let uri = uri();
    let asked = request(&uri);
    let connector = Connector::new();
    let opening = connector.connect_over_http2(&pair.requests, &asked);
    let answering = async {
        let (_, mut respond) = pair.incoming.recv().await.unwrap();
        let response = Response::builder().header("sec-websocket-protocol", "v3.chat").body(());
        respond.send_response(response.unwrap(), false).unwrap()
    };
    let (opened, _out) = tokio::join!(opening, answering);
    assert!(matches!(opened, Err(ConnectError::Response(_))), "{opened:?}");
}

/// The stream alone, without a WebSocket.
#[tokio::test(start_paused = true)]
async fn the_stream_is_a_stream_of_bytes_like_any_other() {
    let mut pair = Pair::new().await;
    let (raw, ws) = pair.open_raw().await;
    let mut near = Http2Stream::new(raw.incoming, raw.out);
    let mut far = ws.into_parts().stream;
    // Read in smaller pieces than were written.
    near.write_all(b"a frame").await.unwrap();
    let mut piece = [0; 3];
    far.read_exact(&mut piece).await.unwrap();
    assert_eq!(&piece, b"a f");
    assert_eq!(near.write(b"").await.unwrap(), 0);
    near.flush().await.unwrap();
    near.shutdown().await.unwrap();
    near.shutdown().await.unwrap(); // does nothing
    assert!(near.write(b"more").await.is_err());
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"rame");
    assert_eq!(far.read(&mut piece).await.unwrap(), 0, "the end remains");

    // Slices, empty ones among them, make one frame.
    let slices: [&[u8]; 5] = [b"", b"one", b"", b" frame", b""];
    let slices = slices.map(std::io::IoSlice::new);
    assert_eq!(far.write_vectored(&slices).await.unwrap(), 9);
    far.shutdown().await.unwrap();
    let mut all = String::new();
    near.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "one frame");
}

#[tokio::test(start_paused = true)]
async fn keepalive_pings_go_over_the_stream() {
    let mut pair = Pair::new().await;
    let (mut client, mut server) = pair.open().await;
    let receiving = async { tokio::join!(client.receive(), server.receive()) };
    assert!(timeout(FOREVER, receiving).await.is_err(), "both live, and say nothing");
    assert!(client.round_trip().is_some() && server.round_trip().is_some());
    // Now the client does not read: it is not there.
    let start = Instant::now();
    assert_eq!(server.receive().await.unwrap(), None);
    assert!(matches!(server.closed(), Some(Closed::Abnormal(Abnormal::TimedOut(_)))));
    let waited = start.elapsed().as_secs();
    assert!((20..=50).contains(&waited), "30 s without a word, and 20 s for the pong: {waited}");
}

/// A connection that fails ends its WebSockets, with a reason.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_connection_ends_its_websockets() {
    let (near, far): (DuplexStream, DuplexStream) = duplex(10_000);
    let server = tokio::spawn(async move {
        let mut connection = http2::server_builder().handshake::<_, Bytes>(far).await.unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        let ws = http2::accept(request, respond, &acceptance()).unwrap();
        // It sends the response, and then the connection is gone.
        let _ = timeout(Duration::from_secs(1), connection.accept()).await;
        drop(connection);
        ws
    });
    let (requests, connection) = http2::client_builder().handshake(near).await.unwrap();
    tokio::spawn(connection);
    let uri = uri();
    let asked = request(&uri);
    let mut ws = Connector::new().connect_over_http2(&requests, &asked).await.unwrap();
    assert!(matches!(ws.receive().await, Err(Error::Io(_))));
    assert_eq!(ws.closed().unwrap().code(), 1006);
    let mut ws = server.await.unwrap();
    assert!(matches!(ws.receive().await, Err(Error::Io(_))));
}

#[test]
fn what_a_task_needs_is_send() {
    fn is_send<T: Send>() {}
    is_send::<WebSocket<Http2Stream, Server>>();
    is_send::<WebSocket<Http2Stream, Client>>();
    is_send::<RequestError>();
}
