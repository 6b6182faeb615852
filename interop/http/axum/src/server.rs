//! A server.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt;
use http::StatusCode;
use hybi_http_shared::server::Echo;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves all connections.
///
/// # Errors
///
/// None so far: axum goes on after an error of the listener.
pub async fn serve(listener: TcpListener, echo: Echo) -> io::Result<()> {
    // Otherwise a short message waits until the peer has acknowledged the one before.
    let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
    axum::serve(listener, Router::new().fallback(respond_to).with_state(echo)).await
}

/// Takes the whole request: an extractor sees only a part of what the rules look at.
async fn respond_to(
    State(echo): State<Echo>,
    mut request: Request,
) -> Result<Response, (StatusCode, String)> {
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    let answer = echo.answer(&request, protocol);
    let (response, ws) =
        answer.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    if let Some(ws) = ws {
        let (version, upgrade) = (request.version(), hyper::upgrade::on(&mut request));
        tokio::spawn(async move {
            match upgrade.await {
                Ok(io) => echo.serve(ws, version, tokio::io::split(TokioIo::new(io))).await,
                Err(error) => eprintln!("{error}"),
            }
        });
    }
    Ok(response.map(Body::from))
}
