//! The arguments of all programs: help, and what is told about wrong ones.

use std::process::{Output, Stdio};

use crate::program::example;

const PROGRAMS: [&str; 8] =
    ["chat", "client", "echo_server", "endpoints", "handlers", "inspect", "push", "upload"];
const SERVERS: [&str; 5] = ["chat", "echo_server", "endpoints", "handlers", "push"];

fn run(name: &str, arguments: &[&str]) -> (Output, String, String) {
    let mut command = example(name);
    command.args(arguments).env_remove("PASSWORD").env_remove("PROXY_PASSWORD");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// Wrong usage: told on standard error with this text, before anything else is done.
#[track_caller]
fn is_wrong(name: &str, arguments: &[&str], text: &str) {
    let (output, out, err) = run(name, arguments);
    assert_eq!(output.status.code(), Some(2), "{name} {arguments:?}: {err}");
    assert_eq!(out, "", "{name} {arguments:?}");
    assert!(err.contains(text), "{name} {arguments:?}: {text:?} is missing in {err}");
    assert!(err.contains(&format!("usage: {name} ")), "{name} {arguments:?}: {err}");
}

#[test]
fn help_is_printed_on_standard_output_whatever_else_is_there() {
    for name in PROGRAMS {
        for arguments in [&["--help"][..], &["-h"], &["a:1", "--help"], &["--bogus", "--help"]] {
            let (output, out, err) = run(name, arguments);
            assert_eq!((output.status.code(), &*err), (Some(0), ""), "{name} {arguments:?}");
            assert!(out.starts_with(&format!("usage: {name} ")), "{name}: {out}");
        }
    }
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf8_are_wrong_usage() {
    use std::os::unix::ffi::OsStrExt;
    for name in PROGRAMS {
        let argument = std::ffi::OsStr::from_bytes(b"a\xff");
        let output = example(name).arg(argument).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("is not UTF-8"), "{name}");
    }
}

#[test]
fn a_wrong_address_is_told_what_an_address_looks_like() {
    for name in SERVERS.into_iter().chain(["inspect", "upload"]) {
        let serve = |address| match name {
            "inspect" => vec![address, "ws://127.0.0.1:1/"],
            "upload" => vec!["--serve", address],
            _ => vec![address],
        };
        for address in [
            "nowhere",
            "127.0.0.1",
            ":9001",
            "9001",
            "",
            "a b:1",
            "127.0.0.1:65536",
            "a:-1",
            "a:+1",
            "a:",
            "[::1]",
            "::1:9001",
            "[::1:9001",
            "ws://a:9001",
            "http://a:9001/",
        ] {
            // `inspect` takes two places, and tells them apart by that.
            let is_second_uri = name == "inspect" && address.contains("://");
            let told =
                if is_second_uri { "only one URI" } else { "HOST:PORT, such as 127.0.0.1:9001" };
            is_wrong(name, &serve(address), told);
        }
        let (output, out, err) = run(name, &serve("server.invalid:0"));
        assert_eq!((output.status.code(), &*out), (Some(1), ""), "{name}: {err}");
        assert!(err.starts_with("cannot listen at server.invalid:0: "), "{name}: {err}");
    }
}

#[test]
fn an_argument_too_many_is_named() {
    for name in PROGRAMS {
        is_wrong(name, &["--bogus"], "there is no option --bogus");
        is_wrong(name, &["-x"], "there is no option -x");
        let enough = if name == "inspect" { needed(name) } else { &[] };
        is_wrong(name, &[enough, &["127.0.0.1:0", "b:2"]].concat(), "b:2: only one ");
    }
}

/// Each option with a value that is wrong, and what is told about it.
const WRONG_VALUES: &[(&str, &str, &str)] = &[
    ("chat", "--path", "chat"),
    ("chat", "--path", "/\"><script>"),
    ("chat", "--path", ""),
    ("chat", "--iris", "Chat.Server.cls"),
    ("chat", "--iris", "/\"><script>"),
    ("chat", "--iris", "/chat"),
    ("chat", "--connections", "0"),
    ("chat", "--connections", "many"),
    ("chat", "--history", "-1"),
    ("chat", "--history", "501"),
    ("chat", "--host", "chat.example:9002"),
    ("chat", "--host", "http://chat.example"),
    ("chat", "--host", ""),
    ("chat", "--origin", "chat.example"),
    ("chat", "--forbid", "nowhere"),
    ("chat", "--forbid", "10.0.0.0/8"),
    ("chat", "--keepalive", "5"),
    ("chat", "--keepalive", "5,"),
    ("chat", "--keepalive", "5,0"),
    ("chat", "--keepalive", "-5,5"),
    ("chat", "--keepalive", "1e30,5"),
    ("chat", "--patience", "0"),
    ("chat", "--patience", "soon"),
    ("chat", "--bus", "127.0.0.1:6379"),
    ("chat", "--bus", "redis://"),
    ("chat", "--deadline", "0.9"),
    ("chat", "--deadline", "3601"),
    ("chat", "--deadline", "soon"),
    ("chat", "--timeout", "-1"),
    ("chat", "--timeout", "NaN"),
    ("chat", "--timeout", "inf"),
    ("client", "--field", "no colon"),
    ("client", "--field", "two words: x"),
    ("client", "--field", ": x"),
    ("client", "--field", "X: a\nb"),
    ("client", "--field", "Host: a"),
    ("client", "--field", "Sec-WebSocket-Key: a"),
    ("client", "--subprotocol", "two words"),
    ("client", "--subprotocol", ""),
    ("client", "--origin", "gr\u{fc}n"),
    ("client", "--origin", ""),
    ("client", "--proxy", "host"),
    ("client", "--proxy", "host:port"),
    ("client", "--proxy", "http://host:3128"),
    ("client", "--proxy", ":3128"),
    ("client", "--proxy", "host:99999"),
    ("client", "--proxy", "host:0"),
    ("client", "--timeout", "-1"),
    ("client", "--timeout", "0"),
    ("client", "--timeout", "soon"),
    ("client", "--timeout", "1e30"),
    ("client", "--wait", "0"),
    ("client", "--wait", "long"),
    ("client", "--keepalive", "-1"),
    ("client", "--keepalive", "often"),
    ("client", "--count", "0"),
    ("client", "--count", "-1"),
    ("client", "--count", "many"),
    ("client", "--max", "0"),
    ("client", "--max", "much"),
    ("client", "--user", "nobody"),
    ("client", "--proxy-user", "nobody"),
    ("client", "--script", "/nowhere"),
    ("client", "--send", "/nothing"),
    ("client", "--send", "/close 1006"),
    ("client", "--send", "/hex 0"),
    ("client", "--trust", "/nowhere.pem"),
    ("endpoints", "--endpoints", "0"),
    ("endpoints", "--endpoints", "2147483648"),
    ("endpoints", "--endpoints", "-1"),
    ("endpoints", "--endpoints", "18446744073709551616"),
    ("endpoints", "--connections", "0"),
    ("endpoints", "--connections", "many"),
    ("endpoints", "--origin", "chat.example"),
    ("endpoints", "--public-url", "chat.example"),
    ("endpoints", "--public-url", "ws://chat.example"),
    ("endpoints", "--public-url", "https://"),
    ("endpoints", "--public-url", "https://me:secret@chat.example"),
    ("endpoints", "--public-url", "https://chat.example/?a"),
    ("endpoints", "--public-url", "https://chat.example/#a"),
    ("endpoints", "--system", "a b"),
    ("endpoints", "--prefix", "a b"),
    ("endpoints", "--prefix", "a/b"),
    ("handlers", "--serve", "tea"),
    ("handlers", "--path", "chat"),
    ("handlers", "--forbid", "nowhere"),
    ("handlers", "--origin", "chat.example"),
    ("handlers", "--connections", "0"),
    ("handlers", "--connections", "many"),
    ("inspect", "--payload", "-1"),
    ("inspect", "--payload", "many"),
    ("inspect", "--host", "a b"),
    ("inspect", "--host", "a\r\nb"),
    ("inspect", "--host", ""),
    ("push", "--bus", "nats://127.0.0.1"),
    ("push", "--deadline", "1e30"),
    ("push", "--connections", "0"),
    ("push", "--connections", "many"),
    ("push", "--public-url", "push.example"),
    ("push", "--public-url", "https://me:secret@push.example"),
    ("push", "--session-timeout", "0"),
    ("push", "--session-timeout", "soon"),
    ("push", "--timeout", "0"),
    ("push", "--timeout", "soon"),
    ("push", "--timeout", "1e30"),
    ("upload", "--serve", "nowhere"),
    ("upload", "--max", "-1"),
    ("upload", "--max", "18446744073709551616"),
];

/// A client needs a URI in any case.
fn needed(name: &str) -> &'static [&'static str] {
    if ["client", "inspect"].contains(&name) { &["ws://127.0.0.1:1/"] } else { &[] }
}

#[test]
fn a_wrong_value_is_told_and_a_missing_one_too() {
    for &(name, option, value) in WRONG_VALUES {
        is_wrong(name, &[needed(name), &[option, value]].concat(), "");
        is_wrong(name, &[needed(name), &[option]].concat(), &format!("{option} needs a value"));
        let next_is_an_option = [needed(name), &[option, "--bogus"]].concat();
        is_wrong(name, &next_is_an_option, &format!("{option} needs a value"));
    }
}

#[test]
fn an_option_that_counts_once_is_not_there_twice() {
    for (name, option, value) in [
        ("chat", "--path", "/chat"),
        ("chat", "--iris", "/csp/user/Chat.Server.cls"),
        ("chat", "--connections", "1000"),
        ("chat", "--history", "50"),
        ("chat", "--keepalive", "30,20"),
        ("chat", "--patience", "5"),
        ("chat", "--bus", "redis://127.0.0.1"),
        ("chat", "--deadline", "10"),
        ("chat", "--timeout", "10"),
        ("client", "--origin", "https://example.com"),
        ("client", "--proxy", "host:3128"),
        ("client", "--timeout", "30"),
        ("client", "--wait", "30"),
        ("client", "--keepalive", "30"),
        ("client", "--count", "1"),
        ("client", "--max", "1"),
        ("client", "--user", "a:b"),
        ("client", "--script", "/dev/null"),
        ("endpoints", "--endpoints", "5"),
        ("endpoints", "--prefix", "WS"),
        ("endpoints", "--connections", "10"),
        ("endpoints", "--public-url", "https://chat.example"),
        ("handlers", "--serve", "echo"),
        ("handlers", "--path", "/chat"),
        ("handlers", "--connections", "10"),
        ("handlers", "--log", "/dev/null"),
        ("inspect", "--payload", "10"),
        ("inspect", "--host", "a.example"),
        ("push", "--timeout", "10"),
        ("push", "--session-timeout", "10"),
        ("push", "--connections", "10"),
        ("push", "--public-url", "https://push.example"),
        ("push", "--bus", "redis://127.0.0.1"),
        ("push", "--command", "list"),
        ("push", "--deadline", "10"),
        ("upload", "--serve", "127.0.0.1:0"),
        ("upload", "--max", "1"),
    ] {
        let twice = [needed(name), &[option, value, option, value]].concat();
        is_wrong(name, &twice, &format!("{option} is there twice"));
    }
    let twice = ["ws://127.0.0.1:1/", "--close", "1000", "a", "--close", "1000", "b"];
    is_wrong("client", &twice, "--close is there twice");
    is_wrong("client", &["ws://127.0.0.1:1/", "--proxy-user", "a:b"], "for a --proxy");
    #[cfg(feature = "rustls")]
    is_wrong("client", &["wss://127.0.0.1:1/", "--insecure", "--insecure"], "--insecure");
    #[cfg(not(feature = "rustls"))]
    is_wrong("client", &["ws://127.0.0.1:1/", "--insecure"], "--insecure needs TLS");
}

/// Nobody waits for a bus that nobody listens to: the programs here are built without.
#[test]
fn a_program_without_a_bus_tells_how_to_get_one_with_it() {
    for name in ["chat", "push"] {
        let (output, out, err) = run(name, &["127.0.0.1:0", "--bus", "redis://127.0.0.1"]);
        assert_eq!((output.status.code(), &*out), (Some(1), ""), "{name}: {err}");
        let wanted = format!("built without it: cargo run -p hybi-bus --bin {name}");
        assert!(err.contains(&wanted), "{name}: {err}");
    }
    is_wrong("push", &["--command", "list"], "--command needs --bus");
    let server = ["127.0.0.1:0", "--bus", "redis://127.0.0.1", "--command", "list"];
    is_wrong("push", &server, "--command is no server");
}

#[test]
fn a_wrong_close_frame_is_told() {
    for (code, text) in [
        ("999", "999"),
        ("1005", "1005"), // RFC 6455 §7.4.1: never sent
        ("1006", "1006"),
        ("1015", "1015"),
        ("2999", "2999"),
        ("5000", "5000"),
        ("65536", "65536"),
        ("-1", "-1"),
        ("bye", "bye"),
    ] {
        is_wrong("client", &["ws://127.0.0.1:1/", "--close", code, "x"], text);
    }
    is_wrong("client", &["ws://127.0.0.1:1/", "--close", "1000"], "--close needs");
    is_wrong("client", &["ws://127.0.0.1:1/", "--close"], "--close needs");
}

#[test]
fn a_uri_that_cannot_be_used_is_told_before_connecting() {
    for name in ["client", "inspect"] {
        is_wrong(name, &[], "no URI");
        for uri in ["a", "ftp://a/", "ws:///", "ws://a:99999/", "ws://gr\u{fc}n.example/", ""] {
            is_wrong(name, &[uri], "URI");
        }
        #[cfg(not(feature = "rustls"))]
        is_wrong(name, &["wss://a/"], "TLS");
    }
    let (output, _, err) = run("client", &["ws://127.0.0.1:1/"]);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(!err.contains("usage:"), "{err}");
}
