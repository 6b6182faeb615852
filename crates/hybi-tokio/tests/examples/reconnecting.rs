//! The clients: they end when the connection does, or connect again.

use hybi::CloseCode;
use hybi::handshake::{Acceptance, Rejection};
use hybi_tokio::{Pending, receive_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::program::Program;

async fn next(listener: &TcpListener) -> Pending<TcpStream> {
    receive_request(listener.accept().await.unwrap().0).await.unwrap()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, uri)
}

#[tokio::test]
async fn lines_ends_with_the_connection_though_its_input_goes_on() {
    let (listener, uri) = listen().await;
    let mut program = Program::start("lines", &[&uri]);
    let mut ws = next(&listener).await.accept(&Acceptance::from_any_origin()).await.unwrap();
    program.type_text("Hello\n").await;
    assert_eq!(ws.receive().await.unwrap(), Some("Hello".into()));
    ws.send("\x1b[2J").await.unwrap();
    program.line(r"\u{1b}[2J").await;
    ws.close(CloseCode::NORMAL, "enough").await.unwrap();
    assert_eq!(ws.receive().await.unwrap(), None);
    program.line("closed: 1000 (normal closure) \"enough\"").await;
    assert!(program.wait().await.success());
}

/// Its input may be a file.
#[tokio::test]
async fn lines_prints_the_answer_to_its_last_line() {
    let (listener, uri) = listen().await;
    let mut program = Program::start("lines", &[&uri]);
    let mut ws = next(&listener).await.accept(&Acceptance::from_any_origin()).await.unwrap();
    program.type_text("last\n").await;
    program.end_input();
    assert_eq!(ws.receive().await.unwrap(), Some("last".into()));
    // The answer comes after its Close frame.
    let mut parts = ws.into_parts();
    if parts.inbox.is_empty() {
        parts.stream.read_u8().await.unwrap();
    }
    parts.stream.write_all(b"\x81\x06answer\x88\x02\x03\xe8").await.unwrap();
    program.line("answer").await;
    assert!(program.wait().await.success());
}

#[tokio::test]
async fn what_passes_is_tried_again_until_the_server_is_done() {
    let (listener, uri) = listen().await;
    let mut program = Program::start("reconnect", &[&uri, "--wait-max", "0.01"]);
    drop(listener.accept().await.unwrap()); // no answer
    let busy = Rejection::new(503).field("Retry-After", "0");
    next(&listener).await.reject(&busy).await.unwrap();
    program.line("503").await;
    for code in [CloseCode::GOING_AWAY, CloseCode::SERVICE_RESTART, CloseCode::TRY_AGAIN_LATER] {
        let mut ws = next(&listener).await.accept(&Acceptance::from_any_origin()).await.unwrap();
        program.line("connected").await;
        ws.send("Hello").await.unwrap();
        program.line("Hello").await;
        program.type_text("Hello, too\n").await;
        assert_eq!(ws.receive().await.unwrap(), Some("Hello, too".into()));
        ws.close(code, "").await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), None);
        program.line("closed: ").await;
        program.line("connecting again").await;
    }
    // One that vanishes.
    drop(next(&listener).await.accept(&Acceptance::from_any_origin()).await.unwrap());
    program.line("closed: 1006").await;
    let mut ws = next(&listener).await.accept(&Acceptance::from_any_origin()).await.unwrap();
    ws.close(CloseCode::NORMAL, "done").await.unwrap();
    assert_eq!(ws.receive().await.unwrap(), None);
    assert!(program.wait().await.success());
}

#[tokio::test]
async fn what_does_not_pass_ends_the_program() {
    let (listener, uri) = listen().await;
    let mut program = Program::start("reconnect", &[&uri]);
    next(&listener).await.reject(&Rejection::new(404)).await.unwrap();
    program.line("giving up").await;
    assert_eq!(program.wait().await.code(), Some(1));

    let mut program = Program::start("reconnect", &[&uri]);
    let mut ws = next(&listener).await.accept(&Acceptance::from_any_origin()).await.unwrap();
    ws.close(CloseCode::POLICY_VIOLATION, "").await.unwrap();
    assert_eq!(ws.receive().await.unwrap(), None);
    program.line("giving up").await;
    assert_eq!(program.wait().await.code(), Some(1));

    let mut program = Program::start("reconnect", &["http://localhost/"]);
    assert_eq!(program.wait().await.code(), Some(2));
}

#[tokio::test]
async fn the_end_of_the_input_ends_a_client_in_order() {
    let (listener, uri) = listen().await;
    for name in ["lines", "reconnect"] {
        let mut program = Program::start(name, &[&uri]);
        let mut ws = next(&listener).await.accept(&Acceptance::from_any_origin()).await.unwrap();
        program.type_text("last").await; // without an end of the line
        program.end_input();
        assert_eq!(ws.receive().await.unwrap(), Some("last".into()));
        assert_eq!(ws.receive().await.unwrap(), None);
        assert_eq!(ws.closed().unwrap().code(), 1000, "{name}");
        assert!(program.wait().await.success(), "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_a_client_in_order() {
    let (listener, uri) = listen().await;
    for name in ["lines", "reconnect"] {
        let mut program = Program::start(name, &[&uri]);
        let mut ws = next(&listener).await.accept(&Acceptance::from_any_origin()).await.unwrap();
        program.line("connected").await;
        program.type_text("Hello\n").await;
        assert_eq!(ws.receive().await.unwrap(), Some("Hello".into()));
        program.signal("INT").await;
        assert_eq!(ws.receive().await.unwrap(), None);
        assert_eq!(ws.closed().unwrap().code(), 1000, "{name}");
        assert!(program.wait().await.success(), "{name}");
    }
}
