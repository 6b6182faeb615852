//! `--example endpoints`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use hybi::blocking::{ConnectError, Connector};
use hybi::handshake::ClientRequest;
use hybi::{CloseCode, Message, Uri};

use crate::program::{Program, Talker, example};

const KEY: &str = "the-key_of.this~test+/=";

fn start(options: &[&str]) -> Program {
    let mut command = example("endpoints");
    Program::run(command.env("ENDPOINTS_KEY", KEY).arg("127.0.0.1:0").args(options))
}

/// Allocates an endpoint at the terminal, and returns its name.
#[track_caller]
pub(crate) fn allocate(endpoints: &mut Program, prefix: &str) -> String {
    endpoints.type_line("allocate");
    let url = format!("ws://{}/{prefix}", endpoints.address);
    let line = endpoints.line(&url);
    // A terminal shows a prompt, too.
    let name = line.trim().rsplit('/').next().unwrap().to_owned();
    assert!(name[prefix.len()..].parse::<u64>().is_ok(), "{line}");
    name
}

#[track_caller]
fn ask(endpoints: &mut Program, question: &str, answer: &str) {
    endpoints.type_line(question);
    endpoints.line(answer);
}

/// Gives a command over HTTP, and returns the status and the answer.
fn command(endpoints: &Program, line: &str) -> (u16, String) {
    let encoded: String = line.bytes().map(|byte| format!("%{byte:02x}")).collect();
    post(endpoints, &format!("/command?{encoded}"), Some(KEY))
}

fn post(endpoints: &Program, target: &str, key: Option<&str>) -> (u16, String) {
    let key = key.map(|key| format!("\r\nAuthorization: Bearer {key}")).unwrap_or_default();
    let answer = endpoints.http(&format!("POST {target} HTTP/1.1\r\nContent-Length: 0{key}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.trim_end().to_owned())
}

#[test]
fn the_pool_has_five_endpoints_and_then_says_that_it_is_empty() {
    let mut endpoints = start(&[]);
    let names: BTreeSet<_> = (0..5).map(|_| allocate(&mut endpoints, "WS")).collect();
    assert_eq!(names.len(), 5);
    ask(&mut endpoints, "allocate", "error: all 5 endpoints of the pool are allocated: release");
    let released = names.first().unwrap();
    ask(&mut endpoints, &format!("release {released}"), "released; closing 0 clients");
    // Whoever still knows the old name does not reach what is another's.
    assert!(!names.contains(&allocate(&mut endpoints, "WS")));
    assert_eq!(endpoints.refusal(&format!("/{released}"), None), 404);

    let mut endpoints = start(&["--endpoints", "1", "--prefix", "Room"]);
    allocate(&mut endpoints, "Room");
    ask(&mut endpoints, "allocate", "error: the pool's only endpoint is allocated");
}

/// It costs nothing that they could be allocated.
#[test]
fn a_pool_may_have_as_many_endpoints_as_a_positive_32_bit_number_counts() {
    let mut endpoints = start(&["--endpoints", "2147483647"]);
    allocate(&mut endpoints, "WS");
    ask(&mut endpoints, "list", "1 of 2147483647 endpoints are allocated");
    let mut more = example("endpoints");
    let output = more.args(["127.0.0.1:0", "--endpoints", "2147483648"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("2147483648: a number from 1 to 2147483647"), "{error}");
}

#[test]
fn clients_hear_everybody_on_their_endpoint_themselves_included() {
    drive(&mut start(&[]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_real_terminal_does_the_same() {
    drive(&mut Program::start_at_terminal("endpoints"));
}

fn drive(endpoints: &mut Program) {
    let (here, there) = (allocate(endpoints, "WS"), allocate(endpoints, "WS"));
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
    endpoints.lines_in_any_order(&["released; closing 1 client", "1 left: 1001"]);
    let closed = clients[0].end();
    assert_eq!((closed.code(), closed.reason()), (1001, "the endpoint has been released"));
    assert_eq!(endpoints.refusal(&format!("/{here}"), None), 404);
    for command in ["release", "clients", "status", "in use?"] {
        let error = format!("error: no endpoint {here:?} is allocated");
        ask(endpoints, &format!("{command} {here}"), &error);
    }
    // Nothing of all that reached the other endpoint.
    stranger.send("alone");
    assert_eq!(stranger.text(), "alone");
}

#[test]
fn one_client_is_told_something_or_closed_by_its_number() {
    let mut endpoints = start(&[]);
    let name = allocate(&mut endpoints, "WS");
    let join = |endpoints: &Program| {
        let client = endpoints.client(&format!("/{name}"));
        endpoints.line("connected");
        client
    };
    let (one, two) = (join(&endpoints), join(&endpoints));
    ask(&mut endpoints, &format!("tell {name} 2 only you,  two"), "sent to 2");
    assert_eq!(two.text(), "only you,  two");
    // The whole URL is as good as the name.
    let url = format!("ws://{}/{name}", endpoints.address);
    endpoints.type_line(&format!("close {url} 2"));
    endpoints.lines_in_any_order(&["closing 2", "2 left: 1000"]);
    let closed = two.end();
    assert_eq!((closed.code(), closed.reason()), (1000, "closed by the server"));
    one.send("still here");
    assert_eq!(one.text(), "still here");
    ask(&mut endpoints, &format!("close {name} 2"), &format!("error: {name} has no client 2"));
    ask(&mut endpoints, &format!("tell {name} 2 x"), &format!("error: {name} has no client 2"));
}

#[test]
fn a_command_says_what_it_lacks() {
    let mut endpoints = start(&[]);
    for (line, answer) in [
        ("close", "error: NAME is missing: close NAME ID"),
        ("close WS1", "error: ID is missing: close NAME ID"),
        ("close WS1 one", "error: ID: \"one\" is not the number of a client"),
        ("close WS1 1", "error: no endpoint \"WS1\" is allocated"),
        ("release", "error: NAME is missing: release NAME"),
        ("clients", "error: NAME is missing: clients NAME"),
        ("status", "error: NAME is missing: status NAME"),
        ("in use?", "error: NAME is missing: in use? NAME"),
        ("in use? WS1", "error: no endpoint \"WS1\" is allocated"),
        ("send", "error: NAME is missing: send NAME TEXT"),
        ("send WS1", "error: TEXT is missing: send NAME TEXT"),
        ("tell WS1 1", "error: TEXT is missing: tell NAME ID TEXT"),
        ("allocate nonsense", "error: \"nonsense\" are no hooks: log, greet or none, please"),
        ("nonsense", "error: there is no command \"nonsense\": try help"),
        ("help", "close NAME ID"),
    ] {
        ask(&mut endpoints, line, answer);
    }
}

#[test]
fn endpoints_that_are_not_allocated_are_refused_with_404() {
    let mut endpoints = start(&["--endpoints", "1"]);
    for path in ["/", "/WS", "/WS1"] {
        assert_eq!(endpoints.refusal(path, None), 404, "{path}");
    }
    let name = allocate(&mut endpoints, "WS");
    drop(endpoints.connect(&format!("/{name}")).unwrap());
}

#[test]
fn pages_of_our_own_and_of_origins_that_are_allowed_may_connect() {
    let mut endpoints = start(&["--origin", "https://one.example", "--origin", "http://two:8080"]);
    let name = allocate(&mut endpoints, "WS");
    let connect = |origin: &str| {
        let uri = Uri::parse(&format!("ws://{}/{name}", endpoints.address)).unwrap();
        Connector::new().connect(&ClientRequest::new(&uri).origin(origin)).map(drop)
    };
    let own = format!("http://{}", endpoints.address);
    for origin in [&*own, "https://one.example", "http://two:8080"] {
        connect(origin).unwrap();
    }
    for origin in ["http://one.example", "https://example.com", "http://two", "null"] {
        match connect(origin) {
            Err(ConnectError::Refused(refusal)) => assert_eq!(refusal.response().status(), 403),
            other => panic!("{origin}: {other:?}"),
        }
    }
    // An attacker's page, whose name leads here (DNS rebinding).
    let attack = format!(
        "GET /{name} HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\
        Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    assert!(raw(&endpoints, &attack).starts_with("HTTP/1.1 421 "));
    let page = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert!(raw(&endpoints, page).starts_with("HTTP/1.1 421 "));
}

fn raw(endpoints: &Program, request: &str) -> String {
    let mut stream = TcpStream::connect(&endpoints.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn urls_are_those_of_the_proxy_if_there_is_one() {
    for (public, base) in [
        ("https://chat.example", "wss://chat.example/WS"),
        ("https://chat.example:8443/rooms/", "wss://chat.example:8443/rooms/WS"),
        ("http://[2001:db8::1]", "ws://[2001:db8::1]/WS"),
    ] {
        let mut endpoints = start(&["--public-url", public]);
        ask(&mut endpoints, "allocate", base);
    }
    // A page from there, by way of a proxy that passes its own name on, or not.
    let mut endpoints = start(&["--public-url", "https://chat.example"]);
    endpoints.type_line("allocate");
    let name = endpoints.line("wss://").trim().rsplit('/').next().unwrap().to_owned();
    for host in ["chat.example", &endpoints.address] {
        let page = format!(
            "GET /{name} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://chat.example\r\n\
            Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let mut stream = TcpStream::connect(&endpoints.address).unwrap();
        stream.write_all(page.as_bytes()).unwrap();
        let mut status = [0; 13];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 101 ", "{host}");
    }
}

#[test]
fn an_error_is_told_to_its_hook() {
    let mut endpoints = start(&[]);
    let name = allocate(&mut endpoints, "WS");
    let mut rude = endpoints.mute(&format!("/{name}"));
    rude.write_all(b"\x81\x05Hello").unwrap();
    endpoints.line("1 failed: ");
}

/// Pings, pongs and the Close frame are no messages.
#[test]
fn only_messages_are_told_to_the_hook_for_messages() {
    let mut endpoints = start(&[]);
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
        let line = endpoints.line(&format!("{name}: "));
        assert!(line.ends_with(&format!(" {name}: {expected}")), "{line}");
    }
}

/// A time, a level, the client's address, and then what happened.
#[cfg(unix)]
#[test]
fn a_line_of_the_log_has_time_level_and_address() {
    let yesterday_or_today = today();
    let mut endpoints = start(&[]);
    let name = allocate(&mut endpoints, "WS");
    let _client = endpoints.client(&format!("/{name}"));
    let line = endpoints.line("connected");
    let words: Vec<_> = line.split(' ').collect();
    let shape: String =
        words[0].chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{line}");
    assert_eq!(words[1], "INFO", "{line}");
    assert!(words[2].parse::<std::net::SocketAddr>().is_ok(), "{line}");
    // Midnight may lie in between.
    let days = [yesterday_or_today, today()];
    assert!(days.iter().any(|day| words[0].starts_with(day)), "{line}, {days:?}");
}

/// Returns the day, UTC, as others see it.
#[cfg(unix)]
fn today() -> String {
    let date = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

#[test]
fn hooks_are_chosen_when_an_endpoint_is_allocated() {
    let mut endpoints = start(&[]);
    let mut with = |hooks: &str| {
        endpoints.type_line(&format!("allocate {hooks}"));
        endpoints.line("ws://").trim().rsplit('/').next().unwrap().to_owned()
    };
    let (greet, none, log) = (with("greet"), with("none"), with("log"));
    let greeted = endpoints.client(&format!("/{greet}"));
    assert_eq!(greeted.text(), format!("Welcome to {greet}. You are number 1."));
    let alone = endpoints.client(&format!("/{none}"));
    alone.send("unheard");
    assert_eq!(alone.text(), "unheard");
    let logged = endpoints.client(&format!("/{log}"));
    // The first line of all three.
    let line = endpoints.line("INFO");
    assert!(line.ends_with(&format!("{log}: 3 connected")), "{line}");
    drop(logged);
}

#[test]
fn the_connection_beyond_the_limit_is_told_503_and_logged() {
    let mut endpoints = start(&["--connections", "2"]);
    let name = allocate(&mut endpoints, "WS");
    let path = format!("/{name}");
    let (one, _two) = (endpoints.client(&path), endpoints.client(&path));
    assert_eq!(endpoints.refusal(&path, None), 503);
    let line = endpoints.line("told 503");
    assert!(line.contains(" WARN 127.0.0.1:"), "{line}");
    // The page is still there, to see who it is.
    assert!(endpoints.http("GET / HTTP/1.1").starts_with("HTTP/1.1 200 "));
    one.writer.close(CloseCode::NORMAL, "").unwrap();
    one.end();
    endpoints.line(" left: "); // as number 1 or 2
    drop(connect_again(&endpoints, &path));
}

/// Its place becomes free a moment after the client has been told good-bye.
fn connect_again(endpoints: &Program, path: &str) -> Talker {
    loop {
        match endpoints.connect(path) {
            Ok(ws) => return Talker::new(ws),
            Err(ConnectError::Refused(refusal)) => assert_eq!(refusal.response().status(), 503),
            Err(other) => panic!("{other}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_quit_say_good_bye_to_everybody_and_twice_ends_at_once() {
    let ends: [fn(&mut Program); 2] =
        [|endpoints| endpoints.interrupt(), |endpoints| endpoints.type_line("quit")];
    for end in ends {
        let mut endpoints = start(&[]);
        let name = allocate(&mut endpoints, "WS");
        let clients = [(); 3].map(|()| endpoints.client(&format!("/{name}")));
        endpoints.lines_in_any_order(&["1 connected", "2 connected", "3 connected"]);
        end(&mut endpoints);
        for client in &clients {
            let closed = client.end();
            assert_eq!((closed.code(), closed.was_clean()), (1001, true));
        }
        endpoints.line("the end; 0 connections had to be dropped");
        assert_eq!(endpoints.wait().code(), Some(0));

        // A client that answers nothing would be waited for.
        let mut endpoints = start(&[]);
        let name = allocate(&mut endpoints, "WS");
        let mut mute = endpoints.mute(&format!("/{name}"));
        endpoints.line("1 connected");
        end(&mut endpoints);
        let mut header = [0; 1];
        mute.read_exact(&mut header).unwrap();
        assert_eq!(header, [0x88], "a Close frame");
        end(&mut endpoints);
        assert_eq!(endpoints.wait().code(), Some(1));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_has_a_prompt_which_stays_below_the_log() {
    let mut endpoints = Program::start_at_terminal("endpoints");
    let name = allocate(&mut endpoints, "WS");
    let _client = endpoints.client(&format!("/{name}"));
    // The prompt is erased, the line is printed, and the prompt follows.
    let line = endpoints.line("connected");
    assert!(line.contains("> \r\x1b[K20"), "{line:?}");
    ask(&mut endpoints, "help", "allocate [HOOKS]");
    // Ctrl-D at the beginning of a line.
    endpoints.type_bytes(b"\x04");
    endpoints.line("the end; ");
}

#[test]
fn other_processes_give_the_same_commands_over_http() {
    let endpoints = start(&["--endpoints", "1"]);
    let (status, url) = command(&endpoints, "allocate");
    assert_eq!(status, 200);
    let base = format!("ws://{}/WS", endpoints.address);
    assert!(url.starts_with(&base), "{url}");
    let (status, empty) = command(&endpoints, "allocate");
    assert_eq!((status, empty.contains("only endpoint")), (503, true), "{empty}");
    let client = Talker::new(hybi::blocking::connect(&url).unwrap());
    endpoints.line("1 connected");
    assert_eq!(command(&endpoints, &format!("in use? {url}")), (200, "yes".into()));
    assert_eq!(command(&endpoints, &format!("send {url} 100 %, yes?")), (200, "sent to 1".into()));
    assert_eq!(client.text(), "100 %, yes?");
    assert_eq!(command(&endpoints, &format!("close {url} 1")), (200, "closing 1".into()));
    assert_eq!(client.end().code(), 1000);
    assert_eq!(command(&endpoints, &format!("release {url}")).0, 200);
    assert_eq!(command(&endpoints, &format!("release {url}")).0, 404);
    assert_eq!(command(&endpoints, "close").0, 400);
    assert_eq!(post(&endpoints, "/command?%ff", Some(KEY)).0, 400);
    let (status, help) = post(&endpoints, "/command?help", Some(KEY));
    assert!(status == 200 && help.starts_with("allocate [HOOKS] "), "{help}");
    // Only with the key, and never by following a link.
    for key in [None, Some("the key of this tesT"), Some("")] {
        assert_eq!(post(&endpoints, "/command?list", key).0, 401, "{key:?}");
    }
    let link = format!("GET /command?allocate HTTP/1.1\r\nAuthorization: Bearer {KEY}");
    assert!(endpoints.http(&link).starts_with("HTTP/1.1 405 "));
    assert!(command(&endpoints, "list").1.starts_with("0 of 1 "));
}

/// The page is at the address that the program prints.
#[test]
fn the_address_that_it_prints_has_a_page() {
    let endpoints = start(&[]);
    let line = endpoints.line("open http://");
    assert!(line.contains(&format!("http://{}/#{KEY}", endpoints.address)), "{line}");
    let page = endpoints.http("GET / HTTP/1.1");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("<!doctype html>"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
    assert!(!page.contains(KEY), "the key is for who can read the terminal");
    // Somebody opens the URL of an endpoint as a page.
    let (_, url) = command(&endpoints, "allocate");
    let path = &url[url.rfind('/').unwrap()..];
    let answer = endpoints.http(&format!("GET {path} HTTP/1.1"));
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("This is an endpoint for WebSocket"), "{answer}");
    assert!(endpoints.http("GET /nothing HTTP/1.1").starts_with("HTTP/1.1 404 "));
    assert!(endpoints.http("DELETE / HTTP/1.1").starts_with("HTTP/1.1 405 "));
}

/// Two systems share one pool, which may be empty when the second one wants its chat.
#[test]
fn the_chat_of_a_system_allocates_its_endpoint_when_it_is_first_used() {
    let mut endpoints = start(&["--endpoints", "1", "--system", "sales", "--system", "stock"]);
    ask(&mut endpoints, "list", "0 of 1 endpoints are allocated");
    assert_eq!(post(&endpoints, "/chat?other", None).0, 404);
    let (status, url) = post(&endpoints, "/chat?sales", None);
    assert_eq!(status, 200, "{url}");
    assert_eq!(post(&endpoints, "/chat?sales", None), (200, url.clone()), "the same for all");
    let connect = || Talker::new(hybi::blocking::connect(&url).unwrap());
    let (ann, bob) = (connect(), connect());
    endpoints.line("connected");
    endpoints.line("connected");
    ann.send("Ann: Hello");
    assert_eq!((ann.text(), bob.text()), ("Ann: Hello".into(), "Ann: Hello".into()));

    let (status, error) = post(&endpoints, "/chat?stock", None);
    assert_eq!(status, 503, "{error}");
    assert!(error.contains("The chat does not work: the pool's only endpoint"), "{error}");
    assert_eq!(command(&endpoints, &format!("release {url}")).0, 200);
    assert_eq!(bob.end().code(), 1001);
    assert_eq!(post(&endpoints, "/chat?stock", None).0, 200);
    assert_eq!(post(&endpoints, "/chat?sales", None).0, 503);
}

/// Does what a user of Webrun does, from the parameters of the server to the release, in the order
/// of its documentation.
#[test]
fn the_walk_through_of_webrun() {
    // Prefix and number are read at the start only; the names are others after each.
    let names = [(); 2].map(|()| {
        let server = start(&["--prefix", "WS", "--endpoints", "5"]);
        command(&server, "allocate").1.rsplit('/').next().unwrap().to_owned()
    });
    assert_ne!(names[0], names[1]);

    // Obter EndPoint, with hooks; the URL is complete. Servidor em Uso?
    let server = start(&["--prefix", "WS", "--endpoints", "2"]);
    let (status, url) = command(&server, "allocate log");
    assert_eq!((status, url.starts_with("ws://")), (200, true), "{url}");
    assert_eq!(command(&server, &format!("in use? {url}")).1, "no");

    // Conectar, of two clients: Ao Conectar.
    let connect = || {
        let client = Talker::new(hybi::blocking::connect(&url).unwrap());
        let line = server.line("connected");
        (client, line)
    };
    let ((one, first), (two, _)) = (connect(), connect());
    assert!(first.ends_with(": 1 connected"), "{first}");
    assert_eq!(command(&server, &format!("in use? {url}")).1, "yes");
    assert_eq!(command(&server, &format!("clients {url}")).1, "2 clients");

    // Enviar Mensagem para o Servidor: Ao Receber Mensagem, and everybody receives it.
    one.send("Olá");
    assert_eq!((one.text(), two.text()), ("Olá".into(), "Olá".into()));
    server.line("1 says \"Olá\"");
    // Enviar Mensagem para o Cliente, to all and to one.
    command(&server, &format!("send {url} a todos"));
    assert_eq!((one.text(), two.text()), ("a todos".into(), "a todos".into()));
    command(&server, &format!("tell {url} 2 só a ti"));
    assert_eq!(two.text(), "só a ti");
    // Obter Status da Conexão.
    assert!(command(&server, &format!("status {url}")).1.contains("\n2 Open 0 127.0.0.1:"));

    // Fechar Conexão, on the server and on the client: Ao Sair. An error: Erro.
    command(&server, &format!("close {url} 2"));
    assert_eq!(two.end().code(), 1000);
    server.line("2 left: 1000");
    one.writer.close(CloseCode::NORMAL, "até logo").unwrap();
    assert_eq!(one.end().code(), 1000);
    server.line("1 left: 1000 (normal closure) \"até logo\"");
    let mut rude = server.mute(&url[url.rfind('/').unwrap()..]);
    rude.write_all(b"\x81\x05Hello").unwrap(); // not masked
    server.line("3 failed: ");

    // Nothing is released automatically. The pool is global: the chat takes the last one.
    assert_eq!(command(&server, "list").1.lines().count(), 2);
    assert_eq!(post(&server, "/chat?main", None).0, 200);
    assert_eq!(command(&server, "allocate").0, 503);
    // Liberar EndPoint.
    assert_eq!(command(&server, &format!("release {url}")).0, 200);
    assert!(hybi::blocking::connect(&url).is_err(), "it is not allocated");
    assert_eq!(command(&server, "allocate").0, 200);
}
