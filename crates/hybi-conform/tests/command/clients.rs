//! The command as a fuzzing server.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;

use hybi::blocking::Connector;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::ClientRequest;
use hybi::{Config, Message, Uri};
use hybi_tokio::tokio_rustls::rustls::crypto::ring;
use hybi_tokio::tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::servers::tls;
use crate::{command, conform, told};

/// Starts the command, and returns its address.
pub(crate) fn start(arguments: &[&str]) -> (Child, String) {
    let all = [&["client", "--listen", "127.0.0.1:0"], arguments].concat();
    let mut child = command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    // Somebody must read the progress.
    thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    let of = line.find(" of ws").unwrap_or_else(|| panic!("{line}"));
    let url = line[of + 4..].split(';').next().unwrap().to_owned();
    (child, url)
}

/// Waits for the end of the command, and returns its status and the summary.
pub(crate) fn end(mut child: Child) -> (Option<i32>, String) {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

/// Does what clients of a fuzzing server do with each address: echoes until the connection is over.
/// Returns the first message.
pub(crate) fn converse(uri: &str, change: fn(Message) -> Message) -> Option<Message> {
    let uri = Uri::parse(uri).unwrap();
    let config = Config::default().deflate(DeflateConfig::default());
    let mut ws = Connector::new().connect(&ClientRequest::new(&uri).config(config)).ok()?;
    let mut first = None;
    while let Ok(Some(message)) = ws.receive() {
        first.get_or_insert_with(|| message.clone());
        let _ = ws.send(&change(message));
    }
    first
}

fn ask(uri: &str) -> String {
    converse(uri, |message| message).unwrap().as_text().unwrap().to_owned()
}

pub(crate) fn run_all(url: &str, change: fn(Message) -> Message) {
    let count: usize = ask(&format!("{url}/getCaseCount")).parse().unwrap();
    for case in 1..=count {
        converse(&format!("{url}/runCase?case={case}&agent=a%20client"), change);
    }
    converse(&format!("{url}/updateReports?agent=a%20client"), change);
}

#[test]
fn hybis_client_passes_everything() {
    let groups = ["autobahn", "framing", "handshake", "closing", "utf8-early"];
    let groups = groups.map(|group| ["--only", group]).concat();
    let (child, url) = start(&[&["--strict"], &groups[..]].concat());
    run_all(&url, |message| message);
    let (status, text) = end(child);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("client a client: 682 cases"), "{text}");
    assert!(text.contains("\nAll is as expected.\n"), "{text}");
}

#[test]
fn a_client_that_changes_what_it_echoes_is_found_out() {
    let (child, url) = start(&["1.*", "2.*", "client/accept/*"]);
    run_all(&url, |message| match message.as_text() {
        Some(text) => text.replace('*', "+").as_str().into(),
        None => message,
    });
    let (status, text) = end(child);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("\nLook first at 1.1.2: "), "{text}");
}

#[test]
fn the_protocol_of_the_fuzzing_server() {
    let (child, url) = start(&["6.4.*", "7.1.6"]);
    assert_eq!(ask(&format!("{url}/getCaseCount")), "5");
    let info = ask(&format!("{url}/getCaseInfo?case=1"));
    assert!(info.starts_with("{\"id\": \"6.4.1\", \"description\": \"a fragment"), "{info}");
    for case in ["casetuple=6.4.2", "case=5"] {
        converse(&format!("{url}/runCase?{case}&agent=b"), |message| message);
    }
    let status = |case| ask(&format!("{url}/getCaseStatus?case={case}&agent=b"));
    assert_eq!(status(2), "{\"behavior\": \"OK\"}");
    assert_eq!(status(5), "{\"behavior\": \"INFORMATIONAL\"}");
    // Cases, clients and addresses that do not exist.
    for nothing in
        ["/runCase?case=6&agent=b", "/runCase?case=1", "/else", "/getCaseStatus?case=3&agent=b"]
    {
        assert_eq!(converse(&format!("{url}{nothing}"), |message| message), None, "{nothing}");
    }
    converse(&format!("{url}/stopServer"), |message| message);
    // Not all have run.
    let (status, text) = end(child);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("\n3 cases have not run.\n"), "{text}");
    assert!(text.ends_with("\nNothing has failed, but not all cases have run.\n"), "{text}");
}

/// A name is printed, and leads to nothing else.
#[test]
fn names_that_are_refused_or_shown_without_what_deceives() {
    let (child, url) = start(&["1.1.1"]);
    let long = "a".repeat(300);
    for nothing in [&*long, "%E2%80%AE%1b", "%0d%0a"] {
        let path = format!("{url}/runCase?case=1&agent={nothing}");
        assert_eq!(converse(&path, |message| message), None, "{nothing}");
    }
    for path in ["/runCase?case=1&agent=%E2%80%AEa%1b%E2%80%8Bb", "/updateReports?agent=ab"] {
        converse(&format!("{url}{path}"), |message| message);
    }
    let (status, text) = end(child);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("client ab: 1 case in "), "{text}");
}

/// A client that has run nothing has no results.
#[test]
fn a_question_makes_no_client() {
    let (child, url) = start(&["1.1.1"]);
    let ask = |path: &str| converse(&format!("{url}{path}"), |message| message);
    assert_eq!(ask("/getCaseStatus?case=1&agent=typo"), None);
    ask("/runCase?case=1&agent=a");
    // It ends the run all the same.
    ask("/updateReports?agent=typo");
    let (status, text) = end(child);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with("client a: 1 case in ") && !text.contains("typo"), "{text}");
}

/// hybi-tokio's client, over TLS.
#[tokio::test]
async fn a_client_over_tls() {
    let (certificate, _) = tls("http/1.1");
    let file = certificate.path();
    let files = ["--cert", file, "--key", file];
    let chosen = ["--strict", "1.*", "5.*", "6.4.*", "7.*", "9.1.4", "closing/*"];
    let (child, url) = start(&[&files[..], &chosen].concat());
    let url = url.replace("wss://127.0.0.1", "wss://localhost");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.read()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = hybi_tokio::Connector::new().tls(config.into());
    let converse = async |path: &str| {
        let uri = Uri::parse(&format!("{url}{path}")).unwrap();
        let mut ws = connector.connect(&ClientRequest::new(&uri)).await.unwrap();
        let mut first = None;
        while let Ok(Some(message)) = ws.receive().await {
            first.get_or_insert_with(|| message.clone());
            let _ = ws.send(&message).await;
        }
        first
    };
    let count = converse("/getCaseCount").await.unwrap();
    let count: usize = count.as_text().unwrap().parse().unwrap();
    for case in 1..=count {
        converse(&format!("/runCase?case={case}&agent=tls")).await;
    }
    converse("/updateReports?agent=tls").await;
    let (status, text) = end(child);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("\nAll is as expected.\n"), "{text}");
}

#[test]
fn files_for_tls_that_are_wrong() {
    let ((one, _), (other, _)) = (tls("http/1.1"), tls("http/1.1"));
    let (one, other) = (one.path(), other.path());
    for (arguments, words) in [
        (&["--cert", one][..], "--key <FILE>"),
        (&["--key", one], "--cert <FILE>"),
        (&["--cert", "/no/file", "--key", one], "/no/file: "),
        (&["--cert", one, "--key", "/dev/null"], "/dev/null: "),
        (&["--cert", "/dev/null", "--key", one], "there is no certificate in it"),
        (&["--cert", one, "--key", other], other),
    ] {
        let all = [&["client", "--listen", "127.0.0.1:0"], arguments].concat();
        let (status, text) = told(&conform(&all));
        assert!(status == Some(2) && text.contains(words), "{words}: {text}");
    }
}

/// A client that crashes asks for no report. The command ends, with what has run.
#[test]
fn a_client_that_goes_away() {
    let (child, url) = start(&["1.1.*", "--idle", "0.5"]);
    converse(&format!("{url}/runCase?case=1&agent=a"), |message| message);
    let (status, text) = end(child);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("client a: 1 case in "), "{text}");
    assert!(text.contains("\n7 cases have not run.\n"), "{text}");
    // Nobody has come at all.
    let (status, text) = told(&conform(&["client", "--listen", "127.0.0.1:0", "--idle", "0.1"]));
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("no client has asked for anything for 0.1 s"), "{text}");
}

/// If one client has run cases, it is the one that wants its report.
#[test]
fn a_report_for_a_client_without_a_name() {
    let (child, url) = start(&["1.1.1"]);
    converse(&format!("{url}/runCase?case=1&agent=a"), |message| message);
    converse(&format!("{url}/updateReports"), |message| message);
    let (status, text) = end(child);
    assert_eq!(status, Some(0), "{text}");
}
