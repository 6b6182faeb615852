//! Servers over a stream of HTTP/2: the extended CONNECT (RFC 8441 §5), and its answer.

use std::sync::Arc;

use super::{Next, Patience, Stage, Tester};
use crate::case::{Case, Level, Plan, Role};
use crate::handshake::{Connect, Fields};
use crate::http::Head;
use crate::log::Direction;
use crate::opening::{Agreed, Target};
use crate::outcome::{Outcome, Verdict};

/// A request that waits for its answer.
pub(super) struct Connecting {
    list: Fields,
    /// The request that is tested, if the case is about the handshake.
    case: Option<Arc<Connect>>,
}

impl Tester {
    /// Tests a server over a stream of HTTP/2. The driver sends
    /// [`stream_request`](Self::stream_request), and reports the answer with
    /// [`responded`](Self::responded), [`broken`](Self::broken) or [`quiet`](Self::quiet). Then the
    /// DATA of the stream is what is fed and sent, and END_STREAM is the end of input and output.
    ///
    /// Call it when the server's settings have allowed extended CONNECT (RFC 8441 §3). Otherwise,
    /// [`unsupported`](Self::unsupported) is the outcome.
    pub fn of_stream(case: &Case, target: &Target, is_secure: bool) -> Self {
        let mut tester = Self::of_open_stream(case);
        let (list, head) = match &case.plan {
            Plan::Settings => {
                tester.seen = "SETTINGS_ENABLE_CONNECT_PROTOCOL of 1".into();
                tester.conclude(Verdict::Ok, Verdict::Ok, Verdict::Ok, String::new());
                return tester;
            }
            Plan::Connect(head) => (target.edited_connect(head, is_secure), Some(Arc::clone(head))),
            _ => {
                let offer = tester.script.compression.map(|compression| compression.offer);
                (target.connect(is_secure, offer), None)
            }
        };
        tester.log_fields(Direction::Sent, &list, "CONNECT");
        tester.stage = Stage::Connecting(Box::new(Connecting { list, case: head }));
        tester
    }

    /// Goes on with a stream on which a WebSocket is open.
    pub fn of_open_stream(case: &Case) -> Self {
        let mut tester = Self::new(case, Role::Server);
        tester.log.turn_on();
        tester.is_stream = true;
        tester
    }

    /// Returns the header list to send, as it is. `None`: the case needs no stream.
    pub fn stream_request(&self) -> Option<&Fields> {
        match &self.stage {
            Stage::Connecting(connecting) => Some(&connecting.list),
            _ => None,
        }
    }

    /// Reports the final response to [`stream_request`](Self::stream_request).
    pub fn responded(&mut self, status: u16, fields: &[(&str, &[u8])]) {
        let pseudo: (Vec<u8>, Vec<u8>) = (":status".into(), status.to_string().into());
        let list = fields.iter().map(|(name, value)| ((*name).into(), value.to_vec()));
        let list: Fields = std::iter::once(pseudo).chain(list).collect();
        self.log_fields(Direction::Received, &list, "response");
        let stage = std::mem::replace(&mut self.stage, Stage::Script);
        let Stage::Connecting(connecting) = stage else {
            self.stage = stage;
            return;
        };
        self.seen = format!("status {status}");
        let head = Head::of_fields(fields);
        let is_success = (200..300).contains(&status);
        match &connecting.case {
            Some(case) if case.verdict != "open" => {
                return self.judge_connect(case, Some((status, &head)));
            }
            Some(_) if !is_success => return self.by_level("it refused the request"),
            None if !is_success => {
                return self.fail(format!("the opening handshake failed with status {status}"));
            }
            _ => {}
        }
        match self.check_connected(&head, &connecting.list) {
            Ok(()) => {
                self.has_opened = true;
                self.seen.clear();
            }
            Err(why) => self.fail(format!("it {why}")),
        }
    }

    /// Returns the outcome of a case if the server lacks what it is about.
    pub fn unsupported(case: &Case, why: &str) -> Outcome {
        let mut tester = Self::of_open_stream(case);
        tester.seen = why.to_owned();
        tester.unimplemented(why);
        tester.outcome("")
    }

    /// Checks what the server has chosen (RFC 6455 §4.1, as RFC 8441 §5 has it).
    fn check_connected(&mut self, head: &Head, list: &Fields) -> Result<(), String> {
        let offered = |name: &str| {
            let lines = list.iter().filter(|(other, _)| other == name.as_bytes());
            let lines = lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
            lines.collect::<Vec<_>>().join(",")
        };
        if let Some(chosen) = head.joined("sec-websocket-protocol") {
            let subprotocols = offered("sec-websocket-protocol");
            if !subprotocols.split(',').any(|name| name.trim() == chosen) {
                return Err(format!("chose the subprotocol {chosen:?}, which was not offered"));
            }
        }
        let extensions = head.joined("sec-websocket-extensions");
        let names = super::extensions(&offered("sec-websocket-extensions"));
        if extensions.as_ref().is_some_and(|agreed| !super::are_among(agreed, &names)) {
            return Err("agreed to an extension that was not offered".into());
        }
        match (self.script.compression, extensions) {
            (None, _) => {}
            (Some(_), None) => self.unimplemented("it declined permessage-deflate"),
            (Some(compression), Some(extensions)) => match Agreed::read(&extensions) {
                None => return Err(format!("agreed to {extensions:?}")),
                Some(agreed) if agreed.honours(compression.offer) => self.compress(agreed),
                Some(_) => {
                    let why = format!("it agreed to other parameters: {extensions:?}");
                    self.unimplemented(&why);
                }
            },
        }
        Ok(())
    }

    pub(super) fn next_connecting(&mut self) -> Option<Next> {
        let Stage::Connecting(connecting) = &self.stage else { return None };
        let case = connecting.case.clone();
        let is_refused = case.as_ref().filter(|case| case.verdict != "open");
        if self.is_ended {
            let why = self.broken.clone().unwrap_or_else(|| "END_STREAM".into());
            self.seen = format!("no response: {why}");
            match (is_refused, &case) {
                (Some(refused), _) => self.judge_connect(refused, None),
                (None, Some(_)) => self.by_level("it refused the request"),
                (None, None) => self.fail("the opening handshake failed without a response".into()),
            }
            return None;
        }
        if !self.is_quiet {
            return Some(Next::Wait(Patience::Long));
        }
        self.timed_out = true;
        self.seen = "no answer".into();
        let why = "it did not answer the request in time";
        match case {
            Some(_) => self.by_level(why),
            None => self.fail(why.into()),
        }
        None
    }

    /// Concludes from the answer to a request that must be refused. `None`: the stream was reset.
    fn judge_connect(&mut self, case: &Connect, answer: Option<(u16, &Head)>) {
        use Verdict::{Failed, Informational, NonStrict, Ok};
        let want = case.verdict.split(' ').next().and_then(|word| word.parse().ok());
        // A request that is not a WebSocket handshake may be a good request of another kind.
        let is_other = case.verdict.ends_with("Missing");
        let (tolerant, strict, why) = match answer {
            Some((200..300, _)) if !is_other => return self.by_level("it accepted the request"),
            // A stream error is the answer to a malformed request (RFC 9113 §8.1.1).
            None if is_malformed(case) || case.level == Level::May => (Ok, Ok, ""),
            None => (NonStrict, NonStrict, "it reset the stream without a response"),
            Some((_, head))
                if case.verdict.ends_with(" ConnectVersion")
                    && case.id != "version/missing"
                    && !head.lists("sec-websocket-version", "13") =>
            {
                (Failed, Failed, "it did not name the version that it speaks (RFC 6455 §4.4)")
            }
            Some((status, _)) if Some(status) == want => (Ok, Ok, ""),
            Some((400..600, _)) => (Ok, NonStrict, "it refused with another status"),
            Some(_) if is_other => (Informational, NonStrict, "it took it for another request"),
            Some(_) => (NonStrict, NonStrict, "it answered without an error"),
        };
        self.conclude(tolerant, Ok, strict, why.into());
    }

    fn log_fields(&mut self, direction: Direction, list: &Fields, what: &str) {
        let mut bytes = Vec::new();
        for (name, value) in list {
            bytes.extend([&name[..], b": ", value, b"\r\n"].concat());
        }
        let count = list.len();
        self.log.add(direction, &bytes, bytes.len(), || format!("{what} ({count} fields)"));
    }
}

/// Returns whether a request is malformed in HTTP/2 already, whatever it asks for.
fn is_malformed(case: &Connect) -> bool {
    case.section.starts_with("RFC 9113")
        // RFC 9113 §8.3.1, also if it is no host.
        || case.id.starts_with("host/")
        || ["RFC 8441 §4", "RFC 9110 §8.6", "RFC 9110 §9.1", "RFC 9110 §9.3.6"]
            .contains(&case.section)
}
