//! The same cases, made of parts that an HTTP stack could have parsed: the verdict is the same, and
//! so is the response.

use hybi::handshake::{HttpVersion, Request, RequestParts, Response, ResponseParts};

use super::*;

/// How many cases of each file come in as lists. The others are marked.
const REQUESTS: usize = 150;
const RESPONSES: usize = 81;

/// Names and values.
pub(super) type Fields = Vec<(String, Vec<u8>)>;

/// A head, cut at its line ends, spaces and colons, as an HTTP stack does.
pub(super) struct Cut {
    pub(super) start: Vec<String>,
    pub(super) version: HttpVersion,
    pub(super) fields: Fields,
    body: Vec<u8>,
}

impl Cut {
    /// `None`: no stack makes parts of it. A client's stack `is_tolerant` of the line ends and folds
    /// that it must or may take.
    fn of(head: &[u8], is_tolerant: bool) -> Option<Self> {
        let mut rest = head;
        let mut next_line = || {
            let end = rest.iter().position(|&byte| byte == b'\n')?;
            let line = &rest[..end];
            rest = &rest[end + 1..];
            let whole = line.strip_suffix(b"\r");
            whole.or(is_tolerant.then_some(line)).filter(|line| !line.contains(&b'\r'))
        };
        let start = String::from_utf8(next_line()?.to_vec()).ok()?;
        let start: Vec<_> = start.split(' ').map(str::to_owned).collect();
        let version = match start.iter().find(|word| word.starts_with("HTTP/"))?.as_str() {
            "HTTP/1.0" => HttpVersion::Http10,
            "HTTP/1.1" => HttpVersion::Http11,
            _ => return None,
        };
        let mut fields = Fields::new();
        loop {
            match next_line()? {
                [] => break,
                folded @ [b' ' | b'\t', ..] => {
                    let (_, value) = fields.last_mut().filter(|_| is_tolerant)?;
                    value.extend_from_slice(folded);
                }
                line => {
                    let colon = line.iter().position(|&byte| byte == b':')?;
                    let (name, value) = (&line[..colon], &line[colon + 1..]);
                    let name = if is_tolerant { name.trim_ascii_end() } else { name };
                    // Latin-1, so that any bytes are text.
                    let name = name.iter().map(|&byte| char::from(byte)).collect();
                    fields.push((name, value.to_vec()));
                }
            }
        }
        let body = rest.to_vec();
        // The limits are the stack's; these are our defaults.
        let is_short = head.len() - body.len() <= 16 << 10
            && start.iter().all(|word| word.len() <= 8 << 10)
            && fields.len() <= 128;
        is_short.then_some(Self { start, version, fields, body })
    }

    /// A server's stack skips empty lines before a request, and wants three words.
    pub(super) fn of_request(row: &Row) -> Option<Self> {
        let mut head = &row.bytes[..];
        while let [b'\r', b'\n', rest @ ..] = head {
            head = rest;
        }
        Self::of(head, false)
            .filter(|cut| cut.start.len() == 3 && cut.start[2].starts_with("HTTP/"))
    }

    /// A client's stack reports the final response, if those before it are good.
    pub(super) fn of_response(row: &Row) -> Option<(u16, Self)> {
        let mut rest = row.bytes.clone();
        for _ in 0..=16 {
            let cut = Self::of(&rest, true).filter(|cut| cut.start[0].starts_with("HTTP/"))?;
            if cut.start.iter().any(|word| word.bytes().any(|byte| byte.is_ascii_control())) {
                return None;
            }
            let status = cut.start.get(1)?.parse().ok()?;
            if !matches!(status, 100 | 102..=199) {
                return Some((status, cut));
            }
            if cut.fields.iter().any(|(name, _)| name.contains(' ')) {
                return None;
            }
            rest = cut.body;
        }
        None
    }

    pub(super) fn borrowed(&self) -> Vec<(&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| (name.as_bytes(), &**value)).collect()
    }
}

/// An answer: its status, its fields but for those that frame it, and its body.
pub(super) type Answer = (u16, Fields, Vec<u8>);

/// Checks that an answer is that to the bytes, and the verdict the row's.
pub(super) fn check_answer(row: &Row, answer: &Result<Answer, (RequestError, Answer)>) {
    let (_, out, _) = serve(row.setting, &mut [&row.bytes[..]].into_iter());
    let cut = Cut::of(&out, false).unwrap();
    let fields = cut.fields.into_iter().filter_map(|(name, value)| {
        let value = value.trim_ascii();
        match (&*name, value) {
            ("Content-Length", _) | ("Connection", b"close") => None,
            ("Connection", b"close, Upgrade") => Some((name, b"Upgrade".to_vec())),
            _ => Some((name, value.to_vec())),
        }
    });
    let wire: Answer = (cut.start[1].parse().unwrap(), fields.collect(), cut.body);
    let (answer, verdict) = match answer {
        Ok(answer) => (answer, "open".to_owned()),
        Err((error, answer)) => (answer, format!("{} {error:?}", error.status())),
    };
    assert_eq!(verdict, row.verdict, "{}", row.id);
    // RFC 9110 §5.1: names have no case.
    let lower_case = |fields: &Fields| -> Fields {
        fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
    };
    assert_eq!((answer.0, lower_case(&answer.1)), (wire.0, lower_case(&wire.1)), "{}", row.id);
    // In bytes the response to a HEAD request has no body.
    assert!(answer.2 == wire.2 || row.id.ends_with("/head"), "{}", row.id);
}

pub(super) fn owned<'f>(fields: impl Iterator<Item = (&'f str, &'f [u8])>) -> Fields {
    fields.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

/// Checks that the verdict about a response is the row's.
pub(super) fn check_response(
    row: &Row,
    status: u16,
    response: Result<Response<'_>, ResponseError>,
) {
    let uri = Uri::parse(URI).unwrap();
    let request = asked(row.setting, &uri);
    let prepared = request.prepare_with_nonce(*NONCE).unwrap();
    let opened = response.and_then(|response| prepared.open(&response, || [1, 2, 3, 4]));
    let verdict = match opened {
        Ok(_) => "open".to_owned(),
        Err(ResponseError::Status { status: told }) => {
            assert_eq!(told, status, "{}", row.id);
            told.to_string()
        }
        Err(error) => format!("{error:?}"),
    };
    // In bytes a refusal with a fault has its status, too.
    assert_eq!(verdict, row.verdict.split(' ').next_back().unwrap(), "{}", row.id);
}

#[test]
fn requests_from_parts() {
    let mut run = 0;
    for row in rows(include_str!("server.txt"), super::REQUEST, "Host") {
        let cut = Cut::of_request(&row);
        assert_eq!(cut.is_none(), row.doors == Doors::Bytes, "{}: its last column", row.id);
        let Some(cut) = cut else { continue };
        run += 1;
        let fields = cut.borrowed();
        let parts =
            RequestParts::new(&cut.start[0], &cut.start[1]).version(cut.version).fields(&fields);
        let terms = terms(row.setting);
        let accepted = Request::from_parts(&parts)
            .map_err(ServerHandshakeError::Request)
            .and_then(|request| terms.check(&request.into_owned()));
        let answer = match &accepted {
            Ok(accepted) => Ok((accepted.status(), owned(accepted.fields()), Vec::new())),
            Err(ServerHandshakeError::Request(error)) => {
                let rejection = error.rejection();
                let refusal = rejection.check(cut.version).unwrap();
                let content = refusal.content().to_vec();
                Err((*error, (refusal.status(), owned(refusal.fields()), content)))
            }
            Err(error) => panic!("{}: {error}", row.id),
        };
        check_answer(&row, &answer);
    }
    assert_eq!(run, REQUESTS);
}

#[test]
fn responses_from_parts() {
    let mut run = 0;
    for row in rows(include_str!("client.txt"), super::RESPONSE, "Upgrade") {
        let cut = Cut::of_response(&row);
        assert_eq!(cut.is_none(), row.doors == Doors::Bytes, "{}: its last column", row.id);
        let Some((status, cut)) = cut else { continue };
        run += 1;
        if row.setting == "deflate" && cfg!(not(feature = "deflate")) {
            continue; // cannot be offered
        }
        let fields = cut.borrowed();
        let parts = ResponseParts::new(status).version(cut.version).fields(&fields);
        check_response(&row, status, Response::from_parts(&parts).map(Response::into_owned));
    }
    assert_eq!(run, RESPONSES);
}

/// The values for an HTTP stack are those that the machine writes.
#[test]
fn a_request_as_values_and_as_bytes() {
    let uri = Uri::parse("ws://user:p%3Ass@[::1]:8080/a?b").unwrap();
    let request = ClientRequest::new(&uri)
        .subprotocol("a")
        .subprotocol("b")
        .origin("http://a")
        .field("Cookie", "c=d")
        .field("X-Bytes", b"\xff");
    let mut out = Outbox::new();
    ClientHandshake::with_keys(&request, *NONCE, || [0; 4], &mut out).unwrap();
    let cut = Cut::of(&out.take(), false).unwrap();
    let prepared = request.prepare_with_nonce(*NONCE).unwrap();
    assert_eq!(cut.start, [prepared.method(), prepared.target(), "HTTP/1.1"]);
    let trimmed = |(name, value): &(String, Vec<u8>)| (name.clone(), value.trim_ascii().to_vec());
    let fields: Fields = cut.fields.iter().map(trimmed).collect();
    assert_eq!(owned(prepared.fields()), fields);
    assert_eq!(fields.len(), 10);
}
