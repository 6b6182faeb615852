//! The tester, which runs one case: bytes in, bytes out, and an outcome.
//!
//! Drivers differ in one thing: whether they know that nothing more is coming. In memory, and in an
//! exchange with a program that says when it is done, they know after each delivery. Over a socket
//! they do not: there, a driver waits for a time. So the tester asks for patience ([`Next::Wait`]),
//! and the driver reports when that has run out ([`Tester::quiet`]).

mod acts;
mod stream;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::case::{Case, Level, Plan, Role};
use crate::deflate::Deflater;
use crate::handshake;
use crate::http::{self, Head};
use crate::log::{Direction, WireLog};
use crate::opening::{Agreed, Request, Target, check_response};
use crate::outcome::{Outcome, Verdict};
use crate::random::{Pieces, Random, seed};
use crate::script::{Compression, End, Leeway, REFUSED, Script, Step, listed};
use crate::wire::{Decoder, Encoder, Got, describe, describe_header};

pub(crate) use acts::{Act, Acts, When};

/// The next thing for the driver to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send [`Tester::output`], and report how much was sent with [`Tester::sent`]. Read meanwhile:
    /// the implementation may stop reading until its own output is read.
    Send,
    /// Read, and call [`Tester::feed`] or [`Tester::end_of_input`]. If nothing has come, call
    /// [`Tester::quiet`].
    Wait(Patience),
    /// End the output: shut down the sending direction of the transport.
    Shutdown,
    /// Close the transport, and call [`Tester::outcome`].
    Done,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For the whole time-out: something must come, and giving up early gains nothing.
    Long,
    /// For about a second: if nothing comes soon, that is a finding.
    Short,
}

/// Runs one case against one implementation.
///
/// A driver does what [`proceed`](Self::proceed) returns, until that is [`Next::Done`].
pub struct Tester {
    role: Role,
    stage: Stage,
    /// True if the driver knows at once that nothing more is coming.
    is_exact: bool,
    /// True if nothing more is coming, or the patience has run out.
    is_quiet: bool,
    /// True if the implementation has ended its output.
    is_ended: bool,
    /// The reason if it ended otherwise than in an orderly way.
    broken: Option<String>,
    /// True if it runs over a stream of HTTP/2.
    is_stream: bool,
    /// True if nothing more can be sent.
    is_mute: bool,
    has_shut_down: bool,
    output: Output,
    encoder: Encoder,
    decoder: Decoder,
    deflater: Option<Deflater>,
    script: Script,
    /// The progress of a case that has acts instead of a script.
    acting: Option<acts::Acting>,
    /// The payloads of the pings in a case that has acts.
    pings: Vec<Vec<u8>>,
    /// The length of the longest message in the case.
    message_max: usize,
    /// The step that comes next.
    step: usize,
    got: Vec<Got>,
    /// How many of `got` have been compared.
    compared: usize,
    /// How many messages of [`Step::Rounds`] have come back, which are in `got` no more.
    rounds: usize,
    /// How many pings and unsolicited pongs have come.
    unasked: usize,
    /// How many bytes have come.
    received: usize,
    /// If more bytes come, that is a flood.
    received_max: usize,
    we_closed: bool,
    has_probed: bool,
    is_late: bool,
    timed_out: bool,
    has_opened: bool,
    has_differed: bool,
    /// True if the case is a response that a client may accept. Its level decides if it does not.
    answers: bool,
    level: Level,
    /// A description of what is expected.
    wanted: String,
    /// A description of what was seen. If it is empty, `got` is described.
    seen: String,
    log: WireLog,
}

enum Stage {
    /// Waits for the response of a server.
    Asked(Box<Asked>),
    /// Waits for the response to an extended CONNECT.
    Connecting(Box<stream::Connecting>),
    /// Waits for a client to refuse our response.
    Answered {
        /// True if the response does not claim to open the connection. Then our output ends, too.
        is_open_ended: bool,
        /// True if the head of the response is complete.
        is_whole: bool,
        bytes: Vec<u8>,
    },
    /// Runs the script, or the acts.
    Script,
    /// Waits for the end of the connection.
    Closing,
    Done(Box<Outcome>),
}

struct Asked {
    key: String,
    /// The request that is tested, if the case is about the handshake.
    case: Option<Arc<handshake::Head>>,
    /// The subprotocols that were offered.
    subprotocols: Vec<String>,
    /// The names of the extensions that were offered.
    extensions: Vec<String>,
    /// How many interim responses have come.
    interim: usize,
    /// True if the head of the request is complete.
    is_whole: bool,
    bytes: Vec<u8>,
}

/// The payload of a ping that is in no case. An implementation that answers it has not failed the
/// connection.
const PROBE: &[u8] = b"still there?";

/// The finding if a message was refused because of its length.
const LIMITED: &str =
    "it has a limit that this message exceeds (Close 1009); raise it for this test";

/// Every endpoint takes control frames of so many bytes (RFC 6455 §5.5), so a limit below that is
/// none.
const LIMIT_MIN: usize = 125;

/// More control frames than this are a flood: no implementation needs so many of its own.
const UNASKED_MAX: usize = 1000;
/// The same of interim responses.
const INTERIM_MAX: usize = 16;
/// The bytes that may come besides four times those that the case sends.
const RECEIVED_EXTRA: usize = 1 << 20;

impl Tester {
    /// Tests a server, from the opening handshake on.
    pub fn of_server(case: &Case, target: &Target) -> Self {
        let mut tester = Self::new(case, Role::Server);
        tester.log.turn_on();
        let offer = tester.script.compression.map(|compression| compression.offer);
        let (bytes, head) = match &case.plan {
            Plan::Request(head) => (target.edited(head), Some(Arc::clone(head))),
            _ => {
                let seed = seed(case.id());
                let nonce = u128::from(seed) << 64 | u128::from(seed.rotate_left(21) ^ 0x5eed);
                let request = target.request(&http::key(nonce.to_be_bytes()), offer);
                (request.into_bytes(), None)
            }
        };
        if let Plan::Acts(acts) = &case.plan
            && let Some(head) = &acts.head
        {
            tester.begin_raw(head);
            return tester;
        }
        // The edited request may be malformed. Then the fields read from it are empty.
        let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
        let (parsed, len) = Head::read(&bytes[start..]).ok().flatten().unwrap_or_default();
        let offered = parsed.joined("sec-websocket-protocol").unwrap_or_default();
        tester.stage = Stage::Asked(Box::new(Asked {
            key: parsed.all("sec-websocket-key").next().unwrap_or_default().to_owned(),
            case: head,
            subprotocols: offered.split(',').map(|name| name.trim().to_owned()).collect(),
            extensions: extensions(&parsed.joined("sec-websocket-extensions").unwrap_or_default()),
            interim: 0,
            is_whole: len > 0,
            bytes: Vec::new(),
        }));
        tester.send_head(&bytes);
        tester
    }

    /// Tests a client that has sent this request. Pass the bytes that came after it
    /// to [`feed`](Self::feed).
    pub fn of_client(case: &Case, request: &Request) -> Self {
        let mut tester = Self::new(case, Role::Client);
        tester.log.turn_on();
        tester.log.add(Direction::Received, &request.bytes, request.bytes.len(), || {
            request.head.start.escape_debug().to_string()
        });
        if let Err(why) = request.check() {
            tester.fail(format!("the client {why}"));
            return tester;
        }
        let bytes = match &case.plan {
            Plan::Response(head) => request.edited(head),
            _ => match tester.script.compression {
                None => Some(request.response(None).into_bytes()),
                Some(compression) => compression
                    .answer_to(&request.offer().unwrap_or_default())
                    .map(|agreed| request.response(Some(&agreed)).into_bytes()),
            },
        };
        let Some(bytes) = bytes else {
            tester.unimplemented("the client has not offered what this needs");
            return tester;
        };
        tester.has_opened = true;
        tester.send_head(&bytes);
        match &case.plan {
            Plan::Response(head) if head.verdict != "open" => {
                if head.answers_101() {
                    // A client that accepts the response sends this back.
                    tester.frame(0x81, b"Hello");
                }
                let is_open_ended = !head.answers_101();
                let is_whole = !matches!(Head::read(&bytes), Ok(None));
                tester.stage = Stage::Answered { is_open_ended, is_whole, bytes: Vec::new() };
            }
            _ => {
                let response = Head::read(&bytes).ok().flatten().unwrap_or_default().0;
                let agreed = response.joined("sec-websocket-extensions");
                if let Some(agreed) = agreed.as_deref().and_then(Agreed::read) {
                    tester.compress(agreed);
                }
            }
        }
        tester
    }

    /// Answers a client that asks the tester for something, such as the number of cases: sends a
    /// text, if there is one, and closes. The outcome does not matter.
    pub fn telling(request: &Request, text: Option<&str>) -> Self {
        let steps = text.map(|text| Step::Frame(0x81, text.as_bytes().to_vec()));
        let steps: Vec<_> = steps.into_iter().collect();
        let script =
            move || Script::new(steps.clone(), Vec::new(), End::WeClose).leeway(Leeway::Open);
        Self::of_client(&Case::frames("query", "a query", "RFC 6455 §7.1.2", script), request)
    }

    /// Tests an implementation after its opening handshake, in memory or in another exchange where
    /// the driver knows at once when nothing more is coming. `agreed` is the value of
    /// `Sec-WebSocket-Extensions` in the response.
    ///
    /// When the driver calls [`quiet`](Self::quiet), all that the case expects by then must have
    /// come, and nothing else. There is no log unless [`logged`](Self::logged) asks for one.
    pub fn opened(case: &Case, role: Role, agreed: Option<&str>) -> Self {
        let mut tester = Self::new(case, role);
        tester.is_exact = true;
        let Some(compression) = tester.script.compression else { return tester };
        let read = agreed.and_then(Agreed::read);
        match read.filter(|agreed| role == Role::Client || agreed.honours(compression.offer)) {
            Some(agreed) => tester.compress(agreed),
            None => tester.unimplemented("permessage-deflate was not agreed"),
        }
        tester
    }

    /// Returns the outcome of a case that has failed before its first frame, for this reason.
    pub fn failed(case: &Case, role: Role, why: &str) -> Outcome {
        Self::new(case, role).outcome(why)
    }

    fn new(case: &Case, role: Role) -> Self {
        let script = match &case.plan {
            Plan::Frames(make) => make(),
            Plan::Request(_) | Plan::Connect(_) | Plan::Settings => {
                Script::new(Vec::new(), Vec::new(), End::WeClose)
            }
            Plan::Response(_) => {
                let text = Got::Message { binary: false, payload: b"Hello".to_vec() };
                let steps = vec![Step::Frame(0x81, b"Hello".to_vec()), Step::Await(1)];
                Script::new(steps, vec![text], End::WeClose)
            }
            Plan::Acts(acts) => {
                let script = Script::new(Vec::new(), Vec::new(), End::WeClose);
                match acts.deflates {
                    true => script.compression(Compression::DEFAULT),
                    false => script,
                }
            }
        };
        let mut tester = Self {
            role,
            stage: if case.tests(role) { Stage::Script } else { Stage::Closing },
            answers: matches!(case.plan, Plan::Response(_)),
            level: case.level(),
            wanted: case.expected(),
            seen: String::new(),
            is_exact: false,
            is_quiet: false,
            is_ended: false,
            broken: None,
            is_stream: false,
            is_mute: false,
            has_shut_down: false,
            output: Output::new(script.pieces),
            encoder: Encoder::new(role),
            decoder: Decoder::new(role, None),
            deflater: None,
            received_max: 4 * script.bytes() + RECEIVED_EXTRA,
            pings: Vec::new(),
            message_max: script.message_max(),
            script,
            step: 0,
            got: Vec::new(),
            compared: 0,
            rounds: 0,
            unasked: 0,
            received: 0,
            we_closed: false,
            has_probed: false,
            is_late: false,
            timed_out: false,
            has_opened: false,
            has_differed: false,
            acting: None,
            log: WireLog::default(),
        };
        if let Plan::Acts(acts) = &case.plan {
            tester.prepare(acts);
        }
        tester
    }

    fn compress(&mut self, agreed: Agreed) {
        let (deflater, inflater) = agreed.codec(self.role);
        self.deflater = Some(deflater);
        self.decoder = Decoder::new(self.role, Some(inflater));
    }

    /// Delivers the frames in these pieces instead of those that the case asks for. Call it before
    /// [`proceed`](Self::proceed).
    pub fn in_pieces(mut self, pieces: Pieces) -> Self {
        self.output.set_pieces(pieces);
        self
    }

    /// Turns on the wire log, which is always on after [`of_server`](Self::of_server) and
    /// [`of_client`](Self::of_client). Call it before [`proceed`](Self::proceed).
    pub fn logged(mut self) -> Self {
        self.log.turn_on();
        self
    }

    /// Sets the time since the case began, for the log.
    pub fn at(&mut self, now: Duration) {
        self.log.set_now(now);
    }

    /// Returns what the driver is to do.
    pub fn proceed(&mut self) -> Next {
        loop {
            // In an exchange, a connection that has ended still gets what was on its way.
            if self.is_mute || self.is_ended && !self.is_exact {
                self.output.clear();
            }
            // All steps up to the next wait are sent together.
            if self.is_about_to_wait() {
                self.output.split();
                if !self.output().is_empty() {
                    return Next::Send;
                }
            }
            let next = match &self.stage {
                Stage::Done(_) => return Next::Done,
                Stage::Asked(_) => self.next_asked(),
                Stage::Connecting(_) => self.next_connecting(),
                Stage::Answered { .. } => self.next_answered(),
                Stage::Script if self.acting.is_some() => self.next_act(),
                Stage::Script => self.next_step(),
                Stage::Closing => self.next_closing(),
            };
            if let Some(next) = next {
                self.is_quiet = false;
                if next == Next::Shutdown {
                    self.has_shut_down = true;
                    self.log.note("we end our output");
                }
                return next;
            }
        }
    }

    /// Returns the next piece, to be written at once.
    pub fn output(&self) -> &[u8] {
        self.output.piece()
    }

    /// Reports how many bytes of [`output`](Self::output) were sent.
    pub fn sent(&mut self, len: usize) {
        self.output.advance(len);
    }

    /// Reports that the transport takes no more output. Input may still come.
    pub fn cannot_send(&mut self) {
        if !self.is_mute {
            self.log.note("nothing more can be sent");
        }
        self.is_mute = true;
    }

    /// Takes bytes that have arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.received += bytes.len();
        if self.received > self.received_max && !self.is_done() {
            self.fail(format!("it sent {} bytes, which is a flood", self.received));
        }
        match &mut self.stage {
            Stage::Done(_) | Stage::Connecting(_) => {}
            Stage::Asked(asked) => {
                asked.bytes.extend_from_slice(bytes);
                self.read_response();
            }
            Stage::Answered { bytes: before, .. } => before.extend_from_slice(bytes),
            Stage::Script | Stage::Closing => {
                match self.acting.as_mut().and_then(|acting| acting.raw.as_mut()) {
                    Some(raw) => raw.extend_from_slice(bytes),
                    None => self.read_frames(bytes),
                }
            }
        }
    }

    /// Reports that the transport has failed, or that the implementation has reset it. `why` is
    /// what the transport says.
    pub fn broken(&mut self, why: &str) {
        self.broken.get_or_insert_with(|| why.to_owned());
        self.end_of_input();
    }

    /// Reports that the implementation has ended its output in an orderly way: the transport was
    /// shut down.
    pub fn end_of_input(&mut self) {
        if !self.is_ended {
            match &self.broken {
                None => self.log.note("it ended the connection"),
                Some(why) => self.log.note(&format!("the connection broke: {why}")),
            }
        }
        self.is_ended = true;
    }

    /// Reports that nothing has come within the patience asked for; or, in memory and in an
    /// exchange, that nothing more will.
    pub fn quiet(&mut self) {
        self.is_quiet = true;
    }

    /// Returns the outcome, once [`proceed`](Self::proceed) has returned [`Next::Done`]. Called
    /// earlier, it fails the case for `reason`, such as a connection that could not be made.
    pub fn outcome(mut self, reason: &str) -> Outcome {
        if !self.is_done() {
            self.fail(reason.to_owned());
        }
        let Stage::Done(mut outcome) = self.stage else { unreachable!("it has just failed") };
        outcome.log = self.log;
        *outcome
    }

    /// Returns whether a server has not answered the request.
    pub fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Asked(_))
    }

    /// Returns whether everything that is sent together has been encoded.
    fn is_about_to_wait(&self) -> bool {
        match self.stage {
            Stage::Script if self.acting.is_some() => {
                self.acting.as_ref().is_none_or(acts::Acting::is_about_to_wait)
            }
            Stage::Script => {
                matches!(
                    self.script.steps.get(self.step),
                    Some(Step::Await(_) | Step::AwaitFailure)
                )
            }
            _ => true,
        }
    }

    fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }
}

/// Output.
impl Tester {
    fn send_head(&mut self, bytes: &[u8]) {
        let start = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let start = String::from_utf8_lossy(start).trim_end().to_owned();
        self.log.add(Direction::Sent, bytes, bytes.len(), || start.escape_debug().to_string());
        self.output.head(bytes);
    }

    fn frame(&mut self, first: u8, payload: &[u8]) {
        let start = self.output.bytes.len();
        self.encoder.header(first, payload.len(), &mut self.output.bytes);
        self.encoder.payload(payload, &mut self.output.bytes);
        self.output.border();
        let wire = &self.output.bytes[start..];
        self.log.frame(Direction::Sent, wire, || describe(first, payload));
    }

    fn message(&mut self, binary: bool, payload: &[u8], fragment: Option<usize>) {
        let compressed = self.deflater.as_mut().map(|deflater| deflater.message(payload));
        let payload = compressed.as_deref().unwrap_or(payload);
        let mut first = if binary { 2 } else { 1 };
        if compressed.is_some() {
            first |= 0x40;
        }
        let most = fragment.unwrap_or(usize::MAX);
        // If all fragments are full, the Autobahn testsuite ends with an empty one.
        let are_full = payload.len() > most && payload.len().is_multiple_of(most);
        let ends_empty = payload.is_empty() || are_full;
        let last: Option<&[u8]> = ends_empty.then_some(&[]);
        let mut fragments = payload.chunks(most).chain(last).peekable();
        while let Some(fragment) = fragments.next() {
            let fin = if fragments.peek().is_none() { 0x80 } else { 0 };
            self.frame(fin | first, fragment);
            first = 0;
        }
    }

    fn send_step(&mut self, step: &Step) {
        match step {
            Step::Frame(first, payload) => self.frame(*first, payload),
            Step::Header(first, len) => {
                let start = self.output.bytes.len();
                self.encoder.header(*first, *len, &mut self.output.bytes);
                let wire = &self.output.bytes[start..];
                self.log.frame(Direction::Sent, wire, || describe_header(*first, *len));
            }
            Step::Odd(odd, first, payload) => {
                let start = self.output.bytes.len();
                self.encoder.odd(*odd, *first, payload, &mut self.output.bytes);
                self.output.border();
                let wire = &self.output.bytes[start..];
                let what = || format!("{} {}", describe(*first, payload), odd.describe());
                self.log.frame(Direction::Sent, wire, what);
            }
            Step::Payload(payload) => {
                let start = self.output.bytes.len();
                self.encoder.payload(payload, &mut self.output.bytes);
                let wire = &self.output.bytes[start..];
                self.log.add(Direction::Sent, wire, wire.len(), || "some of its payload".into());
            }
            Step::Message { binary, payload, fragment } => {
                self.message(*binary, payload, *fragment);
            }
            Step::Await(_) | Step::AwaitFailure | Step::Rounds(_) => {}
        }
    }
}

/// Cases with frames.
impl Tester {
    fn read_frames(&mut self, bytes: &[u8]) {
        let before = self.got.len();
        if let Err(why) = self.decoder.read(bytes, &mut self.got, &mut self.log) {
            self.seen = "a frame that breaks a rule".into();
            return self.fail(format!("it {why}"));
        }
        if !self.is_exact {
            self.answer_pings(before);
            self.compare_early();
        }
    }

    /// Answers pings, and drops them and unsolicited pongs: both are legal at any time (RFC 6455
    /// §5.5.2, §5.5.3). In memory and in an exchange, nothing comes unasked.
    fn answer_pings(&mut self, before: usize) {
        let mut pings = Vec::new();
        for got in self.got.split_off(before) {
            match got {
                Got::Ping(payload) => pings.push(payload),
                Got::Pong(_) if !self.is_awaited(&got) => self.unasked += 1,
                got => self.got.push(got),
            }
        }
        self.unasked += pings.len();
        if self.unasked > UNASKED_MAX {
            return self.fail("it sent control frames without end".into());
        }
        for payload in pings {
            if !self.encoder.is_in_frame() && !self.we_closed && !self.is_mute {
                self.frame(0x8a, &payload);
            }
        }
    }

    /// Returns whether a pong can be the answer to a ping of ours. One more than there are pings is
    /// unsolicited, whatever its payload.
    fn is_awaited(&self, pong: &Got) -> bool {
        let Got::Pong(payload) = pong else { return false };
        let count = |all: &[Got]| all.iter().filter(|got| *got == pong).count();
        payload == PROBE
            || self.pings.contains(payload)
            || count(&self.got) < count(&self.script.expected)
    }

    /// Fails as soon as the input differs from what is expected, without waiting for the rest.
    fn compare_early(&mut self) {
        if self.script.leeway != Leeway::No || self.is_done() {
            return;
        }
        let (_, got) = self.close_and_rest();
        if self.has_probed && got.last() == Some(&Got::Pong(PROBE.to_vec())) {
            let why = "it did not fail the connection, and still answers pings";
            return self.conclude(Verdict::Ok, Verdict::Failed, Verdict::Failed, why.into());
        }
        let new = self.compared..got.len();
        match self.script.expected.get(new.clone()) {
            Some(want) if want == &got[new.clone()] => self.compared = new.end,
            _ => {
                self.has_differed = got.last().is_some_and(|got| got.message().is_some());
                let (_, got) = self.close_and_rest();
                self.fail(difference(got, &self.script.expected));
            }
        }
    }

    /// Returns the code of the Close frame, if one came, and what came before it.
    fn close_and_rest(&self) -> (Option<Option<u16>>, &[Got]) {
        match self.got.split_last() {
            Some((Got::Close { code, .. }, got)) => (Some(*code), got),
            _ => (None, &self.got),
        }
    }

    /// Returns whether a message that should have been taken was refused with 1009. RFC 6455 §10.4
    /// allows limits. What came before must be right.
    fn is_limited(&self) -> bool {
        let (close, got) = self.close_and_rest();
        close == Some(Some(1009))
            && !matches!(self.script.end, End::Fails(_))
            && self.message_max > LIMIT_MIN
            && got.len() < self.script.expected.len()
            && self.script.expected.starts_with(got)
    }

    /// Returns whether nothing more can come: the output has ended, or a Close frame came.
    fn is_over(&self) -> bool {
        self.is_ended || self.decoder.is_closed()
    }

    fn next_step(&mut self) -> Option<Next> {
        let Some(step) = self.script.steps.get_mut(self.step) else {
            self.stage = Stage::Closing;
            if let (End::WeClose, false) = (self.script.end, self.is_over() && !self.is_exact) {
                self.frame(0x88, &1000_u16.to_be_bytes());
                self.we_closed = true;
            }
            return None;
        };
        match *step {
            Step::Await(count) => return self.next_await(count),
            Step::AwaitFailure => return self.next_failure(),
            Step::Rounds(_) => {
                self.next_round();
                return None;
            }
            _ => {}
        }
        let step = std::mem::replace(step, Step::Await(0));
        self.step += 1;
        // The implementation would not read what follows.
        if self.is_exact || !self.is_over() {
            self.we_closed |= matches!(step, Step::Frame(0x88, _));
            self.send_step(&step);
        }
        None
    }

    /// Replaces the steps so far by the next round, and forgets the last one: together, the
    /// messages of all rounds would take much memory.
    fn next_round(&mut self) {
        let Some(Step::Rounds(rounds)) = self.script.steps.get_mut(self.step) else { return };
        self.rounds += self.got.len();
        self.got.clear();
        self.script.expected.clear();
        self.compared = 0;
        let Some(payload) = rounds.next() else {
            self.step += 1;
            return;
        };
        let (binary, fragment) = (rounds.binary, rounds.fragment);
        self.script.expected.push(Got::Message { binary, payload: payload.clone() });
        let round = [Step::Message { binary, payload, fragment }, Step::Await(1)];
        self.script.steps.splice(..self.step, round);
        self.step = 0;
    }

    fn next_await(&mut self, count: usize) -> Option<Next> {
        if self.is_exact && !self.is_quiet && !self.is_ended {
            return Some(Next::Wait(Patience::Long));
        }
        if self.is_over() {
            match self.is_limited() {
                true => self.unimplemented(LIMITED),
                false if self.answers => self.by_level("it refused the response"),
                false => self.fail("it closed the connection too early".into()),
            }
            return None;
        }
        let expected = &self.script.expected;
        let new = self.compared..count;
        let is_there = match self.script.leeway {
            _ if self.is_exact => {
                self.got.len() == count && self.got.get(new.clone()) == expected.get(new)
            }
            Leeway::FewerPongs => self.got.last().is_some_and(|got| expected.last() == Some(got)),
            _ => self.got.len() >= count,
        };
        if is_there {
            self.compared = self.got.len();
            self.step += 1;
            self.is_quiet = false;
            return None;
        }
        if !self.is_exact && !self.is_quiet {
            return Some(Next::Wait(Patience::Long));
        }
        self.timed_out = !self.is_exact;
        match self.answers {
            true => self.by_level("it did not send the message back, after a response like this"),
            false => {
                self.fail("not all that should have come by now has come, and nothing else".into());
            }
        }
        None
    }

    fn next_failure(&mut self) -> Option<Next> {
        if !self.is_quiet && (self.is_exact && !self.is_ended || !self.is_over()) {
            return Some(Next::Wait(Patience::Short));
        }
        self.is_late |= !self.is_over();
        self.is_quiet = false;
        self.step += 1;
        None
    }

    fn next_closing(&mut self) -> Option<Next> {
        if self.is_ended {
            self.judge();
            return None;
        }
        if self.is_exact {
            // A client may leave it to the server to end the transport (RFC 6455 §7.1.1).
            let may_wait = self.role == Role::Client && !self.has_shut_down;
            return match (self.is_quiet, may_wait) {
                (false, _) => Some(Next::Wait(Patience::Long)),
                (true, true) => Some(Next::Shutdown),
                (true, false) => {
                    self.judge();
                    None
                }
            };
        }
        if !self.decoder.is_closed() {
            let must_fail = matches!(self.script.end, End::Fails(_));
            if !self.is_quiet {
                let is_short = must_fail && !self.has_probed;
                return Some(Next::Wait(if is_short { Patience::Short } else { Patience::Long }));
            }
            self.is_quiet = false;
            if must_fail && !self.has_probed && !self.encoder.is_in_frame() && !self.is_mute {
                self.has_probed = true;
                self.frame(0x89, PROBE);
                return None;
            }
            self.timed_out = true;
            self.judge();
            return None;
        }
        let is_in_frame = self.encoder.is_in_frame();
        if !self.we_closed {
            self.we_closed = true;
            if let (Some(code), false) = (self.close_and_rest().0, is_in_frame || self.is_mute) {
                let code = code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec());
                self.frame(0x88, &code);
                return None;
            }
        }
        // The server ends the transport first, unless it waits for an answer that we cannot give.
        if (self.role == Role::Client || is_in_frame) && !self.has_shut_down {
            return Some(Next::Shutdown);
        }
        if !self.is_quiet {
            return Some(Next::Wait(Patience::Short));
        }
        self.judge();
        None
    }

    /// Concludes once the connection is over, or nothing more comes.
    fn judge(&mut self) {
        use Verdict::{Failed, Informational, NonStrict, Ok};
        if self.decoder.is_cut_off() {
            let why = "it stopped in the middle of a frame".to_owned();
            return match self.script.leeway == Leeway::Open && self.is_ended {
                true => self.conclude(Informational, Informational, Informational, why),
                false => self.fail(why),
            };
        }
        if self.is_limited() {
            return self.unimplemented(LIMITED);
        }
        let mut reasons = Vec::new();
        let mut found = |tolerant: Verdict, strict: Verdict, reason: &str| {
            if strict != Ok {
                reasons.push(reason.to_owned());
            }
            (tolerant, strict)
        };
        let (close, got) = self.close_and_rest();
        let may_refuse = self.script.leeway == Leeway::MayRefuse;
        let (expected, end) = match may_refuse && got.is_empty() {
            true => (&[][..], REFUSED),
            false => (&self.script.expected[..], self.script.end),
        };
        let behavior = if may_refuse && !got.is_empty() && got == expected {
            let why = "it took a frame that must not be sent like this, which is allowed";
            found(Informational, Informational, why)
        } else if self.script.checks_keys && got == expected && !self.decoder.keys_differ() {
            let why = "it masked all frames of the connection with the same key, and each must \
                       have a fresh one (RFC 6455 §5.3)";
            found(Failed, Failed, why)
        } else if got == expected {
            match self.is_late {
                true => found(NonStrict, Failed, "it failed the connection too late"),
                false => (Ok, Ok),
            }
        } else if matches!(end, End::Fails(_)) && got.is_empty() {
            found(NonStrict, Failed, "what came before the violation was lost")
        } else if self.script.leeway == Leeway::FewerPongs && is_shortened(got, expected) {
            found(Informational, NonStrict, "it answered only some of the pings")
        } else {
            found(Failed, Failed, &difference(got, expected))
        };
        let closing = match (end, close) {
            (End::Fails(_), None) if self.is_ended => {
                found(Ok, NonStrict, "it failed the connection without a Close frame")
            }
            (End::Fails(_), None) => found(Failed, Failed, "it did not fail the connection"),
            (_, None) => found(Failed, Failed, "it did not answer our Close frame"),
            (End::WeClosed(_), Some(None)) => (Ok, Ok),
            (_, Some(None)) => found(Ok, NonStrict, "its Close frame has no code"),
            (End::WeClose, Some(Some(1000))) => (Ok, Ok),
            (End::WeClosed(codes) | End::Fails(codes), Some(Some(code)))
                if codes.contains(&code) =>
            {
                (Ok, Ok)
            }
            _ => found(Failed, Failed, "its Close frame has another code"),
        };
        let ending = match self.is_ended {
            true => (Ok, Ok),
            false if close.is_none() => closing,
            false => found(NonStrict, Failed, "it did not end the transport"),
        };
        let reason = reasons.join(", and ");
        let strict = behavior.1.max(closing.1).max(ending.1);
        let (behavior, closing) = (behavior.0, closing.0.max(ending.0));
        if self.script.leeway == Leeway::Open && self.is_over() {
            return self.conclude(Informational, Informational, strict.min(Informational), reason);
        }
        self.conclude(behavior, closing, strict, reason);
    }
}

/// Returns the names in a value of `Sec-WebSocket-Extensions`.
fn extensions(value: &str) -> Vec<String> {
    let name = |element: &str| element.split(';').next().unwrap_or_default().trim().to_owned();
    value.split(',').map(name).filter(|name| !name.is_empty()).collect()
}

/// Returns whether a server agrees to nothing but what was offered (RFC 6455 §4.1).
fn are_among(agreed: &str, offered: &[String]) -> bool {
    let names = extensions(agreed);
    !names.is_empty() && names.iter().all(|name| offered.contains(name))
}

/// Cuts a reason that quotes a long head.
fn shortened(mut reason: String) -> String {
    const CHARS_MAX: usize = 300;
    if let Some((end, _)) = reason.char_indices().nth(CHARS_MAX) {
        reason.truncate(end);
        reason += "...";
    }
    reason
}

/// Describes the first difference between what came and what was expected.
fn difference(got: &[Got], expected: &[Got]) -> String {
    let at = got.iter().zip(expected).position(|(got, want)| got != want);
    let at = at.unwrap_or(got.len().min(expected.len()));
    match (got.get(at), expected.get(at)) {
        (None, _) => "not all that was expected came back".into(),
        (Some(_), None) => "something came back that was not expected".into(),
        (Some(got), Some(want)) => match (got.message(), want.message()) {
            (Some((kind, payload)), Some((wanted_kind, wanted))) if kind == wanted_kind => {
                let mut both = payload.iter().zip(wanted);
                let byte = both.position(|(byte, wanted)| byte != wanted);
                let byte = byte.unwrap_or(payload.len().min(wanted.len()));
                format!("a message came back that differs from byte {byte} on")
            }
            _ => "something else came back than was expected".into(),
        },
    }
}

/// Returns whether `got` is `expected` with some left out, but not the last.
fn is_shortened(got: &[Got], expected: &[Got]) -> bool {
    let mut rest = expected.iter();
    got.last().is_some_and(|last| expected.last() == Some(last))
        && got.iter().all(|got| rest.any(|other| other == got))
}

/// Servers, until they have answered the request.
impl Tester {
    fn read_response(&mut self) {
        let Stage::Asked(asked) = &mut self.stage else { return };
        let begins = &asked.bytes[..asked.bytes.len().min(5)];
        if !b"HTTP/".starts_with(begins) {
            let start = asked.bytes[..asked.bytes.len().min(16)].escape_ascii().to_string();
            return self.fail(format!("it sent \"{start}\", which is no HTTP"));
        }
        let (head, len) = match Head::read(&asked.bytes) {
            Err(why) => return self.fail(format!("it {why}")),
            Ok(None) => return,
            Ok(Some(read)) => read,
        };
        let rest = asked.bytes.split_off(len);
        let bytes = std::mem::replace(&mut asked.bytes, rest);
        self.log.add(Direction::Received, &bytes, bytes.len(), || {
            head.start.escape_debug().to_string()
        });
        match head.status() {
            Err(why) => self.fail(format!("it {why}")),
            // An interim response (RFC 9110 §15.2).
            Ok(100 | 102..200) => self.next_response(),
            Ok(status) => self.answered(status, &head),
        }
    }

    fn next_response(&mut self) {
        let Stage::Asked(asked) = &mut self.stage else { return };
        asked.interim += 1;
        match asked.interim > INTERIM_MAX {
            true => self.fail("it sent interim responses without end".into()),
            false => self.read_response(),
        }
    }

    fn answered(&mut self, status: u16, head: &Head) {
        let Stage::Asked(asked) = std::mem::replace(&mut self.stage, Stage::Script) else { return };
        self.seen = format!("status {status}");
        match &asked.case {
            Some(case) if case.verdict != "open" => return self.judge_refusal(case, Some(head)),
            Some(_) if status != 101 => return self.by_level("it refused the request"),
            None if status != 101 => {
                return self.fail(format!("the opening handshake failed with status {status}"));
            }
            _ => {}
        }
        let subprotocols: Vec<_> = asked.subprotocols.iter().map(String::as_str).collect();
        let extensions = match check_response(head, &asked.key, &subprotocols) {
            Ok(extensions) => extensions,
            Err(why) => return self.fail(format!("it {why}")),
        };
        match (self.script.compression, extensions) {
            (None, Some(agreed)) if !are_among(&agreed, &asked.extensions) => {
                return self.fail("it agreed to an extension that was not offered".into());
            }
            (None, _) => {}
            (Some(_), None) => return self.unimplemented("it declined permessage-deflate"),
            (Some(compression), Some(extensions)) => match Agreed::read(&extensions) {
                None => return self.fail(format!("it agreed to {extensions:?}")),
                Some(agreed) if agreed.honours(compression.offer) => self.compress(agreed),
                Some(_) => {
                    let why = format!("it agreed to other parameters: {extensions:?}");
                    return self.unimplemented(&why);
                }
            },
        }
        self.has_opened = true;
        self.seen.clear();
        if !asked.bytes.is_empty() {
            self.read_frames(&asked.bytes);
        }
    }

    fn next_asked(&mut self) -> Option<Next> {
        let Stage::Asked(asked) = &self.stage else { return None };
        let case = asked.case.clone();
        let is_whole = asked.is_whole;
        let is_refused = case.as_ref().filter(|case| case.verdict != "open");
        if self.is_ended {
            self.seen = "the end of the connection, without an answer".into();
            match (is_refused, case.is_some()) {
                (Some(case), _) => self.judge_refusal(case, None),
                (None, true) => self.by_level("it refused the request"),
                (None, false) => self.fail("it ended the connection without an answer".into()),
            }
            return None;
        }
        let is_unfinished = case.as_ref().is_some_and(|case| case.verdict == "more");
        let patience = match (is_whole, self.has_shut_down) {
            (false, true) if !is_unfinished => Patience::Long,
            (true, _) => Patience::Long,
            (false, _) => Patience::Short,
        };
        match (is_refused, self.is_quiet) {
            _ if is_unfinished && !self.has_shut_down => return Some(Next::Shutdown),
            (_, false) => return Some(Next::Wait(patience)),
            (Some(_), true) if !is_whole && !self.has_shut_down => return Some(Next::Shutdown),
            (Some(_), true) if is_unfinished => {
                self.seen = "no answer".into();
                self.conclude(Verdict::Ok, Verdict::Ok, Verdict::Ok, String::new());
            }
            (_, true) => {
                self.timed_out = true;
                self.seen = "no answer".into();
                let why = "it did not answer the request in time";
                if case.is_some() { self.by_level(why) } else { self.fail(why.into()) }
            }
        }
        None
    }

    /// Concludes from the answer to a request that must be refused. `None`: there was no answer.
    fn judge_refusal(&mut self, case: &handshake::Head, answer: Option<&Head>) {
        use Verdict::{Failed, Informational, NonStrict, Ok};
        let status = answer.and_then(|head| head.status().ok());
        let want = case.verdict.split(' ').next().and_then(|word| word.parse().ok());
        let names_version = answer.is_some_and(|head| head.lists("sec-websocket-version", "13"));
        let allows = answer.is_some_and(|head| head.all("allow").next().is_some());
        let (tolerant, strict, why) = match status {
            Some(101) => return self.by_level("it accepted the request"),
            _ if case.verdict == "more" => (Ok, Ok, ""),
            None if case.id.starts_with("not-http/") => (Ok, Ok, ""),
            None => (NonStrict, NonStrict, "it closed the connection without a response"),
            Some(_) if case.verdict.ends_with(" Version") && !names_version => {
                (Failed, Failed, "it did not name the version that it speaks (RFC 6455 §4.4)")
            }
            Some(405) if !allows => (Ok, NonStrict, "it sent 405 without Allow (RFC 9110 §15.5.6)"),
            Some(_) if status == want => (Ok, Ok, ""),
            Some(400..600) => (Ok, NonStrict, "it refused with another status"),
            Some(_) if case.verdict.ends_with("Missing") => {
                (Informational, NonStrict, "it took it for another request")
            }
            Some(_) => (NonStrict, NonStrict, "it answered without an error"),
        };
        self.conclude(tolerant, Ok, strict, why.into());
    }
}

/// Clients that must refuse the response.
impl Tester {
    fn next_answered(&mut self) -> Option<Next> {
        let Stage::Answered { is_open_ended, is_whole, bytes } = &mut self.stage else {
            return None;
        };
        // A client may wait for the rest of a head, as long as there can be one.
        let may_wait = !*is_whole && !*is_open_ended;
        let is_open_ended = *is_open_ended;
        let bytes = std::mem::take(bytes);
        if b"GET ".starts_with(&bytes[..bytes.len().min(4)]) && !bytes.is_empty() {
            self.seen = "another request".into();
            self.conclude(Verdict::Ok, Verdict::Ok, Verdict::Ok, String::new());
            return None;
        }
        let is_wrong = self.decoder.read(&bytes, &mut self.got, &mut self.log).is_err();
        if is_wrong || self.close_and_rest().1.iter().any(|got| matches!(got, Got::Message { .. }))
        {
            self.seen = "an open connection".into();
            self.by_level("it accepted the response");
            return None;
        }
        if self.is_ended && may_wait && self.has_shut_down {
            self.seen = "the end of the connection, after that of ours".into();
            let verdict = Verdict::Informational;
            let why = "it waited for the rest of the head";
            self.conclude(verdict, Verdict::Ok, verdict, why.into());
            return None;
        }
        if self.is_ended {
            self.seen = "the end of the connection".into();
            let strict = match self.got.is_empty() {
                true => (Verdict::Ok, ""),
                false => (Verdict::NonStrict, "it sent a Close frame, as if it had been open"),
            };
            self.conclude(Verdict::Ok, Verdict::Ok, strict.0, strict.1.into());
            return None;
        }
        if is_open_ended && !self.has_shut_down {
            return Some(Next::Shutdown);
        }
        if !self.is_quiet {
            let is_short = may_wait && !self.has_shut_down;
            return Some(Next::Wait(if is_short { Patience::Short } else { Patience::Long }));
        }
        if may_wait && !self.has_shut_down {
            return Some(Next::Shutdown);
        }
        self.timed_out = true;
        self.seen = "nothing".into();
        self.by_level("it did not end the connection in time");
        None
    }
}

/// Conclusions.
impl Tester {
    /// Describes what has come, and whether more could have: a verdict may need no more.
    fn describe_input(&self) -> String {
        let got = listed(self.got.iter().map(|got| format!("{got:?}")), "then ");
        match (got.is_empty(), self.is_ended, self.is_quiet) {
            (true, true, _) => "the end of the connection".into(),
            (true, false, true) => "nothing, and the connection stayed open".into(),
            (true, false, false) => "nothing".into(),
            (false, true, _) => format!("{got}, then the end of the connection"),
            (false, false, true) => format!("{got}, and the connection stayed open"),
            (false, false, false) => got,
        }
    }

    fn fail(&mut self, reason: String) {
        self.conclude(Verdict::Failed, Verdict::Failed, Verdict::Failed, reason);
    }

    fn unimplemented(&mut self, reason: &str) {
        let verdict = Verdict::Unimplemented;
        self.conclude(verdict, Verdict::Ok, verdict, reason.to_owned());
    }

    /// Concludes that something else happened than was expected. The level of the case decides how
    /// bad that is.
    fn by_level(&mut self, reason: &str) {
        let (tolerant, strict) = match self.level {
            Level::Must => (Verdict::Failed, Verdict::Failed),
            Level::Should => (Verdict::NonStrict, Verdict::Failed),
            Level::May => (Verdict::Informational, Verdict::Informational),
        };
        self.conclude(tolerant, Verdict::Ok, strict, reason.to_owned());
    }

    fn conclude(&mut self, behavior: Verdict, closing: Verdict, strict: Verdict, reason: String) {
        if self.is_done() {
            return;
        }
        let (close_code, _) = self.close_and_rest();
        let close_code = close_code.flatten();
        let reason = shortened(reason);
        let mut seen = std::mem::take(&mut self.seen);
        if seen.is_empty() || !self.got.is_empty() {
            seen = self.describe_input();
            if self.rounds > 0 {
                seen = format!("{} messages that were right, then {seen}", self.rounds);
            }
        }
        self.output.clear();
        self.stage = Stage::Done(Box::new(Outcome {
            behavior,
            closing,
            strict,
            expected: std::mem::take(&mut self.wanted),
            seen,
            reason,
            close_code,
            timed_out: self.timed_out,
            has_opened: self.has_opened,
            has_spoken: !self.got.is_empty(),
            has_differed: self.has_differed,
            log: WireLog::default(),
        }));
    }
}

/// The bytes to be sent, and how they are split into pieces.
struct Output {
    bytes: Vec<u8>,
    at: usize,
    /// The end of the piece that is being sent.
    piece_end: usize,
    /// The end of the head, which is sent in one piece.
    head_end: usize,
    /// The ends of frames.
    borders: VecDeque<usize>,
    pieces: Pieces,
    random: Random,
}

impl Output {
    fn new(pieces: Pieces) -> Self {
        Self {
            bytes: Vec::new(),
            at: 0,
            piece_end: 0,
            head_end: 0,
            borders: VecDeque::new(),
            pieces,
            random: Random::new(if let Pieces::Random(seed) = pieces { seed } else { 1 }),
        }
    }

    fn set_pieces(&mut self, pieces: Pieces) {
        self.pieces = pieces;
        self.random = Random::new(if let Pieces::Random(seed) = pieces { seed } else { 1 });
    }

    fn head(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.head_end = self.bytes.len();
        self.border();
    }

    fn border(&mut self) {
        self.borders.push_back(self.bytes.len());
    }

    fn piece(&self) -> &[u8] {
        &self.bytes[self.at..self.piece_end]
    }

    /// Chooses the next piece, if the last one has been sent.
    fn split(&mut self) {
        let rest = self.bytes.len() - self.at;
        if self.at < self.piece_end || rest == 0 {
            return;
        }
        while self.borders.front().is_some_and(|&border| border <= self.at) {
            self.borders.pop_front();
        }
        let len = match self.pieces {
            _ if self.at < self.head_end => self.head_end - self.at,
            Pieces::Whole => rest,
            Pieces::Frames => self.borders.front().map_or(rest, |border| border - self.at),
            Pieces::Of(len) => len,
            Pieces::Random(_) => self.random.piece(rest),
        };
        self.piece_end = self.at + len.clamp(1, rest);
    }

    fn advance(&mut self, len: usize) {
        self.at = (self.at + len).min(self.piece_end);
        if self.at == self.bytes.len() {
            self.clear();
        } else {
            self.split();
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.borders.clear();
        (self.at, self.piece_end, self.head_end) = (0, 0, 0);
    }
}
