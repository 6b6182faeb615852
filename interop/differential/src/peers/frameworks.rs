//! The upgrades of web frameworks: handed a request that has been parsed, as their HTTP stacks hand it over. Asked for servers'
//! handshakes alone; frames are the business of libraries that are peers themselves.

use std::sync::LazyLock;

use actix_http::ResponseHead;
use actix_http::test::TestRequest;
use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::IntoResponse;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use tokio::runtime::{Builder, Runtime};

use super::{Peer, accepted};
use crate::case::{Case, End, Outcome, Phase, Role};
use crate::heads::SUBPROTOCOL;

/// Longer heads than hybi takes by default are up to the HTTP stack.
const HEAD_BYTES_MAX: usize = 16 << 10;
const TARGET_BYTES_MAX: usize = 8 << 10;
const FIELDS_MAX: usize = 128;

/// A framework: its name, and what it makes of a request.
pub struct Framework(&'static str, fn(Request<()>) -> Option<Outcome>);

pub const ACTIX_HTTP: Framework = Framework("actix-http", actix_http);
pub const AXUM: Framework = Framework("axum", axum);
pub const HYPER_TUNGSTENITE: Framework = Framework("hyper-tungstenite", hyper_tungstenite);

impl Peer for Framework {
    fn name(&self) -> &'static str {
        self.0
    }

    fn head(&self, case: &Case) -> Option<Outcome> {
        if case.role == Role::Client {
            return None;
        }
        self.1(parsed(&case.wire)?)
    }

    fn outcome(&self, case: &Case) -> Option<Outcome> {
        if case.phase != Phase::Head {
            return None;
        }
        let asked = std::panic::AssertUnwindSafe(|| self.head(case));
        std::panic::catch_unwind(asked)
            .unwrap_or_else(|_| Some(Outcome { end: End::Died, ..Outcome::default() }))
    }
}

/// A request as an HTTP stack parses it. `None`: a strict one does not, or not without changing it.
fn parsed(wire: &[u8]) -> Option<Request<()>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    let len = parsed.parse(wire).ok().filter(httparse::Status::is_complete)?.unwrap();
    // Bare line ends: a lenient stack cuts the lines elsewhere.
    let crs = wire[..len].iter().filter(|&&byte| byte == b'\r').count();
    let lfs = wire[..len].iter().filter(|&&byte| byte == b'\n').count();
    let pairs = wire[..len].windows(2).filter(|pair| pair == b"\r\n").count();
    let target = parsed.path?;
    let is_short = len <= HEAD_BYTES_MAX && target.len() <= TARGET_BYTES_MAX;
    // The types lose a fragment.
    if crs != pairs || lfs != pairs || !is_short || target.contains('#') {
        return None;
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    *request.uri_mut() = Uri::try_from(target).ok()?;
    *request.version_mut() = if parsed.version? == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    has_clear_body(&request).then_some(request)
}

/// Whether a stack knows where the body ends: it refuses the others, or resolves them before a framework sees them.
fn has_clear_body(request: &Request<()>) -> bool {
    let values = |name| -> Vec<&[u8]> {
        request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect()
    };
    match (&values(CONTENT_LENGTH)[..], &values(TRANSFER_ENCODING)[..]) {
        ([], [] | [b"chunked"]) => true,
        ([length], []) => length.iter().all(u8::is_ascii_digit) && (1..=19).contains(&length.len()),
        _ => false,
    }
}

/// A response as HTTP/1.1 writes it.
fn outcome<'f>(status: u16, fields: impl Iterator<Item = (&'f str, &'f [u8])>) -> Outcome {
    let mut answer = format!("HTTP/1.1 {status} \r\n").into_bytes();
    for (name, value) in fields {
        answer.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    answer.extend(b"\r\n");
    accepted(status == 101, answer)
}

/// axum starts a task for each connection.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("it can be built"));

fn axum(request: Request<()>) -> Option<Outcome> {
    let response = RUNTIME.block_on(async {
        let (mut parts, ()) = request.into_parts();
        // hyper puts one into each request that can be upgraded.
        if parts.version == Version::HTTP_11 {
            parts.extensions.insert(hyper::upgrade::on(Request::new(())));
        }
        match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => upgrade.protocols([SUBPROTOCOL]).on_upgrade(async |_| ()),
            Err(rejection) => rejection.into_response(),
        }
    });
    let fields = response.headers().iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_bytes()));
    Some(outcome(response.status().as_u16(), fields))
}

fn actix_http(request: Request<()>) -> Option<Outcome> {
    // Its version of the types knows fewer URIs.
    let uri = request.uri().to_string();
    actix_http::Uri::try_from(&*uri).ok()?;
    let mut made = TestRequest::default();
    made.uri(&uri);
    made.method(request.method().as_str().parse().ok()?);
    made.version(match request.version() {
        Version::HTTP_10 => actix_http::Version::HTTP_10,
        _ => actix_http::Version::HTTP_11,
    });
    for (name, value) in request.headers() {
        made.append_header((name.as_str(), value.as_bytes()));
    }
    let request = made.finish();
    let head = |head: &ResponseHead| {
        let fields = head.headers().iter();
        let mut fields: Vec<_> = fields
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        // Its HTTP/1.1 writes it.
        if head.upgrade() {
            fields.push(("connection".to_owned(), b"upgrade".to_vec()));
        }
        outcome(head.status.as_u16(), fields.iter().map(|(name, value)| (&**name, &**value)))
    };
    Some(match actix_http::ws::handshake(request.head()) {
        Ok(mut response) => head(response.finish().head()),
        Err(error) => head(actix_http::Response::from(error).head()),
    })
}

/// Refusals are the program's. Asked first whether the request is for it, as its documentation does.
fn hyper_tungstenite(mut request: Request<()>) -> Option<Outcome> {
    if !hyper_tungstenite::is_upgrade_request(&request) {
        return Some(accepted(false, Vec::new()));
    }
    let Ok((response, _)) = hyper_tungstenite::upgrade(&mut request, None) else {
        return Some(accepted(false, Vec::new()));
    };
    let fields = response.headers().iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_bytes()));
    Some(outcome(response.status().as_u16(), fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heads::Heads;

    /// `docs/conformance.md` has the numbers.
    #[test]
    fn most_requests_are_handed_over() {
        let heads = Heads::new();
        let all = heads.edits(Role::Server).len();
        let handed =
            (0..all).filter(|&edit| parsed(&heads.wire(Role::Server, &[edit], None)).is_some());
        assert_eq!((handed.count(), all), (107, 183));
    }
}
