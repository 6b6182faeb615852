//! Acts: the steps of cases in which the transport or the timing matters.

use super::{Patience, Stage, Tester};
use crate::case::Role;
use crate::deflate::zeros;
use crate::outcome::Verdict;
use crate::random::Pieces;
use crate::script::Leeway;
use crate::tester::Next;
use crate::wire::{Got, counted, describe, describe_header};

/// About how many bytes of a flood are encoded at once.
const CHUNK: usize = 64 << 10;

/// A step of a case.
#[derive(Clone)]
pub(crate) enum Act {
    /// Send a frame with this first byte.
    Frame(u8, Vec<u8>),
    /// Send a frame's header alone.
    Header(u8, usize),
    /// Send some of the payload that was announced.
    Payload(Vec<u8>),
    /// Send a compressed message of so many zeros.
    Bomb(usize),
    /// Send bytes as they are, so many times, or until the connection is over.
    Flood { unit: Vec<u8>, times: usize },
    /// Read nothing from now on.
    StopReading,
    /// End our output.
    Shutdown,
    /// Reset the connection. This must be the last act.
    Reset,
    /// Expect this next.
    Comes(Got),
    /// Expect a Close frame next, with one of these codes or without a code.
    Closes(&'static [u16]),
    /// Expect that it fails the connection next, with one of these codes, without a code or, which
    /// is not strict, without a Close frame.
    Fails(&'static [u16]),
    /// Expect the end of its output next. Only a Close frame may come first.
    Ends,
    /// Look whether it has failed the connection by now. The text names this place.
    Early(&'static str),
    /// Expect that it has failed the connection by now, with 1007 or without a code.
    Refuses1007,
    /// Report whether it refuses what was sent. Both are allowed, but a flood in a head should be
    /// refused.
    MayRefuse,
}

/// The acts of a case.
#[derive(Clone)]
pub(crate) struct Acts {
    pub(crate) acts: Vec<Act>,
    /// The role that is tested. `None`: both.
    pub(crate) role: Option<Role>,
    /// The bytes that are sent instead of a request. Then the input is not read as frames.
    pub(crate) head: Option<Vec<u8>>,
    /// The pieces of the output between two waits. Over HTTP/2, each piece is a DATA frame.
    pub(crate) pieces: Pieces,
    pub(crate) deflates: bool,
    pub(crate) expected: String,
    /// When another connection must be served, if that is part of the case.
    pub(crate) others: Option<When>,
}

/// The time at which another connection must be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// During the case, and after it.
    Meanwhile,
    /// After the case.
    Afterwards,
}

impl Acts {
    pub(crate) fn describe(&self) -> String {
        let mut list: Vec<String> = Vec::new();
        if let Some(head) = &self.head {
            let start = &head[..head.len().min(20)];
            list.push(format!("\"{}\"... as a request", start.escape_ascii()));
        }
        let all = self.acts.iter().filter_map(|act| {
            Some(match act {
                Act::Frame(first, payload) => describe(*first, payload),
                Act::Header(first, len) => describe_header(*first, *len),
                Act::Payload(payload) => format!("{} of it", counted(payload.len(), "byte")),
                Act::Bomb(len) => format!("{len} zeros, compressed"),
                Act::Flood { unit, times } => {
                    format!("{}, {times} times", counted(unit.len(), "byte"))
                }
                Act::StopReading => "(nothing is read from here on)".into(),
                Act::Shutdown => "the end of our output".into(),
                Act::Reset => "a reset".into(),
                _ => return None,
            })
        });
        list.extend(all);
        crate::script::listed(list.into_iter(), "then ")
    }

    /// Returns about how many bytes are sent, or come out of a bomb.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |act: &Act| match act {
            Act::Frame(_, payload) | Act::Payload(payload) => payload.len(),
            Act::Bomb(len) => *len,
            Act::Flood { unit, times } => unit.len() * times,
            _ => 0,
        };
        self.acts.iter().map(bytes).sum()
    }

    /// Returns the payloads of the pings.
    pub(crate) fn pings(&self) -> Vec<Vec<u8>> {
        let ping = |act: &Act| match act {
            Act::Frame(first, payload) if first & 0x0f == 9 => Some(payload.clone()),
            _ => None,
        };
        self.acts.iter().filter_map(ping).collect()
    }
}

/// The progress through the acts of a case.
pub(super) struct Acting {
    acts: std::vec::IntoIter<Act>,
    /// The act in progress, if it goes on after a wait.
    now: Option<Act>,
    /// How many [`Act::Early`] have passed without a failed connection.
    early: usize,
    /// How many bytes of a flood have been encoded.
    flooded: usize,
    pub(super) is_deaf: bool,
    pub(super) resets: bool,
    /// The input, if it is not read as frames.
    pub(super) raw: Option<Vec<u8>>,
}

impl Acting {
    pub(super) fn new(acts: &Acts) -> Self {
        Self {
            acts: acts.acts.clone().into_iter(),
            now: None,
            early: 0,
            flooded: 0,
            is_deaf: false,
            resets: false,
            raw: acts.head.as_ref().map(|_| Vec::new()),
        }
    }

    /// Returns whether all output must be sent before the next act.
    pub(super) fn is_about_to_wait(&self) -> bool {
        let next = self.now.as_ref().or(self.acts.as_slice().first());
        !matches!(next, Some(Act::Frame(..) | Act::Header(..) | Act::Payload(_) | Act::Bomb(_)))
    }
}

impl Tester {
    /// Returns whether the driver may read. Some cases are about a peer that does not.
    pub fn reads(&self) -> bool {
        self.acting.as_ref().is_none_or(|acting| !acting.is_deaf)
    }

    /// Returns whether the driver must reset the transport at the end, instead of closing it.
    pub fn resets(&self) -> bool {
        self.acting.as_ref().is_some_and(|acting| acting.resets)
    }

    /// Runs the next act, or goes on with the one in progress.
    pub(super) fn next_act(&mut self) -> Option<Next> {
        let acting = self.acting.as_mut()?;
        let act = acting.now.take().or_else(|| acting.acts.next());
        let Some(act) = act else {
            self.conclude(Verdict::Ok, Verdict::Ok, Verdict::Ok, String::new());
            return None;
        };
        match act {
            Act::Frame(first, payload) => self.frame(first, &payload),
            Act::Header(first, len) => self.encoder.header(first, len, &mut self.output.bytes),
            Act::Payload(payload) => self.encoder.payload(&payload, &mut self.output.bytes),
            Act::Bomb(len) => self.frame(0xc2, &zeros(len)),
            Act::Flood { unit, times } => self.flood(unit, times),
            Act::StopReading => acting.is_deaf = true,
            Act::Shutdown => return Some(Next::Shutdown),
            Act::Reset => acting.resets = true,
            Act::Comes(ref want) => {
                let want = want.clone();
                return self.wait_for(act, |got| *got == want, &format!("{want:?}"));
            }
            // RFC 6455 §7.1.7: it should send one.
            Act::Fails(_) if self.is_ended && self.got.len() == self.compared => {
                let why = "it failed the connection without a Close frame";
                self.conclude(Verdict::Ok, Verdict::Ok, Verdict::NonStrict, why.into());
            }
            Act::Closes(codes) | Act::Fails(codes) => {
                let is_one = |got: &Got| match got {
                    Got::Close { code: Some(code), .. } => codes.contains(code),
                    Got::Close { code: None, .. } => true,
                    _ => false,
                };
                let list: Vec<_> = codes.iter().map(u16::to_string).collect();
                return self.wait_for(act, is_one, &format!("Close {}", list.join(" or ")));
            }
            Act::Ends => return self.next_end(act),
            Act::Early(place) => return self.next_early(act, Some(place)),
            Act::Refuses1007 => return self.next_early(act, None),
            Act::MayRefuse => return self.next_refusal(act),
        }
        None
    }

    /// Waits, and goes on with this act afterwards.
    fn again(&mut self, act: Act, patience: Patience) -> Option<Next> {
        if let Some(acting) = &mut self.acting {
            acting.now = Some(act);
        }
        Some(Next::Wait(patience))
    }

    fn flood(&mut self, unit: Vec<u8>, times: usize) {
        let count = times.min(CHUNK / unit.len().max(1) + 1);
        let is_over = self.is_over() || self.is_mute;
        let Some(acting) = &mut self.acting else { return };
        if is_over || times == 0 {
            return;
        }
        for _ in 0..count {
            self.output.bytes.extend_from_slice(&unit);
        }
        acting.flooded += count * unit.len();
        acting.now = Some(Act::Flood { unit, times: times - count });
    }

    fn wait_for(&mut self, act: Act, is_it: impl Fn(&Got) -> bool, want: &str) -> Option<Next> {
        match self.got.get(self.compared) {
            Some(got) if is_it(got) => self.compared += 1,
            Some(got) => self.by_level(&format!("{got:?} came instead of {want}")),
            None if self.is_over() => {
                self.by_level(&format!("it ended the connection instead of {want}"));
            }
            None if self.is_quiet => {
                self.timed_out = true;
                let why = format!("{want} did not come");
                // Whatever the level: a Close frame must be answered, and a violation must end the
                // connection (RFC 6455 §5.5.1, §7.1.7).
                match act {
                    Act::Closes(_) | Act::Fails(_) => self.fail(why),
                    _ => self.by_level(&why),
                }
            }
            None => return self.again(act, Patience::Long),
        }
        None
    }

    fn next_end(&mut self, act: Act) -> Option<Next> {
        match self.got.get(self.compared) {
            // A Close frame before the end is no finding here, whatever its code.
            Some(Got::Close { .. }) => self.compared += 1,
            Some(got) => {
                let why = format!("{got:?} came instead of the end");
                self.by_level(&why);
                return None;
            }
            None => {}
        }
        if let (Some(why), true) = (&self.broken, self.is_stream) {
            let why = format!("it did not end the stream with END_STREAM: {why}");
            self.by_level(&why);
            return None;
        }
        if self.is_ended {
            return None;
        }
        if !self.is_quiet {
            return self.again(act, Patience::Long);
        }
        self.timed_out = true;
        self.by_level("it did not end the transport");
        None
    }

    fn next_early(&mut self, act: Act, place: Option<&'static str>) -> Option<Next> {
        if self.close_and_rest().1.iter().any(|got| matches!(got, Got::Message { .. })) {
            self.fail("it passed on a text that is not UTF-8".into());
            return None;
        }
        if self.is_over() {
            let (close, _) = self.close_and_rest();
            let is_first = self.acting.as_ref().is_some_and(|acting| acting.early == 0);
            let place = place.unwrap_or("at the end of the message");
            match close {
                Some(Some(1007) | None) | None if is_first => {
                    self.conclude(Verdict::Ok, Verdict::Ok, Verdict::Ok, String::new());
                }
                Some(Some(1007) | None) | None => {
                    let verdict = Verdict::Informational;
                    let why = format!("it refused the text {place}");
                    self.conclude(verdict, Verdict::Ok, verdict, why);
                }
                Some(Some(_)) => self.by_level("its Close frame has another code than 1007"),
            }
            return None;
        }
        if !self.is_quiet {
            let patience = if place.is_some() { Patience::Short } else { Patience::Long };
            return self.again(act, patience);
        }
        self.is_quiet = false;
        if place.is_none() {
            self.timed_out = true;
            self.fail("it did not refuse a text that is not UTF-8".into());
        } else if let Some(acting) = &mut self.acting {
            acting.early += 1;
        }
        None
    }

    fn next_refusal(&mut self, act: Act) -> Option<Next> {
        let flooded = self.acting.as_ref().map_or(0, |acting| acting.flooded);
        let taken = match flooded {
            0 => String::new(),
            bytes => format!(", after {bytes} bytes"),
        };
        let raw = self.acting.as_ref().and_then(|acting| acting.raw.clone());
        let status = raw
            .as_deref()
            .and_then(|raw| raw.get(..12))
            .map(|start| String::from_utf8_lossy(start).into_owned());
        let is_mute = self.is_mute;
        if let Some(status) = status {
            self.seen = format!("{}{taken}", status.escape_debug());
            let is_error = status.starts_with("HTTP/1.")
                && matches!(status.as_bytes().get(8..10), Some(b" 4" | b" 5"));
            if is_error {
                self.conclude(Verdict::Ok, Verdict::Ok, Verdict::Ok, String::new());
            } else {
                self.by_level("it answered what is no request with something else than an error");
            }
            return None;
        }
        let (close, rest) = self.close_and_rest();
        if rest.iter().any(|got| matches!(got, Got::Message { .. })) {
            let verdict = Verdict::Informational;
            self.conclude(verdict, Verdict::Ok, verdict, format!("it took all of it{taken}"));
            return None;
        }
        if self.is_over() || self.is_ended {
            if raw.is_some() {
                self.seen = format!("the end{taken}");
            }
            match close {
                None | Some(None | Some(1002 | 1008 | 1009 | 1011 | 1013)) => {
                    self.conclude(Verdict::Ok, Verdict::Ok, Verdict::Ok, String::new());
                }
                Some(Some(_)) => self.by_level("its Close frame has another code"),
            }
            return None;
        }
        // It stopped reading, because its output was not read.
        if is_mute {
            self.seen = format!("it took no more{taken}");
            self.conclude(Verdict::Ok, Verdict::Ok, Verdict::Ok, String::new());
            return None;
        }
        if !self.is_quiet {
            return self.again(act, if self.reads() { Patience::Long } else { Patience::Short });
        }
        if raw.is_some() && flooded > 0 {
            // No request needs such a head (RFC 9110 §15.5.15, RFC 6585 §5).
            self.seen = format!("no answer{taken}");
            self.by_level("it took all of the head, and did not refuse it");
            return None;
        }
        let verdict = Verdict::Informational;
        let why = match flooded {
            0 => "it waits for more".into(),
            bytes => format!("it took all of it, {bytes} bytes, and did not refuse it"),
        };
        self.conclude(verdict, Verdict::Ok, verdict, why);
        None
    }

    /// Sends these bytes instead of a request.
    pub(super) fn begin_raw(&mut self, head: &[u8]) {
        self.stage = Stage::Script;
        self.send_head(head);
    }

    /// Prepares for acts, which alone decide what is compared.
    pub(super) fn prepare(&mut self, acts: &Acts) {
        self.acting = Some(Acting::new(acts));
        self.pings = acts.pings();
        self.script.leeway = Leeway::Open;
        self.output.set_pieces(acts.pieces);
        // Leaves room for the replies to a flood.
        self.received_max += 4 * acts.bytes();
    }
}
