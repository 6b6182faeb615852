//! An extractor for [axum] 0.8: [`WebSocketUpgrade`].
//!
//! ```
//! use axum::Router;
//! use axum::response::Response;
//! use axum::routing::any;
//! use hybi::handshake::Acceptance;
//! use hybi_tokio::Error;
//! use hybi_tokio::axum::WebSocketUpgrade;
//! use hybi_tokio::hyper::UpgradedSocket;
//!
//! // `any`, not `get`: over HTTP/2 a WebSocket begins with CONNECT.
//! let app: Router = Router::new().route("/chat", any(chat));
//!
//! async fn chat(upgrade: WebSocketUpgrade) -> Response {
//!     let chosen = upgrade.request().choose_subprotocol(&["v2.chat", "v1.chat"]);
//!     let acceptance = Acceptance::from_same_origin().subprotocol(chosen);
//!     upgrade.accept(&acceptance, |ws| async {
//!         if let Err(error) = echo(ws).await {
//!             eprintln!("{error}");
//!         }
//!     })
//! }
//!
//! async fn echo(mut ws: UpgradedSocket) -> Result<(), Error> {
//!     while let Some(message) = ws.receive().await? {
//!         ws.send(&message).await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A page and a WebSocket at the same path: `Option<WebSocketUpgrade>`, which is `None` for the
//! page. Layers must leave the response to a WebSocket as it is, but for fields. The usual ones do:
//! time-outs, compression, CORS, tracing. A time-out ends with the response, not with the
//! WebSocket.
//!
//! [`axum::serve`] upgrades HTTP/1.1, and with axum's feature `http2` HTTP/2, but leaves hyper's
//! window for a whole connection as it is. For many WebSockets on one connection, serve the router
//! with hyper and a [larger one](crate::hyper#http2).
//!
//! [axum]: https://docs.rs/axum/0.8
//! [`axum::serve`]: https://docs.rs/axum/0.8/axum/fn.serve.html

use std::fmt;
use std::mem;

use ::hyper::upgrade::OnUpgrade;
use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use hybi::handshake::{Acceptance, Request};

use crate::hyper::{UpgradeError, UpgradedSocket, Upgrading, accept, read_request};

/// A request for a WebSocket, over HTTP/1.1 or, with feature `http2`, over HTTP/2.
///
/// It has passed every check but that of its origin. A request that has not is answered with the
/// right status; for one that asks for a page that is 426. If the server cannot upgrade at all,
/// that is 500: so it is in tests that call a `Router` without a server. Test over a socket.
#[must_use = "a request must be accepted, or something else returned"]
pub struct WebSocketUpgrade {
    request: Request<'static>,
    on_upgrade: OnUpgrade,
}

impl WebSocketUpgrade {
    /// Returns the request: its origin, its subprotocols, its fields.
    #[must_use]
    pub const fn request(&self) -> &Request<'static> {
        &self.request
    }

    /// Opens a WebSocket if the origin of the request is allowed, and passes it to `handle`, whose
    /// future is spawned. Returns the response: this one, or the refusal.
    ///
    /// If the client goes away before the WebSocket is open, `handle` is not called. To learn about
    /// it, and to spawn in a way of your own, use [`upgrade`](Self::upgrade).
    pub fn accept<F, Fut>(self, acceptance: &Acceptance<'_>, handle: F) -> Response
    where
        F: FnOnce(UpgradedSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        match self.upgrade(acceptance) {
            Ok((response, upgrading)) => {
                tokio::spawn(async move {
                    if let Ok(ws) = upgrading.await {
                        handle(ws).await;
                    }
                });
                response
            }
            Err(error) => error.into_response(),
        }
    }

    /// Checks that the origin of the request is allowed. Returns the response, and the WebSocket
    /// that there will be once it has been sent: wait for that in a task of its own.
    ///
    /// # Errors
    ///
    /// As [`hyper::upgrade`](crate::hyper::upgrade). The error can be returned as a response.
    pub fn upgrade(
        self,
        acceptance: &Acceptance<'_>,
    ) -> Result<(Response, Upgrading), UpgradeError> {
        let (response, upgrading) = accept(&self.request, acceptance)?.with(self.on_upgrade);
        Ok((response.map(|()| Body::empty()), upgrading))
    }

    fn extract(parts: &mut Parts) -> Result<Self, UpgradeError> {
        let request = with_request(parts, |request| {
            let request = read_request(request)?;
            request.check()?;
            Ok::<_, UpgradeError>(request.into_owned())
        })?;
        let on_upgrade = parts.extensions.remove().ok_or(UpgradeError::Unavailable)?;
        Ok(Self { request, on_upgrade })
    }
}

/// Lends the parts as a request.
fn with_request<T>(parts: &mut Parts, f: impl FnOnce(&http::Request<()>) -> T) -> T {
    let none = http::Request::new(()).into_parts().0;
    let request = http::Request::from_parts(mem::replace(parts, none), ());
    let returned = f(&request);
    *parts = request.into_parts().0;
    returned
}

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, UpgradeError> {
        Self::extract(parts)
    }
}

/// `None` if the request does not ask for a WebSocket.
impl<S: Send + Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, UpgradeError> {
        let may_upgrade = parts.extensions.get::<OnUpgrade>().is_some();
        let asks = with_request(parts, |request| match read_request(request) {
            Ok(request) => request.is_upgrade(),
            Err(_) => may_upgrade,
        });
        if asks { Self::extract(parts).map(Some) } else { Ok(None) }
    }
}

impl IntoResponse for UpgradeError {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade").field("request", &self.request).finish_non_exhaustive()
    }
}
