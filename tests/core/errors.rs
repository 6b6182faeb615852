//! What errors say: the rule, its section, whose fault it is, and what of the input it is about. The sections and close
//! codes are those of the RFCs.

use std::collections::HashSet;
use std::error::Error as _;

use hybi::frame::{OpCode, Reserved};
use hybi::handshake::ServerError;
use hybi::{CutOff, Error, Misuse, Violation};

#[test]
fn a_violation_says_what_the_peer_did_and_where_the_rule_stands() {
    let opcode = OpCode::PING;
    let table = [
        (Violation::ReservedBits { bits: Reserved::RSV2 }, 1002, "RFC 6455 §5.2", "010"),
        (
            Violation::ReservedOpCode { opcode: OpCode::new(0xb).unwrap() },
            1002,
            "RFC 6455 §5.2",
            "0xb",
        ),
        (Violation::Unmasked, 1002, "RFC 6455 §5.1", "unmasked"),
        (Violation::Masked, 1002, "RFC 6455 §5.1", "masked"),
        (Violation::LengthNotShortest { len: 125 }, 1002, "RFC 6455 §5.2", "125"),
        (Violation::LengthTopBit { len: 1 << 63 }, 1002, "RFC 6455 §5.2", "0x8000000000000000"),
        (Violation::ControlTooLong { opcode }, 1002, "RFC 6455 §5.5", "Ping"),
        (Violation::ControlFragmented { opcode }, 1002, "RFC 6455 §5.5", "Ping"),
        (Violation::ContinuationOfNothing, 1002, "RFC 6455 §5.4", "continuation"),
        (Violation::MessageInsideMessage, 1002, "RFC 6455 §5.4", "message"),
        (Violation::CloseBodyTooShort, 1002, "RFC 6455 §5.5.1", "one byte"),
        (Violation::CloseCode { number: 1005 }, 1002, "RFC 6455 §7.4", "1005"),
        (Violation::CloseReasonNotUtf8, 1007, "RFC 6455 §5.5.1", "reason"),
        (Violation::TextNotUtf8, 1007, "RFC 6455 §8.1", "UTF-8"),
        (Violation::FrameTooBig { len: 70_000 }, 1009, "RFC 6455 §10.4", "70000"),
        (Violation::MessageTooBig { len: 70_000 }, 1009, "RFC 6455 §10.4", "70000"),
        (Violation::TooManyFragments, 1009, "RFC 6455 §10.4", "fragments"),
        (Violation::NotDeflate, 1007, "RFC 7692 §7.2.2", "DEFLATE"),
        (Violation::InflatedTooBig, 1009, "RFC 6455 §10.4", "after decompression"),
        (Violation::ExpansionTooHigh, 1009, "RFC 6455 §10.4", "decompression"),
        (Violation::TooManyFinalBlocks, 1009, "RFC 6455 §10.4", "final blocks"),
    ];
    let mut texts = HashSet::new();
    for (violation, code, section, word) in table {
        let text = violation.to_string();
        assert_eq!(violation.close_code().number(), code, "{text}");
        assert_eq!(violation.section(), section, "{text}");
        assert_eq!(violation.reply().payload(), u16::to_be_bytes(code), "{text}");
        assert!(text.starts_with("the peer sent "), "{text}");
        assert!(text.ends_with(&format!(" ({section})")), "{text}");
        assert!(text.contains(word), "{text}");
        assert_eq!(Error::from(violation).to_string(), text);
        assert!(Error::from(violation).source().is_some());
        assert!(texts.insert(text), "each says something else");
    }
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
        assert!(text.contains("1006") && text.contains(word), "{text}");
        assert_eq!(Error::from(cut_off).to_string(), text);
        assert!(Error::from(cut_off).source().is_some());
    }
}

#[test]
fn a_misuse_says_what_to_do() {
    for (misuse, section, word) in [
        (Misuse::ControlTooLong { len: 126 }, "RFC 6455 §5.5", "at most 125 bytes, not 126"),
        (Misuse::CloseCode { number: 1006 }, "RFC 6455 §7.4", "1006"),
        (Misuse::CloseReasonTooLong { len: 124 }, "RFC 6455 §5.5", "at most 123 bytes, not 124"),
        (Misuse::Closed, "RFC 6455 §5.5.1", "closed"),
        (Misuse::MessageUnderWay, "RFC 6455 §5.4", "finish it"),
        (Misuse::OtherKindOfMessage, "RFC 6455 §5.4", "all text or all binary"),
        (Misuse::TextNotUtf8, "RFC 6455 §5.6", "UTF-8"),
    ] {
        let text = misuse.to_string();
        assert!(text.ends_with(&format!(" ({section})")) && text.contains(word), "{text}");
        assert_eq!(Error::from(misuse).to_string(), text);
        assert!(Error::from(misuse).source().is_some());
    }
}

#[test]
fn what_cannot_be_accepted_says_whose_fault_it_is() {
    use hybi::handshake::{HandshakeMisuse, RequestError};
    let request = ServerError::from(RequestError::UpgradeMissing);
    assert_eq!(request.to_string(), RequestError::UpgradeMissing.to_string());
    let misuse = ServerError::from(HandshakeMisuse::Answered);
    assert_eq!(misuse.to_string(), HandshakeMisuse::Answered.to_string());
    assert!(request.source().is_some() && misuse.source().is_some());

    for (misuse, section) in [
        (HandshakeMisuse::Origin, "RFC 6454 §7"),
        (HandshakeMisuse::Status, "RFC 9110 §15"),
        (HandshakeMisuse::Body, "RFC 9110 §6.4.1"),
        (HandshakeMisuse::ContentType, "RFC 9110 §8.3"),
        (HandshakeMisuse::NoRequest, "RFC 6455 §4.2"),
        (HandshakeMisuse::Answered, "RFC 6455 §4.2"),
    ] {
        assert!(misuse.to_string().ends_with(&format!(" ({section})")), "{misuse}");
    }
}

#[test]
fn an_extension_s_errors_say_what_the_peer_did_and_where_the_rule_stands() {
    let malformed = hybi::extension::Offers::new(b"a b").next().unwrap().unwrap_err();
    let text = malformed.to_string();
    assert!(text.starts_with("the peer sent a Sec-WebSocket-Extensions header "), "{text}");
    assert!(text.ends_with(" (RFC 6455 §9.1)"), "{text}");
}

#[cfg(feature = "deflate")]
#[test]
fn a_disagreement_about_compression_says_what_and_where_the_rule_stands() {
    use hybi::extension::deflate::Disagreement;
    for (disagreement, section, words) in [
        (Disagreement::Unknown, "RFC 7692 §7", "unknown parameter"),
        (Disagreement::Repeated, "RFC 7692 §7", "repeated parameter"),
        (Disagreement::Value, "RFC 7692 §7", "invalid value"),
        (Disagreement::ServerWindow, "RFC 7692 §7.1.2.1", "larger window"),
        (Disagreement::ServerTakeover, "RFC 7692 §7.1.1.1", "context takeover"),
    ] {
        let text = disagreement.to_string();
        assert_eq!(disagreement.section(), section, "{text}");
        assert!(text.starts_with("the server "), "{text}");
        assert!(text.contains(words) && text.ends_with(&format!(" ({section})")), "{text}");
    }
}

/// The statuses are those of RFC 9110 §15, RFC 6585 §5 and RFC 6455 §4.2.2, §4.4.
#[test]
fn a_refused_request_says_what_the_client_did_and_where_the_rule_stands() {
    use hybi::handshake::RequestError as Bad;
    let mut texts = HashSet::new();
    for (error, status, section, word) in [
        (Bad::RequestLine, 400, "RFC 9112 §3", "request"),
        (Bad::HttpVersion, 505, "RFC 9110 §15.6.6", "version"),
        (Bad::TargetCharacter, 400, "RFC 9112 §3.2", "target"),
        (Bad::LineEnding, 400, "RFC 9112 §2.2", "CRLF"),
        (Bad::FoldedHeader, 400, "RFC 9112 §5.2", "white space"),
        (Bad::HeaderName, 400, "RFC 9112 §5.1", "name"),
        (Bad::HeaderValue, 400, "RFC 9110 §5.5", "value"),
        (Bad::TargetTooLong, 414, "RFC 9110 §15.5.15", "line longer"),
        (Bad::HeadTooLong, 431, "RFC 6585 §5", "head longer"),
        (Bad::TooManyHeaders, 431, "RFC 6585 §5", "lines"),
        (Bad::HostMissing, 400, "RFC 9112 §3.2", "no Host"),
        (Bad::HostRepeated, 400, "RFC 9112 §3.2", "more than one Host"),
        (Bad::HostMalformed, 400, "RFC 9112 §3.2", "port"),
        (Bad::Method, 405, "RFC 6455 §4.2.1", "GET"),
        (Bad::Http10, 400, "RFC 9110 §7.8", "HTTP/1.0"),
        (Bad::TargetForm, 400, "RFC 6455 §4.2.1", "path"),
        (Bad::Body, 400, "RFC 9112 §6", "body"),
        (Bad::UpgradeMissing, 426, "RFC 6455 §4.2.1", "Upgrade"),
        (Bad::ConnectionMissing, 400, "RFC 6455 §4.2.1", "Connection"),
        (Bad::KeyMissing, 400, "RFC 6455 §4.2.1", "no Sec-WebSocket-Key"),
        (Bad::KeyRepeated, 400, "RFC 6455 §4.2.1", "more than one Sec-WebSocket-Key"),
        (Bad::KeyMalformed, 400, "RFC 6455 §4.2.1", "base64"),
        (Bad::VersionMissing, 426, "RFC 6455 §4.4", "no Sec-WebSocket-Version"),
        (Bad::VersionRepeated, 400, "RFC 6455 §4.4", "more than one Sec-WebSocket-Version"),
        (Bad::Version, 426, "RFC 6455 §4.4", "13"),
        (Bad::SubprotocolsMalformed, 400, "RFC 6455 §4.2.1", "Sec-WebSocket-Protocol"),
        (Bad::ExtensionsMalformed, 400, "RFC 6455 §9.1", "Sec-WebSocket-Extensions"),
        (Bad::Origin, 403, "RFC 6455 §10.2", "Origin"),
    ] {
        let text = error.to_string();
        assert_eq!((error.status(), error.section()), (status, section), "{text}");
        assert!(
            text.starts_with("the client sent ") && text.ends_with(&format!(" ({section})")),
            "{text}"
        );
        assert!(text.contains(word), "{text}");
        assert!(texts.insert(text), "each says something else");
    }
}

#[test]
fn a_failed_response_says_what_the_server_did_and_where_the_rule_stands() {
    use hybi::handshake::ResponseError as Bad;
    let mut texts = HashSet::new();
    for (error, section, word) in [
        (Bad::StatusLine, "RFC 9112 §4", "response"),
        (Bad::HttpVersion, "RFC 9112 §2.3", "version"),
        (Bad::LineEnding, "RFC 9112 §2.2", "CRLF"),
        (Bad::FoldedHeader, "RFC 9112 §5.2", "white space"),
        (Bad::HeaderName, "RFC 9112 §5.1", "name"),
        (Bad::HeaderValue, "RFC 9110 §5.5", "value"),
        (Bad::HeadTooLong, "RFC 6455 §10.4", "head longer"),
        (Bad::TooManyHeaders, "RFC 6455 §10.4", "lines"),
        (Bad::TooManyInterim, "RFC 6455 §10.4", "interim"),
        (Bad::Http10, "RFC 9110 §7.8", "HTTP/1.0"),
        (Bad::UpgradeMissing, "RFC 6455 §4.1", "without Upgrade"),
        (Bad::Upgrade, "RFC 6455 §4.1", "something else than websocket"),
        (Bad::ConnectionMissing, "RFC 6455 §4.1", "Connection"),
        (Bad::AcceptMissing, "RFC 6455 §4.1", "without Sec-WebSocket-Accept"),
        (Bad::AcceptRepeated, "RFC 6455 §11.3.3", "more than one Sec-WebSocket-Accept"),
        (Bad::Accept, "RFC 6455 §4.1", "Sec-WebSocket-Key"),
        (Bad::SubprotocolRepeated, "RFC 6455 §11.3.4", "more than one Sec-WebSocket-Protocol"),
        (Bad::SubprotocolMalformed, "RFC 6455 §4.1", "token"),
        (Bad::SubprotocolNotOffered, "RFC 6455 §4.1", "subprotocol"),
        (Bad::ExtensionsMalformed, "RFC 6455 §9.1", "list of extensions"),
        (Bad::ExtensionNotOffered, "RFC 6455 §4.1", "not offered"),
        (Bad::ExtensionRepeated, "RFC 7692 §5", "twice"),
    ] {
        let text = error.to_string();
        assert_eq!(error.section(), section, "{text}");
        assert!(
            text.starts_with("the server sent ") && text.ends_with(&format!(" ({section})")),
            "{text}"
        );
        assert!(text.contains(word), "{text}");
        assert!(texts.insert(text), "each says something else");
    }
}
