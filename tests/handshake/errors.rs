//! What the errors of handshakes say: the rule, its section, and whose fault it is. The sections
//! are those of the RFCs.

use std::collections::{BTreeSet, HashSet};
use std::error::Error as _;
use std::fmt::Debug;

use super::*;

#[test]
fn what_cannot_be_accepted_says_whose_fault_it_is() {
    let request = ServerHandshakeError::from(RequestError::UpgradeMissing);
    assert_eq!(request.to_string(), RequestError::UpgradeMissing.to_string());
    let misuse = ServerHandshakeError::from(UsageError::Answered);
    assert_eq!(misuse.to_string(), UsageError::Answered.to_string());
    assert!(request.source().is_none() && misuse.source().is_none(), "printed once");

    for (misuse, section) in [
        (UsageError::FieldName, "RFC 9110 §5.1"),
        (UsageError::FieldValue, "RFC 9110 §5.5"),
        (UsageError::FieldReserved, "RFC 6455 §4"),
        (UsageError::Subprotocol, "RFC 6455 §4.1"),
        (UsageError::SubprotocolRepeated, "RFC 6455 §4.1"),
        (UsageError::SubprotocolNotOffered, "RFC 6455 §4.2.2"),
        (UsageError::NoSubprotocolOffered, "RFC 6455 §1.9"),
        (UsageError::Origin, "RFC 6454 §7"),
        (UsageError::Status, "RFC 9110 §15"),
        (UsageError::Body, "RFC 9110 §6.4.1"),
        (UsageError::ContentType, "RFC 9110 §8.3"),
        (UsageError::NoRequest, "RFC 6455 §4.2"),
        (UsageError::Answered, "RFC 6455 §4.2"),
        (UsageError::Host, "RFC 9110 §9.3.6"),
        (UsageError::Credentials, "RFC 7617 §2"),
    ] {
        assert_eq!(misuse.section(), section);
        assert!(misuse.to_string().ends_with(&format!(" ({section})")), "{misuse}");
        assert!(misuse.source().is_none());
    }
}

#[test]
fn an_extension_s_errors_say_what_the_peer_did_and_where_the_rule_stands() {
    let malformed = hybi::extension::Offers::new(b"a b").next().unwrap().unwrap_err();
    let text = malformed.to_string();
    assert!(text.starts_with("the peer sent a Sec-WebSocket-Extensions field "), "{text}");
    assert!(text.ends_with(" (RFC 6455 §9.1)"), "{text}");
    assert_eq!((malformed.name(), malformed.section()), ("extensions-malformed", "RFC 6455 §9.1"));
    assert!(malformed.source().is_none());
}

#[cfg(feature = "deflate")]
#[test]
fn a_disagreement_about_compression_says_what_and_where_the_rule_stands() {
    use hybi::extension::deflate::NegotiationError;
    for (disagreement, section, words) in [
        (NegotiationError::Unknown, "RFC 7692 §7", "unknown parameter"),
        (NegotiationError::Repeated, "RFC 7692 §7", "repeated parameter"),
        (NegotiationError::Value, "RFC 7692 §7", "invalid value"),
        (NegotiationError::ServerWindow, "RFC 7692 §7.1.2.1", "larger window"),
        (NegotiationError::ServerTakeover, "RFC 7692 §7.1.1.1", "context takeover"),
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
    use RequestError as Bad;
    let mut texts = HashSet::new();
    for (error, status, section, word) in [
        (Bad::RequestLine, 400, "RFC 9112 §3", "request"),
        (Bad::HttpVersion, 505, "RFC 9110 §15.6.6", "version"),
        (Bad::TargetCharacter, 400, "RFC 9112 §3.2", "target"),
        (Bad::LineEnding, 400, "RFC 9112 §2.2", "CRLF"),
        (Bad::FoldedField, 400, "RFC 9112 §5.2", "white space"),
        (Bad::FieldName, 400, "RFC 9112 §5.1", "name"),
        (Bad::FieldValue, 400, "RFC 9110 §5.5", "value"),
        (Bad::TargetTooLong, 414, "RFC 9110 §15.5.15", "line longer"),
        (Bad::HeadTooLong, 431, "RFC 6585 §5", "head longer"),
        (Bad::TooManyFields, 431, "RFC 6585 §5", "lines"),
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
        (Bad::FieldNameCase, 400, "RFC 9113 §8.2.1", "upper-case"),
        (Bad::ConnectionSpecific, 400, "RFC 9113 §8.2.2", "Connection or Upgrade"),
        (Bad::AuthorityMissing, 400, "RFC 9113 §8.3.1", "no :authority"),
        (Bad::AuthorityMalformed, 400, "RFC 9113 §8.3.1", "a host and a port"),
        (Bad::HostDiffers, 400, "RFC 9113 §8.3.1", "differs"),
        (Bad::ProtocolMissing, 400, "RFC 8441 §5", "no :protocol"),
        (Bad::ProtocolMisplaced, 400, "RFC 8441 §4", "other than CONNECT"),
        (Bad::Protocol, 501, "RFC 9220 §3", "other than websocket"),
        (Bad::Scheme, 400, "RFC 8441 §5", ":scheme"),
        (Bad::ConnectVersion, 400, "RFC 6455 §4.4", "not 13"),
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
    use ResponseError as Bad;
    let mut texts = HashSet::new();
    for (error, section, word) in [
        (Bad::StatusLine, "RFC 9112 §4", "response"),
        (Bad::HttpVersion, "RFC 9112 §2.3", "version"),
        (Bad::LineEnding, "RFC 9112 §2.2", "CRLF"),
        (Bad::FoldedField, "RFC 9112 §5.2", "white space"),
        (Bad::FieldName, "RFC 9112 §5.1", "name"),
        (Bad::FieldValue, "RFC 9110 §5.5", "value"),
        (Bad::HeadTooLong, "RFC 6455 §10.4", "head longer"),
        (Bad::TooManyFields, "RFC 6455 §10.4", "lines"),
        (Bad::TooManyInterim, "RFC 6455 §10.4", "interim"),
        (Bad::Status { status: 404 }, "RFC 6455 §4.1", "status 404"),
        (Bad::SwitchingProtocols, "RFC 9113 §8.6", "101"),
        (Bad::ConnectionSpecific, "RFC 9113 §8.2.2", "Connection or Upgrade"),
        (Bad::FieldNameCase, "RFC 9113 §8.2.1", "upper-case"),
        (Bad::Http10, "RFC 9110 §7.8", "HTTP/1.0"),
        (Bad::UpgradeMissing, "RFC 6455 §4.1", "without Upgrade"),
        (Bad::Upgrade, "RFC 6455 §4.1", "something other than websocket"),
        (Bad::ConnectionMissing, "RFC 6455 §4.1", "Connection"),
        (Bad::AcceptMissing, "RFC 6455 §4.1", "without Sec-WebSocket-Accept"),
        (Bad::AcceptRepeated, "RFC 6455 §11.3.3", "more than one Sec-WebSocket-Accept"),
        (Bad::Accept, "RFC 6455 §4.1", "Sec-WebSocket-Key"),
        (Bad::SubprotocolRepeated, "RFC 6455 §11.3.4", "more than one Sec-WebSocket-Protocol"),
        (Bad::SubprotocolMalformed, "RFC 6455 §4.1", "token"),
        (Bad::SubprotocolNotOffered, "RFC 6455 §4.1", "subprotocol"),
        (Bad::SubprotocolMissing, "RFC 6455 §1.9", "none of the subprotocols"),
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

/// Returns the variants of an error's enum as its source has them, so that a table can be checked
/// for completeness. In the source, they are the lines that are indented once and begin with a
/// capital.
fn variants(name: &str) -> BTreeSet<String> {
    let (_, body) = include_str!("../../src/handshake/error.rs")
        .split_once(&format!("pub enum {name} {{\n"))
        .unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    lines
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| line.split([' ', ',', '(']).next().unwrap().to_owned())
        .collect()
}

/// Logs and metrics keep these names, so a change here breaks their readers.
#[test]
fn the_errors_of_handshakes_have_stable_names() {
    use RequestError as Request;
    use ResponseError as Response;
    use UsageError as Usage;

    let mut names = HashSet::new();
    let mut check = |kind: &str, table: &[(&dyn Debug, &str, &str)]| {
        let mut seen = BTreeSet::new();
        for (error, name, want) in table {
            assert_eq!(name, want, "{error:?}");
            assert!(names.insert(want.to_string()), "two errors are called {want}");
            let printed = format!("{error:?}"); // with its values, if it has some
            seen.insert(printed.split(' ').next().unwrap().to_owned());
        }
        // One that carries another has that one's name.
        let variants: BTreeSet<_> =
            variants(kind).into_iter().filter(|name| name != "Deflate").collect();
        assert_eq!(seen, variants, "the variants of {kind}");
    };

    let table = [
        (Request::RequestLine, "request-line"),
        (Request::HttpVersion, "request-http-version"),
        (Request::TargetCharacter, "request-target-character"),
        (Request::LineEnding, "request-line-ending"),
        (Request::FoldedField, "request-folded-field"),
        (Request::FieldName, "request-field-name"),
        (Request::FieldValue, "request-field-value"),
        (Request::TargetTooLong, "request-target-too-long"),
        (Request::HeadTooLong, "request-head-too-long"),
        (Request::TooManyFields, "request-too-many-fields"),
        (Request::HostMissing, "request-host-missing"),
        (Request::HostRepeated, "request-host-repeated"),
        (Request::HostMalformed, "request-host-malformed"),
        (Request::Method, "request-method"),
        (Request::Http10, "request-http-1-0"),
        (Request::TargetForm, "request-target-form"),
        (Request::Body, "request-body"),
        (Request::UpgradeMissing, "request-upgrade-missing"),
        (Request::ConnectionMissing, "request-connection-missing"),
        (Request::KeyMissing, "request-key-missing"),
        (Request::KeyRepeated, "request-key-repeated"),
        (Request::KeyMalformed, "request-key-malformed"),
        (Request::VersionMissing, "request-version-missing"),
        (Request::VersionRepeated, "request-version-repeated"),
        (Request::Version, "request-version"),
        (Request::SubprotocolsMalformed, "request-subprotocols-malformed"),
        (Request::ExtensionsMalformed, "request-extensions-malformed"),
        (Request::Origin, "request-origin"),
        (Request::FieldNameCase, "request-field-name-case"),
        (Request::ConnectionSpecific, "request-connection-specific"),
        (Request::AuthorityMissing, "request-authority-missing"),
        (Request::AuthorityMalformed, "request-authority-malformed"),
        (Request::HostDiffers, "request-host-differs"),
        (Request::ProtocolMissing, "request-protocol-missing"),
        (Request::ProtocolMisplaced, "request-protocol-misplaced"),
        (Request::Protocol, "request-protocol"),
        (Request::Scheme, "request-scheme"),
        (Request::ConnectVersion, "request-connect-version"),
    ];
    for (error, _) in table {
        assert_eq!(ServerHandshakeError::from(error).name(), error.name());
    }
    check(
        "RequestError",
        &table.each_ref().map(|(error, want)| (error as &dyn Debug, error.name(), *want)),
    );

    let table = [
        (Response::StatusLine, "response-status-line"),
        (Response::HttpVersion, "response-http-version"),
        (Response::LineEnding, "response-line-ending"),
        (Response::FoldedField, "response-folded-field"),
        (Response::FieldName, "response-field-name"),
        (Response::FieldValue, "response-field-value"),
        (Response::HeadTooLong, "response-head-too-long"),
        (Response::TooManyFields, "response-too-many-fields"),
        (Response::TooManyInterim, "response-too-many-interim"),
        (Response::Status { status: 404 }, "response-status"),
        (Response::SwitchingProtocols, "response-switching-protocols"),
        (Response::ConnectionSpecific, "response-connection-specific"),
        (Response::FieldNameCase, "response-field-name-case"),
        (Response::Http10, "response-http-1-0"),
        (Response::UpgradeMissing, "response-upgrade-missing"),
        (Response::Upgrade, "response-upgrade"),
        (Response::ConnectionMissing, "response-connection-missing"),
        (Response::AcceptMissing, "response-accept-missing"),
        (Response::AcceptRepeated, "response-accept-repeated"),
        (Response::Accept, "response-accept"),
        (Response::SubprotocolRepeated, "response-subprotocol-repeated"),
        (Response::SubprotocolMalformed, "response-subprotocol-malformed"),
        (Response::SubprotocolNotOffered, "response-subprotocol-not-offered"),
        (Response::SubprotocolMissing, "response-subprotocol-missing"),
        (Response::ExtensionsMalformed, "response-extensions-malformed"),
        (Response::ExtensionNotOffered, "response-extension-not-offered"),
        (Response::ExtensionRepeated, "response-extension-repeated"),
    ];
    check(
        "ResponseError",
        &table.each_ref().map(|(error, want)| (error as &dyn Debug, error.name(), *want)),
    );

    let table = [
        (Usage::FieldName, "usage-field-name"),
        (Usage::FieldValue, "usage-field-value"),
        (Usage::FieldReserved, "usage-field-reserved"),
        (Usage::Subprotocol, "usage-subprotocol"),
        (Usage::SubprotocolRepeated, "usage-subprotocol-repeated"),
        (Usage::SubprotocolNotOffered, "usage-subprotocol-not-offered"),
        (Usage::NoSubprotocolOffered, "usage-no-subprotocol-offered"),
        (Usage::Origin, "usage-origin"),
        (Usage::Status, "usage-status"),
        (Usage::Body, "usage-body"),
        (Usage::ContentType, "usage-content-type"),
        (Usage::NoRequest, "usage-no-request"),
        (Usage::Answered, "usage-answered"),
        (Usage::Host, "usage-host"),
        (Usage::Credentials, "usage-credentials"),
        (Usage::TooLong, "usage-too-long"),
    ];
    for (error, _) in table {
        assert_eq!(ServerHandshakeError::from(error).name(), error.name());
    }
    check(
        "HandshakeUsageError",
        &table.each_ref().map(|(error, want)| (error as &dyn Debug, error.name(), *want)),
    );
}

#[cfg(feature = "deflate")]
#[test]
fn a_disagreement_has_its_own_name_and_is_printed_once() {
    use hybi::extension::deflate::NegotiationError;
    let error = ResponseError::Deflate(NegotiationError::ServerWindow);
    assert_eq!(error.name(), "deflate-server-window");
    assert_eq!(error.section(), NegotiationError::ServerWindow.section());
    assert_eq!(error.to_string(), NegotiationError::ServerWindow.to_string());
    assert!(error.source().is_none());
}
