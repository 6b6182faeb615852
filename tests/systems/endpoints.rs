//! `--example endpoints`.

use std::collections::BTreeSet;

use hybi::{CloseCode, Message};

use crate::program::Program;

fn allocate(endpoints: &mut Program, prefix: &str) -> String {
    endpoints.type_line("allocate");
    // A terminal shows what was typed, too.
    let name = endpoints.line(prefix).trim().to_owned();
    assert!(name[prefix.len()..].parse::<u32>().is_ok(), "{name}");
    name
}

#[test]
fn the_pool_has_five_endpoints_and_then_says_that_it_is_empty() {
    let mut endpoints = Program::start("endpoints", &[]);
    let names: BTreeSet<_> = (0..5).map(|_| allocate(&mut endpoints, "WS")).collect();
    assert_eq!(names.len(), 5);
    endpoints.type_line("allocate");
    endpoints.line("error: all endpoints are allocated");
    endpoints.type_line(&format!("release {}", names.first().unwrap()));
    endpoints.line("released; 0 clients");
    assert_eq!(allocate(&mut endpoints, "WS"), *names.first().unwrap());

    let mut endpoints = Program::start("endpoints", &["--endpoints", "1", "--prefix", "Room"]);
    allocate(&mut endpoints, "Room");
    endpoints.type_line("allocate");
    endpoints.line("error: all endpoints are allocated");
}

#[test]
fn clients_hear_everybody_on_their_endpoint_themselves_included() {
    drive(&mut Program::start("endpoints", &[]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_real_terminal_does_the_same() {
    drive(&mut Program::start_at_terminal("endpoints"));
}

fn drive(endpoints: &mut Program) {
    let (here, there) = (allocate(endpoints, "WS"), allocate(endpoints, "WS"));
    let ask = |endpoints: &mut Program, question: &str, answer: &str| {
        endpoints.type_line(question);
        endpoints.line(answer);
    };
    ask(endpoints, &format!("in use? {here}"), "no");
    let join = |endpoints: &Program, name: &str| {
        let client = endpoints.client(&format!("/{name}"));
        endpoints.line(&format!("{name}: "));
        client
    };
    let clients = [join(endpoints, &here), join(endpoints, &here)];
    let stranger = join(endpoints, &there);
    ask(endpoints, &format!("in use? {here}"), "yes");
    ask(endpoints, &format!("clients {here}"), "2 clients");
    ask(endpoints, &format!("status {here}"), "2 Open");
    ask(endpoints, "list", &format!("{here} allocated, 2 clients"));

    clients[0].send("to all");
    clients.iter().for_each(|client| assert_eq!(client.text(), "to all"));
    clients[1].writer.send(&[1, 2, 3]).unwrap();
    clients.iter().for_each(|client| assert_eq!(client.next(), Message::from(vec![1, 2, 3])));
    ask(endpoints, &format!("send {here} from the server"), "sent to 2");
    clients.iter().for_each(|client| assert_eq!(client.text(), "from the server"));

    clients[1].writer.close(CloseCode::NORMAL, "enough").unwrap();
    clients[1].end();
    endpoints.line("2 left: 1000 (normal closure) \"enough\"");
    endpoints.type_line(&format!("release {here}"));
    endpoints.lines_in_any_order(&["released; 1 clients", "1 left: 1001"]);
    let closed = clients[0].end();
    assert_eq!((closed.code(), closed.reason()), (1001, "the endpoint has been released"));
    assert_eq!(endpoints.refusal(&format!("/{here}"), None), 404);
    for command in ["release", "clients", "status"] {
        ask(
            endpoints,
            &format!("{command} {here}"),
            "error: no endpoint of that name is allocated",
        );
    }
    // Allocated again, it is another's.
    assert_eq!(allocate(endpoints, "WS"), here);
    ask(endpoints, &format!("clients {here}"), "0 clients");
    // Nothing of all that reached the other endpoint.
    stranger.send("alone");
    assert_eq!(stranger.text(), "alone");
}

#[test]
fn endpoints_that_are_not_allocated_are_refused_with_404() {
    let mut endpoints = Program::start("endpoints", &["--endpoints", "1"]);
    endpoints.type_line("list");
    let name = endpoints.line("free").split(' ').next().unwrap().to_owned();
    for path in [&*format!("/{name}"), "/", "/WS", "/WS1"] {
        assert_eq!(endpoints.refusal(path, None), 404, "{path}");
    }
    assert_eq!(allocate(&mut endpoints, "WS"), name);
    drop(endpoints.connect(&format!("/{name}")).unwrap());
    // It has no page. One of its own origin is an attacker's, whose name leads here (DNS rebinding).
    for origin in ["https://example.com", &format!("http://{}", endpoints.address)] {
        assert_eq!(endpoints.refusal(&format!("/{name}"), Some(origin)), 403);
    }
}

#[test]
fn an_error_is_told_to_its_hook() {
    use std::io::Write;
    let mut endpoints = Program::start("endpoints", &[]);
    let name = allocate(&mut endpoints, "WS");
    let mut rude = endpoints.mute(&format!("/{name}"));
    rude.write_all(b"\x81\x05Hello").unwrap();
    endpoints.line("1 failed: ");
}

/// Pings, pongs and the Close frame are no messages.
#[test]
fn only_messages_are_told_to_the_hook_for_messages() {
    let mut endpoints = Program::start("endpoints", &[]);
    let name = allocate(&mut endpoints, "WS");
    let client = endpoints.client(&format!("/{name}"));
    client.writer.ping(b"ping").unwrap();
    client.writer.pong(b"pong").unwrap();
    client.send("text");
    client.writer.send(b"bytes").unwrap();
    client.writer.ping(b"ping").unwrap();
    client.writer.close(CloseCode::NORMAL, "close").unwrap();
    assert_eq!(client.end().code(), 1000);
    for expected in [
        "1 connected",
        "1 says \"text\"",
        "1 says 5 bytes",
        "1 left: 1000 (normal closure) \"close\"",
    ] {
        assert_eq!(endpoints.line(&format!("{name}: ")), format!("{name}: {expected}"));
    }
}
