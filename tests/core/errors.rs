//! What errors say: the rule, its section, whose fault it is, and what of the input it is about. The sections and close
//! codes are those of the RFCs.

use std::collections::{BTreeSet, HashSet};
use std::error::Error as _;
use std::fmt::Debug;
use std::fs;

use hybi::connection::{Abnormal, Closed};
use hybi::frame::{OpCode, Reserved};
use hybi::keepalive::KeepaliveError;
use hybi::relay::{BudgetError, RelayError};
use hybi::{CloseCode, CutOff, EndOfInputError, Error, ProtocolError, UsageError};

use crate::sources::{root, sources};

#[test]
fn a_violation_says_what_the_peer_did_and_where_the_rule_stands() {
    let opcode = OpCode::PING;
    let table = [
        (ProtocolError::ReservedBits { bits: Reserved::RSV2 }, 1002, "RFC 6455 §5.2", "010"),
        (
            ProtocolError::ReservedOpCode { opcode: OpCode::new(0xb).unwrap() },
            1002,
            "RFC 6455 §5.2",
            "0xb",
        ),
        (ProtocolError::Unmasked, 1002, "RFC 6455 §5.1", "unmasked"),
        (ProtocolError::Masked, 1002, "RFC 6455 §5.1", "masked"),
        (ProtocolError::LengthNotShortest { len: 125 }, 1002, "RFC 6455 §5.2", "125"),
        (ProtocolError::LengthTopBit { len: 1 << 63 }, 1002, "RFC 6455 §5.2", "0x8000000000000000"),
        (ProtocolError::ControlTooLong { opcode }, 1002, "RFC 6455 §5.5", "Ping"),
        (ProtocolError::ControlFragmented { opcode }, 1002, "RFC 6455 §5.5", "Ping"),
        (ProtocolError::ContinuationOfNothing, 1002, "RFC 6455 §5.4", "continuation"),
        (ProtocolError::MessageInsideMessage, 1002, "RFC 6455 §5.4", "message"),
        (ProtocolError::CloseBodyTooShort, 1002, "RFC 6455 §5.5.1", "one byte"),
        (ProtocolError::CloseCode { number: 1005 }, 1002, "RFC 6455 §7.4", "1005"),
        (ProtocolError::CloseReasonNotUtf8, 1007, "RFC 6455 §5.5.1", "reason"),
        (ProtocolError::TextNotUtf8, 1007, "RFC 6455 §8.1", "UTF-8"),
        (ProtocolError::FrameTooBig { len: 70_000 }, 1009, "RFC 6455 §10.4", "70000"),
        (ProtocolError::MessageTooBig { len: 70_000 }, 1009, "RFC 6455 §10.4", "70000"),
        (ProtocolError::TooManyFragments, 1009, "RFC 6455 §10.4", "fragments"),
        (ProtocolError::NotDeflate, 1007, "RFC 7692 §7.2.2", "DEFLATE"),
        (ProtocolError::InflatedTooBig, 1009, "RFC 6455 §10.4", "after decompression"),
        (ProtocolError::ExpansionTooHigh, 1009, "RFC 6455 §10.4", "decompression"),
        (ProtocolError::TooManyFinalBlocks, 1009, "RFC 6455 §10.4", "final blocks"),
    ];
    let mut texts = HashSet::new();
    for (violation, code, section, word) in table {
        let text = violation.to_string();
        assert_eq!(violation.close_code().number(), code, "{text}");
        assert_eq!(violation.section(), section, "{text}");
        assert!(text.starts_with("the peer sent "), "{text}");
        assert!(text.ends_with(&format!(" ({section})")), "{text}");
        assert!(text.contains(word), "{text}");
        assert_eq!(Error::from(violation).to_string(), text);
        assert!(Error::from(violation).source().is_none(), "printed once");
        assert!(texts.insert(text), "each says something else");
    }
}

/// People at the other end read these texts and programs search logs for them, so a change here is one that users see.
#[test]
fn the_close_frame_of_a_violation_names_the_rule_and_nothing_of_the_peers() {
    let (opcode, bits) = (OpCode::PING, Reserved::RSV2);
    let reserved = OpCode::new(0xb).unwrap();
    let table = [
        (
            ProtocolError::ReservedBits { bits },
            "RFC 6455 section 5.2: reserved bits need a negotiated extension",
        ),
        (
            ProtocolError::ReservedOpCode { opcode: reserved },
            "RFC 6455 section 5.2: the opcode is reserved",
        ),
        (ProtocolError::Unmasked, "RFC 6455 section 5.1: a client must mask its frames"),
        (ProtocolError::Masked, "RFC 6455 section 5.1: a server must not mask its frames"),
        (
            ProtocolError::LengthNotShortest { len: 125 },
            "RFC 6455 section 5.2: a length must have its shortest form",
        ),
        (
            ProtocolError::LengthTopBit { len: 1 << 63 },
            "RFC 6455 section 5.2: the top bit of a 64-bit length must be 0",
        ),
        (
            ProtocolError::ControlTooLong { opcode },
            "RFC 6455 section 5.5: a control frame has at most 125 bytes",
        ),
        (
            ProtocolError::ControlFragmented { opcode },
            "RFC 6455 section 5.5: a control frame must not be fragmented",
        ),
        (
            ProtocolError::ContinuationOfNothing,
            "RFC 6455 section 5.4: a continuation frame needs a message in progress",
        ),
        (
            ProtocolError::MessageInsideMessage,
            "RFC 6455 section 5.4: a message must end before another begins",
        ),
        (
            ProtocolError::CloseBodyTooShort,
            "RFC 6455 section 5.5.1: a Close body is empty or begins with a two-byte code",
        ),
        (
            ProtocolError::CloseCode { number: 1005 },
            "RFC 6455 section 7.4: the close code must not be sent",
        ),
        (ProtocolError::CloseReasonNotUtf8, "RFC 6455 section 5.5.1: a close reason must be UTF-8"),
        (ProtocolError::TextNotUtf8, "RFC 6455 section 8.1: a text message must be UTF-8"),
        (
            ProtocolError::FrameTooBig { len: 70_000 },
            "RFC 6455 section 10.4: the frame is longer than this endpoint accepts",
        ),
        (
            ProtocolError::MessageTooBig { len: 70_000 },
            "RFC 6455 section 10.4: the message is longer than this endpoint accepts",
        ),
        (
            ProtocolError::TooManyFragments,
            "RFC 6455 section 10.4: the message has more fragments than this endpoint accepts",
        ),
        (
            ProtocolError::NotDeflate,
            "RFC 7692 section 7.2.2: a compressed message must be DEFLATE data",
        ),
        (
            ProtocolError::InflatedTooBig,
            "RFC 6455 section 10.4: the decompressed message is longer than this endpoint accepts",
        ),
        (
            ProtocolError::ExpansionTooHigh,
            "RFC 6455 section 10.4: the message is compressed more than this endpoint accepts",
        ),
        (
            ProtocolError::TooManyFinalBlocks,
            "RFC 6455 section 10.4: the message has more final blocks than this endpoint accepts",
        ),
    ];
    let mut seen = BTreeSet::new();
    for (violation, want) in table {
        let reason = violation.close_reason();
        assert_eq!(reason, want);
        // RFC 6455 §5.5: 125 bytes, less two for the code. ASCII, so that it can be printed everywhere.
        assert!(reason.is_ascii() && reason.len() <= 123, "{reason}");
        let section = violation.section().replace('§', "section ");
        assert_eq!(reason.split(": ").next(), Some(&*section), "{reason}");
        let body = [&violation.close_code().number().to_be_bytes(), reason.as_bytes()].concat();
        assert_eq!(violation.reply().payload(), body);
        seen.insert(format!("{violation:?}").split([' ', '(']).next().unwrap().to_owned());
    }
    let all: BTreeSet<_> = variants(include_str!("../../src/error.rs"), "ProtocolError")
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(seen, all, "the variants of ProtocolError");
}

#[test]
fn a_cut_off_says_where() {
    for (cut_off, word) in [
        (CutOff::BetweenMessages, "between messages"),
        (CutOff::InHeader, "header"),
        (CutOff::InControl { opcode: OpCode::CLOSE }, "Close"),
        (CutOff::InMessage { received: 17 }, "17 bytes"),
    ] {
        let text = cut_off.to_string();
        assert!(text.ends_with(" (RFC 6455 §7.1.5)") && text.contains(word), "{text}");
        assert_eq!(
            Closed::Abnormal(Abnormal::CutOff(cut_off)).to_string(),
            format!("1006: {text}")
        );
        assert_eq!(Error::from(EndOfInputError::from(cut_off)).to_string(), text);
        assert!(EndOfInputError::from(cut_off).source().is_none(), "printed once");
    }
}

#[test]
fn a_misuse_says_what_to_do() {
    for (misuse, section, word) in [
        (UsageError::ControlTooLong { len: 126 }, "RFC 6455 §5.5", "at most 125 bytes, not 126"),
        (
            UsageError::CloseCode { number: 1006 },
            "RFC 6455 §7.4",
            "1006 must not be sent; use 1000-1003",
        ),
        (UsageError::CloseCode { number: 1010 }, "RFC 6455 §7.4", "only a client"),
        (
            UsageError::CloseReasonTooLong { len: 124 },
            "RFC 6455 §5.5",
            "at most 123 bytes, not 124",
        ),
        (UsageError::Closed, "RFC 6455 §5.5.1", "closed"),
        (UsageError::MessageInProgress, "RFC 6455 §5.4", "finish it"),
        (UsageError::MessageInChunks, "RFC 6455 §6.2", "receive it to its end"),
        (UsageError::OtherKindOfMessage, "RFC 6455 §5.4", "all text or all binary"),
        (UsageError::TextNotUtf8, "RFC 6455 §5.6", "UTF-8"),
    ] {
        let text = misuse.to_string();
        assert!(text.ends_with(&format!(" ({section})")) && text.contains(word), "{text}");
        assert_eq!(misuse.section(), section);
        assert_eq!(Error::from(misuse).to_string(), text);
        assert!(Error::from(misuse).source().is_none(), "printed once");
    }
}

#[test]
fn a_close_code_that_must_not_be_sent_is_a_usage_error() {
    let error = CloseCode::try_from(1006).unwrap_err();
    let usage = UsageError::CloseCode { number: 1006 };
    assert_eq!(UsageError::from(error), usage);
    assert_eq!(Error::from(error), Error::Usage(usage));
    assert_eq!(error.to_string(), usage.to_string());
}

#[test]
fn a_missed_deadline_says_which() {
    for (error, section, word) in [
        (KeepaliveError::Pong, "RFC 6455 §5.5.2", "ping"),
        (KeepaliveError::Close, "RFC 6455 §7.1.1", "close"),
    ] {
        let text = error.to_string();
        assert!(text.starts_with("the peer did not ") && text.contains(word), "{text}");
        assert!(text.ends_with(&format!(" in time ({section})")), "{text}");
        assert!(error.source().is_none());
    }
}

/// Returns the variants of an error's enum as its source has them, so that a table can be checked for
/// completeness. In the source, they are the lines that are indented once and begin with a capital.
fn variants(source: &'static str, name: &str) -> BTreeSet<&'static str> {
    let (_, body) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    lines
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| line.split([' ', ',', '(']).next().unwrap())
        .collect()
}

/// Every error of a peer, with its name.
fn protocol_errors() -> [(ProtocolError, &'static str); 21] {
    let (bits, opcode) = (Reserved::RSV1, OpCode::PING);
    [
        (ProtocolError::ReservedBits { bits }, "reserved-bits"),
        (ProtocolError::ReservedOpCode { opcode }, "reserved-opcode"),
        (ProtocolError::Unmasked, "unmasked"),
        (ProtocolError::Masked, "masked"),
        (ProtocolError::LengthNotShortest { len: 1 }, "length-not-shortest"),
        (ProtocolError::LengthTopBit { len: 1 }, "length-top-bit"),
        (ProtocolError::ControlTooLong { opcode }, "control-too-long"),
        (ProtocolError::ControlFragmented { opcode }, "control-fragmented"),
        (ProtocolError::ContinuationOfNothing, "continuation-of-nothing"),
        (ProtocolError::MessageInsideMessage, "message-inside-message"),
        (ProtocolError::CloseBodyTooShort, "close-body-too-short"),
        (ProtocolError::CloseCode { number: 1 }, "close-code"),
        (ProtocolError::CloseReasonNotUtf8, "close-reason-not-utf8"),
        (ProtocolError::TextNotUtf8, "text-not-utf8"),
        (ProtocolError::FrameTooBig { len: 1 }, "frame-too-big"),
        (ProtocolError::MessageTooBig { len: 1 }, "message-too-big"),
        (ProtocolError::TooManyFragments, "too-many-fragments"),
        (ProtocolError::NotDeflate, "not-deflate"),
        (ProtocolError::InflatedTooBig, "inflated-too-big"),
        (ProtocolError::ExpansionTooHigh, "expansion-too-high"),
        (ProtocolError::TooManyFinalBlocks, "too-many-final-blocks"),
    ]
}

/// Logs and metrics keep these names, so a change here breaks their readers.
#[test]
fn the_errors_of_connections_have_stable_names() {
    use CutOff as Cut;
    use KeepaliveError as Late;
    use ProtocolError as Bad;
    use UsageError as Usage;

    const ERRORS: &str = include_str!("../../src/error.rs");
    const CLOSED: &str = include_str!("../../src/connection/closed.rs");

    let mut names = HashSet::new();
    let mut check = |source, kind: &str, table: &[(&dyn Debug, &str, &str)]| {
        let mut seen = BTreeSet::new();
        for (error, name, want) in table {
            assert_eq!(name, want, "{error:?}");
            assert!(names.insert(want.to_string()), "two errors are called {want}");
            let variant = format!("{error:?}");
            seen.insert(variant.split([' ', '(']).next().unwrap().to_owned());
        }
        let variants: BTreeSet<_> = variants(source, kind).into_iter().map(str::to_owned).collect();
        assert_eq!(seen, variants, "the variants of {kind}");
    };

    let opcode = OpCode::PING;
    let table = protocol_errors();
    for (error, _) in table {
        assert_eq!(Error::from(error).name(), error.name());
        assert_eq!(EndOfInputError::from(error).name(), error.name());
        assert_eq!(Abnormal::Protocol(error).name(), error.name());
    }
    let rows = table.each_ref().map(|(error, want)| (error as &dyn Debug, error.name(), *want));
    check(ERRORS, "ProtocolError", &rows);

    let table = [
        (Cut::BetweenMessages, "cut-off-between-messages"),
        (Cut::InHeader, "cut-off-in-header"),
        (Cut::InControl { opcode }, "cut-off-in-control"),
        (Cut::InMessage { received: 1 }, "cut-off-in-message"),
    ];
    for (cut_off, _) in table {
        assert_eq!(Error::from(EndOfInputError::from(cut_off)).name(), cut_off.name());
        assert_eq!(EndOfInputError::from(cut_off).name(), cut_off.name());
        assert_eq!(Abnormal::CutOff(cut_off).name(), cut_off.name());
    }
    let rows = table.each_ref().map(|(error, want)| (error as &dyn Debug, error.name(), *want));
    check(ERRORS, "CutOff", &rows);

    let table = [(Late::Pong, "pong-timeout"), (Late::Close, "close-timeout")];
    for (error, _) in table {
        assert_eq!(Abnormal::TimedOut(error).name(), error.name());
    }
    let rows = table.each_ref().map(|(error, want)| (error as &dyn Debug, error.name(), *want));
    check(ERRORS, "KeepaliveError", &rows);

    let table = [
        (Usage::ControlTooLong { len: 1 }, "usage-control-too-long"),
        (Usage::CloseCode { number: 1 }, "usage-close-code"),
        (Usage::CloseReasonTooLong { len: 1 }, "usage-close-reason-too-long"),
        (Usage::Closed, "usage-closed"),
        (Usage::MessageInProgress, "usage-message-in-progress"),
        (Usage::MessageInChunks, "usage-message-in-chunks"),
        (Usage::OtherKindOfMessage, "usage-other-kind-of-message"),
        (Usage::TextNotUtf8, "usage-text-not-utf8"),
    ];
    for (error, _) in table {
        assert_eq!(Error::from(error).name(), error.name());
    }
    let rows = table.each_ref().map(|(error, want)| (error as &dyn Debug, error.name(), *want));
    check(ERRORS, "UsageError", &rows);

    let table = [
        (BudgetError::Bytes, "budget-bytes"),
        (BudgetError::Frames, "budget-frames"),
        (BudgetError::ControlFrames, "budget-control-frames"),
        (BudgetError::EmptyFrames, "budget-empty-frames"),
    ];
    for (error, _) in table {
        assert_eq!(RelayError::from(error).name(), error.name());
        assert_eq!(RelayError::from(error).close_code(), CloseCode::POLICY_VIOLATION);
        // Its own text and the reason that both sides get name the same thing.
        let reason = RelayError::from(error).close_reason();
        assert!(reason.is_ascii() && reason.len() <= 123, "{reason}");
        let what = reason.split("more ").last().unwrap().split(" than").next().unwrap();
        assert!(error.to_string().contains(&format!("more {what} than Budget::")), "{error}");
    }
    let rows = table.each_ref().map(|(error, want)| (error as &dyn Debug, error.name(), *want));
    check(include_str!("../../src/relay/budget.rs"), "BudgetError", &rows);
    let stopped = RelayError::Stopped(CloseCode::GOING_AWAY);
    assert_eq!((stopped.name(), stopped.close_code()), ("relay-stopped", CloseCode::GOING_AWAY));
    assert_eq!(RelayError::from(Bad::Masked).to_string(), Bad::Masked.to_string());
    let known = ["Budget", "Protocol", "Stopped"];
    let source = include_str!("../../src/relay/error.rs");
    assert_eq!(variants(source, "RelayError"), BTreeSet::from(known));

    assert_eq!(Abnormal::Transport.name(), "transport-failed");
    assert_eq!(Closed::Abnormal(Bad::Masked.into()).name(), "masked");
    assert_eq!(Closed::Abnormal(Cut::InHeader.into()).name(), "cut-off-in-header");
    assert_eq!(Closed::Abnormal(Late::Pong.into()).name(), Late::Pong.name());
    assert_eq!(Closed::Clean(None).name(), "clean");
    assert_eq!(Abnormal::Terminated.name(), "terminated");
    let known = ["CutOff", "Protocol", "Terminated", "TimedOut", "Transport"];
    assert_eq!(variants(CLOSED, "Abnormal"), BTreeSet::from(known));
}

/// `docs/errors.md` has a row for each name in the sources, and the right close codes.
#[test]
fn the_page_of_names_has_each_name_once() {
    let mut names = BTreeSet::new();
    for file in ["src", "crates/hybi-tokio/src"].into_iter().flat_map(sources) {
        let text = fs::read_to_string(file).unwrap();
        // `Offer::name` returns no such name, and has another signature.
        for function in text.split("pub const fn name(").skip(1) {
            let (body, _) = function.split_once("\n    }\n").unwrap();
            for line in body.lines().filter(|line| !line.contains("#[cfg(")) {
                names.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
            }
        }
    }
    assert!(names.contains("reserved-bits") && names.contains("usage-close-code"), "{names:?}");

    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let mut rows = BTreeSet::new();
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (name, _) = row.split_once("` |").unwrap();
        assert!(rows.insert(name.to_owned()), "{name} has two rows");
    }
    assert_eq!(rows, names);

    for (error, name) in protocol_errors() {
        let (_, row) = page.split_once(&format!("| `{name}` |")).unwrap();
        let row = row.lines().next().unwrap();
        assert!(row.ends_with(&format!("| {} |", error.close_code())), "{row}");
    }
}
