//! `push`: any process opens a connection by its number.

use std::process::{Child, Stdio};

use hybi::CloseCode;

use crate::engine::{Engine, Way, command};
use crate::program::Program;

/// Obeys a line as a process that is no server. Returns what it prints.
fn obey(engine: &Engine, line: &str) -> Result<String, String> {
    output(start(engine, line))
}

fn start(engine: &Engine, line: &str) -> Child {
    command("push")
        .args(["--bus", &engine.url(), "--timeout", "60", "--command", line])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn output(process: Child) -> Result<String, String> {
    let output = process.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    match output.status.code() {
        Some(0) => Ok(text(output.stdout)),
        Some(1) => Err(text(output.stderr)),
        code => panic!("{code:?}: {}", text(output.stderr)),
    }
}

fn ok(text: &str) -> Result<String, String> {
    Ok(text.into())
}

/// Waits until somebody waits for the engine with this command.
fn until_blocked_in(engine: &Engine, command: &str) {
    let wanted = format!("cmd={command} ");
    let is_it = |line: &str| line.contains(&wanted) && line.contains(" flags=b ");
    while engine.send::<String>(&["CLIENT", "LIST"]).lines().filter(|line| is_it(line)).count() == 0
    {
    }
}

#[test]
fn any_process_writes_to_a_connection_reads_from_it_and_ends_it_by_its_number() {
    let engine = Engine::start();
    let mut servers = [engine.serve("push", &[]), engine.serve("push", &[])];
    let clients = [0, 1].map(|place| {
        let client = servers[place].client("/async");
        assert_eq!(client.text(), format!("you are number {}", place + 1));
        client
    });
    assert_eq!(obey(&engine, "list"), ok("2 connections\n1 on server 1\n2 on server 2"));

    assert_eq!(obey(&engine, "2 hello <to> you"), ok("sent to 2"));
    assert_eq!(clients[1].text(), "hello <to> you");
    assert_eq!(obey(&engine, "all hello everybody"), ok("sent to 2"));
    // A server's terminal reaches those of the others, too.
    servers[0].type_line("2 across");
    servers[0].line("sent to 2");
    assert_eq!([clients[0].text(), clients[1].text()], ["hello everybody"; 2]);
    assert_eq!(clients[1].text(), "across");

    // Messages that arrived before a read, in order, and one that arrives during a read.
    clients[1].send("first");
    clients[1].writer.send(&[0, 255]).unwrap();
    assert_eq!(obey(&engine, "read 2"), ok("2 says \"first\""));
    assert_eq!(obey(&engine, "read 2"), ok("2 says 2 bytes"));
    let reader = start(&engine, "read 1");
    until_blocked_in(&engine, "xread");
    clients[0].send("gr\u{fc}\u{df}e");
    assert_eq!(output(reader), ok("1 says \"gr\u{fc}\u{df}e\""));

    assert_eq!(obey(&engine, "close 2"), ok("closing 2"));
    let closed = clients[1].end();
    assert_eq!((closed.code(), closed.reason()), (1000, "closed from the terminal"));
    clients[0].writer.close(CloseCode::new(4001).unwrap(), "enough").unwrap();
    clients[0].end();
    // It waits for the end if need be.
    for _ in 0..2 {
        let error = obey(&engine, "read 1").unwrap_err();
        assert_eq!(error, "connection 1 has ended: 4001 \"enough\"");
    }
}

#[test]
fn any_process_reads_so_many_characters_and_the_rest_next() {
    let engine = Engine::start();
    let server = engine.serve("push", &[]);
    let client = server.client("/async");
    client.text();
    client.send("gr\u{fc}\u{df}e \u{1f600}!");
    client.writer.send(&[1, 2, 3]).unwrap();
    client.send("");
    client.writer.close(CloseCode::NORMAL, "").unwrap();
    client.end();
    for (line, answer) in [
        ("read 1 3", "1 says \"gr\u{fc}\", and more"),
        ("read 1 4", "1 says \"\u{df}e \u{1f600}\", and more"),
        ("read 1 1", "1 says \"!\""),
        ("read 1 1", "1 says 1 bytes, and more"),
        ("read 1", "1 says 2 bytes"),
        ("read 1 1", "1 says \"\""),
    ] {
        assert_eq!(obey(&engine, line), ok(answer), "{line}");
    }
    let ended = obey(&engine, "read 1 1").unwrap_err();
    assert_eq!(ended, "connection 1 has ended: 1000 (normal closure)");
}

/// Its own server shows it under both numbers.
#[test]
fn the_status_tells_the_number_on_the_bus() {
    let engine = Engine::start();
    let mut servers = [engine.serve("push", &[]), engine.serve("push", &[])];
    let _clients = [0, 1].map(|place| {
        let client = servers[place].client("/async");
        client.text();
        client
    });
    servers[1].type_line("status");
    servers[1].line("1 connection");
    servers[1].line("1 Open /async asynchronous, 2 on the bus");
}

#[test]
fn a_number_that_is_none_or_none_any_more_is_an_error_that_says_so() {
    let engine = Engine::start();
    let server = engine.serve("push", &[]);
    let client = server.client("/async");
    client.text();
    for line in ["2 hello", "read 2", "close 2", "0 hello"] {
        let error = obey(&engine, line).unwrap_err();
        assert!(error.starts_with("there has been no connection "), "{error}");
    }
    obey(&engine, "close 1").unwrap();
    client.end();
    obey(&engine, "read 1").unwrap_err(); // it is gone then
    for line in ["1 hello", "close 1"] {
        let why = "connection 1 has ended: 1000 (normal closure) \"closed from the terminal\"";
        assert_eq!(obey(&engine, line).unwrap_err(), why);
    }
    let long = "x".repeat((64 << 10) + 1);
    assert!(obey(&engine, &format!("1 {long}")).unwrap_err().contains("65537 bytes"));
    for (line, why) in [
        ("nonsense", "there is no command \"nonsense\": try help"),
        ("18446744073709551616 hello", "there is no command \"18446744073709551616\": try help"),
        ("read -1", "ID: \"-1\" is not the number of a connection"),
        ("close", "ID is missing: close ID"),
    ] {
        assert_eq!(obey(&engine, line).unwrap_err(), why);
    }
    assert!(obey(&engine, "status").unwrap_err().starts_with("this is no server"));
}

/// Whoever may write to the bus may not write to the terminal of others.
#[test]
fn what_comes_from_the_bus_is_escaped_at_the_terminal() {
    let engine = Engine::start();
    let evil = "\x1b[2J";
    engine.send::<()>(&["SET", "push:id", "1"]);
    engine.send::<u64>(&["HSET", "push:where", "1", evil]);
    engine.send::<u64>(&["ZADD", "push:instances", "9999999999999", evil]);
    engine.send::<u64>(&["RPUSH", "push:answers:1", evil]);
    let answers =
        ["\\u{1b}[2J", "server \\u{1b}[2J, where connection 1 is, has not answered for 5 s"];
    for answer in answers {
        assert_eq!(obey(&engine, "1 hello"), Err(answer.into()));
    }
}

#[test]
fn a_read_gives_up_after_its_time_out() {
    let engine = Engine::start();
    let server = engine.serve("push", &[]);
    let client = server.client("/async");
    client.text();
    let line = ["--bus", &engine.url(), "--timeout", "0.2", "--command", "read 1"];
    let process = command("push").args(line).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(output(process).unwrap_err(), "connection 1 has said nothing for 0.2 s");
}

#[test]
fn two_readers_never_get_the_same_message() {
    let engine = Engine::start();
    let server = engine.serve("push", &[]);
    let client = server.client("/async");
    client.text();
    let readers: Vec<Child> = (0..4).map(|_| start(&engine, "read 1")).collect();
    (0..4).for_each(|number| client.send(&number.to_string()));
    let mut read: Vec<String> = readers.into_iter().map(|it| output(it).unwrap()).collect();
    read.sort();
    assert_eq!(read, ["0", "1", "2", "3"].map(|number| format!("1 says \"{number}\"")));
}

#[test]
fn a_client_that_nobody_reads_from_is_closed_after_a_hundred_messages() {
    let engine = Engine::start();
    let server = engine.serve("push", &[]);
    let client = server.client("/async");
    client.text();
    (0..101).for_each(|number| client.send(&number.to_string()));
    let closed = client.end();
    assert_eq!((closed.code(), closed.reason()), (1013, "nobody listens: try again later"));
    server.line("1 is closed: nobody reads what it says");
    // The kept messages can still be read.
    for number in 0..3 {
        assert_eq!(obey(&engine, "read 1"), Ok(format!("1 says \"{number}\"")));
    }
}

/// As without a bus, where the oldest are dropped.
#[test]
fn a_client_that_nobody_reads_from_is_closed_after_128_kib() {
    let engine = Engine::start();
    let server = engine.serve("push", &[]);
    let client = server.client("/async");
    client.text();
    let half = "x".repeat(64 << 10);
    for _ in 0..2 {
        client.send(&half);
        server.line("1 says ");
    }
    assert_eq!(obey(&engine, "read 1 5"), ok("1 says \"xxxxx\", and more"));
    client.send("12345");
    server.line("1 says ");
    client.send("x");
    let closed = client.end();
    assert_eq!((closed.code(), closed.reason()), (1013, "nobody listens: try again later"));
    server.line("connection 1 ended");
    for len in [half.len() - 5, half.len(), 5] {
        assert_eq!(obey(&engine, "read 1").unwrap().len(), "1 says \"\"".len() + len);
    }
}

/// Otherwise one client that comes again and again would fill the memory of the bus.
#[test]
fn of_a_thousand_connections_that_have_ended_the_last_words_are_kept() {
    let engine = Engine::start();
    let server = engine.serve("push", &[]);
    let come_and_go = |id: u64| {
        let client = server.client("/async");
        client.text();
        client.send("12345");
        client.writer.close(CloseCode::NORMAL, "").unwrap();
        client.end();
        server.line(&format!("connection {id} ended"));
        assert_eq!(
            obey(&engine, &format!("read {id} 2")).unwrap(),
            format!("{id} says \"12\", and more")
        );
    };
    come_and_go(1);
    let others = vec!["0"; 999];
    engine.send::<u64>(&[&["RPUSH", "push:ended"], &*others].concat());
    assert_eq!(obey(&engine, "read 1 2"), ok("1 says \"34\", and more"));
    come_and_go(2);
    assert_eq!(obey(&engine, "read 1"), Err("connection 1 has ended".into()));
    assert_eq!(obey(&engine, "read 2"), ok("2 says \"345\""));
}

/// The answer that it is one too many is lost, and the call repeated.
#[test]
fn a_message_too_many_is_not_taken_for_one_that_was_kept() {
    let engine = Engine::start();
    let way = Way::to(&engine);
    let push = Program::run(command("push").args(["127.0.0.1:0", "--bus", &way.url()]));
    let client = push.client("/async");
    client.text();
    (0..100).for_each(|number| client.send(&number.to_string()));
    while engine.send::<u64>(&["XLEN", "push:from:1"]) < 100 {}
    way.lose("hear");
    client.send("100");
    assert_eq!(client.end().code(), 1013);
    assert!(way.has_lost());
}

#[test]
fn a_dead_server_is_told_from_a_connection_that_has_ended() {
    let engine = Engine::start();
    let server = engine.serve("push", &["--deadline", "2"]);
    let client = server.client("/async");
    client.text();
    client.send("last words");
    server.line("1 says");
    let reader = start(&engine, "read 1");
    assert_eq!(output(reader), ok("1 says \"last words\""));
    drop(server); // killed
    // At first nobody can know. Then it is known from its silence, also if there is no other.
    let is_lost = |error: String| match &*error {
        "connection 1 is lost: server 1 does not say that it lives" => true,
        "server 1, where connection 1 is, has not answered for 5 s" => false,
        other => panic!("{other}"),
    };
    while !is_lost(obey(&engine, "1 are you there?").unwrap_err()) {}
    assert!(is_lost(obey(&engine, "read 1").unwrap_err()));
    assert_eq!(obey(&engine, "all hello"), ok("sent to 0"));
    // Another one clears up.
    let another = engine.serve("push", &["--deadline", "2"]);
    let newcomer = another.client("/async");
    assert_eq!(newcomer.text(), "you are number 2");
    while obey(&engine, "list").unwrap() != "1 connection\n2 on server 2" {}
    assert_eq!(obey(&engine, "read 1").unwrap_err(), "connection 1 has ended: its server is gone");
}
