//! A page and a WebSocket in one axum server. Ctrl-C and SIGTERM end it in order: open connections
//! are told with code 1001, and have five seconds to answer.
//!
//! ```sh
//! cargo run -p hybi-tokio --features axum --example axum_server -- 127.0.0.1:9001
//! ```
//!
//! Only pages of the server itself may connect, which a browser tells by its `Origin`.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use hybi::handshake::Acceptance;
use hybi::{Config, Limits};
use hybi_tokio::axum::WebSocketUpgrade;
use hybi_tokio::hyper::{UpgradeError, UpgradedSocket, Upgrading};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[path = "shared/program.rs"]
mod program;
use program::{asked_to_end, log};

const USAGE: &str = "usage: axum_server [HOST:PORT]   default: 127.0.0.1:9001";
const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Echo</title>
<input autofocus placeholder="Say something"> <pre></pre>
<script>
const [input, output] = [document.querySelector("input"), document.querySelector("pre")];
const ws = new WebSocket(`ws${location.protocol.slice(4)}//${location.host}/echo`);
ws.onmessage = (event) => output.append(`${event.data}\n`);
ws.onclose = (event) => output.append(`closed: ${event.code} ${event.reason}\n`);
input.onchange = () => {
    ws.send(input.value);
    input.value = "";
};
</script>
"#;
/// The page brings everything along, and connects to where it came from.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; connect-src 'self'";
/// How long a message may be, in bytes.
const MESSAGE_MAX: u64 = 64 << 10;
/// How long a client may take to say good-bye.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The tasks of the WebSockets, and what ends them. axum does not know of them.
#[derive(Clone, Default)]
struct App {
    clients: TaskTracker,
    stop: CancellationToken,
}

#[tokio::main]
async fn main() -> ExitCode {
    match program::address(USAGE) {
        Ok(address) => program::exit_code(listen(&address).await),
        Err(code) => code,
    }
}

async fn listen(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = program::listen_at(address).await?;
    log(format_args!("listening at http://{}", listener.local_addr()?));
    log("open that in a browser; Ctrl-C ends the server");
    let app = App::default();
    let routes = Router::new()
        .route("/", get(page))
        .route("/echo", any(echo)) // not `get`: over HTTP/2 a WebSocket begins with CONNECT
        .with_state(app.clone());
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true); // fails if the client has left already
    });
    let serving = axum::serve(listener, routes)
        .with_graceful_shutdown(app.stop.clone().cancelled_owned())
        .into_future();
    let serving = tokio::spawn(serving);
    asked_to_end().await;
    app.stop.cancel();
    app.clients.close();
    let ended = timeout(2 * END_WITHIN, async {
        app.clients.wait().await;
        serving.await.map_err(io::Error::other)?
    });
    // A client that is in the middle of a request may hold axum up. Enough has been waited.
    Ok(ended.await.unwrap_or(Ok(()))?)
}

async fn page() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(PAGE))
}

/// Answers the request, which has been checked but for its origin. The WebSocket comes once the
/// response has been sent.
async fn echo(State(app): State<App>, upgrade: WebSocketUpgrade) -> Result<Response, UpgradeError> {
    let limits = Limits::default().message_bytes_max(MESSAGE_MAX);
    let acceptance = Acceptance::from_same_origin().config(Config::default().limits(limits));
    let (response, upgrading) = upgrade.upgrade(&acceptance)?;
    app.clients.spawn(async move {
        if let Err(error) = serve(upgrading, app.stop).await {
            log(error);
        }
    });
    Ok(response)
}

async fn serve(
    upgrading: Upgrading,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut ws = upgrading.await?; // within 10 s
    // The future may be dropped at any point: nothing is half-done then.
    match stop.run_until_cancelled(send_back(&mut ws)).await {
        Some(ended) => Ok(ended?),
        None => {
            ws.terminate(END_WITHIN).await; // sends 1001
            Ok(())
        }
    }
}

async fn send_back(ws: &mut UpgradedSocket) -> Result<(), hybi_tokio::Error> {
    while let Some(message) = ws.receive().await? {
        ws.send(&message).await?;
    }
    Ok(())
}
