//! The extractor of axum, behind the usual layers.

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{ACCEPT_ENCODING, ORIGIN};
use http::{Request, StatusCode};
use hybi::connection::Closed;
use hybi::handshake::ClientRequest;
use hybi::{CloseCode, Message};
use hybi_tokio::axum::WebSocketUpgrade;
use hybi_tokio::hyper::{UpgradeError, UpgradedSocket};
use hybi_tokio::{ConnectError, Connector, http2};
use hyper::server;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::support::{acceptance, config, converse, echo, request, uri};

type Ends = UnboundedSender<Closed>;

async fn chat(State(ends): State<Ends>, upgrade: WebSocketUpgrade) -> Response {
    assert_eq!(upgrade.request().path(), "/chat");
    let chosen = upgrade.request().choose_subprotocol(&["v2.chat"]);
    let acceptance = acceptance().subprotocol(chosen);
    upgrade.accept(&acceptance, |ws| async move {
        let _ = ends.send(echo(ws).await);
    })
}

async fn page_or_chat(upgrade: Option<WebSocketUpgrade>) -> Result<Response, UpgradeError> {
    let Some(upgrade) = upgrade else { return Ok(Response::new("a page".into())) };
    let (response, upgrading) = upgrade.upgrade(&acceptance())?;
    tokio::spawn(async {
        if let Ok(ws) = upgrading.await {
            echo(ws).await;
        }
    });
    Ok(response)
}

/// Reads nothing for ten seconds.
async fn slow(upgrade: WebSocketUpgrade) -> Response {
    async fn answer_late(mut ws: UpgradedSocket) {
        sleep(Duration::from_secs(10)).await;
        let message = ws.receive().await.unwrap().unwrap();
        ws.send(&message).await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), None);
    }
    upgrade.accept(&acceptance(), answer_late)
}

fn app() -> (Router, UnboundedReceiver<Closed>) {
    let (ends, ended) = unbounded_channel();
    let within = Duration::from_secs(1);
    let app = Router::new()
        .route("/chat", any(chat))
        .route("/both", any(page_or_chat))
        .route("/slow", any(slow))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, within))
        .layer(CompressionLayer::new())
        .layer(CorsLayer::permissive())
        .layer(TraceLayer::new_for_http())
        .with_state(ends);
    (app, ended)
}

fn serve_http1(app: &Router, stream: DuplexStream) {
    let service = TowerToHyperService::new(app.clone());
    let connection =
        server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::spawn(connection.with_upgrades());
}

fn serve_http2(app: &Router, stream: DuplexStream) {
    let service = TowerToHyperService::new(app.clone());
    let connection = server::conn::http2::Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(stream), service);
    tokio::spawn(connection);
}

/// A request for what browsers ask for, so that the layers have something to do.
fn as_browser<'a>(request: ClientRequest<'a>) -> ClientRequest<'a> {
    request.field(ACCEPT_ENCODING.as_str(), "gzip")
}

#[tokio::test(start_paused = true)]
async fn a_conversation_over_http1_passes_the_usual_layers() {
    let (app, mut ended) = app();
    let (near, far) = duplex(1000);
    serve_http1(&app, far);
    let uri = uri();
    let asked = as_browser(request(&uri));
    let ws = Connector::new().connect_over(near, &asked).await.unwrap();
    assert!(ws.response().unwrap().field("access-control-allow-origin").is_some(), "layers ran");
    converse(ws, 0).await;
    assert_eq!(ended.recv().await.unwrap().to_string(), "1000 (normal closure) \"that was all\"");
}

#[tokio::test(start_paused = true)]
async fn five_conversations_over_http2_pass_the_usual_layers() {
    let (app, mut ended) = app();
    let (near, far) = duplex(1000);
    serve_http2(&app, far);
    let (requests, connection) = http2::client_builder().handshake(near).await.unwrap();
    tokio::spawn(connection);
    let uri = uri();
    let asked = as_browser(request(&uri));
    let mut tasks = JoinSet::new();
    for seed in 0..5 {
        let ws = Connector::new().connect_over_http2(&requests, &asked).await.unwrap();
        assert!(ws.response().unwrap().field("access-control-allow-origin").is_some());
        tasks.spawn(converse(ws, seed));
    }
    tasks.join_all().await;
    for _ in 0..5 {
        assert_eq!(
            ended.recv().await.unwrap().to_string(),
            "1000 (normal closure) \"that was all\""
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_out_for_responses_does_not_end_a_websocket() {
    let (app, _ended) = app();
    let (near, far) = duplex(1000);
    serve_http1(&app, far);
    let uri = hybi::Uri::parse("ws://example.com/slow").unwrap();
    let mut ws = Connector::new().connect_over(near, &request(&uri)).await.unwrap();
    ws.send("still there?").await.unwrap();
    assert_eq!(ws.receive().await.unwrap(), Some(Message::from("still there?")));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(ws.receive().await.unwrap(), None);
    assert_eq!(ws.closed().unwrap().code(), 1000);
}

#[tokio::test(start_paused = true)]
async fn refusals_pass_the_usual_layers_over_both_versions_of_http() {
    let (app, _ended) = app();
    let uri = uri();
    let foreign = request(&uri).origin("http://evil.example");

    let (near, far) = duplex(1000);
    serve_http1(&app, far);
    let over_http1 = Connector::new().connect_over(near, &foreign).await.err();

    let (near, far) = duplex(1000);
    serve_http2(&app, far);
    let (requests, connection) = http2::client_builder().handshake(near).await.unwrap();
    tokio::spawn(connection);
    let over_http2 = Connector::new().connect_over_http2(&requests, &foreign).await.err();

    for refused in [over_http1, over_http2] {
        let Some(ConnectError::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.response().status(), 403);
        assert!(refusal.is_complete() && refusal.body().ends_with("§10.2)\n".as_bytes()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_may_have_a_page_and_a_websocket() {
    let (app, _ended) = app();
    let (mut near, far) = duplex(1000);
    serve_http1(&app, far);
    for (path, status, text) in [("/both", "200 OK", "a page"), ("/chat", "426 ", "Upgrade")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n");
        near.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let mut n = 0;
        while !String::from_utf8_lossy(&answer[..n]).contains(text) {
            n += near.read(&mut answer[n..]).await.unwrap();
        }
        let answer = String::from_utf8_lossy(&answer[..n]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    let (near, far) = duplex(1000);
    serve_http1(&app, far);
    let uri = hybi::Uri::parse("ws://example.com/both").unwrap();
    let ws = Connector::new().connect_over(near, &request(&uri)).await.unwrap();
    converse(ws, 1).await;
}

/// The extractor alone, of requests that hyper has not made.
#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_before_the_handler_runs() {
    let uri = uri();
    let asked = ClientRequest::new(&uri).config(config());
    let prepared = asked.prepare().unwrap();
    let good = || prepared.to_http().unwrap();
    let mut bad_key = good();
    bad_key.headers_mut().insert("sec-websocket-key", "short".parse().unwrap());
    let mut foreign = good(); // the handler decides about that
    foreign.headers_mut().insert(ORIGIN, "http://evil.example".parse().unwrap());
    let page = Request::get("/chat").header("host", "example.com").body(()).unwrap();
    for (request, required, optional) in [
        (good(), Some("upgrade-unavailable"), Some("upgrade-unavailable")),
        (bad_key, Some("request-key-malformed"), Some("request-key-malformed")),
        (foreign, Some("upgrade-unavailable"), Some("upgrade-unavailable")),
        (page, Some("request-upgrade-missing"), None),
        // Not our business: the page's own handler may take it.
        (Request::get("/chat").body(()).unwrap(), Some("request-host-missing"), None),
    ] {
        let (mut parts, ()) = request.into_parts();
        let headers = parts.headers.clone();
        let extracted =
            <WebSocketUpgrade as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await;
        assert_eq!(extracted.err().map(|error| error.name()), required);
        let extracted =
            <WebSocketUpgrade as OptionalFromRequestParts<()>>::from_request_parts(&mut parts, &());
        let extracted = extracted.await;
        assert_eq!(extracted.err().map(|error| error.name()), optional);
        assert_eq!(parts.headers, headers, "for the next extractor");
    }
}

#[test]
fn an_error_is_a_response() {
    fn is_response<T: axum::response::IntoResponse>() {}
    is_response::<UpgradeError>();
}
