//! The bodies for the opening handshake (RFC 6455 §4): any bytes as a request, any bytes as a response, and a client and a
//! server with any strings of their callers.
//!
//! What a head says is read a second time here, in the plainest way ([`Plain`]), and both must agree.

use hybi::handshake::{
    Acceptance, Answer, ClientRequest, HandshakeUsageError, HeadLimits, HttpVersion, ProxyAnswer,
    ProxyHandshake, ProxyRequest, Refusal, Rejection, Request, RequestError, RequestParts,
    Response, ResponseError, ResponseParts, ServerHandshakeError,
};
use hybi::{
    Client, ClientHandshake, Connection, Event, Input, Outbox, Server, ServerHandshake, Uri,
};
#[cfg(feature = "deflate")]
use hybi::{Config, extension::deflate::DeflateConfig};

use super::common::{KEY, Keys, pieces, through_outbox};

/// The nonce of RFC 6455 §1.3, and the `Sec-WebSocket-Accept` that belongs to it.
pub(super) const NONCE: [u8; 16] = *b"the sample nonce";
pub(super) const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(super) fn keys() -> [u8; 4] {
    KEY
}

// ---------------------------------------------------------------------------------------------- any bytes as a request

/// Any bytes as what a client sent. The first four say how to cut the rest, what limits to set, and how to answer.
pub fn server_handshake(data: &[u8]) {
    let Some((&[a, b, limits, policy], wire)) = data.split_first_chunk() else { return };
    let limits = head_limits(limits);
    let serve = |pieces: &[&[u8]]| serve(limits, policy, pieces);
    let (whole, _) = serve(&[wire]);
    let (by_byte, read) = serve(&wire.chunks(1).collect::<Vec<_>>());
    assert_eq!(by_byte, whole, "byte by byte: {}", wire.escape_ascii());
    let cuts = [usize::from(a), usize::from(b), usize::from(a) * usize::from(b)];
    assert_eq!(serve(&pieces(wire, &cuts)).0, whole, "cut at {cuts:?}: {}", wire.escape_ascii());

    let empty_lines = wire.chunks(2).take_while(|line| line == b"\r\n").count();
    let plain = whole.complete.then(|| Plain::of(wire, 2 * empty_lines));
    if let Some(plain) = &plain {
        same_request_from_parts(plain, policy, &whole);
    }
    match &whole.verdict {
        Served::More => {
            assert!(whole.out.is_empty());
            assert!(
                wire.len() <= limits.head_bytes_max as usize,
                "more than the limit and no verdict"
            );
            assert_eq!(end_of_head(&wire[2 * empty_lines..]), None, "a whole head and no verdict");
        }
        Served::Refused(error) => {
            justified_refusal(*error, &wire[..read], plain.as_ref(), &limits);
            let without_body = plain.as_ref().is_some_and(|plain| plain.method() == b"HEAD");
            let head = response_of(&whole.out, error.status(), without_body);
            let has = |name: &str, value: &str| head.values(name).contains(&value.as_bytes());
            assert_eq!(has("Sec-WebSocket-Version", "13"), error.status() == 426);
            assert_eq!(has("Allow", "GET"), error.status() == 405);
        }
        Served::Rejected => {
            let plain = plain.expect("a whole head");
            assert_eq!(whole.rest, wire[plain.len..]);
            response_of(&whole.out, 404, plain.method() == b"HEAD");
        }
        Served::Open { subprotocol, deflate } => {
            let plain = plain.expect("a whole head");
            assert_eq!(whole.rest, wire[plain.len..], "what follows the head is the connection's");
            assert!(plain.len <= limits.head_bytes_max as usize);
            good_request(&plain, policy);
            understood_by_who_asked(&plain, &whole.out, subprotocol.as_deref(), *deflate);
        }
    }
}

/// The limits of a head, as numbers that can be read.
#[derive(Clone, Copy)]
struct HeadBounds {
    head_bytes_max: u32,
    target_bytes_max: u32,
    fields_max: u16,
}

impl HeadBounds {
    /// The documented ones.
    const DEFAULT: Self =
        Self { head_bytes_max: 16 << 10, target_bytes_max: 8 << 10, fields_max: 128 };

    fn limits(self) -> HeadLimits {
        HeadLimits::default()
            .head_bytes_max(self.head_bytes_max)
            .target_bytes_max(self.target_bytes_max)
            .fields_max(self.fields_max)
    }
}

fn head_limits(n: u8) -> HeadBounds {
    match n {
        0 => HeadBounds::DEFAULT,
        n => HeadBounds {
            head_bytes_max: 4 * u32::from(n),
            target_bytes_max: u32::from(n % 32),
            fields_max: u16::from(n % 16),
        },
    }
}

/// What a server made of some bytes.
#[derive(Debug, PartialEq, Eq)]
struct ServerRun {
    verdict: Served,
    out: Vec<u8>,
    /// What was left in the input, later input included. Empty after a refusal.
    rest: Vec<u8>,
    /// Whether there was a whole head, which a refusal may come before.
    complete: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Served {
    More,
    Refused(RequestError),
    Rejected,
    Open { subprotocol: Option<String>, deflate: bool },
}

/// Also says how many bytes had been fed when the verdict came.
fn serve(limits: HeadBounds, policy: u8, pieces: &[&[u8]]) -> (ServerRun, usize) {
    let mut server = ServerHandshake::new(limits.limits());
    let (mut out, mut rest, mut complete) = (Vec::new(), Vec::new(), false);
    let (mut verdict, mut fed) = (Served::More, 0);
    for piece in pieces {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        let written = out.len();
        match verdict {
            Served::More => {
                fed += piece.len();
                match through_outbox(&mut out, |out| server.receive(&mut input, out)) {
                    Ok(None) => assert!(input.is_empty(), "a waiting machine takes all there is"),
                    Ok(Some(request)) => {
                        complete = true;
                        verdict = answer(&mut server, &request, policy, &mut out);
                        if !matches!(verdict, Served::Refused(_)) {
                            rest.extend(input.remaining());
                        }
                    }
                    Err(error) => {
                        assert!(input.is_empty(), "behind a fault nothing is left");
                        complete = is_of_host(error);
                        verdict = Served::Refused(error);
                    }
                }
            }
            Served::Refused(error) => {
                assert_eq!(
                    through_outbox(&mut out, |out| server.receive(&mut input, out)).unwrap_err(),
                    error
                );
                assert!(input.is_empty());
                assert_eq!(out.len(), written);
            }
            Served::Rejected | Served::Open { .. } => {
                assert!(
                    through_outbox(&mut out, |out| server.receive(&mut input, out))
                        .unwrap()
                        .is_none()
                );
                assert_eq!((input.len(), out.len()), (piece.len(), written));
                rest.extend(input.remaining());
            }
        }
    }
    (ServerRun { verdict, out, rest, complete }, fed)
}

/// The verdicts of `receive` that need the whole head.
fn is_of_host(error: RequestError) -> bool {
    matches!(
        error,
        RequestError::HostMissing | RequestError::HostRepeated | RequestError::HostMalformed
    )
}

/// Accepts what asks for WebSocket (or anything), rejects the rest.
fn answer(
    server: &mut ServerHandshake,
    request: &Request<'_>,
    policy: u8,
    out: &mut Vec<u8>,
) -> Served {
    assert!(request.target().starts_with(request.path()) || !request.target().starts_with('/'));
    if !request.is_upgrade() && policy & 4 == 0 {
        through_outbox(out, |out| {
            server.reject(&Rejection::new(404).body("text/plain", b"nothing here"), out)
        })
        .unwrap();
        assert_eq!(
            through_outbox(out, |out| server.reject(&Rejection::new(404), out)),
            Err(HandshakeUsageError::Answered)
        );
        return Served::Rejected;
    }
    let accept = terms(request, policy);
    let subprotocol = accept.chosen();
    match through_outbox(out, |out| server.accept(request, &accept, out)) {
        Ok(_) => {
            assert_eq!(request.check(), Ok(()));
            let again =
                through_outbox(out, |out| server.accept(request, &accept, out)).unwrap_err();
            assert_eq!(again, ServerHandshakeError::Usage(HandshakeUsageError::Answered));
            let subprotocol = subprotocol.map(str::to_owned);
            let deflate = !Plain::of(out, 0).values("Sec-WebSocket-Extensions").is_empty();
            assert!(policy & 16 != 0 || !deflate);
            Served::Open { subprotocol, deflate }
        }
        Err(ServerHandshakeError::Request(error)) => {
            assert_eq!(request.check().err().unwrap_or(RequestError::Origin), error);
            Served::Refused(error)
        }
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn terms<'r>(request: &'r Request<'_>, policy: u8) -> Acceptance<'r> {
    let accept = match policy & 3 {
        0 | 1 => Acceptance::from_any_origin(),
        2 => Acceptance::from_same_origin(),
        _ => Acceptance::from_origins(["http://example.com", "null"]).expect("both are origins"),
    };
    #[cfg(feature = "deflate")]
    let accept = match policy & 16 {
        0 => accept,
        _ => accept.config(Config::default().deflate(DeflateConfig::default())),
    };
    accept.subprotocol(request.subprotocols().next().filter(|_| policy & 8 == 0))
}

/// The same request from parts gets the same answer.
fn same_request_from_parts(plain: &Plain<'_>, policy: u8, whole: &ServerRun) {
    let text = |bytes| std::str::from_utf8(bytes).expect("ASCII");
    let parts = RequestParts::new(text(plain.method()), text(plain.target()))
        .version(plain.version())
        .fields(&plain.headers);
    let request = match Request::from_parts(&parts) {
        Ok(request) => request.into_owned(),
        Err(error) => return assert_eq!(whole.verdict, Served::Refused(error)),
    };
    assert!(
        request
            .fields()
            .map(|(name, value)| (name.as_bytes(), value))
            .eq(plain.headers.iter().copied())
    );
    if !request.is_upgrade() && policy & 4 == 0 {
        return assert_eq!(whole.verdict, Served::Rejected);
    }
    let (written, terms) = (Plain::of(&whole.out, 0), terms(&request, policy));
    let answered = |name: &str, value: &[u8]| written.values(name).contains(&value);
    match terms.check(&request) {
        Ok(accepted) => {
            assert!(matches!(whole.verdict, Served::Open { .. }));
            assert_eq!(accepted.fields().count(), written.headers.len());
            assert!(accepted.fields().all(|(name, value)| answered(name, value)));
        }
        Err(ServerHandshakeError::Request(error)) => {
            assert_eq!(whole.verdict, Served::Refused(error));
            let rejection = error.rejection();
            let rejected = rejection.check(plain.version()).expect("can be sent");
            assert!(rejected.fields().all(|(name, value)| match name {
                "connection" => written.lists(name, "upgrade"), // there with `close`
                _ => answered(name, value),
            }));
        }
        Err(error) => panic!("{error}"),
    }
}

/// What RFC 6455 §4.2.1 demands holds of a request that was accepted.
pub(super) fn good_request(plain: &Plain<'_>, policy: u8) {
    assert_eq!(plain.method(), b"GET");
    assert!(plain.start.ends_with(b" HTTP/1.1"));
    let only = |name| {
        let values = plain.values(name);
        assert_eq!(values.len(), 1, "{name}");
        values[0]
    };
    assert!(!only("Host").is_empty());
    assert!(plain.lists("Upgrade", "websocket") && plain.lists("Connection", "upgrade"));
    assert_eq!(only("Sec-WebSocket-Version"), b"13");
    assert!(is_key(only("Sec-WebSocket-Key")));
    assert!(plain.values("Transfer-Encoding").is_empty());
    assert!(
        plain
            .values("Content-Length")
            .iter()
            .all(|length| length.iter().all(|&digit| digit == b'0'))
    );
    assert!(plain.list("Sec-WebSocket-Protocol").iter().all(|element| is_token(element)));
    let origins = plain.values("Origin");
    match policy & 3 {
        0 | 1 => {}
        _ if origins.is_empty() => {}
        2 => {
            // The same host, whatever is said of ports.
            let (origin, host) =
                (origins[0].to_ascii_lowercase(), only("Host").to_ascii_lowercase());
            let target = plain.target().to_ascii_lowercase();
            let name = |authority: &[u8]| {
                let end =
                    authority.iter().rposition(|&byte| byte == b':').unwrap_or(authority.len());
                if authority.ends_with(b"]") {
                    authority.to_vec()
                } else {
                    authority[..end].to_vec()
                }
            };
            let origin = origin.split(|&byte| byte == b'/').nth(2).expect("scheme://authority");
            // An absolute target takes the place of Host.
            let asked = if target.starts_with(b"/") {
                host
            } else {
                target.split(|byte| b"/?".contains(byte)).nth(2).expect("an authority").to_vec()
            };
            assert_eq!((origins.len(), name(origin)), (1, name(&asked)));
        }
        _ => {
            let origin = origins[0].to_ascii_lowercase();
            assert!(origins.len() == 1 && (origin == b"http://example.com" || origin == b"null"));
        }
    }
}

/// An error names the rule that is broken, at the first byte by which it is, and where it stands.
fn justified_refusal(
    error: RequestError,
    read: &[u8],
    plain: Option<&Plain<'_>>,
    limits: &HeadBounds,
) {
    use RequestError as E;
    names_a_section(&error, error.section());
    let (last, before) = (read[read.len() - 1], read.len().checked_sub(2).map(|at| read[at]));
    let form = |ok: bool| assert!(ok, "{error:?}: {}", read.escape_ascii());
    match error {
        E::TargetCharacter => return form(last == b'#' || !last.is_ascii_graphic()),
        E::LineEnding => return form((last == b'\n') != (before == Some(b'\r'))),
        E::FoldedField => return form(matches!(last, b' ' | b'\t') && before == Some(b'\n')),
        E::FieldName => return form(!is_token(&[last])),
        E::FieldValue => return form(last.is_ascii_control() && last != b'\t'),
        E::HeadTooLong => return form(read.len() == limits.head_bytes_max as usize + 1),
        E::TargetTooLong => {
            return form(read.len() > limits.target_bytes_max.min(limits.head_bytes_max) as usize);
        }
        E::TooManyFields => {
            let lines = read.iter().filter(|&&byte| byte == b'\n').count();
            return form(lines > usize::from(limits.fields_max));
        }
        E::RequestLine | E::HttpVersion => {
            // Before the end of the line, empty ones aside.
            let empty_lines = read.chunks(2).take_while(|line| line == b"\r\n").count();
            return form(!read[2 * empty_lines..].windows(2).any(|window| window == b"\r\n"));
        }
        _ => {}
    }
    let plain = plain.expect("a verdict on a whole head");
    let count = |name| plain.values(name).len();
    let first = |name| plain.values(name).first().copied().unwrap_or_default();
    form(match error {
        E::HostMissing => count("Host") == 0,
        E::HostRepeated => count("Host") > 1,
        E::HostMalformed => count("Host") == 1,
        E::Method => plain.method() != b"GET",
        E::Http10 => plain.start.ends_with(b" HTTP/1.0"),
        E::TargetForm => !plain.target().starts_with(b"/"),
        E::Body => count("Transfer-Encoding") + count("Content-Length") > 0,
        E::UpgradeMissing => !plain.lists("Upgrade", "websocket"),
        E::ConnectionMissing => !plain.lists("Connection", "upgrade"),
        E::KeyMissing => count("Sec-WebSocket-Key") == 0,
        E::KeyRepeated => count("Sec-WebSocket-Key") > 1,
        E::KeyMalformed => !is_key(first("Sec-WebSocket-Key")),
        E::VersionMissing => count("Sec-WebSocket-Version") == 0,
        E::VersionRepeated => count("Sec-WebSocket-Version") > 1,
        E::Version => first("Sec-WebSocket-Version") != b"13",
        E::SubprotocolsMalformed => {
            !plain.list("Sec-WebSocket-Protocol").iter().all(|element| is_token(element))
        }
        E::ExtensionsMalformed => !plain.list("Sec-WebSocket-Extensions").is_empty(),
        E::Origin => count("Origin") > 0,
        _ => panic!("{error:?}: which rule is that?"),
    });
}

/// The 101 is what a client with that key, who offered that much, wants, and no other client.
fn understood_by_who_asked(
    plain: &Plain<'_>,
    out: &[u8],
    subprotocol: Option<&str>,
    deflate: bool,
) {
    let key = plain.values("Sec-WebSocket-Key")[0];
    if digit(key[21]).is_none_or(|digit| digit % 16 != 0) {
        return; // none of our clients sends this key
    }
    let uri = Uri::parse("ws://a/").unwrap();
    let nonce = nonce_of(key);
    let read = |nonce: [u8; 16], subprotocol: Option<&str>, deflate: bool| {
        let mut request = ClientRequest::new(&uri);
        if let Some(subprotocol) = subprotocol {
            request = request.subprotocol(subprotocol);
        }
        #[cfg(feature = "deflate")]
        if deflate {
            request = request.config(Config::default().deflate(DeflateConfig::default()));
        }
        let _ = deflate;
        let mut asked = Vec::new();
        let mut client = through_outbox(&mut asked, |out| {
            ClientHandshake::with_keys(&request, nonce, keys as Keys, out)
        })
        .unwrap();
        // A head of ours may be longer than the one that asked, by the subprotocol that was offered.
        let mut inbox = out.to_vec();
        match client.receive(&mut Input::new(&mut inbox)) {
            Ok(Some(Answer::Open(_, response))) => Ok(response.subprotocol().map(str::to_owned)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        }
    };
    assert_eq!(read(nonce, subprotocol, deflate), Ok(subprotocol.map(str::to_owned)));
    let mut other = nonce;
    other[15] ^= 1;
    assert_eq!(read(other, subprotocol, deflate), Err(ResponseError::Accept));
    if subprotocol.is_some() {
        assert_eq!(read(nonce, None, deflate), Err(ResponseError::SubprotocolNotOffered));
    }
    if deflate {
        assert_eq!(read(nonce, subprotocol, false), Err(ResponseError::ExtensionNotOffered));
    }
}

// --------------------------------------------------------------------------------------------- any bytes as a response

/// Any bytes as what a server or a proxy answered. The first four say how to cut the rest, what limits to set, and what was
/// offered.
pub fn client_handshake(data: &[u8]) {
    let Some((&[a, b, limits, offers], wire)) = data.split_first_chunk() else { return };
    let limits = head_limits(limits);
    let offered = &["chat", "superchat"][..usize::from(offers % 3)];
    let deflate = cfg!(feature = "deflate") && offers & 4 != 0;
    let by_byte: Vec<&[u8]> = wire.chunks(1).collect();
    let cuts = [usize::from(a), usize::from(b), usize::from(a) * usize::from(b)];
    let every_way = |run: &Asking<'_>| {
        let (whole, _) = run(&[wire]);
        let (bytes, read) = run(&by_byte);
        assert_eq!(bytes, whole, "byte by byte: {}", wire.escape_ascii());
        assert_eq!(run(&pieces(wire, &cuts)).0, whole, "cut at {cuts:?}: {}", wire.escape_ascii());
        (whole, read)
    };
    let (client, read) = every_way(&|pieces| ask(limits, offered, deflate, pieces));
    let (proxy, _) = every_way(&|pieces| ask_proxy(limits, pieces));

    // The heads: interim ones, and the final one.
    let (mut from, mut interim, mut last) = (0, 0, None);
    while let Some(head) = Mended::of(&wire[from..read]) {
        let status = wire.get(from + 9..from + 12);
        if status.is_none_or(|status| status[0] != b'1' || status == b"101") {
            last = Some(head);
            break;
        }
        from += head.len;
        interim += 1;
    }
    let plain = last.as_ref().map(|head| Plain::of(&head.bytes, 0));
    let behind = &wire[last.as_ref().map_or(wire.len(), |head| from + head.len)..];
    let fits = |plain: &Plain<'_>| {
        plain.headers.len() <= usize::from(limits.fields_max)
            && last.as_ref().is_some_and(|head| head.len <= limits.head_bytes_max as usize)
            && interim <= 16
    };
    match &client.verdict {
        Asked::More => {
            assert!(plain.is_none());
            assert!(wire.len() - from <= limits.head_bytes_max as usize && interim <= 16);
            assert_eq!(proxy, client);
        }
        Asked::Failed(error) => {
            names_a_section(error, error.section());
            assert!(*error != ResponseError::TooManyInterim || interim == 17);
            match &plain {
                // It is a 101, and the proxy's answer to something else.
                Some(plain) if proxy.verdict != client.verdict => {
                    assert_eq!(proxy.verdict.status(), Some(101));
                    justified_failure(*error, plain, offered, deflate);
                }
                _ => assert_eq!(proxy, client),
            }
        }
        Asked::Refused { status, fields, error, .. } => {
            assert_eq!(wire[from + 9..from + 12], *status.to_string().as_bytes());
            assert!(!matches!(status, 100..=199));
            let is_tunnel = matches!(status, 200..=299);
            let Some(plain) = plain.filter(|_| error.is_none()) else {
                // The head has a fault, or is cut off: the status is told, and no body.
                assert!(client.rest.is_empty() && fields.len() <= usize::from(limits.fields_max));
                return match error {
                    Some(error) if is_tunnel => assert_eq!(proxy.verdict, Asked::Failed(*error)),
                    None if is_tunnel => assert_eq!(proxy.verdict, Asked::More),
                    _ => assert_eq!(proxy, client),
                };
            };
            assert!(fits(&plain));
            assert!(fields.iter().map(|(name, value)| (&**name, &**value)).eq(plain.texts()));
            same_response_from_parts(&plain, offered, deflate, &client.verdict);
            // The content without what is around its chunks, or as it is.
            let in_chunks = !plain.values("Transfer-Encoding").is_empty();
            assert!(client.rest.len() <= behind.len());
            assert!(in_chunks || behind.starts_with(&client.rest));
            if is_tunnel {
                assert_eq!(proxy, ClientRun { verdict: Asked::Open(None), rest: behind.to_vec() });
            } else {
                assert_eq!(proxy, client);
            }
        }
        Asked::Open(subprotocol) => {
            let plain = plain.expect("a whole head");
            assert_eq!(client.rest, behind, "what follows the head is the connection's");
            assert!(fits(&plain));
            same_response_from_parts(&plain, offered, deflate, &client.verdict);
            assert!(plain.start.starts_with(b"HTTP/1.1 101"));
            assert_eq!(plain.values("Sec-WebSocket-Accept"), [ACCEPT]);
            assert_eq!(plain.values("Upgrade").len(), 1);
            assert!(plain.lists("Upgrade", "websocket") && plain.lists("Connection", "upgrade"));
            let chosen: Vec<_> = subprotocol.iter().map(|chosen| chosen.as_bytes()).collect();
            assert_eq!(plain.values("Sec-WebSocket-Protocol"), chosen);
            assert!(subprotocol.as_ref().is_none_or(|chosen| offered.contains(&&**chosen)));
            for value in plain.values("Sec-WebSocket-Extensions") {
                assert!(deflate);
                let name =
                    value.split(|byte| b"; \t,".contains(byte)).find(|part| !part.is_empty());
                assert!(name.is_none_or(|name| name == b"permessage-deflate"));
            }
            assert_eq!(proxy.verdict.status(), Some(101));
        }
    }
}

/// A head of a response as the grammar has it: without what clients tolerate (RFC 9112 §2.2, §5.1, §5.2).
struct Mended {
    bytes: Vec<u8>,
    /// As it was sent.
    len: usize,
}

impl Mended {
    /// Reads the head that the bytes begin with, line by line. `None`: there is no empty line.
    fn of(wire: &[u8]) -> Option<Self> {
        let (mut lines, mut len) = (Vec::<Vec<u8>>::new(), 0);
        for line in wire.split_inclusive(|&byte| byte == b'\n') {
            len += line.len();
            let line = line.strip_suffix(b"\n")?;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let number = lines.len();
            match (line.first(), lines.last_mut()) {
                (None, None) => return None,
                (None, Some(_)) => {
                    let mut bytes = lines.join(&b"\r\n"[..]);
                    bytes.extend(b"\r\n\r\n");
                    return Some(Self { bytes, len });
                }
                (Some(b' ' | b'\t'), Some(before)) if number > 1 => {
                    *before = [trim_end(before), b" ", trim(line)].concat();
                }
                _ if number == 0 => lines.push(line.to_vec()),
                _ => {
                    let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
                    lines.push([trim_end(&line[..colon]), &line[colon..]].concat());
                }
            }
        }
        None
    }
}

/// What comes of the answer in these pieces, and how many bytes had been fed when the verdict came.
type Asking<'a> = dyn Fn(&[&[u8]]) -> (ClientRun, usize) + 'a;

/// What a client or who asks a proxy made of some bytes.
#[derive(Debug, PartialEq, Eq)]
struct ClientRun {
    verdict: Asked,
    /// What follows the head. Empty after a failure.
    rest: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    More,
    Failed(ResponseError),
    Refused {
        status: u16,
        fields: Vec<(String, Vec<u8>)>,
        is_complete: bool,
        /// What was wrong with its head.
        error: Option<ResponseError>,
    },
    /// With this subprotocol.
    Open(Option<String>),
}

impl Asked {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::More | Self::Failed(_) | Self::Open(_) => None,
        }
    }
}

pub(super) fn request_for<'a>(
    uri: &'a Uri,
    offered: &[&'a str],
    deflate: bool,
) -> ClientRequest<'a> {
    let mut request = ClientRequest::new(uri);
    for subprotocol in offered {
        request = request.subprotocol(*subprotocol);
    }
    #[cfg(feature = "deflate")]
    if deflate {
        request = request.config(Config::default().deflate(DeflateConfig::default()));
    }
    let _ = deflate;
    request
}

/// The same response from parts gets the same verdict.
fn same_response_from_parts(plain: &Plain<'_>, offered: &[&str], deflate: bool, verdict: &Asked) {
    let status = std::str::from_utf8(&plain.start[9..12]).expect("digits").parse().expect("digits");
    let parts = ResponseParts::new(status).version(plain.version()).fields(&plain.headers);
    let response = Response::from_parts(&parts).expect("well-formed").into_owned();
    let uri = Uri::parse("ws://server.example.com/chat").unwrap();
    let request = request_for(&uri, offered, deflate);
    let prepared = request.prepare_with_nonce(NONCE).unwrap();
    match prepared.open(&response, keys as Keys) {
        Ok(_) => assert_eq!(*verdict, Asked::Open(response.subprotocol().map(str::to_owned))),
        Err(ResponseError::Status { status: told }) => {
            assert_eq!((told, verdict.status()), (status, Some(status)));
        }
        Err(error) => assert_eq!(*verdict, Asked::Failed(error)),
    }
}

fn ask(
    limits: HeadBounds,
    offered: &[&str],
    deflate: bool,
    pieces: &[&[u8]],
) -> (ClientRun, usize) {
    let uri = Uri::parse("ws://server.example.com/chat").unwrap();
    let request = request_for(&uri, offered, deflate).head_limits(limits.limits());
    let mut out = Vec::new();
    let mut client = through_outbox(&mut out, |out| {
        ClientHandshake::with_keys(&request, NONCE, keys as Keys, out)
    })
    .unwrap();
    drive(pieces, |input| {
        let Some(input) = input else { return Ok(client.end_of_input().map(refused)) };
        Ok(client.receive(input)?.map(|answer| match answer {
            Answer::Open(_, response) => {
                (Asked::Open(response.subprotocol().map(str::to_owned)), Vec::new())
            }
            Answer::Refused(refusal) => refused(refusal),
        }))
    })
}

fn ask_proxy(limits: HeadBounds, pieces: &[&[u8]]) -> (ClientRun, usize) {
    let request = ProxyRequest::new("a", 80).head_limits(limits.limits());
    let mut proxy = ProxyHandshake::new(&request, &mut Outbox::new()).unwrap();
    drive(pieces, |input| {
        let Some(input) = input else { return Ok(proxy.end_of_input().map(refused)) };
        Ok(proxy.receive(input)?.map(|answer| match answer {
            ProxyAnswer::Open(_) => (Asked::Open(None), Vec::new()),
            ProxyAnswer::Refused(refusal) => refused(refusal),
        }))
    })
}

fn refused(refusal: Refusal) -> (Asked, Vec<u8>) {
    let fields = refusal.response().fields();
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    let (status, error) = (refusal.response().status(), refusal.error());
    let is_complete = refusal.is_complete();
    (Asked::Refused { status, fields, is_complete, error }, refusal.body().to_vec())
}

/// Feeds the pieces to a machine that reads responses, and then `None`, the end of the input. Also says how many bytes had been
/// fed when the verdict came.
fn drive(
    pieces: &[&[u8]],
    mut receive: impl FnMut(Option<&mut Input<'_>>) -> Result<Option<(Asked, Vec<u8>)>, ResponseError>,
) -> (ClientRun, usize) {
    let (mut verdict, mut rest, mut fed) = (Asked::More, Vec::new(), 0);
    for piece in pieces {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        let got = receive(Some(&mut input));
        match verdict {
            Asked::More => {
                fed += piece.len();
                match got {
                    Ok(None) => assert!(input.is_empty(), "a waiting machine takes all there is"),
                    Ok(Some((answer, body))) => {
                        rest.extend(body);
                        rest.extend(input.remaining());
                        verdict = answer;
                    }
                    Err(error) => {
                        assert!(input.is_empty(), "behind a fault nothing is left");
                        verdict = Asked::Failed(error);
                    }
                }
            }
            Asked::Failed(error) => {
                assert_eq!(got, Err(error));
                assert!(input.is_empty());
            }
            // What follows a refusal that cannot be read to its end is nobody's.
            Asked::Refused { is_complete: false, .. } => assert_eq!(got, Ok(None)),
            Asked::Refused { .. } | Asked::Open(_) => {
                assert_eq!(got, Ok(None));
                assert_eq!(input.len(), piece.len());
                rest.extend(input.remaining());
            }
        }
    }
    if let Some((answer, body)) = receive(None).expect("no error at the end") {
        assert_eq!(verdict, Asked::More);
        (verdict, rest) = (answer, body);
    }
    (ClientRun { verdict, rest }, fed)
}

/// An error about a 101 names a rule of RFC 6455 §4.1 that it breaks.
fn justified_failure(error: ResponseError, plain: &Plain<'_>, offered: &[&str], deflate: bool) {
    use ResponseError as E;
    let count = |name| plain.values(name).len();
    let subprotocols = plain.list("Sec-WebSocket-Protocol");
    let justified = match error {
        E::Http10 => plain.start.starts_with(b"HTTP/1.0 "),
        E::UpgradeMissing => count("Upgrade") == 0,
        E::Upgrade => plain.values("Upgrade") != [b"websocket"],
        E::ConnectionMissing => !plain.lists("Connection", "upgrade"),
        E::AcceptMissing => count("Sec-WebSocket-Accept") == 0,
        E::AcceptRepeated => count("Sec-WebSocket-Accept") > 1,
        E::Accept => plain.values("Sec-WebSocket-Accept") != [ACCEPT],
        E::SubprotocolRepeated => {
            count("Sec-WebSocket-Protocol") > 1
                || plain.values("Sec-WebSocket-Protocol")[0].contains(&b',')
        }
        E::SubprotocolMalformed => {
            !subprotocols.iter().all(|name| is_token(name)) || subprotocols.is_empty()
        }
        E::SubprotocolNotOffered => !subprotocols
            .iter()
            .all(|name| offered.iter().any(|offered| offered.as_bytes() == *name)),
        E::ExtensionNotOffered => {
            !deflate || plain.list("Sec-WebSocket-Extensions") != [b"permessage-deflate"]
        }
        E::ExtensionRepeated => plain.list("Sec-WebSocket-Extensions").len() > 1,
        E::ExtensionsMalformed => count("Sec-WebSocket-Extensions") > 0,
        #[cfg(feature = "deflate")]
        E::Deflate(_) => deflate && count("Sec-WebSocket-Extensions") > 0,
        _ => false,
    };
    assert!(justified, "{error:?}");
}

// ------------------------------------------------------------------------------------------ any strings of the callers

/// What the callers of a client and of a server say: fields behind a byte for cuts and a byte of choices, separated by bytes
/// 0xff. The first is a URI; of the others the first character says what they are.
#[derive(Default)]
struct Strings {
    origin: Option<String>,
    subprotocols: Vec<String>,
    headers: Vec<(String, Vec<u8>)>,
    /// The server's.
    status: Option<u16>,
    chosen: Option<String>,
    answer_headers: Vec<(String, Vec<u8>)>,
    body: Option<(String, Vec<u8>)>,
    /// For a proxy.
    host: Option<String>,
    credentials: Option<(String, String)>,
}

impl Strings {
    fn of<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let two = |bytes: &[u8]| {
            let mut parts = bytes.splitn(2, |&byte| byte == b':');
            (text(parts.next().unwrap_or_default()), parts.next().unwrap_or_default().to_vec())
        };
        let mut strings = Self::default();
        for field in fields {
            let Some((kind, value)) = field.split_first() else { continue };
            match kind {
                b'o' => strings.origin = Some(text(value)),
                b'p' => strings.subprotocols.push(text(value)),
                b'h' => strings.headers.push(two(value)),
                b's' => strings.status = text(value).parse().ok(),
                b'P' => strings.chosen = Some(text(value)),
                b'H' => strings.answer_headers.push(two(value)),
                b'B' => strings.body = Some(two(value)),
                b'x' => strings.host = Some(text(value)),
                b'c' => strings.credentials = Some((two(value).0, text(&two(value).1))),
                _ => {}
            }
        }
        strings
    }
}

/// A client and a server that understand each other, whatever their callers say: or a caller is told what cannot be said, and
/// nothing is written.
pub fn handshake_pair(data: &[u8]) {
    let Some((&[cut, choices], text)) = data.split_first_chunk() else { return };
    let mut fields = text.split(|&byte| byte == 0xff);
    let uri = String::from_utf8_lossy(fields.next().unwrap_or_default()).into_owned();
    let mut strings = Strings::of(fields);
    proxy_request(&strings);
    lenient_uri(&uri);
    let uri = match Uri::parse(&uri) {
        Ok(uri) => uri,
        Err(error) => {
            assert!(error.position() <= uri.len() && uri.is_char_boundary(error.position()));
            return names_a_section(&error, error.section());
        }
    };
    // Printed without userinfo, it is the same address.
    let again = Uri::parse(&uri.to_string()).unwrap();
    assert_eq!(
        (again.host(), again.port(), again.resource_name(), again.is_secure(), again.userinfo()),
        (uri.host(), uri.port(), uri.resource_name(), uri.is_secure(), None)
    );

    let deflate = choices & 1 != 0;
    let mut request = ClientRequest::new(&uri);
    request = request.origin(strings.origin.as_deref());
    for subprotocol in &strings.subprotocols {
        request = request.subprotocol(subprotocol);
    }
    for (name, value) in &strings.headers {
        request = request.field(name, value);
    }
    #[cfg(feature = "deflate")]
    if deflate {
        request = request.config(Config::default().deflate(DeflateConfig::default()));
    }
    let mut asked = Vec::new();
    let client = through_outbox(&mut asked, |out| {
        ClientHandshake::with_keys(&request, NONCE, keys as Keys, out)
    });
    let mut client = match client {
        Ok(client) => client,
        Err(misuse) => {
            assert!(asked.is_empty());
            names_a_section(&misuse, "RFC ");
            let good = match misuse {
                HandshakeUsageError::Origin => {
                    strings.origin.iter().all(|origin| origin == "http://example.com")
                }
                HandshakeUsageError::Subprotocol => {
                    strings.subprotocols.iter().all(|name| is_token(name.as_bytes()))
                }
                HandshakeUsageError::SubprotocolRepeated => strings.subprotocols.len() < 2,
                HandshakeUsageError::Credentials => {
                    uri.userinfo().is_none_or(|userinfo| !userinfo.contains('%'))
                }
                misuse => !bad_header(misuse, &strings.headers),
            };
            assert!(!good, "{misuse:?} without reason");
            return;
        }
    };

    // The head says this and no more.
    let plain = Plain::of(&asked, 0);
    assert_eq!(plain.len, asked.len());
    let has_credentials = uri.userinfo().is_some()
        && !strings.headers.iter().any(|(name, _)| same(name, "authorization"));
    let own = 5
        + usize::from(strings.origin.is_some())
        + usize::from(!strings.subprotocols.is_empty())
        + usize::from(deflate && cfg!(feature = "deflate"))
        + usize::from(has_credentials);
    assert_eq!(plain.headers.len(), own + strings.headers.len());
    assert_headers(&plain.headers[own..], &strings.headers);
    assert_eq!(plain.start, format!("GET {} HTTP/1.1", uri.resource_name()).as_bytes());

    // The server reads the same.
    let limits = HeadBounds::DEFAULT;
    let fits = plain.headers.len() <= usize::from(limits.fields_max)
        && asked.len() <= limits.head_bytes_max as usize
        && uri.resource_name().len() <= limits.target_bytes_max as usize;
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Vec::new());
    let mut shown = None;
    let cuts = [usize::from(cut)];
    for piece in pieces(&asked, &cuts) {
        let mut inbox = piece.to_vec();
        match through_outbox(&mut out, |out| server.receive(&mut Input::new(&mut inbox), out)) {
            Ok(Some(request)) => shown = Some(request.into_owned()),
            Ok(None) => {}
            Err(error) => {
                use RequestError::{HeadTooLong, TargetTooLong, TooManyFields};
                assert!(
                    !fits && matches!(error, HeadTooLong | TargetTooLong | TooManyFields),
                    "{error:?}"
                );
                return;
            }
        }
    }
    let request = shown.expect("a whole request");
    assert!(fits);
    assert_eq!(request.check(), Ok(()));
    let (path, query) = match uri.resource_name().split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (uri.resource_name(), None),
    };
    assert_eq!((request.path(), request.query()), (path, query));
    assert_eq!(request.host(), Some(uri.authority()));
    assert_eq!(request.origin(), strings.origin.as_ref().map(|origin| origin.as_bytes()));
    assert!(request.subprotocols().eq(strings.subprotocols.iter().map(|name| &**name)));
    assert_eq!(request.extensions().count(), usize::from(deflate && cfg!(feature = "deflate")));

    let mut ws = None;
    let accepted = strings.status.is_none();
    if let Some(status) = strings.status {
        let mut rejection = Rejection::new(status);
        for (name, value) in &strings.answer_headers {
            rejection = rejection.field(name, value);
        }
        if let Some((content_type, body)) = &strings.body {
            rejection = rejection.body(content_type, body);
        }
        if let Err(misuse) = through_outbox(&mut out, |out| server.reject(&rejection, out)) {
            let bad = match misuse {
                HandshakeUsageError::Status => !(200..=599).contains(&status),
                HandshakeUsageError::Body => {
                    strings.body.is_some() && matches!(status, 204 | 205 | 304)
                }
                HandshakeUsageError::ContentType => {
                    strings.body.as_ref().is_some_and(|(kind, _)| !is_value(kind.as_bytes()))
                }
                misuse => bad_header(misuse, &strings.answer_headers),
            };
            assert!(bad, "{misuse:?} without reason");
            assert!(out.is_empty());
            names_a_section(&misuse, "RFC ");
            return;
        }
        let head = response_of(&out, status, false);
        let body = strings.body.as_ref().map_or(&[][..], |(_, body)| body);
        assert_eq!(out[head.len..], *body);
        let own = if status == 426 { 3 } else { 1 };
        // Their names are sent in lower case.
        strings.answer_headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        assert_headers(
            &head.headers[own..own + strings.answer_headers.len()],
            &strings.answer_headers,
        );
        let behind =
            usize::from(strings.body.is_some()) + usize::from(!matches!(status, 204 | 304));
        assert_eq!(head.headers.len(), own + strings.answer_headers.len() + behind);
    } else {
        let mut accept = if choices & 2 == 0 {
            Acceptance::from_any_origin()
        } else {
            Acceptance::from_origins::<&str>([]).expect("none is bad")
        };
        accept = accept.subprotocol(strings.chosen.as_deref());
        for (name, value) in &strings.answer_headers {
            accept = accept.field(name, value);
        }
        #[cfg(feature = "deflate")]
        if choices & 4 != 0 {
            accept = accept.config(Config::default().deflate(DeflateConfig::default()));
        }
        match through_outbox(&mut out, |out| server.accept(&request, &accept, out)) {
            Ok(connection) => ws = Some(connection),
            Err(ServerHandshakeError::Request(error)) => {
                assert!(
                    error == RequestError::Origin && choices & 2 != 0 && strings.origin.is_some()
                );
                response_of(&out, 403, false);
            }
            Err(ServerHandshakeError::Usage(misuse)) => {
                assert!(out.is_empty());
                names_a_section(&misuse, "RFC ");
                let chosen = strings.chosen.as_ref();
                let bad = match misuse {
                    HandshakeUsageError::Subprotocol => {
                        chosen.is_some_and(|name| !is_token(name.as_bytes()))
                    }
                    HandshakeUsageError::SubprotocolNotOffered => {
                        chosen.is_some_and(|name| !strings.subprotocols.contains(name))
                    }
                    misuse => bad_header(misuse, &strings.answer_headers),
                };
                assert!(bad, "{misuse:?} without reason");
                // It still can be answered.
                through_outbox(&mut out, |out| server.reject(&Rejection::new(500), out)).unwrap();
                response_of(&out, 500, false);
                return;
            }
            Err(error) => panic!("{error}"),
        }
    }

    // The client reads what was meant.
    let head = Plain::of(&out, 0);
    let fits = head.headers.len() <= usize::from(limits.fields_max)
        && head.len <= limits.head_bytes_max as usize;
    let mut body = Vec::<u8>::new();
    let mut answered = false;
    for piece in pieces(&out, &cuts) {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        if answered {
            body.extend(input.remaining());
            continue;
        }
        match client.receive(&mut input) {
            Ok(None) => {}
            Ok(Some(Answer::Open(connection, response))) => {
                assert!(accepted && fits);
                assert_eq!(response.subprotocol(), strings.chosen.as_deref());
                assert_answer_headers(&response, &strings.answer_headers);
                answered = true;
                talk(connection, ws.take().expect("an open end there, too"));
            }
            Ok(Some(Answer::Refused(refused))) => {
                assert!(ws.is_none());
                assert_eq!(refused.response().status(), strings.status.unwrap_or(403));
                if let Some(error) = refused.error() {
                    use ResponseError::{HeadTooLong, TooManyFields};
                    assert!(!fits && matches!(error, HeadTooLong | TooManyFields), "{error:?}");
                    return;
                }
                assert!(fits);
                if !accepted {
                    assert_answer_headers(refused.response(), &strings.answer_headers);
                }
                assert!(refused.is_complete());
                body.extend(refused.body());
                answered = true;
            }
            Err(error) => {
                use ResponseError::{HeadTooLong, TooManyFields};
                assert!(!fits && matches!(error, HeadTooLong | TooManyFields), "{error:?}");
                return;
            }
        }
    }
    assert!(answered && fits);
    assert_eq!(body, out[head.len..]);
}

/// What is read leniently is an address that can be read strictly, and is the same then, both ways.
fn lenient_uri(text: &str) {
    match Uri::parse_lenient(text) {
        Ok(uri) => {
            let strict = Uri::parse(&uri.to_string()).unwrap();
            let address = |uri: &Uri| {
                (uri.is_secure(), uri.authority().to_owned(), uri.resource_name().to_owned())
            };
            assert_eq!(address(&strict), address(&uri));
            assert_eq!(address(&Uri::parse_lenient(&uri.to_string()).unwrap()), address(&uri));
            let userinfo = uri.userinfo().unwrap_or_default();
            let whole = format!("ws://{userinfo}@a/");
            assert_eq!(Uri::parse(&whole).unwrap().userinfo().unwrap_or_default(), userinfo);
        }
        Err(error) => {
            assert!(error.position() <= text.len() && text.is_char_boundary(error.position()));
            names_a_section(&error, error.section());
        }
    }
}

/// The connections that two handshakes end in understand each other, whatever was negotiated.
fn talk(mut client: Connection<Client<Keys>>, mut server: Connection<Server>) {
    let text = "what the one says the other hears. ".repeat(4);
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    through_outbox(&mut to_server, |out| client.send(&*text, out)).unwrap();
    through_outbox(&mut to_client, |out| server.send(&*text, out)).unwrap();
    let expected = Event::Text(text.into());
    let mut input = Input::new(&mut to_server);
    assert_eq!(
        through_outbox(&mut Vec::new(), |out| server.receive(&mut input, out)),
        Ok(Some(expected.clone()))
    );
    let mut input = Input::new(&mut to_client);
    assert_eq!(
        through_outbox(&mut Vec::new(), |out| client.receive(&mut input, out)),
        Ok(Some(expected))
    );
}

/// The request for a tunnel has two lines and the credentials, or is refused.
fn proxy_request(strings: &Strings) {
    let Some(host) = &strings.host else { return };
    let mut out = Vec::new();
    let credentials = strings.credentials.as_ref().map(|(user, password)| (&**user, &**password));
    let mut request = ProxyRequest::new(host, 8080);
    if let Some((user, password)) = credentials {
        request = request.credentials(user, password);
    }
    match through_outbox(&mut out, |out| ProxyHandshake::new(&request, out)) {
        Ok(_) => {
            let plain = Plain::of(&out, 0);
            assert_eq!(plain.len, out.len());
            assert_eq!(plain.headers.len(), 1 + usize::from(credentials.is_some()));
            let authority = plain.values("Host")[0];
            assert_eq!(plain.start, [b"CONNECT ", authority, b" HTTP/1.1"].concat());
            assert!(authority.ends_with(b":8080") && authority.iter().all(u8::is_ascii_graphic));
        }
        Err(misuse) => {
            assert!(out.is_empty());
            names_a_section(&misuse, "RFC ");
        }
    }
}

/// Whether one of the headers is such that this misuse is the right word for it.
fn bad_header(misuse: HandshakeUsageError, headers: &[(String, Vec<u8>)]) -> bool {
    headers.iter().any(|(name, value)| match misuse {
        HandshakeUsageError::FieldName => !is_token(name.as_bytes()),
        HandshakeUsageError::FieldValue => !is_value(value),
        HandshakeUsageError::FieldReserved => {
            let lower = name.to_ascii_lowercase();
            lower.starts_with("sec-websocket-")
                || [
                    "host",
                    "upgrade",
                    "connection",
                    "content-length",
                    "transfer-encoding",
                    "origin",
                    "content-type",
                ]
                .contains(&&*lower)
        }
        _ => false,
    })
}

/// The lines of a head are those headers, in their order.
fn assert_headers(lines: &[(&[u8], &[u8])], headers: &[(String, Vec<u8>)]) {
    assert_eq!(lines.len(), headers.len());
    for ((name, value), (wanted_name, wanted)) in lines.iter().zip(headers) {
        assert_eq!((*name, *value), (wanted_name.as_bytes(), trim(wanted)));
    }
}

/// They are in the response, as our own reader shows it.
fn assert_answer_headers(response: &Response<'_>, headers: &[(String, Vec<u8>)]) {
    let all: Vec<_> = response.fields().collect();
    for (name, value) in headers {
        assert!(all.contains(&(&**name, trim(value))), "{name}");
    }
}

// ------------------------------------------------------------------------------------------------- the plainest reading

/// A complete, well-formed head.
#[derive(Debug)]
pub(super) struct Plain<'a> {
    pub(super) start: &'a [u8],
    pub(super) headers: Vec<(&'a [u8], &'a [u8])>,
    /// Where it ends, from the beginning of the bytes.
    pub(super) len: usize,
}

impl<'a> Plain<'a> {
    /// Reads the head that begins there. Fails if any line ends otherwise than with CR LF, or has one of them or a NUL within.
    pub(super) fn of(bytes: &'a [u8], from: usize) -> Self {
        let bytes = &bytes[from..];
        let len = end_of_head(bytes).expect("a whole head");
        let mut lines = bytes[..len - 4].split(|&byte| byte == b'\n').collect::<Vec<_>>();
        let last = lines.pop().expect("a line");
        for line in &mut lines {
            *line = line.strip_suffix(b"\r").expect("a CR before each LF");
        }
        lines.push(last);
        assert!(
            lines
                .iter()
                .all(|line| !line.is_empty() && !line.iter().any(|byte| b"\r\0".contains(byte)))
        );
        let headers = lines[1..].iter().map(|line| {
            let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
            assert!(is_token(&line[..colon]));
            (&line[..colon], trim(&line[colon + 1..]))
        });
        Self { start: lines[0], headers: headers.collect(), len: from + len }
    }

    fn method(&self) -> &'a [u8] {
        self.start.split(|&byte| byte == b' ').next().expect("a word")
    }

    fn version(&self) -> HttpVersion {
        // A reason phrase may end in anything.
        let is_10 = match self.start.strip_prefix(b"HTTP/") {
            Some(status_line) => status_line.starts_with(b"1.0"),
            None => self.start.ends_with(b"HTTP/1.0"),
        };
        if is_10 { HttpVersion::Http10 } else { HttpVersion::Http11 }
    }

    fn target(&self) -> &'a [u8] {
        self.start.split(|&byte| byte == b' ').nth(1).expect("a target")
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (std::str::from_utf8(name).expect("a token"), *value))
    }

    pub(super) fn values(&self, name: &str) -> Vec<&'a [u8]> {
        let of_name = |(other, _): &&(&[u8], &[u8])| other.eq_ignore_ascii_case(name.as_bytes());
        self.headers.iter().filter(of_name).map(|(_, value)| *value).collect()
    }

    /// The elements of all values.
    pub(super) fn list(&self, name: &str) -> Vec<&'a [u8]> {
        let elements =
            self.values(name).into_iter().flat_map(|value| value.split(|&byte| byte == b','));
        elements.map(trim).filter(|element| !element.is_empty()).collect()
    }

    pub(super) fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name).iter().any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The head of a response of ours that opens nothing, which is complete and says that the transport is closed.
fn response_of(out: &[u8], status: u16, without_body: bool) -> Plain<'_> {
    let plain = Plain::of(out, 0);
    assert!(plain.start.starts_with(format!("HTTP/1.1 {status} ").as_bytes()));
    assert!(plain.lists("Connection", "close"));
    assert_eq!(plain.lists("Upgrade", "websocket"), status == 426);
    let body = &out[plain.len..];
    match plain.values("Content-Length")[..] {
        [] => assert!(matches!(status, 204 | 304) && body.is_empty()),
        [_] if without_body => assert!(body.is_empty()),
        [len] => assert_eq!(len, body.len().to_string().as_bytes()),
        _ => panic!("two lengths"),
    }
    plain
}

pub(super) fn names_a_section(error: &impl std::error::Error, section: &str) {
    assert!(
        section.starts_with("RFC ") && error.to_string().contains(section),
        "{error:?}: {error}"
    );
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

pub(super) fn trim(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    trim_end(&value[start..])
}

fn trim_end(value: &[u8]) -> &[u8] {
    &value[..value.iter().rposition(|byte| !is_space(byte)).map_or(0, |at| at + 1)]
}

fn is_space(byte: &u8) -> bool {
    b" \t".contains(byte)
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(text: &[u8]) -> bool {
    let is_delimiter = |byte| b"(),/:;<=>?@[\\]{}\"".contains(byte);
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() && !is_delimiter(byte))
}

/// RFC 9110 §5.5, and no other control characters.
pub(super) fn is_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control())
}

pub(super) fn same(name: &str, other: &str) -> bool {
    name.eq_ignore_ascii_case(other)
}

/// Base64 of 16 bytes (RFC 4648 §4): 22 digits and two `=`. The last digit has four bits more than these bytes, which may be set.
fn is_key(key: &[u8]) -> bool {
    key.len() == 24 && key[..22].iter().all(|&byte| digit(byte).is_some()) && key[22..] == *b"=="
}

fn nonce_of(key: &[u8]) -> [u8; 16] {
    let bits = key[..22].iter().fold((0_u128, 0_u8), |(bits, at), &byte| {
        let digit = u128::from(digit(byte).expect("a key"));
        // The last digit has two bits.
        if at == 21 { (bits << 2 | digit >> 4, 22) } else { (bits << 6 | digit, at + 1) }
    });
    bits.0.to_be_bytes()
}

fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}
