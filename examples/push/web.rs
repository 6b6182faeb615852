//! The pages, and the status for the second of them.

use hybi::blocking::AcceptError;
use hybi::handshake::{Rejection, Request};

use crate::{Arrival, Server, key, services};

/// The pages for everybody: the path, the media type and the content.
const FILES: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("page.html")),
    ("/status", "text/html; charset=utf-8", include_str!("status.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("../shared/style.css")),
];
/// A page may ask only where it came from, and connect to any WebSocket: not every browser takes
/// `'self'` for those.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'unsafe-inline'; \
    connect-src 'self' ws: wss:; frame-ancestors 'none'";

impl Server {
    pub(crate) fn serve_web(&self, arrival: Arrival) -> Result<(), AcceptError> {
        let response = self.respond(arrival.request());
        arrival.reject(&response.field("Cache-Control", "no-store"))
    }

    fn respond(&self, request: &Request<'_>) -> Rejection<'static> {
        let path = match (request.method(), request.path()) {
            ("PUT", "/session") => return self.session(request),
            ("GET" | "HEAD", path) => path,
            (_, "/session") => return text(405, "PUT, please").field("Allow", "GET, HEAD, PUT"),
            _ => return text(405, "GET, please").field("Allow", "GET, HEAD"),
        };
        if let Some((_, media_type, content)) = FILES.iter().find(|(name, ..)| *name == path) {
            return Rejection::new(200)
                .field("Content-Security-Policy", PAGE_POLICY)
                .body(*media_type, *content);
        }
        match path {
            "/favicon.ico" => Rejection::new(204),
            "/connections" if !self.key.is_in(request) => key::is_missing(),
            "/connections" => {
                Rejection::new(200).body("application/json", self.status.to_json().to_string())
            }
            _ if services::at(path).is_some() => {
                text(400, "This is a service for WebSocket: connect to it")
            }
            _ => text(404, "There is nothing here but /"),
        }
    }

    /// Gives the browser a session, unless it has one. The page asks for that. With the response to
    /// the page itself, whoever follows a link from another site would lose their session: the
    /// browser then requests the page without the cookie. Pages of other origins cannot PUT.
    fn session(&self, request: &Request<'_>) -> Rejection<'static> {
        match self.sessions.find(request) {
            Some(_) => Rejection::new(204),
            None => Rejection::new(204).field("Set-Cookie", self.sessions.begin()),
        }
    }
}

pub(crate) fn text(status: u16, text: &str) -> Rejection<'static> {
    Rejection::new(status).body("text/plain; charset=utf-8", format!("{text}\n"))
}
