//! Group `closing`: how connections end, and what becomes of the transport.

use crate::case::{Case, Group, Level, Role};
use crate::random::Pieces;
use crate::tester::Act::{Closes, Comes, Ends, Fails, Frame, Header, Payload, Reset, Shutdown};
use crate::tester::{Act, Acts, When};
use crate::wire::Got;

const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();
const AWAY: [u8; 2] = 1001_u16.to_be_bytes();

fn close() -> Act {
    Frame(0x88, NORMAL.to_vec())
}

fn text(text: &str) -> Act {
    Frame(0x81, text.into())
}

fn echo(text: &str) -> Act {
    Comes(Got::Message { binary: false, payload: text.into() })
}

pub(crate) fn cases() -> Vec<Case> {
    use Level::{Must, Should};
    const ANSWER: Act = Closes(&[1000]);
    let mut cases = Vec::new();
    // A server ends the transport; a client may wait for the server to do it.
    let mut add = |id: &str, title: &str, section, level, expected: &str, mut acts: Vec<Act>| {
        let others = matches!(acts.last(), Some(Reset)).then_some(When::Afterwards);
        for role in Role::BOTH {
            let suffix = if role == Role::Server { "server" } else { "client" };
            if role == Role::Client && matches!(acts.last(), Some(Ends)) {
                acts.insert(acts.len() - 1, Shutdown);
            }
            let acts = Acts {
                acts: acts.clone(),
                role: Some(role),
                head: None,
                pieces: Pieces::Whole,
                deflates: false,
                expected: expected.to_owned(),
                others,
            };
            let id = format!("{id}/{suffix}");
            cases.push(Case::acts(Group::Closing, &id, title, section, level, acts));
        }
    };
    add(
        "answered",
        "a Close frame is answered, and the server ends the transport",
        "RFC 6455 §5.5.1",
        Must,
        "Close 1000, then the end of the transport",
        vec![close(), ANSWER, Ends],
    );
    add(
        "and-half-closed",
        "a Close frame is answered also if the transport is half closed after it",
        "RFC 6455 §5.5.1",
        Must,
        "Close 1000, then the end of the transport",
        vec![close(), Shutdown, ANSWER, Ends],
    );
    add(
        "half-closed",
        "a transport that is half closed without a Close frame is lost",
        "RFC 6455 §7.2.1",
        Should,
        "the end of the transport",
        vec![text("a"), echo("a"), Shutdown, Ends],
    );
    add(
        "half-closed-in-frame",
        "a transport that is half closed within a frame is lost",
        "RFC 6455 §7.2.1",
        Should,
        "the end of the transport, and nothing of the frame",
        vec![Header(0x81, 10), Payload(b"abc".to_vec()), Shutdown, Ends],
    );
    add(
        "data-after",
        "data after a Close frame is discarded",
        "RFC 6455 §1.4",
        Should,
        "Close 1000, no message, then the end of the transport",
        vec![close(), text("late"), ANSWER, Ends],
    );
    add(
        "ping-after",
        "a ping after a Close frame needs no pong, least of all after the answer to it",
        "RFC 6455 §5.5.2",
        Should,
        "Close 1000, then the end of the transport",
        vec![close(), Frame(0x89, b"late".to_vec()), ANSWER, Ends],
    );
    add(
        "twice",
        "two Close frames are answered once",
        "RFC 6455 §5.5.1",
        Must,
        "Close 1000, then the end of the transport",
        vec![close(), Frame(0x88, AWAY.to_vec()), Closes(&[1000, 1001]), Ends],
    );
    // The answer usually has the same code (§5.5.1). Another one, such as 1002, calls a violation
    // what every endpoint must be capable of.
    add(
        "in-fragments",
        "a Close frame may stand between fragments",
        "RFC 6455 §5.4",
        Must,
        "Close 1000, then the end of the transport",
        vec![Frame(0x01, b"begun".to_vec()), close(), ANSWER, Ends],
    );
    let sent = (0..20).map(|i| format!("message {i}"));
    let mut acts: Vec<Act> = sent.clone().map(|it| text(&it)).collect();
    acts.push(close());
    acts.extend(sent.map(|it| echo(&it)));
    acts.extend([ANSWER, Ends]);
    add(
        "pending",
        "what came before a Close frame is answered before it",
        "RFC 6455 §5.5.1",
        Should,
        "the messages, Close 1000, then the end of the transport",
        acts,
    );
    add(
        "unanswered",
        "a failed connection ends without an answer to the Close frame",
        "RFC 6455 §7.1.7",
        Must,
        "Close 1002, then the end of the transport",
        vec![Frame(0x83, Vec::new()), Fails(&[1002]), Ends],
    );
    add(
        "reset",
        "a reset ends nothing but its connection",
        "RFC 6455 §7.2.1",
        Must,
        "another connection is served afterwards",
        vec![text("a"), echo("a"), Reset],
    );
    add(
        "reset-in-frame",
        "a reset within a frame ends nothing but its connection",
        "RFC 6455 §7.2.1",
        Must,
        "another connection is served afterwards",
        vec![text("a"), echo("a"), Header(0x82, 70_000), Payload(vec![0; 1000]), Reset],
    );
    cases
}
