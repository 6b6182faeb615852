//! The same cases, made of parts that an HTTP stack could have parsed: the verdict is the same, and
//! so is the response.

use hybi::handshake::{HttpVersion, Request, RequestParts, Response, ResponseParts};

use super::*;

/// Faults that parts cannot have: they are in how the bytes are cut into lines, or in their number.
const ONLY_IN_BYTES: [&str; 10] = [
    "more",
    "RequestLine",
    "StatusLine",
    "HttpVersion",
    "LineEnding",
    "FoldedField",
    "TargetTooLong",
    "HeadTooLong",
    "TooManyFields",
    "TooManyInterim",
];

type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;
type OwnedFields = Vec<(String, Vec<u8>)>;

/// A head, cut at its line ends, spaces and colons.
struct Cut<'a> {
    start: Vec<&'a str>,
    version: HttpVersion,
    fields: Fields<'a>,
    body: &'a [u8],
}

impl<'a> Cut<'a> {
    /// `None`: no stack could have made parts of it, or they cannot be handed over as text.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
        let (head, body) = (&bytes[..end], &bytes[end + 4..]);
        let mut lines =
            head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let start: Vec<&str> = std::str::from_utf8(lines.next()?).ok()?.split(' ').collect();
        let version =
            if start.contains(&"HTTP/1.0") { HttpVersion::Http10 } else { HttpVersion::Http11 };
        let fields = lines.map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((&line[..colon], &line[colon + 1..]))
        });
        Some(Self { start, version, fields: fields.collect::<Option<_>>()?, body })
    }

    fn trimmed(&self) -> Fields<'a> {
        self.fields.iter().map(|(name, value)| (*name, value.trim_ascii())).collect()
    }
}

/// What was written, as fields, without those that frame it.
fn written(out: &[u8]) -> (String, OwnedFields, Vec<u8>) {
    let cut = Cut::of(out).unwrap();
    let unframed = cut.trimmed().into_iter().filter(|&(name, value)| {
        name != b"Content-Length" && !(name == b"Connection" && value.starts_with(b"close"))
    });
    let owned =
        unframed.map(|(name, value)| (String::from_utf8(name.to_vec()).unwrap(), value.to_vec()));
    (cut.start[1].to_owned(), owned.collect(), cut.body.to_vec())
}

fn owned<'f>(fields: impl Iterator<Item = (&'f str, &'f [u8])>) -> OwnedFields {
    fields.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn is_only_in_bytes(row: &Row) -> bool {
    let fault = row.verdict.split(' ').next_back().unwrap();
    ONLY_IN_BYTES.contains(&fault)
}

#[test]
fn requests_from_parts() {
    let (mut compared, mut only_in_bytes) = (0, 0);
    for row in rows(include_str!("server.txt"), REQUEST, "Host") {
        let empty_lines = row.bytes.chunks(2).take_while(|line| line == b"\r\n").count();
        let Some(cut) = Cut::of(&row.bytes[2 * empty_lines..]).filter(|_| !is_only_in_bytes(&row))
        else {
            only_in_bytes += 1;
            continue;
        };
        let parts =
            RequestParts::new(cut.start[0], cut.start[1]).version(cut.version).fields(&cut.fields);
        let (_, out, _) = serve(row.setting, &mut [&row.bytes[..]].into_iter());
        let (status, fields, body) = written(&out);
        let terms = terms(row.setting);
        let accepted = Request::from_parts(&parts)
            .map_err(ServerHandshakeError::Request)
            .and_then(|request| terms.check(&request.into_owned()));
        match accepted {
            Ok(accepted) => {
                assert_eq!(row.verdict, "open", "{}", row.id);
                assert_eq!(accepted.status().to_string(), status);
                assert_eq!(owned(accepted.fields()), fields, "{}", row.id);
            }
            Err(ServerHandshakeError::Request(error)) => {
                assert_eq!(row.verdict, format!("{} {error:?}", error.status()), "{}", row.id);
                let rejection = error.rejection();
                assert_eq!(rejection.status().to_string(), status);
                assert_eq!(owned(rejection.fields()), fields, "{}", row.id);
                if !row.id.ends_with("/head") {
                    assert_eq!(rejection.content(), body, "{}", row.id);
                }
            }
            Err(error) => panic!("{}: {error}", row.id),
        }
        compared += 1;
    }
    assert!(compared >= 142, "{compared} {only_in_bytes}");
}

#[test]
fn responses_from_parts() {
    let (mut compared, mut only_in_bytes) = (0, 0);
    for row in rows(include_str!("client.txt"), RESPONSE, "Upgrade") {
        if row.setting == "deflate" && cfg!(not(feature = "deflate")) {
            continue; // cannot be offered
        }
        // A bad interim response, too.
        let is_interim = row.id.starts_with("interim/") && row.verdict != "open";
        let Some(mut cut) = Cut::of(&row.bytes).filter(|_| !is_only_in_bytes(&row) && !is_interim)
        else {
            only_in_bytes += 1;
            continue;
        };
        // A stack tolerates white space before a colon, or has refused the head.
        cut.fields.iter_mut().for_each(|(name, _)| *name = name.trim_ascii_end());
        // A stack reports an interim response by itself.
        while matches!(cut.start[1].parse().unwrap(), 100 | 102..=199) {
            cut = Cut::of(cut.body).unwrap();
        }
        let parts = ResponseParts::new(cut.start[1].parse().unwrap())
            .version(cut.version)
            .fields(&cut.fields);
        let uri = Uri::parse(URI).unwrap();
        let request = asked(row.setting, &uri);
        let prepared = request.prepare_with_nonce(*NONCE).unwrap();
        let verdict = match Response::from_parts(&parts) {
            Ok(response) => match prepared.open(&response.into_owned(), || [1, 2, 3, 4]) {
                Ok(_) => "open".to_owned(),
                Err(ResponseError::Status) => cut.start[1].to_owned(),
                Err(error) => format!("{error:?}"),
            },
            Err(error) => format!("{error:?}"),
        };
        let want = row.verdict.split(' ').next_back().unwrap();
        assert_eq!(verdict, want, "{}", row.id);
        compared += 1;
    }
    let least = if cfg!(feature = "deflate") { 63 } else { 50 };
    assert!(compared >= least, "{compared} {only_in_bytes}");
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
    let out = out.take();
    let cut = Cut::of(&out).unwrap();
    let prepared = request.prepare_with_nonce(*NONCE).unwrap();
    assert_eq!(cut.start, [prepared.method(), prepared.target(), "HTTP/1.1"]);
    let fields: Fields<'_> =
        prepared.fields().map(|(name, value)| (name.as_bytes(), value)).collect();
    assert_eq!(cut.trimmed(), fields);
    assert_eq!(fields.len(), 10);
}
