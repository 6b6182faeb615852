//! The door: the opening handshake, and the page at the same port.

use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::{Acceptance, Rejection, Request, ServerHandshakeError};
use hybi::{Config, Connection, Input, Limits, Outbox, Server, ServerHandshake};

use crate::hosts::Hosts;

const PAGE: &str = include_str!("../../chat/page.html");
const STYLE: &str = include_str!("../../shared/style.css");
/// The page may ask only where it came from, and connect to any WebSocket: not every browser takes
/// `'self'` for those.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; \
    script-src 'unsafe-inline'; connect-src 'self' ws: wss:; frame-ancestors 'none'";
/// Enough for a line of the chat that is too long by mistake.
const CHAT_BYTES_MAX: u64 = 64 << 10;

/// The purpose of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    Echo,
    Chat,
}

impl App {
    /// Returns the settings of its connections. They are not handed over: those of the new process
    /// hold from then on.
    pub(crate) fn config(self) -> Config {
        let config = Config::default().deflate(DeflateConfig::default());
        match self {
            Self::Echo => config,
            Self::Chat => config.limits(Limits::default().message_bytes_max(CHAT_BYTES_MAX)),
        }
    }
}

/// The outcome of a request.
pub(crate) enum Answer {
    Accepted(Connection<Server>, App),
    /// Any other response is in the output, and the last that the client gets.
    Other,
}

pub(crate) struct Door {
    hosts: Hosts,
}

impl Door {
    pub(crate) fn new(hosts: Hosts) -> Self {
        Self { hosts }
    }

    /// Reads a request, and answers it once it is complete.
    pub(crate) fn answer(
        &self,
        handshake: &mut ServerHandshake,
        input: &mut Input<'_>,
        out: &mut Outbox,
    ) -> Option<Answer> {
        let request = match handshake.receive(input, out) {
            Ok(request) => request?,
            Err(_) => return Some(Answer::Other), // the refusal is in the output
        };
        let answered = match self.decide(&request) {
            Ok((app, acceptance)) => handshake
                .accept(&request, &acceptance.config(app.config()), out)
                .map(|ws| Answer::Accepted(ws, app)),
            Err(response) => handshake
                .reject(&response, out)
                .map(|()| Answer::Other)
                .map_err(ServerHandshakeError::Usage),
        };
        Some(answered.unwrap_or(Answer::Other))
    }

    fn decide(
        &self,
        request: &Request<'_>,
    ) -> Result<(App, Acceptance<'static>), Rejection<'static>> {
        // First, so that a page of somebody else's learns nothing.
        if !request.host().is_some_and(|host| self.hosts.contain(host)) {
            return Err(Rejection::new(421).body("text/plain", "There is no such host here.\n"));
        }
        match (request.is_upgrade(), request.path()) {
            // An echo gives nothing away. The chat is for its own page.
            (true, "/echo") => Ok((App::Echo, Acceptance::from_any_origin())),
            (true, "/chat") => Ok((App::Chat, Acceptance::from_same_origin())),
            (false, path) if matches!(request.method(), "GET" | "HEAD") => Err(page(path)),
            (false, _) => Err(Rejection::new(405).field("Allow", "GET, HEAD")),
            (true, _) => Err(nothing_here()),
        }
    }
}

fn page(path: &str) -> Rejection<'static> {
    match path {
        "/" => Rejection::new(200)
            .field("Content-Security-Policy", PAGE_POLICY)
            .field("Cache-Control", "no-store")
            .body("text/html; charset=utf-8", PAGE),
        "/style.css" => Rejection::new(200).body("text/css; charset=utf-8", STYLE),
        "/favicon.ico" => Rejection::new(204),
        _ => nothing_here(),
    }
}

fn nothing_here() -> Rejection<'static> {
    Rejection::new(404).body("text/plain", "There is nothing here but /, /chat and /echo\n")
}
