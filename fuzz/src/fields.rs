//! The bodies for the opening handshake behind an HTTP stack: any method, target, version, pseudo-header fields and list of
//! fields as a request, any status and list of fields as a response.
//!
//! The same comes through every door that can hold it, as a list, as bytes of HTTP/1.1 and in the types of the `http` crate, and
//! all doors must give one verdict. What was accepted is read once more in the plainest way.

use hybi::handshake::{
    Accepted, Answer, ClientRequest, HandshakeUsageError, HeadLimits, HttpVersion, PreparedRequest,
    Rejected, Rejection, Request, RequestError, RequestParts, Response, ResponseError,
    ResponseParts, ServerHandshakeError,
};
use hybi::{ClientHandshake, Input, Outbox, ServerHandshake, Uri};

use super::common::Keys;
use super::handshake::{
    ACCEPT, NONCE, Plain, good_request, is_token, is_value, keys, names_a_section, request_for,
    same, terms, trim,
};

type Pair<'a> = (&'a [u8], &'a [u8]);

/// What the first byte of a record stands for, if it is 0x80 and more: this field, with the rest as its value, or with this value
/// if there is no rest.
const KNOWN: [(&str, &str); 24] = [
    ("host", "server.example.com"),
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
    ("origin", "http://example.com"),
    ("origin", "http://server.example.com"),
    ("sec-websocket-protocol", "chat, superchat"),
    ("sec-websocket-extensions", "permessage-deflate"),
    ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ("sec-websocket-protocol", "chat"),
    ("content-length", "0"),
    ("transfer-encoding", "chunked"),
    ("te", "trailers"),
    ("keep-alive", "timeout=5"),
    ("proxy-connection", "close"),
    ("cookie", "secret=17"),
    ("Host", "server.example.com:80"),
    ("Upgrade", "h2c, WebSocket"),
    ("Connection", "keep-alive, upgrade"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":authority", "server.example.com"),
    (":path", "/"),
];

/// The records of an input: a start line's words in the first, then fields.
struct Parts<'a> {
    start: &'a [u8],
    version: HttpVersion,
    protocol: Option<&'a str>,
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    fields: Vec<Pair<'a>>,
    /// Those that our own side adds.
    added: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Parts<'a> {
    /// Reads records, with bytes 0xff between them. A field has a colon after its name, one of ours a `+` before it.
    fn of(version: u8, text: &'a [u8]) -> Self {
        let mut records = text.split(|&byte| byte == 0xff);
        let version =
            [HttpVersion::Http10, HttpVersion::Http11, HttpVersion::Http2, HttpVersion::Http3]
                [usize::from(version % 4)];
        let start = records.next().unwrap_or_default();
        let (protocol, scheme, authority) = (None, None, None);
        let (fields, added) = (Vec::new(), Vec::new());
        let mut parts = Self { start, version, protocol, scheme, authority, fields, added };
        for record in records {
            let Some((&first, rest)) = record.split_first() else { continue };
            let colon = |record: &'a [u8]| {
                // That of a pseudo-header field is not the first.
                let at = record.iter().skip(1).position(|&byte| byte == b':');
                let (name, value) = record.split_at(at.map_or(record.len(), |at| at + 1));
                (name, value.strip_prefix(b":").unwrap_or(value))
            };
            let (name, value) = match first {
                0x80.. => {
                    let (name, value) = KNOWN[usize::from(first & 0x7f) % KNOWN.len()];
                    (name.as_bytes(), if rest.is_empty() { value.as_bytes() } else { rest })
                }
                b'+' if !rest.is_empty() => {
                    let (name, value) = colon(rest);
                    parts.added.extend(std::str::from_utf8(name).map(|name| (name, value)));
                    continue;
                }
                _ => colon(record),
            };
            match (name, std::str::from_utf8(value)) {
                (b":protocol", Ok(value)) => parts.protocol = Some(value),
                (b":scheme", Ok(value)) => parts.scheme = Some(value),
                (b":authority", Ok(value)) => parts.authority = Some(value),
                _ => parts.fields.push((name, value)),
            }
        }
        parts
    }

    fn is_connect(&self) -> bool {
        self.version >= HttpVersion::Http2
    }

    fn has_pseudo(&self) -> bool {
        self.protocol.is_some() || self.scheme.is_some() || self.authority.is_some()
    }

    /// Writes a head of HTTP/1.1, if what is read of it is this list of fields again, or their fault.
    fn written(&self, start: &[u8]) -> Option<Vec<u8>> {
        let is_line = |(name, value): &Pair<'_>| {
            !name.iter().any(|byte| b":\r\n".contains(byte))
                && !name.first().is_some_and(|byte| b" \t".contains(byte))
                && !name.last().is_some_and(|byte| b" \t".contains(byte))
                && !value.iter().any(|byte| b"\r\n".contains(byte))
        };
        if self.has_pseudo() || self.is_connect() || !self.fields.iter().all(is_line) {
            return None;
        }
        let mut bytes = start.to_vec();
        for (name, value) in &self.fields {
            bytes.extend([b"\r\n", *name, b":", value].concat());
        }
        bytes.extend(b"\r\n\r\n");
        Some(bytes)
    }

    fn plain<'p>(&'p self, start: &'p [u8]) -> Plain<'p> {
        let headers = self.fields.iter().map(|(name, value)| (*name, trim(value)));
        Plain { start, headers: headers.collect(), len: 0 }
    }

    /// The fields, if these types hold all of them.
    #[cfg(feature = "http")]
    fn typed(&self) -> Option<http::HeaderMap> {
        let mut map = http::HeaderMap::new();
        for (name, value) in &self.fields {
            // These types have names in lower case only.
            if self.is_connect() && name.iter().any(u8::is_ascii_uppercase) {
                return None;
            }
            let name = http::HeaderName::from_bytes(name).ok()?;
            map.append(name, http::HeaderValue::from_bytes(value).ok()?);
        }
        Some(map)
    }

    #[cfg(feature = "http")]
    fn typed_version(&self) -> http::Version {
        match self.version {
            HttpVersion::Http10 => http::Version::HTTP_10,
            HttpVersion::Http2 => http::Version::HTTP_2,
            HttpVersion::Http3 => http::Version::HTTP_3,
            _ => http::Version::HTTP_11,
        }
    }
}

/// Nothing of a peer can end a line or hide in what we hand on.
fn legal_fields<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>, is_connect: bool) {
    for (name, value) in fields {
        assert!(is_token(name.as_bytes()) && is_value(value), "{name:?}");
        assert!(!is_connect || !name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name}");
        assert!(!is_connect || !is_of_connection(name, value), "{name}");
    }
}

/// RFC 9113 §8.2.2.
fn is_of_connection(name: &str, value: &[u8]) -> bool {
    ["connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding"]
        .iter()
        .any(|other| same(name, other))
        || same(name, "te") && !value.eq_ignore_ascii_case(b"trailers")
}

fn names(fields: &[Pair<'_>]) -> Vec<String> {
    fields.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
}

// ------------------------------------------------------------------------------------------------------------- requests

/// Any parts as a request. The first byte is the policy, the second the version; then records.
pub fn request_fields(data: &[u8]) {
    let Some((&[policy, version], text)) = data.split_first_chunk() else { return };
    let parts = Parts::of(version, text);
    let Ok(start) = std::str::from_utf8(parts.start) else { return };
    // A method and a target may have spaces here, and nowhere else.
    let (method, target) = start.split_once(['\t', ' ']).unwrap_or((start, ""));
    let list = request_of(&parts, method, target);
    assert_eq!(
        format!("{list:?}").chars().find(|char| char.is_control()),
        None,
        "nothing has been checked yet"
    );

    let request = Request::from_parts(&list);
    let verdict = judged(request.clone(), policy, &parts);
    assert_eq!(judged(request.clone().map(Request::into_owned), policy, &parts), verdict, "kept");
    if let Ok(request) = &request {
        prints_no_value(request, &parts);
        prints_no_value(&request.clone().into_owned(), &parts);
    }
    if let Some(served) = served(&parts, method, target, policy) {
        assert_eq!(served, verdict, "bytes");
    }
    #[cfg(feature = "http")]
    if let Some(request) = typed_request(&parts, method, target) {
        let typed = judged(Request::from_http(&request, parts.protocol), policy, &parts);
        assert_eq!(typed, verdict, "types");
    }
    match &verdict {
        Verdict::Open { .. } if parts.is_connect() => good_connect(&parts, target, policy),
        Verdict::Open { .. } => {
            assert_eq!(parts.protocol, None);
            let number = if parts.version == HttpVersion::Http11 { "1.1" } else { "1.0" };
            let line = format!("{method} {target} HTTP/{number}");
            let plain = parts.plain(line.as_bytes());
            // The origin is looked at below, with the pseudo-header fields.
            good_request(&plain, 0);
            let host = std::str::from_utf8(plain.values("Host")[0]).expect("ASCII");
            // An absolute target takes the place of Host.
            let absolute = Some(target).filter(|target| !target.starts_with('/'));
            let host = absolute.map_or(host, |it| it.split(['/', '?']).nth(2).expect("a host"));
            good_origin(&plain, policy, host, &parts);
        }
        Verdict::Refused(error, _) => names_a_section(error, error.section()),
        Verdict::Misuse(error) => {
            names_a_section(error, "RFC ");
            assert!(!parts.added.is_empty(), "{error:?}: only the fields can be wrong");
        }
    }
}

fn request_of<'a>(parts: &'a Parts<'a>, method: &'a str, target: &'a str) -> RequestParts<'a> {
    RequestParts::new(method, target)
        .version(parts.version)
        .protocol(parts.protocol)
        .scheme(parts.scheme)
        .authority(parts.authority)
        .fields(&parts.fields)
}

/// What a server makes of a request, and what it answers.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Refused(RequestError, Vec<(String, Vec<u8>)>),
    Misuse(HandshakeUsageError),
    Open { status: u16, fields: Vec<(String, Vec<u8>)> },
}

impl Verdict {
    fn refused(error: RequestError, rejected: Rejected<'_>) -> Self {
        Self::Refused(error, owned(rejected.fields()))
    }
}

fn owned<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<(String, Vec<u8>)> {
    // Names have no case (RFC 9110 §5.1), and values no space around them.
    fields.map(|(name, value)| (name.to_ascii_lowercase(), trim(value).to_vec())).collect()
}

fn judged(request: Result<Request<'_>, RequestError>, policy: u8, parts: &Parts<'_>) -> Verdict {
    let request = match request {
        Ok(request) => request,
        Err(error) => return refused(error, parts),
    };
    let mut terms = terms(&request, policy);
    for (name, value) in &parts.added {
        terms = terms.field(*name, *value);
    }
    match terms.check(&request) {
        Ok(accepted) => {
            assert_eq!(request.check(), Ok(()));
            accepted_fields(&accepted, parts);
            let verdict =
                Verdict::Open { status: accepted.status(), fields: owned(accepted.fields()) };
            drop(accepted.into_connection());
            verdict
        }
        Err(ServerHandshakeError::Request(error)) => {
            assert_eq!(request.check().err().unwrap_or(RequestError::Origin), error);
            refused(error, parts)
        }
        Err(ServerHandshakeError::Usage(error)) => Verdict::Misuse(error),
        Err(error) => panic!("{error}"),
    }
}

fn accepted_fields(accepted: &Accepted<'_>, parts: &Parts<'_>) {
    legal_fields(accepted.fields(), parts.is_connect());
    assert_eq!(accepted.status(), if parts.is_connect() { 200 } else { 101 });
    let names: Vec<_> = accepted.fields().map(|(name, _)| name).collect();
    assert_eq!(format!("{accepted:?}"), format!("Accepted {{ fields: {names:?}, .. }}"));
}

/// The refusal, which is legal in the request's version of HTTP.
fn refused(error: RequestError, parts: &Parts<'_>) -> Verdict {
    let rejection = error.rejection();
    let rejected = rejection.check(parts.version).expect("can be sent");
    assert_eq!(rejected.status(), error.status());
    legal_fields(rejected.fields(), parts.is_connect());
    let verdict = Verdict::refused(error, rejected);
    // With fields of the caller's, if they can be sent: they are told by writing.
    let mut rejection = Rejection::new(403);
    for (name, value) in &parts.added {
        rejection = rejection.field(*name, *value);
    }
    if let Ok(rejected) = rejection.check(parts.version) {
        legal_fields(rejected.fields(), parts.is_connect());
        assert!(rejected.fields().all(|(name, _)| *name == name.to_ascii_lowercase()));
    }
    #[cfg(feature = "http")]
    if let Ok(response) = rejection.clone().into_http() {
        assert_eq!(response.headers().len(), parts.added.len());
    }
    let names: Vec<_> = parts.added.iter().map(|(name, _)| name).collect();
    let printed = format!("Rejection {{ status: 403, fields: {names:?}, content_bytes: 0 }}");
    assert!(format!("{rejection:?}").eq_ignore_ascii_case(&printed));
    verdict
}

/// Prints the method, the path and the names, and no more.
fn prints_no_value(request: &Request<'_>, parts: &Parts<'_>) {
    let mut want = format!("Request {{ method: {:?}, ", request.method());
    if request.path().starts_with('/') {
        want += &format!("path: {:?}, ", request.path());
    }
    want += &format!("fields: {:?}, .. }}", names(&parts.fields));
    assert_eq!(format!("{request:?}"), want);
}

/// What a server makes of the same as bytes, if they can be written.
fn served(parts: &Parts<'_>, method: &str, target: &str, policy: u8) -> Option<Verdict> {
    let is_word = |word: &str| !word.is_empty() && !word.contains([' ', '\r', '\n']);
    if !is_word(method) || !is_word(target) {
        return None;
    }
    let version = if parts.version == HttpVersion::Http10 { "1.0" } else { "1.1" };
    let mut wire = parts.written(format!("{method} {target} HTTP/{version}").as_bytes())?;
    let limits = HeadLimits::default().head_bytes_max(1 << 16).target_bytes_max(1 << 16);
    let mut server = ServerHandshake::new(limits.fields_max(u16::MAX));
    let (mut input, mut out) = (Input::new(&mut wire), Outbox::new());
    let request = match server.receive(&mut input, &mut out) {
        Ok(request) => request.expect("a whole head"),
        Err(error) => return Some(refused(error, parts)),
    };
    let mut terms = terms(&request, policy);
    for (name, value) in &parts.added {
        terms = terms.field(*name, *value);
    }
    Some(match server.accept(&request, &terms, &mut out) {
        Ok(_) => {
            let out = out.take();
            let head = Plain::of(&out, 0);
            assert!(head.start.starts_with(b"HTTP/1.1 101 "));
            Verdict::Open { status: 101, fields: owned(head.texts()) }
        }
        Err(ServerHandshakeError::Request(error)) => refused(error, parts),
        Err(ServerHandshakeError::Usage(error)) => Verdict::Misuse(error),
        Err(error) => panic!("{error}"),
    })
}

/// The same in the types of the `http` crate, if they hold it as it is.
#[cfg(feature = "http")]
fn typed_request(parts: &Parts<'_>, method: &str, target: &str) -> Option<http::Request<()>> {
    let mut uri = http::uri::Parts::default();
    let uri = if parts.is_connect() {
        uri.scheme = parts.scheme.map(str::parse).transpose().ok()?;
        uri.authority = parts.authority.map(str::parse).transpose().ok()?;
        uri.path_and_query =
            Some(target).filter(|it| !it.is_empty()).map(str::parse).transpose().ok()?;
        let uri = http::Uri::from_parts(uri).ok()?;
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        let authority = uri.authority().map(|authority| authority.as_str());
        (path == target && authority == parts.authority && uri.scheme_str() == parts.scheme)
            .then_some(uri)?
    } else {
        let uri: http::Uri = target.parse().ok()?;
        let written = uri.to_string();
        (!parts.has_pseudo() && written == target).then_some(uri)?
    };
    let mut request = http::Request::new(());
    *request.method_mut() = http::Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = uri;
    *request.version_mut() = parts.typed_version();
    *request.headers_mut() = parts.typed()?;
    Some(request)
}

/// What RFC 8441 §4 and RFC 9113 §8 demand holds of an extended CONNECT that was accepted.
fn good_connect(parts: &Parts<'_>, target: &str, policy: u8) {
    let plain = parts.plain(b"");
    assert_eq!(parts.protocol, Some("websocket"));
    assert!(matches!(parts.scheme, Some("http" | "https")));
    assert!(target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic()));
    let authority = parts.authority.expect("an authority");
    good_authority(authority, &plain.values("Host"), parts.scheme);
    assert_eq!(plain.values("Sec-WebSocket-Version"), [b"13"]);
    let no_body = |value: &&[u8]| !value.is_empty() && value.iter().all(|&digit| digit == b'0');
    assert!(plain.values("Content-Length").iter().all(no_body));
    assert!(plain.list("Sec-WebSocket-Protocol").iter().all(|element| is_token(element)));
    legal_fields(plain.texts(), true);
    good_origin(&plain, policy, authority, parts);
}

/// There is at most one `Host`, and it is this one.
fn good_authority(authority: &str, hosts: &[&[u8]], scheme: Option<&str>) {
    assert!(hosts.len() <= 1);
    let default = match scheme {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    for host in hosts {
        let host = std::str::from_utf8(host).expect("ASCII");
        assert_eq!(host_port(host, default), host_port(authority, default));
    }
}

/// The host in lower case, and the port.
fn host_port(authority: &str, default: Option<u16>) -> (String, Option<u16>) {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let port = if port.is_empty() { default } else { Some(port.parse().expect("a port")) };
    (host.to_ascii_lowercase(), port)
}

/// The policy has allowed the origin, if there is one.
fn good_origin(plain: &Plain<'_>, policy: u8, host: &str, parts: &Parts<'_>) {
    let origins = plain.values("Origin");
    if origins.is_empty() || policy & 3 < 2 {
        return;
    }
    assert_eq!(origins.len(), 1);
    let origin = std::str::from_utf8(origins[0]).expect("ASCII").to_ascii_lowercase();
    if policy & 3 == 3 {
        return assert!(origin == "http://example.com" || origin == "null");
    }
    let (scheme, authority) = origin.split_once("://").expect("scheme://authority");
    let default = if scheme == "http" { 80 } else { 443 };
    let host = parts.authority.unwrap_or(host);
    assert_eq!(host_port(authority, Some(default)), host_port(host, Some(default)));
    assert!(matches!(scheme, "http" | "https"));
    assert!(parts.scheme.is_none_or(|known| same(known, scheme)));
}

// ------------------------------------------------------------------------------------------------------------ responses

/// Any parts as a response. The first byte says what was asked for, the second the version; then records.
pub fn response_fields(data: &[u8]) {
    let Some((&[asked, version], text)) = data.split_first_chunk() else { return };
    let parts = Parts::of(version, text);
    let status = std::str::from_utf8(parts.start).ok().and_then(|text| text.parse().ok());
    let Some(status) = status else { return };
    let offered = &["chat", "superchat"][..usize::from(asked % 3)];
    let deflate = cfg!(feature = "deflate") && asked & 4 != 0;
    let uri = Uri::parse("ws://server.example.com/chat").expect("valid");
    let mut request = request_for(&uri, offered, deflate);
    if !offered.is_empty() {
        request = request.require_subprotocol(asked & 8 != 0);
    }
    for (name, value) in &parts.added {
        request = request.field(*name, *value);
    }
    let is_connect = asked & 16 != 0;
    let prepared =
        if is_connect { request.prepare_connect() } else { request.prepare_with_nonce(NONCE) };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            assert!(!parts.added.is_empty(), "{error:?}: only the fields can be wrong");
            return names_a_section(&error, "RFC ");
        }
    };
    legal_fields(prepared.fields(), is_connect);
    let printed: Vec<_> = prepared.fields().map(|(name, _)| name).collect();
    let want = format!("PreparedRequest {{ path: \"/chat\", fields: {printed:?}, .. }}");
    assert_eq!(format!("{prepared:?}"), want);

    let list = ResponseParts::new(status).version(parts.version).fields(&parts.fields);
    let response = Response::from_parts(&list);
    let verdict = opened(response.clone(), &prepared);
    assert_eq!(opened(response.clone().map(Response::into_owned), &prepared), verdict, "kept");
    if let Ok(response) = &response {
        let names = names(&parts.fields);
        let want = format!("Response {{ status: {status}, fields: {names:?}, .. }}");
        assert_eq!((format!("{response:?}"), response.to_string()), (want, status.to_string()));
    }
    if !is_connect
        && (100..=999).contains(&status)
        && let Some(asked) = answered(&parts, status, &request)
    {
        // Refusals and interim responses open nothing, whatever is wrong with them.
        let opens_nothing = status != 101 && verdict.is_err();
        assert!(asked == Some(verdict.clone()) || opens_nothing, "bytes: {asked:?} {verdict:?}");
        assert!(!opens_nothing || asked.is_none_or(|asked| asked.is_err()));
    }
    #[cfg(feature = "http")]
    if let (Some(fields), Ok(code)) = (parts.typed(), http::StatusCode::from_u16(status)) {
        let mut response = http::Response::new(());
        *response.status_mut() = code;
        *response.version_mut() = parts.typed_version();
        *response.headers_mut() = fields;
        assert_eq!(opened(Response::from_http(&response), &prepared), verdict, "types");
    }
    match verdict {
        Err(error) => names_a_section(&error, error.section()),
        Ok(subprotocol) => {
            let plain = parts.plain(b"");
            if is_connect {
                assert!(parts.is_connect() && (200..300).contains(&status));
                legal_fields(plain.texts(), true);
            } else {
                assert_eq!((status, parts.version), (101, HttpVersion::Http11));
                assert_eq!(plain.values("Sec-WebSocket-Accept"), [ACCEPT]);
                assert_eq!(plain.values("Upgrade").len(), 1);
                assert!(plain.lists("Upgrade", "websocket"));
                assert!(plain.lists("Connection", "upgrade"));
                legal_fields(plain.texts(), false);
            }
            assert!(subprotocol.is_some() || offered.is_empty() || asked & 8 == 0);
            let chosen: Vec<_> = subprotocol.iter().map(|chosen| chosen.as_bytes()).collect();
            assert_eq!(plain.values("Sec-WebSocket-Protocol"), chosen);
            assert!(subprotocol.is_none_or(|chosen| offered.contains(&&*chosen)));
            assert!(deflate || plain.values("Sec-WebSocket-Extensions").is_empty());
        }
    }
}

/// The subprotocol that was agreed upon, or why nothing is open.
type Opened = Result<Option<String>, ResponseError>;

fn opened(response: Result<Response<'_>, ResponseError>, prepared: &PreparedRequest<'_>) -> Opened {
    let response = response?;
    prepared.open(&response, keys as Keys)?;
    Ok(response.subprotocol().map(str::to_owned))
}

/// What a client makes of the same as bytes, if they can be written. Inside `None`: nothing yet.
fn answered(parts: &Parts<'_>, status: u16, request: &ClientRequest<'_>) -> Option<Option<Opened>> {
    let version = if parts.version == HttpVersion::Http10 { "1.0" } else { "1.1" };
    let mut wire = parts.written(format!("HTTP/{version} {status} ").as_bytes())?;
    let limits = HeadLimits::default().head_bytes_max(1 << 16).fields_max(u16::MAX);
    let request = request.clone().head_limits(limits);
    let keys = keys as Keys;
    let mut client =
        ClientHandshake::with_keys(&request, NONCE, keys, &mut Outbox::new()).expect("as before");
    let answer = client.receive(&mut Input::new(&mut wire));
    let answer = answer.map(|answer| answer.or_else(|| client.end_of_input().map(Answer::Refused)));
    Some(match answer {
        Ok(None) => None,
        Ok(Some(Answer::Open(_, response))) => Some(Ok(response.subprotocol().map(str::to_owned))),
        Ok(Some(Answer::Refused(refusal))) => {
            assert_eq!(refusal.response().status(), status);
            Some(Err(refusal.error().unwrap_or(ResponseError::Status { status })))
        }
        Err(error) => Some(Err(error)),
    })
}
