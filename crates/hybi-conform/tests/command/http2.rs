//! Group `http2`: hybi-tokio's server passes it, and servers that are broken on purpose do not.

use std::io::Write;
use std::net::TcpListener;
use std::thread;

use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderValue, Request, Response};
use hybi::connection::Transport;
use hybi::handshake::ServerHandshakeError;
use hybi::{Connection, Event, Input, Outbox, Server};
use hybi_tokio::http2;
use hybi_tokio::tokio_rustls::TlsAcceptor;

use crate::servers::{Stream, blocking_echo, serve, terms, tls};
use crate::{conform, told};

/// One way in which a server is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is hybi-tokio's own.
    None,
    /// It is not broken.
    Nothing,
    /// Its settings do not allow extended CONNECT.
    NoSetting,
    /// It takes every protocol for WebSocket.
    AnyProtocol,
    /// It does not look at the version.
    AnyVersion,
    /// It chooses a subprotocol that was not offered.
    Subprotocol,
    /// It leaves the stream open after the Close frames.
    NoEnd,
    /// It resets the stream instead of ending it. h2 then forgets the Close frame.
    Resets,
    /// It takes a DATA frame for a frame of WebSocket.
    FrameIsData,
    /// It reads without giving the client room for more.
    NoWindow,
    /// It serves one stream at a time.
    OneAtATime,
    /// A stream that is reset ends the connection.
    DiesOfReset,
}

/// Starts a server for any number of connections.
fn start(fault: Fault, tls: Option<TlsAcceptor>) -> String {
    serve(tls, move |stream| connection(fault, stream)) + "/chat"
}

async fn connection(fault: Fault, stream: Box<dyn Stream>) -> Option<()> {
    let builder = match fault {
        Fault::NoSetting => h2::server::Builder::new(),
        _ => http2::server_builder(),
    };
    let mut connection = builder.handshake(stream).await.ok()?;
    let (die, mut dead) = tokio::sync::mpsc::channel(1);
    loop {
        let (request, respond) = tokio::select! {
            accepted = connection.accept() => accepted?.ok()?,
            Some(()) = dead.recv() => return None,
        };
        let die = die.clone();
        let serving = async move {
            if fault == Fault::None {
                return echo(request, respond).await;
            }
            let result = broken_echo(fault, request, respond).await;
            if fault == Fault::DiesOfReset && result == Err(Some(Reason::CANCEL)) {
                let _ = die.send(()).await;
            }
            None
        };
        if fault == Fault::OneAtATime {
            // The connection must go on meanwhile.
            let served = tokio::spawn(serving);
            let waiting = async {
                let mut more = Vec::new();
                tokio::pin!(served);
                loop {
                    tokio::select! {
                        _ = &mut served => return more,
                        // Nobody reads it.
                        Some(accepted) = connection.accept() => more.push(accepted),
                    }
                }
            };
            waiting.await;
        } else {
            tokio::spawn(serving);
        }
    }
}

/// hybi-tokio's.
async fn echo(request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Option<()> {
    let mut ws = http2::accept(request, respond, &terms()).ok()?;
    while let Ok(Some(message)) = ws.receive().await {
        ws.send(&message).await.ok()?;
    }
    Some(())
}

/// hybi's core over streams of h2. The error is the reason of a reset.
async fn broken_echo(
    fault: Fault,
    mut request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), Option<Reason>> {
    match fault {
        Fault::AnyProtocol if request.extensions().get::<Protocol>().is_some() => {
            request.extensions_mut().insert(Protocol::from_static("websocket"));
        }
        Fault::AnyVersion => {
            request.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        _ => {}
    }
    let (mut response, connection) = match check(&request) {
        Ok(accepted) => accepted,
        Err(error) => {
            let refusal = error.rejection().into_http().unwrap().map(drop);
            respond.send_response(refusal, true).map_err(|error| error.reason())?;
            return Ok(());
        }
    };
    if fault == Fault::Subprotocol {
        let name = HeaderValue::from_static("graphql-ws");
        response.headers_mut().insert("sec-websocket-protocol", name);
    }
    let out = respond.send_response(response, false).map_err(|error| error.reason())?;
    converse(fault, connection, request.into_body(), out).await.map_err(|error| error.reason())
}

fn check(
    request: &Request<RecvStream>,
) -> Result<(Response<()>, Connection<Server>), ServerHandshakeError> {
    let accepted = terms();
    let accepted = accepted.check(&http2::read_request(request)?)?;
    Ok(accepted.into_http().unwrap())
}

async fn converse(
    fault: Fault,
    mut connection: Connection<Server>,
    mut incoming: RecvStream,
    mut outgoing: SendStream<Bytes>,
) -> Result<(), h2::Error> {
    let mut out = Outbox::new();
    while let Some(data) = incoming.data().await {
        let data = data?;
        if fault != Fault::NoWindow {
            incoming.flow_control().release_capacity(data.len())?;
        }
        if fault == Fault::FrameIsData && data.len() < 6 {
            continue;
        }
        let mut data = data.to_vec();
        let mut input = Input::new(&mut data);
        while let Ok(Some(event)) = connection.receive(&mut input, &mut out) {
            match event {
                Event::Text(text) => connection.send(&text, &mut out).unwrap(),
                Event::Binary(data) => connection.send(&data, &mut out).unwrap(),
                _ => {}
            }
        }
        // h2 keeps it until the window has room.
        outgoing.send_data(out.take().into(), false)?;
        if connection.transport() == Transport::Close {
            match fault {
                Fault::NoEnd => std::future::pending().await,
                Fault::Resets => outgoing.send_reset(Reason::CANCEL),
                _ => outgoing.send_data(Bytes::new(), true)?,
            }
            return Ok(());
        }
    }
    outgoing.send_data(Bytes::new(), true)
}

/// All cases of the group.
fn run(url: &str, more: &[&str]) -> (Option<i32>, String) {
    told(&conform(&[&["server", url, "--strict", "--only", "http2"], more].concat()))
}

#[test]
fn the_server_of_hybi_tokio_passes_everything() {
    let (certificate, acceptor) = tls("h2");
    let url = start(Fault::None, Some(acceptor));
    for (url, more) in [
        (start(Fault::None, None), &[][..]),
        (start(Fault::None, None), &["--seed", "7", "--jobs", "1"]),
        (url.clone(), &["--ca", certificate.path()]),
        (url, &["--insecure"]),
    ] {
        let (status, text) = run(&url, more);
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains(": 67 cases") && text.contains("\nAll is as expected.\n"), "{text}");
    }
}

/// The same server as the broken ones, with a fault that no case shows.
#[test]
fn no_fault_is_found_in_the_same_server_without_one() {
    let (status, text) = run(&start(Fault::Nothing, None), &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("\nAll is as expected.\n"), "{text}");
}

/// The faults, and the case to be looked at first.
const FOUND: [(Fault, &str); 9] = [
    (Fault::AnyProtocol, "protocol/other"),
    (Fault::AnyVersion, "version/missing"),
    (Fault::Subprotocol, "echo"),
    (Fault::NoEnd, "end"),
    (Fault::Resets, "echo"),
    (Fault::FrameIsData, "split"),
    (Fault::NoWindow, "window"),
    (Fault::OneAtATime, "two-streams"),
    (Fault::DiesOfReset, "reset"),
];

#[test]
fn faults_are_found() {
    let runs = FOUND.map(|(fault, first)| {
        let url = start(fault, None);
        (fault, thread::spawn(move || run(&url, &["--timeout", "2"])), first)
    });
    let mut wrong = Vec::new();
    for (fault, run, first) in runs {
        let (status, text) = run.join().unwrap();
        if status != Some(1) || !text.contains(&format!("\nLook first at http2/{first}: ")) {
            wrong.push(format!("{fault:?}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A server need not have it. The cases are not run by default.
#[test]
fn a_server_without_it_is_told_at_once() {
    let (_, acceptor) = tls("http/1.1");
    for (url, why) in [
        (start(Fault::NoSetting, None), "its settings do not allow extended CONNECT"),
        (blocking_echo(), "it does not speak HTTP/2: "),
        (start(Fault::None, Some(acceptor)), "it does not speak HTTP/2: "),
    ] {
        let insecure: &[&str] = if url.starts_with("wss:") { &["--insecure"] } else { &[] };
        let (status, text) = run(&url, &[&["--wait", "3600"], insecure].concat());
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains(&format!("UNIMPLEMENTED, 67 times: {why}")), "{text}");
    }
}

/// RFC 8441 §3: the value is 0 or 1. That is not a server without HTTP/2.
#[test]
fn settings_that_are_wrong_fail_every_case() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x02";
                let _ = stream.write_all(settings);
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
            });
        }
    });
    let (status, text) = run(&url, &["--timeout", "2"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("FAILED, 67 times: it breaks a rule of HTTP/2: "), "{text}");
}

#[test]
fn a_server_that_waits_for_a_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        // Nothing is read or sent, and nothing is closed.
        let _connections: Vec<_> = listener.incoming().collect();
    });
    let (status, text) = run(&url, &["--timeout", "0.5"]);
    assert_eq!(status, Some(0), "{text}");
    let why = "it does not speak HTTP/2: it did not answer the preface in time";
    assert!(text.contains(&format!("UNIMPLEMENTED, 67 times: {why}")), "{text}");
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (status, text) = run(&format!("ws://{address}/"), &[]);
    assert!(status == Some(2) && text.contains("refused"), "{text}");
}
