//! The opening handshakes of the core's suite, through [`receive_request`] and [`Connector`]: the
//! verdicts and the bytes are the same however the head is split, however little the stream takes
//! at once, and if futures are dropped where they may be.

#[path = "../../../../tests/conformance/handshake/cases.rs"]
mod cases;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hybi::handshake::{ClientRequest, HeadLimits, Key, Rejection};
use hybi::{Input, Message, Outbox, Role, ServerHandshake, Uri};
use hybi_tokio::{AcceptError, ConnectError, Connector, WebSocket, receive_request};

use hybi_conform::handshake::{Head, requests, responses};

use self::cases::{URI, asked, check_written, refused_by, terms};
use crate::common::{End, KnownClient, Peer, Script, Server, incoming, paused};

/// The value of RFC 6455 §1.3 in the cases, and what is done to it in them. Its halves are replaced
/// by those of the value for the nonce that the client has sent.
const ACCEPT: [&str; 2] = ["s3pPLMBiTxaQ9kYG", "zzhZRbK+xOo"];
const OTHER_CASE: &str = "S3pPLMBiTxaQ9kYG";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// How a case is run.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// How many bytes arrive at once.
    piece: usize,
    /// The stream takes only a few bytes at once.
    is_narrow: bool,
    /// After how many polls in all the future is dropped.
    polls: usize,
}

impl Plan {
    /// Returns plans for a head of that length, none of which drops anything.
    fn all(len: usize) -> impl Iterator<Item = Self> {
        let plan = |piece, is_narrow| Self { piece, is_narrow, polls: usize::MAX };
        let every =
            [plan(usize::MAX, false), plan(usize::MAX, true), plan(7, true), plan(1, false)];
        // Byte by byte, the longest heads would take most of the time.
        every.into_iter().filter(move |plan| plan.piece != 1 || len <= 2_000)
    }
}

/// Makes the answer to a request.
type Answer = dyn Fn(&[u8]) -> Vec<u8>;

/// The far end of a stream.
struct Far {
    peer: Peer,
    plan: Plan,
    polls: usize,
    written: Vec<u8>,
    pieces: VecDeque<Vec<u8>>,
    /// Makes the bytes that follow the client's request.
    answer: Option<Box<Answer>>,
    is_ended: bool,
}

impl Far {
    fn new(plan: Plan) -> (Script, Self) {
        let (script, peer) = Script::new();
        if plan.is_narrow {
            peer.stop_taking();
        }
        let (written, pieces) = (Vec::new(), VecDeque::new());
        let far = Self { peer, plan, polls: 0, written, pieces, answer: None, is_ended: false };
        (script, far)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.pieces.extend(bytes.chunks(self.plan.piece).map(<[u8]>::to_vec));
    }

    /// Polls a future, and lets something happen after each poll: a piece arrives, then the stream
    /// takes more, and at last its input ends. `None`: the future was dropped.
    fn poll<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        while self.polls < self.plan.polls {
            self.polls += 1;
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            self.written.extend(self.peer.take_written());
            if let Poll::Ready(value) = polled {
                return Some(value);
            }
            self.go_on();
        }
        None
    }

    fn go_on(&mut self) {
        if self.written.ends_with(b"\r\n\r\n")
            && let Some(answer) = self.answer.take()
        {
            self.send(&answer(&self.written));
        }
        if let Some(piece) = self.pieces.pop_front() {
            self.peer.deliver(piece);
        } else if self.peer.has_writer() {
            self.peer.take_more(11);
        } else {
            assert!(!self.is_ended, "it waits for nothing");
            self.is_ended = true;
            self.peer.end_input(End::Zero);
        }
    }

    /// Receives the message that came after the head. Every future is dropped after one poll.
    fn receive_hello<R: Role>(&mut self, mut ws: WebSocket<Script, R>) {
        self.plan.polls = usize::MAX;
        loop {
            let mut receiving = pin!(ws.receive());
            let received = receiving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            match received {
                Poll::Ready(received) => {
                    assert_eq!(received.unwrap(), Some(Message::from("Hello")));
                    break;
                }
                Poll::Pending => self.go_on(),
            }
        }
        assert!(self.peer.take_written().is_empty(), "there is nothing to say");
    }
}

/// The verdict of a case, and the bytes that were written. A dropped future has no verdict.
type Outcome = (Option<String>, Vec<u8>);

fn is_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

fn serve(row: &Head, plan: Plan) -> Outcome {
    let (script, mut far) = Far::new(plan);
    let is_good = row.verdict == "open";
    let hello = if is_good { incoming::<Server>(0x81, "Hello") } else { Vec::new() };
    far.send(&[&row.bytes[..], &hello].concat());
    let mut opened = None;
    let served = far.poll(async {
        let pending = receive_request(script).await?;
        opened = Some(pending.accept(&terms(row.setting)).await?);
        Ok(())
    });
    let verdict = match served {
        None => None,
        Some(Ok(())) => Some("open".to_owned()),
        Some(Err(AcceptError::Io(error))) if is_end(&error) => Some("more".to_owned()),
        Some(Err(AcceptError::Request(error))) => Some(format!("{} {error:?}", error.status())),
        Some(Err(error)) => panic!("{}: {error}", row.id),
    };
    if let Some(ws) = opened {
        far.receive_hello(ws);
    }
    assert!(far.peer.is_dropped(), "{}, {plan:?}: the stream is still there", row.id);
    (verdict, far.written)
}

/// Runs a case by every plan: its outcome is the same. Then drops the future after every number of
/// polls: what was written until then is the beginning of what would have been.
fn check(
    row: &Head,
    run: impl Fn(&Head, Plan) -> Outcome,
    same: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let mut whole: Option<Vec<u8>> = None;
    for plan in Plan::all(row.bytes.len()) {
        let (verdict, written) = run(row, plan);
        assert_eq!(verdict.as_deref(), Some(row.verdict), "{}, {plan:?}", row.id);
        let want = whole.get_or_insert_with(|| written.clone());
        assert_eq!(same(&written), same(want), "{}, {plan:?}", row.id);
    }
    let whole = whole.unwrap();
    let piece = (row.bytes.len() / 15).max(7);
    for polls in 0.. {
        let plan = Plan { piece, is_narrow: true, polls };
        let (verdict, written) = run(row, plan);
        assert!(same(&whole).starts_with(&same(&written)), "{}, {plan:?}", row.id);
        if let Some(verdict) = verdict {
            assert_eq!(verdict, row.verdict, "{}, {plan:?}", row.id);
            break;
        }
    }
    whole
}

#[test]
fn requests_of_the_suite() {
    let runtime = paused();
    let _entered = runtime.enter();
    for row in requests() {
        check_written(&row, &check(&row, serve, <[u8]>::to_vec));
    }
}

/// Wherever a good head is split for the first time.
#[test]
fn good_heads_split_anywhere() {
    let runtime = paused();
    let _entered = runtime.enter();
    let is_good = |row: &Head| {
        row.verdict == "open" && (row.setting != "deflate" || cfg!(feature = "deflate"))
    };
    let check = |row: &Head, run: fn(&Head, Plan) -> Outcome| {
        for piece in 1..row.bytes.len().min(500) {
            let plan = Plan { piece, is_narrow: false, polls: usize::MAX };
            assert_eq!(run(row, plan).0.as_deref(), Some("open"), "{}, {plan:?}", row.id);
        }
    };
    requests().iter().filter(|row| is_good(row)).for_each(|row| check(row, serve));
    responses().iter().filter(|row| is_good(row)).for_each(|row| check(row, ask));
}

/// Any request that the core hands out can be answered with anything.
#[test]
fn requests_of_the_suite_that_the_program_answers() {
    let runtime = paused();
    let _entered = runtime.enter();
    let mut count = 0;
    for row in requests() {
        let reject = |row: &Head, plan| {
            let (script, mut far) = Far::new(plan);
            far.send(&row.bytes);
            let rejected = far.poll(async {
                let pending = receive_request(script).await?;
                pending.reject(&Rejection::new(503).body("text/plain", "not today")).await
            });
            (rejected, far.written)
        };
        let mut answered = None;
        for plan in Plan::all(row.bytes.len()) {
            match reject(&row, plan) {
                (Some(Ok(())), written) => {
                    let want = answered.get_or_insert_with(|| written.clone());
                    assert_eq!(*want, written, "{}, {plan:?}", row.id);
                }
                // As in the other test.
                (Some(Err(AcceptError::Request(_) | AcceptError::Io(_))), _) => {
                    assert_eq!(answered, None, "{}, {plan:?}", row.id);
                }
                (outcome, _) => panic!("{}, {plan:?}: {outcome:?}", row.id),
            }
        }
        let mut bytes = row.bytes.clone();
        let (mut core, mut out) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
        let received = core.receive(&mut Input::new(&mut bytes), &mut out);
        assert_eq!(answered.is_some(), matches!(received, Ok(Some(_))), "{}", row.id);
        let Some(answered) = answered else { continue };
        count += 1;
        let text = String::from_utf8(answered.clone()).unwrap();
        assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{}: {text}", row.id);
        assert!(text.contains("\r\nConnection: close\r\n"), "{}: {text}", row.id);
        assert!(text.ends_with("\r\n\r\nnot today") || row.id.ends_with("/head"), "{}", row.id);
        for polls in 0.. {
            let plan = Plan { piece: usize::MAX, is_narrow: true, polls };
            let (rejected, written) = reject(&row, plan);
            assert!(answered.starts_with(&written), "{}, {plan:?}", row.id);
            if rejected.is_some() {
                break;
            }
        }
    }
    assert_eq!(count, 119);
}

/// Returns the response of a case to this request, with the right accept value for its nonce.
fn answer_to(request: &[u8], row: &Head) -> Vec<u8> {
    let request = std::str::from_utf8(request).unwrap();
    let (_, key) = request.split_once("\r\nSec-WebSocket-Key: ").unwrap();
    let (key, _) = key.split_once("\r\n").unwrap();
    let accept = Key::parse(key.as_bytes()).unwrap().accept().to_string();
    let swapped: String = accept[..16].chars().map(swap_case).collect();
    let mut bytes = row.bytes.clone();
    for (old, new) in [
        (ACCEPT[0], &accept[..16]),
        (ACCEPT[1], &accept[16..27]),
        (OTHER_CASE, &*swapped),
        (KEY, key),
    ] {
        while let Some(at) = bytes.windows(old.len()).position(|it| it == old.as_bytes()) {
            bytes.splice(at..at + old.len(), new.bytes());
        }
    }
    bytes
}

fn swap_case(it: char) -> char {
    if it.is_ascii_lowercase() { it.to_ascii_uppercase() } else { it.to_ascii_lowercase() }
}

/// The bytes of a request without its nonce, which is another every time.
fn without_nonce(request: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"\r\nSec-WebSocket-Key: ";
    let mut request = request.to_vec();
    if let Some(at) = request.windows(NAME.len()).position(|it| it == NAME) {
        request.iter_mut().skip(at + NAME.len()).take(KEY.len()).for_each(|byte| *byte = b'?');
    }
    request
}

fn ask(row: &Head, plan: Plan) -> Outcome {
    let uri = Uri::parse(URI).unwrap();
    let request: ClientRequest<'_> = asked(row.setting, &uri);
    let (script, mut far) = Far::new(plan);
    let (bytes, is_good) = (row.bytes.clone(), row.verdict == "open");
    let case = Head { bytes, ..row.clone() };
    far.answer = Some(Box::new(move |request| {
        let hello = if is_good { incoming::<KnownClient>(0x81, "Hello") } else { Vec::new() };
        [answer_to(request, &case), hello].concat()
    }));
    let verdict = match far.poll(Connector::new().connect_over(script, &request)) {
        None => None,
        Some(Ok(ws)) => {
            assert_eq!(ws.response().unwrap().status(), 101, "{}", row.id);
            far.receive_hello(ws);
            Some("open".to_owned())
        }
        Some(Err(ConnectError::Io(error))) if is_end(&error) => Some("more".to_owned()),
        Some(Err(ConnectError::Refused(refusal))) => Some(refused_by(&refusal)),
        Some(Err(ConnectError::Response(error))) => Some(format!("{error:?}")),
        Some(Err(error)) => panic!("{}: {error}", row.id),
    };
    assert!(far.peer.is_dropped(), "{}, {plan:?}: the stream is still there", row.id);
    (verdict, far.written)
}

#[test]
fn responses_of_the_suite() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut run, mut not_offered) = (0, 0);
    for row in responses() {
        if row.setting == "deflate" && cfg!(not(feature = "deflate")) {
            not_offered += 1;
            continue;
        }
        run += 1;
        let written = check(&row, ask, without_nonce);
        assert!(written.starts_with(b"GET /chat HTTP/1.1\r\n"), "{}", row.id);
        assert!(written.ends_with(b"\r\n\r\n"), "{}: nothing after the request", row.id);
    }
    assert_eq!((run, not_offered), if cfg!(feature = "deflate") { (106, 0) } else { (93, 13) });
}
