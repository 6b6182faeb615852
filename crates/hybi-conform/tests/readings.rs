//! The tester, driven by hand: where the tolerant and the strict reading differ, and what is no
//! fault. There is no clock: the driver says when its patience has run out.

use hybi::handshake::Key;
use hybi_conform::{Group, Next, Outcome, Request, Role, Size, Target, Tester, Verdict, cases};

/// The reaction of a server each time that the tester waits.
enum Does {
    Sends(&'static [u8]),
    Nothing,
    Ends,
}
use Does::{Ends, Nothing, Sends};

/// Runs a case against a server that opens the connection and then does this.
#[track_caller]
fn run(id: &str, does: &[Does]) -> Outcome {
    run_in(id, Size::Reduced, does)
}

fn run_in(id: &str, size: Size, does: &[Does]) -> Outcome {
    let mut all = Group::ALL.iter().flat_map(|group| cases(*group, size));
    let case = all.find(|case| case.id() == id).unwrap();
    let mut tester = Tester::of_server(&case, &Target::new("localhost", "/"));
    let mut request = Vec::new();
    let mut does = does.iter();
    let mut has_opened = false;
    loop {
        match tester.proceed() {
            Next::Send => {
                let piece = tester.output().to_vec();
                tester.sent(piece.len());
                request.extend(piece);
            }
            Next::Wait(_) if !has_opened => {
                has_opened = true;
                tester.feed(&response(&request));
            }
            Next::Wait(_) => match does.next().unwrap_or(&Nothing) {
                Sends(bytes) => tester.feed(bytes),
                Ends => tester.end_of_input(),
                Nothing => tester.quiet(),
            },
            Next::Shutdown => {}
            Next::Done => return tester.outcome(""),
        }
    }
}

/// Runs a case of the opening handshake against a client that has sent its request and then does
/// this. Once our output has ended, it goes on with `after`.
#[track_caller]
fn run_client(id: &str, does: &[Does], after: &[Does]) -> Outcome {
    let case = cases(Group::Handshake, Size::Reduced).find(|case| case.id() == id).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    let (request, _) = Request::read(request).unwrap().unwrap();
    let mut tester = Tester::of_client(&case, &request);
    let mut does = does.iter();
    loop {
        match tester.proceed() {
            Next::Send => tester.sent(tester.output().len()),
            Next::Wait(_) => match does.next().unwrap_or(&Nothing) {
                Sends(bytes) => tester.feed(bytes),
                Ends => tester.end_of_input(),
                Nothing => tester.quiet(),
            },
            Next::Shutdown => does = after.iter(),
            Next::Done => return tester.outcome(""),
        }
    }
}

/// Returns the first byte and the length of each frame that the tester sends.
fn frames_sent(id: &str) -> Vec<(u8, usize)> {
    let case = cases(Group::Autobahn, Size::Reduced).find(|case| case.id() == id).unwrap();
    let mut tester = Tester::of_server(&case, &Target::new("localhost", "/"));
    let (mut sent, mut head) = (Vec::new(), None);
    loop {
        match tester.proceed() {
            Next::Send => {
                let piece = tester.output().to_vec();
                tester.sent(piece.len());
                sent.extend(piece);
            }
            Next::Wait(_) if head.is_none() => {
                head = Some(sent.len());
                tester.feed(&response(&sent));
            }
            Next::Wait(_) => tester.quiet(),
            Next::Shutdown => {}
            Next::Done => break,
        }
    }
    let mut rest = &sent[head.unwrap()..];
    let mut frames = Vec::new();
    while let [first, second, extended @ ..] = rest {
        let (len, header) = match second & 0x7f {
            126 => (u16::from_be_bytes(extended[..2].try_into().unwrap()).into(), 4),
            127 => (u64::from_be_bytes(extended[..8].try_into().unwrap()).try_into().unwrap(), 10),
            len => (len.into(), 2),
        };
        frames.push((*first, len));
        rest = &rest[header + 4 + len..];
    }
    frames
}

fn response(request: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(request).unwrap();
    let key = text.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let accept = Key::parse(key.as_bytes()).unwrap().accept();
    format!(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 x\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into()
}

/// The original sends an empty fragment at the end if all others are full. Some implementations
/// have limits for the number of fragments, and that one more makes a difference.
#[test]
fn a_message_of_full_fragments_ends_with_an_empty_one() {
    let full = 32 << 10;
    let fragments = [(0x01, full), (0x00, full), (0x00, full), (0x00, full), (0x80, 0)];
    assert_eq!(frames_sent("9.3.8")[..5], fragments);
    // One that fits into a fragment is not split.
    assert_eq!(frames_sent("9.3.9")[0], (0x81, 128 << 10));
}

const CLOSE: Does = Sends(b"\x88\x02\x03\xe8");
const CLOSE_1002: Does = Sends(b"\x88\x02\x03\xea");

#[track_caller]
fn reads(outcome: &Outcome, tolerant: Verdict, strict: Verdict, reason: &str) {
    assert_eq!((outcome.verdict(), outcome.strict), (tolerant, strict), "{outcome}");
    assert!(outcome.reason.contains(reason), "{outcome}");
}

#[test]
fn what_is_right() {
    use Verdict::Ok;
    reads(&run("1.1.1", &[Sends(b"\x81\x00"), CLOSE, Ends]), Ok, Ok, "");
    reads(&run("1.1.1", &[Sends(b"\x81"), Sends(b"\x00"), CLOSE, Ends]), Ok, Ok, "");
    reads(&run("3.1", &[CLOSE_1002, Ends]), Ok, Ok, "");
    // RFC 6455 §5.4: a message may come back in other fragments.
    reads(&run("1.1.1", &[Sends(b"\x01\x00\x80\x00"), CLOSE, Ends]), Ok, Ok, "");
}

/// RFC 6455 §5.5.2, §5.5.3.
#[test]
fn pings_and_pongs_of_its_own_are_no_fault() {
    let own = Sends(b"\x89\x01a\x8a\x01b\x81\x00");
    reads(&run("1.1.1", &[own, CLOSE, Ends]), Verdict::Ok, Verdict::Ok, "");
}

/// Also if it has the payload of a ping, such as none at all.
#[test]
fn more_pongs_than_pings_are_no_fault() {
    use Verdict::Ok;
    let run = |id, sends: &'static [u8]| run(id, &[Sends(sends), CLOSE, Ends]);
    reads(&run("2.1", b"\x8a\x00\x8a\x00"), Ok, Ok, "");
    let ten = b"\x8a\x09payload-9\x8a\x09payload-9";
    reads(&run("2.10", ten), Verdict::Informational, Verdict::NonStrict, "some of the pings");
    // The ping comes after a violation, so nothing shows that this answers it.
    let pong = Sends(b"\x81\x0dHello, world!\x8a\x00");
    reads(&run_in("3.2", Size::Reduced, &[pong, CLOSE_1002, Ends]), Ok, Ok, "");
}

#[test]
fn where_the_readings_differ() {
    use Verdict::{Failed, Informational, NonStrict, Ok};
    let hello = Sends(b"\x81\x0dHello, world!");
    reads(&run("3.1", &[Ends]), Ok, NonStrict, "without a Close frame");
    reads(&run("3.2", &[CLOSE_1002, Ends]), NonStrict, Failed, "was lost");
    reads(&run("3.2", &[hello, CLOSE_1002, Ends]), Ok, Ok, "");
    let empty = Sends(b"\x88\x00");
    reads(&run("1.1.1", &[Sends(b"\x81\x00"), empty, Ends]), Ok, NonStrict, "has no code");
    let open = [Sends(b"\x81\x00"), CLOSE, Nothing];
    reads(&run("1.1.1", &open), NonStrict, Failed, "did not end the transport");
    let late = [Nothing, Sends(b"\x88\x02\x03\xef"), Ends];
    reads(&run("6.4.1", &late), NonStrict, Failed, "too late");
    let last = Sends(b"\x8a\x09payload-9");
    reads(&run("2.10", &[last, CLOSE, Ends]), Informational, NonStrict, "some of the pings");
    // Data from a server may be lost if it does not read all of our input (RFC 6455 §7.1.1).
    let lost = [Sends(b"\x81\x7f\0\0\0\0\0\x04\0\0BAsd7&jh23"), Ends];
    reads(&run("7.1.6", &lost), Informational, Informational, "middle of a frame");
    reads(&run("7.13.1", &[CLOSE_1002, Ends]), Informational, Ok, "");
    reads(&run("7.13.1", &[CLOSE, Ends]), Informational, Informational, "another code");
}

#[test]
fn what_is_wrong() {
    let fails = |id, does: &[Does], why| {
        reads(&run(id, does), Verdict::Failed, Verdict::Failed, why);
    };
    fails("1.1.1", &[Sends(b"\x81\x01x")], "differs from byte 0 on");
    fails("1.1.1", &[Sends(b"\x82\x00")], "something else came back");
    fails("1.1.1", &[Sends(b"\x81\x80....")], "wrong mask bit");
    fails("1.1.1", &[Sends(b"\xc1\x00")], "reserved bits");
    fails("1.1.1", &[Sends(b"\x81\x7e\x00\x00")], "longer form");
    fails("1.1.1", &[Sends(b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")], "longer than");
    fails("1.1.1", &[Nothing], "not all that should have come");
    fails("1.1.1", &[Ends], "too early");
    fails("1.1.1", &[Sends(b"\x81\x00"), Ends], "did not answer our Close frame");
    fails("1.1.1", &[Sends(b"\x81\x00"), CLOSE_1002, Ends], "another code");
    fails("1.1.1", &[Sends(b"\x81\x00"), Sends(b"\x88\x02"), Ends], "middle of a frame");
    fails("1.1.1", &[Sends(b"\x81\x00\x88\x02\x03\xe8\x8a\x00")], "after its Close frame");
    fails("3.1", &[CLOSE, Ends], "another code");
    fails("3.1", &[Nothing, Nothing], "did not fail the connection");
    // A ping has asked whether it is still there.
    fails("3.1", &[Nothing, Sends(b"\x8a\x0cstill there?")], "still answers pings");
    fails("2.10", &[Nothing], "not all that should have come");
    fails("7.1.2", &[Nothing], "did not answer our Close frame");
}

/// A message may come back, however long it is.
#[test]
fn an_echo_is_no_flood() {
    let echo = [&b"\x81\x7f\0\0\0\0\x01\0\0\0"[..], &b"BAsd7&jh23".repeat(1_677_722)].concat();
    let echo = Vec::leak(echo).split_at(10 + (16 << 20)).0;
    let outcome = run_in("9.1.6", Size::Full, &[Sends(echo), CLOSE, Ends]);
    reads(&outcome, Verdict::Ok, Verdict::Ok, "");
}

/// RFC 6455 §7.1.7 leaves it open whether a Close frame comes first.
#[test]
fn a_failed_connection_needs_no_close_frame_over_sockets_either() {
    let without = run("closing/unanswered/server", &[Ends]);
    reads(&without, Verdict::Ok, Verdict::NonStrict, "without a Close frame");
    let wrong = run("closing/unanswered/server", &[CLOSE, Ends]);
    reads(&wrong, Verdict::Failed, Verdict::Failed, "instead of Close 1002");
    let right = run("closing/unanswered/server", &[CLOSE_1002, Ends]);
    reads(&right, Verdict::Ok, Verdict::Ok, "");
}

/// As the descriptions of the original say.
#[test]
fn full_sizes_of_compressed_messages() {
    let all: Vec<_> = cases(Group::Autobahn, Size::Full).collect();
    for (id, words) in [
        ("12.1.1", "; 1000 texts of 16 characters, then Close 1000"),
        ("12.2.10", "; 1000 binary messages of 131072 bytes, then"),
        ("13.7.18", "; 1000 texts of 131072 characters, in fragments of 32768 when compressed"),
    ] {
        let case = all.iter().find(|case| case.id() == id).unwrap();
        assert!(case.sent().contains(words), "{}", case.sent());
        assert!(case.expected().starts_with("1000 "), "{}", case.expected());
    }
}

/// Reasons are for one screen, whatever they quote.
#[test]
fn a_long_line_is_not_quoted_whole() {
    let case = cases(Group::Autobahn, Size::Reduced).next().unwrap();
    let mut tester = Tester::of_server(&case, &Target::new("localhost", "/"));
    tester.feed(&[b"HTTP/1.1 101 x\r\n", &[b'a'; 60_000][..], b"\r\n\r\n"].concat());
    let outcome = tester.outcome("");
    assert!(outcome.reason.contains("a field without a colon: \"aaa"), "{outcome}");
    assert!(outcome.reason.len() < 400, "{outcome}");
}

/// A flood ends the case.
#[test]
fn floods() {
    const PONGS: [[u8; 2]; 2000] = [[0x8a, 0x00]; 2000];
    let flood = run("1.1.1", &[Sends(PONGS.as_flattened())]);
    reads(&flood, Verdict::Failed, Verdict::Failed, "without end");
}

/// Opens a stream of HTTP/2 for a case.
fn stream(id: &str) -> Tester {
    let case = cases(Group::Http2, Size::Reduced).find(|case| case.id() == id).unwrap();
    Tester::of_stream(&case, &Target::new("localhost", "/"), true)
}

/// The server answers the Close frame, and then the stream is over in this way.
fn end_of_stream(end: fn(&mut Tester)) -> Outcome {
    let mut tester = stream("http2/end");
    assert_eq!(tester.stream_request().unwrap()[0], (":method".into(), "CONNECT".into()));
    tester.responded(200, &[]);
    let mut has_closed = false;
    loop {
        match tester.proceed() {
            Next::Send => tester.sent(tester.output().len()),
            Next::Wait(_) if !has_closed => {
                has_closed = true;
                tester.feed(b"\x88\x02\x03\xe8");
            }
            Next::Wait(_) => end(&mut tester),
            Next::Shutdown => {}
            Next::Done => return tester.outcome(""),
        }
    }
}

#[test]
fn a_stream_must_end_with_end_stream() {
    assert_eq!(end_of_stream(Tester::end_of_input).verdict(), Verdict::Ok);
    let outcome = end_of_stream(|tester| tester.broken("CANCEL"));
    assert_eq!(outcome.verdict(), Verdict::Failed);
    assert_eq!(outcome.reason, "it did not end the stream with END_STREAM: CANCEL");
    let outcome = end_of_stream(Tester::quiet);
    assert!(outcome.verdict() == Verdict::Failed && outcome.timed_out, "{outcome}");
}

/// How a server may refuse an extended CONNECT.
#[test]
fn refusals_of_extended_connects() {
    use Verdict::{Failed, Informational, NonStrict, Ok};
    // `None`: the stream is reset.
    let answered = |id: &str, status: Option<u16>| {
        let mut tester = stream(id);
        match status {
            Some(status) => tester.responded(status, &[]),
            None => tester.broken("PROTOCOL_ERROR"),
        }
        assert_eq!(tester.proceed(), Next::Done);
        let outcome = tester.outcome("");
        (outcome.verdict(), outcome.strict)
    };
    for (id, status, verdicts) in [
        ("http2/protocol/other", Some(501), (Ok, Ok)),
        // RFC 9220 §3 recommends 501.
        ("http2/protocol/other", Some(400), (Ok, NonStrict)),
        ("http2/protocol/other", Some(200), (Failed, Failed)),
        // A request with :protocol and another method than CONNECT is malformed (RFC 8441 §4).
        ("http2/protocol/with-get", None, (Ok, Ok)),
        ("http2/version/missing", None, (NonStrict, NonStrict)),
        ("http2/version/missing", Some(400), (Ok, Ok)),
        ("http2/version/8", Some(400), (Failed, Failed)),
        // A page.
        ("http2/protocol/plain-get", Some(200), (Informational, NonStrict)),
        ("http2/scheme/ws", Some(200), (Informational, Informational)),
        ("http2/host/other", Some(200), (NonStrict, Failed)),
        ("http2/good/example", Some(403), (Failed, Failed)),
        ("http2/echo", Some(404), (Failed, Failed)),
        ("http2/echo", None, (Failed, Failed)),
    ] {
        assert_eq!(answered(id, status), verdicts, "{id}: {status:?}");
    }
}

#[test]
fn what_a_server_chooses_must_be_offered() {
    for (fields, is_good) in [
        (&[("sec-websocket-protocol", &b"superchat"[..])][..], true),
        (&[("sec-websocket-protocol", b"graphql-ws")], false),
        (&[("sec-websocket-protocol", b"chat, superchat")], false),
        (&[("sec-websocket-extensions", b"permessage-deflate")], true),
        (&[("sec-websocket-extensions", b"permessage-deflate, x-webkit-deflate-frame")], false),
    ] {
        let mut tester = stream("http2/good/example");
        tester.responded(200, fields);
        assert_eq!(tester.proceed() != Next::Done, is_good, "{fields:?}");
    }
    let mut tester = stream("http2/echo");
    tester.responded(200, &[("sec-websocket-extensions", b"permessage-deflate")]);
    assert_eq!(tester.proceed(), Next::Done);
    assert_eq!(tester.outcome("").reason, "it agreed to an extension that was not offered");
}

#[test]
fn a_server_without_http2() {
    let settings = cases(Group::Http2, Size::Reduced).next().unwrap();
    let outcome = Tester::unsupported(&settings, "it is old");
    assert_eq!((outcome.verdict(), &*outcome.reason), (Verdict::Unimplemented, "it is old"));
    let mut tester = stream("http2/settings");
    assert!(tester.stream_request().is_none() && tester.proceed() == Next::Done);
    assert_eq!(tester.outcome("").verdict(), Verdict::Ok);
}

/// Whatever a server does instead, the level decides: also if it does nothing.
#[test]
fn a_server_may_leave_unanswered_what_it_may_refuse() {
    use Verdict::{Failed, Informational, NonStrict};
    for (group, id, verdict) in [
        (Group::Handshake, "server/start/target-8192", Informational),
        (Group::Handshake, "server/start/leading-empty-line", NonStrict),
        (Group::Handshake, "server/header/no-space", Failed),
        (Group::Http2, "http2/key/ignored", NonStrict),
        (Group::Http2, "http2/good/example", Failed),
    ] {
        let case = cases(group, Size::Reduced).find(|case| case.id() == id).unwrap();
        let target = Target::new("localhost", "/");
        let mut tester = match group {
            Group::Http2 => Tester::of_stream(&case, &target, true),
            _ => Tester::of_server(&case, &target),
        };
        loop {
            match tester.proceed() {
                Next::Send => tester.sent(tester.output().len()),
                Next::Wait(_) => tester.quiet(),
                Next::Shutdown => {}
                Next::Done => break,
            }
        }
        let outcome = tester.outcome("");
        assert_eq!(outcome.verdict(), verdict, "{id}: {outcome}");
    }
}

/// RFC 9112 §2.2 and §5.1 let a recipient accept this. A client that does not breaks no rule.
#[test]
fn a_client_may_refuse_what_it_may_refuse() {
    use Verdict::{Failed, Informational, NonStrict};
    let refused = "it refused the response";
    for id in ["client/start/lf", "client/header/lf", "client/header/space-before-colon"] {
        reads(&run_client(id, &[Ends], &[]), Informational, Informational, refused);
    }
    reads(&run_client("client/start/odd-reason", &[Ends], &[]), NonStrict, Failed, refused);
    reads(&run_client("client/header/folded", &[Ends], &[]), Failed, Failed, refused);
    // It says so with a Close frame, or does not send the message back.
    let close = Sends(b"\x88\x82\0\0\0\0\x03\xea");
    let lf = |does: &[Does]| run_client("client/start/lf", does, &[]);
    reads(&lf(&[close, Ends]), Informational, Informational, refused);
    reads(&lf(&[Nothing]), Informational, Informational, "did not send the message back");
}

/// RFC 9110 §6.2 says which versions a server must not send. No rule says what a client does with
/// one, no more than with HTTP/1.0 or `http/1.1`.
#[test]
fn a_version_that_a_server_must_not_send_is_not_the_fault_of_the_client() {
    use Verdict::{Failed, NonStrict};
    for id in ["client/start/http2", "client/start/http1.0", "client/start/lower-case-http"] {
        let accepts = run_client(id, &[Sends(b"\x81\x80\0\0\0\0")], &[]);
        reads(&accepts, NonStrict, Failed, "it accepted the response");
    }
}

/// A client that offers no subprotocol would refuse the one in the example, and hide what the case
/// is about.
#[test]
fn a_case_has_no_other_fault_than_its_own() {
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let (request, _) = Request::read(request).unwrap().unwrap();
    for case in cases(Group::Handshake, Size::Reduced) {
        if !case.tests(Role::Client) || case.id().starts_with("client/subprotocol/") {
            continue;
        }
        let log = Tester::of_client(&case, &request).outcome("").log;
        let names = |entry: &hybi_conform::Entry| {
            let text = String::from_utf8_lossy(&entry.bytes).to_ascii_lowercase();
            text.contains("sec-websocket-protocol")
        };
        assert!(!log.entries.iter().any(names), "{}", case.id());
    }
}

/// The names in the examples may be among those that a client has offered.
#[test]
fn what_was_not_offered_was_not() {
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let (request, _) = Request::read(request).unwrap().unwrap();
    for (id, name) in [
        ("client/extension/not-offered", "Sec-WebSocket-Extensions: x-not-offered\r\n"),
        ("client/subprotocol/not-offered", "Sec-WebSocket-Protocol: x-not-offered\r\n"),
    ] {
        let case = cases(Group::Handshake, Size::Reduced).find(|case| case.id() == id).unwrap();
        let log = Tester::of_client(&case, &request).outcome("").log;
        let text = log.entries.iter().map(|it| String::from_utf8_lossy(&it.bytes).into_owned());
        let text: String = text.collect();
        assert!(text.contains(name), "{text}");
    }
}

/// These heads have no end, so a client that reads lines waits for the rest (RFC 9112 §2.1). How
/// long is its own affair. At the end of the transport there is no rest (§8).
#[test]
fn a_client_may_wait_for_the_rest_of_a_head() {
    use Verdict::{Failed, Informational, Ok};
    for id in ["client/start/tls-alert", "client/start/request"] {
        reads(&run_client(id, &[Ends], &[]), Ok, Ok, "");
        let waits = run_client(id, &[Nothing], &[Ends]);
        reads(&waits, Informational, Informational, "it waited for the rest of the head");
        reads(&run_client(id, &[Nothing], &[Nothing]), Failed, Failed, "did not end");
    }
    // These are whole, even if they are wrong.
    let stays = |id| run_client(id, &[Nothing], &[Ends]);
    let why = "did not end the connection in time";
    reads(&stays("client/accept/missing"), Failed, Failed, why);
    reads(&stays("client/header/no-colon"), Verdict::NonStrict, Failed, why);
}

/// RFC 6455 §10.4 allows a limit, and §7.4.1 has the code for it.
#[test]
fn a_limit_is_no_broken_rule() {
    use Verdict::{Failed, Unimplemented};
    let too_big = || Sends(b"\x88\x02\x03\xf1");
    let limited = "it has a limit that this message exceeds (Close 1009)";
    for id in ["1.1.6", "1.2.3", "9.1.1", "9.3.1", "10.1.1"] {
        reads(&run(id, &[too_big(), Ends]), Unimplemented, Unimplemented, limited);
    }
    // Control frames have up to 125 bytes (§5.5), so less is no limit.
    reads(&run("1.1.1", &[too_big(), Ends]), Failed, Failed, "too early");
    reads(&run("2.4", &[too_big(), Ends]), Failed, Failed, "too early");
    // The bytes that were sent back are wrong.
    reads(&run("1.1.6", &[Sends(b"\x81\x01x"), too_big(), Ends]), Failed, Failed, "differs");
}

/// A Close frame is a control frame, so it may stand between fragments (RFC 6455 §5.4). Answering
/// it with 1002 calls that a violation, whichever case finds it.
#[test]
fn a_close_frame_within_a_message_is_one_rule() {
    let case = |group, id| cases(group, Size::Reduced).find(|case| case.id() == id).unwrap();
    let of = |group, id| (case(group, id).section(), case(group, id).level());
    let rule = ("RFC 6455 §5.4", hybi_conform::Level::Must);
    assert_eq!(of(Group::Autobahn, "7.1.5"), rule);
    assert_eq!(of(Group::Closing, "closing/in-fragments/server"), rule);
    assert_eq!(of(Group::Closing, "closing/in-fragments/client"), rule);
}

/// The description says whether the connection stayed open, or nobody looked any longer.
#[test]
fn what_was_seen() {
    let seen = |id, does: &[Does]| run(id, does).seen;
    assert_eq!(seen("1.1.1", &[Sends(b"\x81\x01x")]), "Text \"x\" (1 byte)");
    let open = [Sends(b"\x81\x00"), CLOSE, Nothing];
    let told = "Text \"\" (0 bytes), then Close 1000, and the connection stayed open";
    assert_eq!(seen("1.1.1", &open), told);
    assert_eq!(seen("1.1.1", &[Ends]), "the end of the connection");
    assert_eq!(seen("1.1.1", &[Nothing]), "nothing, and the connection stayed open");
    assert_eq!(seen("1.1.1", &[Sends(b"\x81\x80....")]), "a frame that breaks a rule");
    // The length of a reason is without the code, and what is left out is marked.
    let reason = Sends(b"\x88\x1f\x03\xeaincomplete fragmented message");
    let told = "Close 1002 \"incomplete fragmented me...\" (a reason of 29 bytes), then the end of \
                the connection";
    assert_eq!(seen("3.1", &[reason, Ends]), told);
}

#[test]
fn what_is_sent_is_in_words() {
    let sent = |group, id: &str| {
        let case = cases(group, Size::Reduced).find(|case| case.id() == id).unwrap();
        (case.sent(), case.expected())
    };
    let frames = |id| sent(Group::Autobahn, id).0;
    assert_eq!(frames("7.3.3"), "Close 1000");
    assert_eq!(frames("7.3.4"), "Close 1000 with a reason of 12 bytes");
    assert_eq!(frames("7.3.1"), "Close without a code");
    assert_eq!(frames("7.3.2"), "Close with a body of 1 byte");
    assert_eq!(frames("3.7"), "Close RSV1 RSV2 RSV3 without a code");
    assert_eq!(frames("2.2"), "Ping (13 bytes), then Close 1000");

    let head = |id, told, expected| {
        assert_eq!(sent(Group::Handshake, id), (String::from(told), String::from(expected)));
    };
    head(
        "server/upgrade/one-of-two",
        "a good request with this line for Upgrade: uPGRADE: h2c, WebSocket\\r\\n",
        "an open connection",
    );
    head(
        "server/host/missing",
        "a good request without Host",
        "a refusal with status 400 (host missing)",
    );
    head(
        "server/start/asterisk",
        "a good request with this first line: GET * HTTP/1.1\\r\\n",
        "a refusal with status 400 (target form)",
    );
    head(
        "server/key/twice",
        "a good request, and after Host: Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n",
        "a refusal with status 400 (key repeated)",
    );
    head(
        "server/not-http/nul",
        "these bytes alone: \\0",
        "a refusal with status 400 (request line)",
    );
    head(
        "client/upgrade/missing",
        "a good response without Upgrade",
        "a failed handshake (upgrade missing)",
    );
    head(
        "client/deflate/bits-7",
        "a good response with this line for Sec-WebSocket-Protocol: Sec-WebSocket-Extensions: \
         permessage-deflate; server_max_window_bits=7\\r\\n",
        "a failed handshake (deflate: value)",
    );
    head(
        "client/start/http1.0",
        "a good response with this first line: HTTP/1.0 101 x\\r\\n",
        "a failed handshake (HTTP/1.0)",
    );
    head("client/more/nothing", "nothing", "no connection, as the head has no end");
    head(
        "client/subprotocol/not-offered",
        "a good response",
        "a failed handshake (subprotocol not offered)",
    );
}

/// Each case of the opening handshake says why, in a sentence.
#[test]
fn every_case_of_the_handshake_has_its_rule_in_words() {
    let missing: Vec<_> = cases(Group::Handshake, Size::Reduced)
        .filter(|case| case.rule().is_none_or(|rule| !rule.ends_with('.')))
        .map(|case| case.id().to_owned())
        .collect();
    assert_eq!(missing, [""; 0]);
    let case = |id: &str| cases(Group::Handshake, Size::Reduced).find(|it| it.id() == id).unwrap();
    let upgrade = case("server/upgrade/one-of-two");
    assert!(upgrade.rule().unwrap().contains("§4.2.1"), "{:?}", upgrade.rule());
    let extension = case("server/extension/no-value");
    assert!(extension.rule().unwrap().contains("no extension"), "{:?}", extension.rule());
}
