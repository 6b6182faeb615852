//! Group `http2`: WebSocket over a stream of HTTP/2 (RFC 8441), for servers.
//!
//! The driver speaks HTTP/2. It opens a connection, and for each case a stream of its own, with the
//! list that [`Tester::stream_request`](crate::Tester::stream_request) returns. What is tested is
//! the extended CONNECT, and what the stream stands for after it.

use crate::case::{Case, Group, Level};
use crate::handshake::{Connect, Doors, connect_requests};
use crate::random::Pieces;
use crate::tester::Act::{Closes, Comes, Ends, Frame, Header, Payload, Reset, Shutdown};
use crate::tester::{Act, Acts, When};
use crate::wire::Got;

/// More than the windows that HTTP/2 begins with (RFC 9113 §6.9.2), several times.
const LONG: usize = 300_000;
/// A number of zeros that can be compressed in no time.
const ZEROS: usize = 1 + 258 * 4;

/// Requests that are not sent. Most ask for another resource, host or scheme than that of the
/// server under test, which it need not have. The last says that no DATA follows (RFC 9113 §8.1.1).
const LEFT_OUT: [&str; 9] = [
    "good/http",
    "good/root",
    "good/two-slashes",
    "good/port",
    "good/ipv6",
    "host/same-by-default-port",
    "host/default-of-the-other",
    "host/other-port",
    "body/none",
];

/// Returns the requests that can be sent to any server. A stack of HTTP/2 does not send those that
/// the types of `http` cannot hold, nor the fields of a connection.
fn requests() -> impl Iterator<Item = Connect> {
    let is_meant = |case: &Connect| {
        case.doors == Doors::All
            // Servers have origin policies of their own.
            && case.setting.1 == "any"
            && !LEFT_OUT.contains(&case.id)
            && (!case.id.starts_with("connection/") || case.id == "connection/te-trailers")
    };
    connect_requests().into_iter().filter(is_meant)
}

fn text(text: &str) -> Act {
    Frame(0x81, text.into())
}

fn echo(text: &str) -> Act {
    Comes(Got::Message { binary: false, payload: text.into() })
}

fn close() -> Act {
    Frame(0x88, 1000_u16.to_be_bytes().to_vec())
}

/// Adds Close frames. The end of the stream is left to the cases that are about it.
fn closed(before: Vec<Act>) -> Vec<Act> {
    [before, vec![close(), Closes(&[1000])]].concat()
}

fn acts(acts: Vec<Act>, expected: &str) -> Acts {
    Acts {
        acts,
        role: Some(crate::Role::Server),
        head: None,
        pieces: Pieces::Whole,
        deflates: false,
        expected: expected.to_owned(),
        others: None,
    }
}

/// Returns two cases for one other WebSocket of the same connection: what it does before and after
/// the case that wants it. The second goes on where the first has stopped.
pub fn neighbour() -> [Case; 2] {
    let case = |id: &str, list: Vec<Act>| {
        let acts = acts(list, "an echo");
        Case::acts(Group::Http2, id, "another stream", "RFC 9113 §5", Level::Must, acts)
    };
    let after = closed(vec![text("after"), echo("after")]);
    [case("neighbour-before", vec![text("before"), echo("before")]), case("neighbour-after", after)]
}

pub(crate) fn cases() -> impl Iterator<Item = Case> + Send {
    let requests = requests().collect::<Vec<_>>().into_iter();
    std::iter::once(Case::settings()).chain(streams()).chain(requests.map(Case::connect))
}

fn streams() -> Vec<Case> {
    use Level::{Must, Should};
    let mut cases = Vec::new();
    let mut add = |id: &str, title: &str, section: &'static str, level, acts: Acts| {
        cases.push(Case::acts(Group::Http2, id, title, section, level, acts));
    };
    let beside = |list: Vec<Act>, expected: &str| Acts {
        others: Some(When::Meanwhile),
        ..acts(list, expected)
    };
    let binary = |byte: u8| Got::Message { binary: true, payload: vec![byte; LONG] };
    let zeros = Got::Message { binary: true, payload: vec![0; ZEROS] };
    let ending = "the messages, then Close 1000";

    add(
        "echo",
        "messages over a stream",
        "RFC 8441 §5",
        Must,
        acts(closed(vec![text("a"), echo("a"), text("b"), echo("b")]), ending),
    );
    add(
        "end",
        "a Close frame is answered, and the server ends the stream",
        "RFC 8441 §5",
        Must,
        acts(vec![close(), Closes(&[1000]), Ends], "Close 1000, then END_STREAM"),
    );
    add(
        "half-closed",
        "a Close frame is answered also if END_STREAM comes with it",
        "RFC 8441 §5",
        Must,
        acts(vec![close(), Shutdown, Closes(&[1000]), Ends], "Close 1000, then END_STREAM"),
    );
    add(
        "end-without-close",
        "END_STREAM without a Close frame is the end of the transport",
        "RFC 8441 §5",
        Should,
        acts(vec![text("a"), echo("a"), Shutdown, Ends], "the message, then END_STREAM"),
    );
    add(
        "violation",
        "a violation fails the connection, which is the stream alone",
        "RFC 6455 §7.1.7",
        Should,
        beside(
            vec![Frame(0x83, Vec::new()), Closes(&[1002])],
            "Close 1002; another stream goes on",
        ),
    );
    let split = acts(closed(vec![text("split"), echo("split")]), ending);
    add(
        "split",
        "a frame in many DATA frames, of one byte each",
        "RFC 8441 §5",
        Must,
        Acts { pieces: Pieces::Of(1), ..split },
    );
    let all = (0..20).map(|i| format!("message {i}"));
    let list = all.clone().map(|it| text(&it)).chain(all.map(|it| echo(&it))).collect();
    add("joined", "many frames in one DATA frame", "RFC 8441 §5", Must, acts(closed(list), ending));
    add(
        "window",
        "a message longer than the windows of flow control",
        "RFC 9113 §5.2",
        Must,
        acts(closed(vec![Frame(0x82, vec![1; LONG]), Comes(binary(1))]), ending),
    );
    add(
        "compression",
        "permessage-deflate over a stream",
        "RFC 8441 §5",
        Must,
        Acts { deflates: true, ..acts(closed(vec![Act::Bomb(ZEROS), Comes(zeros)]), ending) },
    );
    let other = "the messages, then Close 1000; another stream goes on";
    add(
        "two-streams",
        "two WebSockets on one connection",
        "RFC 9113 §5",
        Must,
        beside(closed(vec![text("a"), echo("a")]), other),
    );
    add(
        "two-streams-window",
        "two WebSockets on one connection, after a long message on one of them",
        "RFC 9113 §5.2",
        Must,
        beside(closed(vec![Frame(0x82, vec![2; LONG]), Comes(binary(2))]), other),
    );
    add(
        "reset",
        "RST_STREAM with CANCEL ends nothing but its stream",
        "RFC 8441 §5",
        Must,
        beside(vec![text("a"), echo("a"), Reset], "another stream goes on"),
    );
    add(
        "reset-in-frame",
        "RST_STREAM with CANCEL within a frame ends nothing but its stream",
        "RFC 8441 §5",
        Must,
        beside(
            vec![text("a"), echo("a"), Header(0x82, 70_000), Payload(vec![0; 1000]), Reset],
            "another stream goes on",
        ),
    );
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exclusion_is_a_request() {
        let all: Vec<_> = connect_requests().iter().map(|case| case.id).collect();
        assert!(LEFT_OUT.iter().all(|id| all.contains(id)));
    }
}
