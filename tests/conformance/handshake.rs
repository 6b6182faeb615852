//! The opening handshake, which Autobahn does not test: `server.txt` and `client.txt` of
//! `hybi-conform`, run against hybi whole, byte by byte and cut at seven.

mod cases;
mod connect;
#[cfg(feature = "http")]
mod connect_http;
#[cfg(feature = "http")]
mod http_types;
mod parts;

use cases::{URI, asked, check_written, refused_by, terms};
use hybi::handshake::{
    Acceptance, Answer, ClientRequest, HeadLimits, RequestError, ResponseError,
    ServerHandshakeError,
};
use hybi::{ClientHandshake, Input, Outbox, ServerHandshake, Uri};
use hybi_conform::handshake::{Doors, Head, requests, responses};

const NONCE: &[u8; 16] = b"the sample nonce";

/// What follows a head that opens a connection, for whoever comes next.
const BEHIND: &[u8] = b"\x81\x80";

/// The verdict in the words of the file, what was written, and how many bytes were left behind a
/// good head.
type Outcome = (String, Vec<u8>, usize);

#[track_caller]
fn check(row: &Head, run: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> Outcome) -> Vec<u8> {
    let good = matches!(row.verdict, "open");
    let bytes = [&row.bytes[..], if good { BEHIND } else { b"" }].concat();
    let whole = run(&mut [&bytes[..]].into_iter());
    assert_eq!(whole.0, row.verdict, "{}: {}", row.id, bytes.escape_ascii());
    if good {
        assert_eq!(whole.2, BEHIND.len(), "{}: what follows the head is the connection's", row.id);
        for cut in 0..row.bytes.len().min(500) {
            assert_eq!(
                run(&mut [&row.bytes[..cut]].into_iter()).0,
                "more",
                "{}: cut at {cut}",
                row.id
            );
        }
    }
    for size in [1, 7] {
        assert_eq!(run(&mut bytes.chunks(size)), whole, "{}: in pieces of {size}", row.id);
    }
    whole.1
}

fn serve(setting: &str, pieces: &mut dyn Iterator<Item = &[u8]>) -> Outcome {
    let accept = terms(setting);
    let (mut server, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let (mut verdict, mut rest) = ("more".to_owned(), 0);
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        if verdict == "more" {
            let refused = match server.receive(&mut input, &mut out) {
                Ok(None) => continue,
                Err(error) => Err(error),
                Ok(Some(request)) => match server.accept(&request, &accept, &mut out) {
                    Ok(_) => Ok(()),
                    Err(ServerHandshakeError::Request(error)) => Err(error),
                    Err(error) => panic!("{error}"),
                },
            };
            verdict = match refused {
                Ok(()) => "open".into(),
                Err(error) => format!("{} {error:?}", error.status()),
            };
        }
        if verdict == "open" {
            rest += input.len();
        }
    }
    (verdict, out.take(), rest)
}

#[test]
fn requests_of_the_suite() {
    let rows = requests();
    assert_eq!(rows.len(), 200);
    for row in rows {
        let out = check(&row, |pieces| serve(row.setting, pieces));
        check_written(&row, &out);
    }
}

fn ask(setting: &str, pieces: &mut dyn Iterator<Item = &[u8]>) -> Outcome {
    let uri = Uri::parse(URI).unwrap();
    let request = asked(setting, &uri);
    let mut out = Outbox::new();
    let keys = || [1, 2, 3, 4];
    let mut client = ClientHandshake::with_keys(&request, *NONCE, keys, &mut out).unwrap();
    let (mut verdict, mut rest) = ("more".to_owned(), 0);
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        if verdict == "more" {
            verdict = match client.receive(&mut input) {
                Ok(None) => continue,
                Ok(Some(Answer::Open(_, response))) => {
                    assert_eq!(response.status(), 101);
                    "open".into()
                }
                Ok(Some(Answer::Refused(refused))) => refused_by(&refused),
                Err(error) => format!("{error:?}"),
            };
        }
        if verdict == "open" {
            rest += input.len();
        }
    }
    if let Some(refused) = client.end_of_input() {
        verdict = refused_by(&refused);
    }
    (verdict, Vec::new(), rest)
}

#[test]
fn responses_of_the_suite() {
    let rows = responses();
    assert_eq!(rows.len(), 106);
    for row in rows {
        if row.setting == "deflate" && cfg!(not(feature = "deflate")) {
            continue; // cannot be offered
        }
        check(&row, |pieces| ask(row.setting, pieces));
    }
}
