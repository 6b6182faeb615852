//! The service over HTTP: the page, commands, and the endpoints of chats.

use hybi::blocking::AcceptError;
use hybi::handshake::{Rejection, Request};

use crate::{Arrival, Service, commands, key};

const PAGE: &str = include_str!("page.html");
/// The page brings everything along. It may ask us, and connect to endpoints, wherever a proxy has
/// them.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; connect-src 'self' ws: wss:; frame-ancestors 'none'";

impl Service {
    pub(crate) fn serve_web(&self, arrival: Arrival) -> Result<(), AcceptError> {
        let response = self.respond(arrival.request());
        arrival.reject(&response.field("Cache-Control", "no-store"))
    }

    fn respond(&self, request: &Request<'_>) -> Rejection<'static> {
        let query = request.query().unwrap_or_default();
        match (request.method(), request.path()) {
            ("GET" | "HEAD", "/") => Rejection::new(200)
                .field("Content-Security-Policy", PAGE_POLICY)
                .body("text/html; charset=utf-8", PAGE),
            ("GET" | "HEAD", "/favicon.ico") => Rejection::new(204),
            ("POST", "/command") if !self.key.is_in(request) => key::is_missing(),
            ("POST", "/command") => self.obey(query),
            ("POST", "/chat") => self.chat(query),
            (_, "/command" | "/chat") => text(405, "POST, please").field("Allow", "POST"),
            ("GET" | "HEAD", path) if self.pool.is_allocated(path.trim_start_matches('/')) => {
                text(400, "This is an endpoint for WebSocket: connect to it")
            }
            ("GET" | "HEAD", _) => text(404, "There is nothing here but /"),
            _ => text(405, "GET, please").field("Allow", "GET, HEAD"),
        }
    }

    /// A command is the whole query, percent-encoded.
    fn obey(&self, query: &str) -> Rejection<'static> {
        let Some(line) = percent_decoded(query) else {
            return text(400, "That is no line of UTF-8.");
        };
        match commands::obey(self, line.trim()) {
            Ok(answer) => text(200, &answer),
            Err(failure) => text(failure.status(), &failure.to_string()),
        }
    }

    /// The system is the whole query.
    fn chat(&self, query: &str) -> Rejection<'static> {
        match self.chats.endpoint(query, &self.pool) {
            Some(Ok(name)) => text(200, &self.url(&name)),
            Some(Err(error)) => text(503, &format!("The chat does not work: {error}")),
            None => text(404, "No system of that name has a chat."),
        }
    }
}

fn text(status: u16, text: &str) -> Rejection<'static> {
    Rejection::new(status).body("text/plain; charset=utf-8", format!("{text}\n"))
}

/// Returns `None` if the text is not UTF-8, or no line. What is not encoded stays as it is.
fn percent_decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let is_hex = |digits: &&[u8]| digits.iter().all(u8::is_ascii_hexdigit);
        let digits = after.get(..2).filter(|_| *first == b'%').filter(is_hex);
        let decoded = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { after.get(2..)? } else { after };
    }
    String::from_utf8(bytes).ok().filter(|line| !line.contains(['\r', '\n']))
}
