//! The cases of extended CONNECT in the core's suite, over real connections of HTTP/2: with h2, and
//! with hyper. The stack refuses requests that HTTP/2 itself forbids.

#[path = "../../../../tests/conformance/handshake/cases.rs"]
#[allow(dead_code, reason = "they are for bytes")]
mod cases;
#[path = "../../../../tests/conformance/handshake/connect_http.rs"]
mod connect_http;

use std::convert::Infallible;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use http::{Request, Response, Version};
use http_body_util::Full;
use hybi::Uri;
use hybi_tokio::hyper::UpgradeError;
use hybi_tokio::{AcceptError, ConnectError, Connector, http2};
use hyper::body::Incoming;
use hyper::server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::yield_now;

use hybi_conform::handshake::{Connect, Doors, connect_requests, connect_responses};

use self::cases::{asked, terms};

/// How many cases of each kind are in `http` types. The others are marked.
const REQUESTS: usize = 88;
const ANSWERS: usize = 29;

/// Cases that HTTP/2 forbids in any request (RFC 9113 §8.2.2, §8.5; RFC 8441 §4; RFC 9110 §8.6): h2
/// does not send them, or resets the stream before anybody has seen the request.
const STACK_REFUSES: [&str; 14] = [
    "protocol/with-get",
    "protocol/with-post",
    "protocol/lower-case-method",
    "protocol/other-with-get",
    "connection/upgrade",
    "connection/close",
    "connection/empty",
    "connection/upgrade-field",
    "connection/keep-alive",
    "connection/proxy",
    "connection/chunked",
    "connection/te",
    "connection/te-and-more",
    "body/no-number",
];
/// hyper ends the connection.
const HYPER_REFUSES: &str = "body/length";
/// The answers that do not arrive: two are interim responses to h2, which waits for the final one
/// (RFC 9113 §8.1, §8.6); the others have fields that h2 does not send (RFC 9113 §8.2.2).
const DOES_NOT_ARRIVE: [(&str, &str); 9] = [
    ("answer/switching-protocols", "interim"),
    ("answer/1.1-handshake", "not sent"),
    ("answer/interim", "interim"),
    ("answer/refused-with-upgrade", "not sent"),
    ("answer/upgrade", "not sent"),
    ("answer/connection", "not sent"),
    ("answer/keep-alive", "not sent"),
    ("answer/proxy-connection", "not sent"),
    ("answer/chunked", "not sent"),
];

/// The channel for the server's verdicts, in the words of the file.
type Told = UnboundedSender<String>;

/// Starts a server for one connection of h2's.
fn serve_h2(stream: DuplexStream, policy: &'static str, told: Told) {
    tokio::spawn(async move {
        let mut connection = http2::server_builder().handshake(stream).await.unwrap();
        while let Some(request) = connection.accept().await {
            let Ok((request, respond)) = request else { break };
            let verdict = match http2::accept(request, respond, &terms(policy)) {
                Ok(_) => "open".to_owned(),
                Err(AcceptError::Request(error)) => format!("{} {error:?}", error.status()),
                Err(error) => panic!("{error}"),
            };
            let _ = told.send(verdict);
        }
    });
}

/// The same behind hyper.
fn serve_hyper(stream: DuplexStream, policy: &'static str, told: Told) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (response, verdict) = match hybi_tokio::hyper::upgrade(&mut request, &terms(policy)) {
            Ok((response, _)) => (response.map(|()| Full::default()), "open".to_owned()),
            Err(error) => {
                let response = error.response().map(Full::new);
                let UpgradeError::Request(error) = error else { panic!("{error}") };
                (response, format!("{} {error:?}", error.status()))
            }
        };
        let _ = told.send(verdict);
        async { Ok::<Response<Full<Bytes>>, Infallible>(response) }
    });
    let connection = server::conn::http2::Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(stream), service);
    tokio::spawn(connection);
}

async fn connect(stream: DuplexStream) -> SendRequest<Bytes> {
    let (requests, connection) = http2::client_builder().handshake(stream).await.unwrap();
    tokio::spawn(connection);
    while !requests.is_extended_connect_protocol_enabled() {
        yield_now().await;
    }
    requests
}

/// Sends the request of a case. Returns the server's verdict and the status of the response, or
/// what the stack said.
async fn ask(
    case: &Connect,
    head: Request<()>,
    serve: fn(DuplexStream, &'static str, Told),
) -> Result<(String, u16), h2::Error> {
    let (near, far) = duplex(10_000);
    let (told, mut verdicts) = unbounded_channel();
    serve(far, case.setting.1, told);
    let mut requests = connect(near).await;
    let (response, _out) = requests.send_request(head, false)?;
    let response = response.await?;
    Ok((verdicts.recv().await.unwrap(), response.status().as_u16()))
}

#[tokio::test(start_paused = true)]
async fn extended_connects_of_the_suite() {
    let (mut run, mut refused) = (0, [Vec::new(), Vec::new()]);
    for case in connect_requests() {
        let list = case.list();
        let protocol = list.iter().find(|(name, _)| name == b":protocol");
        let protocol = protocol.map(|(_, value)| std::str::from_utf8(value).unwrap().to_owned());
        let Some(mut head) = connect_http::request(&list, Version::HTTP_2) else {
            assert_ne!(case.doors, Doors::All, "{}", case.id);
            continue;
        };
        run += 1;
        if let Some(protocol) = protocol {
            head.extensions_mut().insert(Protocol::from(&*protocol));
        }
        for (serve, refused) in [serve_h2, serve_hyper].into_iter().zip(&mut refused) {
            match ask(&case, head.clone(), serve).await {
                Ok((verdict, status)) => {
                    assert_eq!(verdict, case.verdict, "{}", case.id);
                    let want = case.verdict.split(' ').next().unwrap();
                    assert_eq!(status.to_string(), want.replace("open", "200"), "{}", case.id);
                }
                Err(_) => refused.push(case.id),
            }
        }
    }
    assert_eq!(run, REQUESTS);
    assert_eq!(refused[0], STACK_REFUSES);
    refused[1].retain(|id| *id != HYPER_REFUSES);
    assert_eq!(refused[1], STACK_REFUSES);
}

#[tokio::test(start_paused = true)]
async fn answers_to_extended_connects_of_the_suite() {
    let uri = Uri::parse("wss://server.example.com/chat").unwrap();
    let (mut run, mut refused) = (0, Vec::new());
    for case in connect_responses() {
        let list = case.list();
        let Some(answer) = connect_http::response(&list, Version::HTTP_2) else {
            assert_ne!(case.doors, Doors::All, "{}", case.id);
            continue;
        };
        run += 1;
        let (near, far) = duplex(10_000);
        let serving = tokio::spawn(async move {
            let handshake = http2::server_builder().handshake::<_, Bytes>(far);
            let mut connection = handshake.await.unwrap();
            let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
            let sent = respond.send_response(answer, false);
            while connection.accept().await.is_some() {}
            sent.err()
        });
        let requests = connect(near).await;
        let asked = asked(case.setting.1, &uri);
        let verdict = match Connector::new().connect_over_http2(&requests, &asked).await {
            Ok(_) => "open".to_owned(),
            Err(ConnectError::Response(error)) => format!("{error:?}"),
            Err(ConnectError::Refused(_)) => "Status".to_owned(),
            Err(ConnectError::TimedOut) => {
                drop(requests); // ends the server
                let error = serving.await.unwrap();
                refused.push((case.id, if error.is_some() { "not sent" } else { "interim" }));
                continue;
            }
            Err(error) => panic!("{}: {error}", case.id),
        };
        assert_eq!(verdict, case.verdict, "{}", case.id);
    }
    assert_eq!(run, ANSWERS);
    assert_eq!(refused, DOES_NOT_ARRIVE);
}
