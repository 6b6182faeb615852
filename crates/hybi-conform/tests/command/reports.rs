//! The files that the command writes: reports, baselines and comparisons.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hybi::handshake::Acceptance;
use roxmltree::{Document, ParsingOptions};
use serde_json::Value;
use sha1::{Digest, Sha1};

use crate::clients::{converse, end, run_all, start};
use crate::faulty::{Fault, serve};
use crate::servers::blocking_echo;
use crate::{command, conform, told};

/// A directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("hybi-conform-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn expect(arguments: &[&str], status: i32, words: &[&str]) -> String {
    let (got, text) = told(&conform(arguments));
    assert_eq!(got, Some(status), "{text}");
    for words in words {
        assert!(text.contains(words), "{words}: {text}");
    }
    text
}

/// The names of all files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all
}

/// Reads a page, which must be well-formed. Returns all of its text, and how many scripts it has.
#[track_caller]
fn page(text: &str) -> (String, usize) {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let read =
        Document::parse_with_options(text, options).unwrap_or_else(|error| panic!("{error}"));
    let scripts = read.descendants().filter(|node| node.has_tag_name("script")).count();
    let texts = read.descendants().filter(|node| node.is_text()).filter_map(|node| node.text());
    let ids: Vec<_> = read.descendants().filter_map(|node| node.attribute("id")).collect();
    for node in read.descendants().filter(|node| node.is_element()) {
        // Nothing is loaded, and no attribute is a script.
        let handlers = node.attributes().filter(|it| it.name().starts_with("on")).count();
        assert_eq!((node.attribute("src"), handlers), (None, 0));
        if let Some(name) = node.attribute("aria-labelledby") {
            assert!(ids.contains(&name), "{name}");
        }
    }
    (texts.collect(), scripts)
}

#[test]
fn a_report() {
    let scratch = Scratch::new("report");
    let dir = scratch.path("a/report");
    let chosen = ["1.1.1", "7.1.6", "server/version/8", "server/key/*", "--agent", "x"];
    expect(&[&["server", &blocking_echo(), "--report", &dir], &chosen[..]].concat(), 0, &[]);

    let index = scratch.json("a/report/index.json");
    let ids: Vec<_> = index["x"].as_object().unwrap().keys().collect();
    assert_eq!(ids, ["1.1.1", "7.1.6"]);
    let case = &index["x"]["1.1.1"];
    assert_eq!((&case["behavior"], &case["behaviorClose"]), (&"OK".into(), &"OK".into()));
    assert_eq!(case["remoteCloseCode"], 1000);
    assert!(case["duration"].is_u64());
    assert_eq!(index["x"]["7.1.6"]["behavior"], "INFORMATIONAL");
    let file = format!("a/report/{}", case["reportfile"].as_str().unwrap());
    let case = scratch.json(&file);
    assert_eq!((&case["id"], &case["agent"]), (&"1.1.1".into(), &"x".into()));
    let sent = &case["wirelog"][2];
    // An empty text with a mask (RFC 6455 §5.2).
    assert_eq!((&sent["direction"], &sent["length"]), (&"sent".into(), &6.into()));
    assert!(sent["bytes"].as_str().unwrap().starts_with("8180"), "{sent}");
    let results = scratch.json("a/report/results.json");
    assert_eq!(results["x"]["server/version/8"]["group"], "handshake");

    let (text, scripts) = page(&scratch.read("a/report/index.html"));
    assert!(text.contains("server/version/8") && scripts == 1);
    let page_of_case = scratch.read(&file.replace(".json", ".html"));
    let (text, scripts) = page(&page_of_case);
    assert!(text.contains("opcode 1 (text)") && text.contains("MASK 1"), "{text}");
    assert!(text.contains("close code 1000") && text.contains("Close 1000"), "{text}");
    assert_eq!(scripts, 0);
    assert!(
        page_of_case.contains("<a href=\"https://www.rfc-editor.org/rfc/rfc6455#section-5.6\">")
    );
    let junit = scratch.read("a/report/junit.xml");
    let junit = Document::parse(&junit).unwrap();
    let suites = junit.root_element().children().filter(|node| node.is_element());
    let suites: Vec<_> = suites.filter_map(|suite| suite.attribute("name")).collect();
    assert_eq!(suites, ["autobahn", "handshake"]);
    let summary = scratch.read("a/report/summary.md");
    assert!(
        summary.starts_with("## hybi-conform: server `x`\n\nAll is as expected in "),
        "{summary}"
    );
    // Nothing else.
    let left = files(&scratch.0).into_iter().filter(|path| {
        !matches!(path.extension().and_then(|it| it.to_str()), Some("html" | "json" | "xml" | "md"))
    });
    assert_eq!(left.count(), 0);
}

const EVIL: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)> ]]> & \" ' | ` \
                    <!-- @somebody \u{202e}\u{7f}";

/// The first connection is the probe, whose text comes back.
fn hostile() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (i, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let Some(key) = key(&mut stream) else { continue };
            let hash =
                BASE64_STANDARD.encode(Sha1::digest(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
            let phrase = if i % 3 == 1 { EVIL } else { "x" };
            let head = format!(
                "HTTP/1.1 101 {phrase}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {hash}\r\nX: {phrase}\u{1}\u{1b}\r\n\r\n"
            );
            let head = if i == 0 { head.replace(['\u{1}', '\u{1b}'], "") } else { head };
            let kind = if i % 2 == 0 { 0x81 } else { 0x88 };
            let text = match (i, kind) {
                (0, _) => "*".repeat(125),
                (_, 0x81) => EVIL.into(),
                _ => format!("\u{3}\u{fffd}{EVIL}\0\u{1b}"),
            };
            let len = u8::try_from(text.len().min(125)).unwrap();
            let frame = [&[kind, len], &text.as_bytes()[..len.into()]].concat();
            let _ = stream.write_all(&[head.as_bytes(), &frame].concat());
        }
    });
    url
}

fn key(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))?;
    Some(line.to_owned())
}

#[test]
fn what_a_hostile_server_sends_is_only_text() {
    let scratch = Scratch::new("hostile");
    let dir = scratch.path("report");
    let chosen = ["--jobs", "1", "--timeout", "0.5", "--report", &dir, "1.1.*", "7.1.*"];
    expect(&[&["server", &hostile()], &chosen[..]].concat(), 1, &["Look first at"]);
    let (mut shown, mut pages) = (String::new(), 0);
    for path in files(&scratch.0) {
        let text = fs::read_to_string(&path).unwrap();
        match path.extension().unwrap().to_str().unwrap() {
            "html" => {
                let (text, scripts) = page(&text);
                assert_eq!(
                    scripts,
                    usize::from(path.ends_with("index.html")),
                    "{}",
                    path.display()
                );
                shown += &text;
                pages += 1;
            }
            "xml" => drop(Document::parse(&text).unwrap()),
            "json" => drop(serde_json::from_str::<Value>(&text).unwrap()),
            "md" => assert!(!text.contains(['\u{1b}', '\u{202e}', '\0'])),
            other => panic!("{other}"),
        }
    }
    assert!(pages > 10);
    assert!(shown.contains("<script>alert(1)</script>"), "the peer's words are to be read");
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{7f}']));
}

#[test]
fn a_report_of_a_client_with_a_strange_name() {
    let scratch = Scratch::new("client");
    let dir = scratch.path("report");
    let (child, url) = start(&["1.1.1", "2.1", "--report", &dir, "--keep-running"]);
    run_all(&url, |message| message);
    let case = format!("{url}/runCase?case=1&agent=%3Cb%3E%22..%2F..%2F%00%E2%80%AE");
    converse(&case, |message| message);
    converse(&format!("{url}/stopServer"), |message| message);
    // The second has not run the other case.
    let (status, text) = end(child);
    assert_eq!(status, Some(1), "{text}");
    let index = scratch.json("report/index.json");
    let agents: Vec<_> = index.as_object().unwrap().keys().collect();
    // Without what cannot be seen or reorders a text: the name is printed, too.
    assert_eq!(agents, ["<b>\"../../", "a client"]);
    let (text, _) = page(&scratch.read("report/index.html"));
    assert!(text.contains("<b>\"../../") && text.contains("a client"), "{text}");
    let junit = scratch.read("report/junit.xml");
    let junit = Document::parse(&junit).unwrap();
    assert_eq!(junit.root_element().attribute("errors"), Some("1"));
}

/// Better before the cases run than after.
#[test]
fn a_directory_that_cannot_be_made() {
    let url = blocking_echo();
    let text = expect(
        &["server", &url, "1.1.1", "--report", "/dev/null/report"],
        2,
        &["the report cannot be written to /dev/null/report: "],
    );
    assert!(!text.contains(" ms for each"), "{text}");
    expect(&["client", "--report", "/dev/null/report"], 2, &["the report cannot be written"]);
    let more = ["--write-baseline", "/no/directory/file"];
    let words = ["the baseline /no/directory/file cannot be written: "];
    let text = expect(&[&["server", &url, "1.1.1"], &more[..]].concat(), 2, &words);
    assert!(!text.contains(" ms for each"), "{text}");
}

/// The report has the cases that ran, and an error for those that did not.
#[test]
fn a_server_that_goes_away() {
    let scratch = Scratch::new("gone");
    let (dir, file) = (scratch.path("report"), scratch.path("baseline"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        for stream in listener.incoming().take(4) {
            let pending = hybi::blocking::receive_request(stream.unwrap()).unwrap();
            let mut ws = pending.accept(&Acceptance::from_any_origin()).unwrap();
            while let Ok(Some(message)) = ws.receive() {
                ws.send(&message).unwrap();
            }
        }
    });
    let chosen = ["server", &url, "--jobs", "1", "1.*", "--write-baseline", &file];
    let words = ["the server is gone", "have not run", "the baseline has not been written"];
    expect(&[&chosen[..], &["--report", &dir]].concat(), 2, &words);
    serving.join().unwrap();
    let results = scratch.json("report/results.json");
    assert_eq!(results[&url]["1.1.1"]["behavior"], "OK");
    let junit = scratch.read("report/junit.xml");
    let junit = Document::parse(&junit).unwrap();
    assert_eq!(junit.root_element().attribute("errors"), Some("1"));
    assert!(!Path::new(&file).exists());
}

/// A limit of the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full() {
    let scratch = Scratch::new("full");
    fs::write(scratch.path("index.html"), "before").unwrap();
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .args([env!("CARGO_BIN_EXE_hybi-conform"), "server", &blocking_echo(), "1.1.*"])
        .args(["--report", scratch.0.to_str().unwrap()])
        .output()
        .unwrap();
    let (status, text) = told(&output);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains(": 8 cases in"), "{text}");
    assert!(text.contains("the report cannot be written to "), "{text}");
    assert_eq!(files(&scratch.0), [scratch.0.join("index.html")]);
    assert_eq!(scratch.read("index.html"), "before");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_summary_that_cannot_be_printed() {
    let scratch = Scratch::new("stdout");
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    let (url, dir) = (blocking_echo(), scratch.path("report"));
    let output =
        command(&["server", &url, "1.1.1", "--report", &dir]).stdout(full()).output().unwrap();
    let (status, text) = told(&output);
    assert!(status == Some(2) && text.contains("the summary cannot be written: "), "{text}");
    // The report is there.
    assert_eq!(scratch.json("report/index.json")[&url]["1.1.1"]["behavior"], "OK");
}

#[test]
fn a_baseline_lets_changes_fail() {
    let scratch = Scratch::new("baseline");
    let file = scratch.path("expected.txt");
    let url = serve(Fault::ReservedBits);
    let base = ["server", &url, "--timeout", "2", "1.1.1", "3.1", "3.5"];
    let run = |more: &[&str], status, words: &[&str]| {
        expect(&[&base[..], more].concat(), status, words);
    };
    run(&[], 1, &[]);
    run(&["--write-baseline", &file], 0, &["As the baseline says: 2 cases."]);
    let written = scratch.read("expected.txt");
    assert!(written.starts_with("# ") && written.contains("\n3.1 FAILED  # "), "{written}");
    run(&["--baseline", &file], 0, &["\nAll is as expected.\n"]);

    let change = |text: &str| fs::write(&file, text).unwrap();
    // It fails, and is not expected to.
    change("3.1 FAILED\n");
    run(&["--baseline", &file], 1, &["Look first at 3.5"]);
    // It passes, and is expected to fail.
    change("1.1.1 FAILED\n3.1 FAILED # known\n3.5 FAILED\n2.1 FAILED # elsewhere\n");
    let words = ["1.1.1 is OK, and was FAILED", "the baseline is to be brought up to date"];
    run(&["--baseline", &file], 1, &words);
    // All lines stay but those of cases that have changed.
    let before = "# Owner: me\n1.1.1 FAILED\n2.1 FAILED # elsewhere\n\n# second section\n\
                  3.1 NON-STRICT # known\n";
    change(before);
    run(&["--baseline", &file, "--write-baseline", &file], 0, &[]);
    let after = "# Owner: me\n2.1 FAILED # elsewhere\n\n# second section\n\
                 3.1 FAILED  # known\n3.5 FAILED  # ";
    let written = scratch.read("expected.txt");
    assert!(written.starts_with(after), "{written}");
    run(&["--baseline", &file, "--write-baseline", &file], 0, &[]);
    assert_eq!(scratch.read("expected.txt"), written);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    // It is about one reading.
    run(&["--baseline", &file, "--strict"], 2, &["it has no line --strict"]);
    run(&["--write-baseline", &file, "--strict"], 0, &[]);
    assert!(scratch.read("expected.txt").contains("\n--strict\n"));
    run(&["--baseline", &file], 2, &["use it with --strict"]);
    run(&["--baseline", &file, "--strict"], 0, &["\nAll is as expected.\n"]);
    // Another failure than before.
    change("3.1 NON-STRICT\n3.5 FAILED\n");
    run(&["--baseline", &file], 1, &["3.1 is FAILED, and was NON-STRICT", "Look first at 3.1"]);

    let dir = scratch.path("report");
    run(&["--baseline", &file, "--report", &dir], 1, &[]);
    let summary = scratch.read("report/summary.md");
    assert!(
        summary.contains("### What changed\n\n- `3.1` is FAILED, and was NON-STRICT\n"),
        "{summary}"
    );
    let junit = scratch.read("report/junit.xml");
    let junit = Document::parse(&junit).unwrap();
    let root = junit.root_element();
    let count = |name| root.attribute(name).unwrap();
    assert_eq!((count("tests"), count("failures"), count("skipped")), ("3", "1", "1"));

    change("3.1 FAILED\n99.1 FAILED\n");
    run(&["--baseline", &file], 2, &["line 2: there is no case \"99.1\""]);
    run(&["--baseline", "/no/file"], 2, &["the baseline /no/file: "]);
}

#[test]
fn a_comparison() {
    let scratch = Scratch::new("compare");
    let (good, bad) = (scratch.path("good"), scratch.path("bad"));
    let (html, markdown) = (scratch.path("all.html"), scratch.path("all.md"));
    let chosen = ["--timeout", "2", "1.1.1", "3.1", "3.5"];
    let run = |url: &str, name: &str, dir: &str, more: &[&str]| {
        let named = ["server", url, "--agent", name, "--report", dir];
        told(&conform(&[&named[..], &chosen, more].concat()));
    };
    run(&blocking_echo(), "good", &good, &[]);
    run(&serve(Fault::ReservedBits), "<bad|one>", &bad, &["2.1"]);
    let text = expect(
        &["compare", &good, &bad, "--html", &html, "--markdown", &markdown],
        0,
        &["2 implementations; 2 of 4 cases came out differently.", "good has not run 1."],
    );
    let verdicts = "  FAILED         <bad|one>: something came back that was not expected\n  \
                    OK             good\n";
    assert!(text.contains("\n3.1 ") && text.contains(verdicts), "{text}");
    assert!(!text.contains("\n2.1 "), "{text}");
    // The comparison says whether the second is worse or better.
    assert!(text.contains("<bad|one> is worse than good in 2, and better in none."), "{text}");
    let text = expect(&["compare", &bad, &good], 0, &[]);
    assert!(text.contains("good is worse than <bad|one> in none, and better in 2."), "{text}");
    let html = scratch.read("all.html");
    let (shown, scripts) = page(&html);
    assert!(shown.contains("<bad|one>") && scripts == 0, "{shown}");
    assert!(shown.contains("something came back that was not expected"), "{shown}");
    // Each verdict leads to its page, if there is one.
    let start = html.find("href=\"bad/cases/").unwrap_or_else(|| panic!("{html}")) + 6;
    let link = html[start..].split('"').next().unwrap();
    assert!(scratch.0.join(link).exists(), "{link}");
    let written = scratch.read("all.md");
    assert!(written.contains("| `<bad\\|one>` |"), "{written}");
    assert!(written.contains("something came back that was not expected"), "{written}");

    // Those of one name are told apart, and no name is cut.
    let long = scratch.path("long");
    run(&blocking_echo(), "an implementation with a long name, as server", &long, &[]);
    let names = ["good (2)", "  an implementation with a long name, as server  "];
    let text = expect(&["compare", &good, &good, &long], 0, &names);
    assert!(text.contains("each of 3 cases came out alike"), "{text}");
    expect(&["compare", &good], 2, &["one implementation alone"]);
    expect(&["compare", "/no/report"], 2, &["/no/report/index.json: "]);
    fs::write(scratch.path("index.json"), "{").unwrap();
    expect(&["compare", scratch.0.to_str().unwrap()], 2, &["index.json: EOF"]);
    expect(&["compare"], 2, &["Usage:"]);
}
