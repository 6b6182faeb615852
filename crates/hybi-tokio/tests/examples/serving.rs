//! The servers: they echo, survive bad peers, and end in order.

use hybi::connection::Closed;
use hybi::{CloseCode, Message};
use hybi_tokio::{ClientSocket, ConnectError, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::Program;

/// The servers whose WebSockets send back what comes, and the path of that, as far as they have the
/// features that they need.
fn echoes() -> Vec<(&'static str, &'static str)> {
    let mut echoes = vec![("room", "/")];
    echoes.extend(cfg!(feature = "rustls").then_some(("echo", "/")));
    echoes.extend(cfg!(feature = "axum").then_some(("axum_server", "/echo")));
    echoes
}

fn ws(uri: &str, path: &str) -> String {
    format!("{}{path}", uri.replacen("http", "ws", 1))
}

async fn talk(client: &mut ClientSocket) {
    client.send("Gr\u{fc}\u{df}e").await.unwrap();
    assert_eq!(client.receive().await.unwrap(), Some(Message::from("Gr\u{fc}\u{df}e")));
}

async fn end(client: &mut ClientSocket) -> Closed {
    while let Ok(Some(_)) = client.receive().await {}
    client.closed().unwrap().clone()
}

#[tokio::test]
async fn they_go_on_whatever_a_peer_does() {
    for (name, path) in echoes() {
        let (_program, uri) = Program::serve(name, &[]).await;
        let uri = ws(&uri, path);
        let address = uri["ws://".len()..].split('/').next().unwrap().to_owned();
        let _silent = TcpStream::connect(&address).await.unwrap();
        for wire in ["", "GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "GET /nowhere HTTP/1.1\r\n\r\n"] {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(wire.as_bytes()).await.unwrap();
        }
        // One that resets, and one that breaks the rules.
        drop(connect(&uri).await.unwrap());
        let mut rude = connect(&uri).await.unwrap().into_parts();
        rude.stream.write_all(b"\x81\x05Hello").await.unwrap(); // not masked
        let mut answer = Vec::new();
        rude.stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer[..1], [0x88], "{name}");
        assert_eq!(answer[2..4], 1002u16.to_be_bytes(), "{name}");
        // One that is too long.
        let mut long = connect(&uri).await.unwrap();
        let _ = long.send(&vec![0; 2 << 20][..]).await;
        assert_eq!(end(&mut long).await.code(), 1009, "{name}");
        talk(&mut connect(&uri).await.unwrap()).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_them_and_they_say_good_bye() {
    for (name, path) in echoes() {
        for signal in ["INT", "TERM"] {
            let (mut program, uri) = Program::serve(name, &[]).await;
            let uri = ws(&uri, path);
            let mut client = connect(&uri).await.unwrap();
            talk(&mut client).await;
            let address = uri["ws://".len()..].split('/').next().unwrap();
            let _silent = TcpStream::connect(address).await.unwrap();
            program.signal(signal).await;
            let closed = end(&mut client).await;
            assert_eq!((closed.code(), closed.was_clean()), (1001, true), "{name} {signal}");
            assert!(program.wait().await.success(), "{name} {signal}");
            assert!(matches!(connect(&uri).await, Err(ConnectError::Connect(_))), "{name}");
        }
    }
}

#[tokio::test]
async fn everybody_in_the_room_hears_what_anybody_says() {
    let (_program, uri) = Program::serve("room", &[]).await;
    let mut members = Vec::new();
    for _ in 0..3 {
        let mut member = connect(&uri).await.unwrap();
        talk(&mut member).await; // it is in the room
        members.push(member);
    }
    // Those who were there before have heard it, too.
    for (index, member) in members.iter_mut().enumerate() {
        for _ in index..2 {
            member.receive().await.unwrap().unwrap();
        }
    }
    members[1].send("Hello").await.unwrap();
    for member in &mut members {
        assert_eq!(member.receive().await.unwrap(), Some("Hello".into()));
        member.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(member.receive().await.unwrap(), None);
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn the_axum_server_has_a_page_that_alone_may_connect() {
    use hybi::Uri;
    use hybi::handshake::ClientRequest;
    use hybi_tokio::Connector;

    let (_program, uri) = Program::serve("axum_server", &[]).await;
    let address = uri.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 ") && response.contains("WebSocket"), "{response}");

    let ws = Uri::parse(&format!("ws://{address}/echo")).unwrap();
    let own = ClientRequest::new(&ws).origin(&*uri);
    talk(&mut Connector::new().connect(&own).await.unwrap()).await;
    let foreign = ClientRequest::new(&ws).origin("https://evil.example");
    match Connector::new().connect(&foreign).await {
        Err(ConnectError::Refused(refusal)) => assert_eq!(refusal.response().status(), 403),
        other => panic!("{other:?}"),
    }
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn the_echo_speaks_tls_and_tells_what_is_wrong_with_a_certificate() {
    use std::sync::Arc;

    use hybi::Uri;
    use hybi::handshake::ClientRequest;
    use hybi_tokio::Connector;
    use hybi_tokio::tokio_rustls::rustls::crypto::ring;
    use hybi_tokio::tokio_rustls::rustls::{ClientConfig, RootCertStore};

    let folder = std::env::temp_dir().join(format!("hybi-tokio-echo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let [cert, key] = [&cert, &key].map(|path| path.to_str().unwrap());

    let (mut program, uri) = Program::serve("echo", &["--tls", cert, key]).await;
    let port = uri.rsplit(':').next().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let uri = Uri::parse(&format!("wss://localhost:{port}/")).unwrap();
    let connector = Connector::new().tls(Arc::new(config));
    let mut client = connector.connect(&ClientRequest::new(&uri)).await.unwrap();
    talk(&mut client).await;
    #[cfg(unix)]
    {
        program.signal("TERM").await;
        assert_eq!(end(&mut client).await.code(), 1001);
        assert!(program.wait().await.success());
    }

    for (file, wrong) in [(key, "no certificate in"), (cert, "no private key in")] {
        let mut program = Program::start("echo", &["--tls", file, file]);
        program.line(&format!("--tls: {wrong} {file}")).await;
        assert_eq!(program.wait().await.code(), Some(2));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn each_tells_how_to_use_it() {
    let mut names = vec!["lines", "reconnect", "room"];
    names.extend(cfg!(feature = "rustls").then_some("echo"));
    names.extend(cfg!(feature = "axum").then_some("axum_server"));
    for name in names {
        let mut program = Program::start(name, &["--help"]);
        program.line(&format!("usage: {name}")).await;
        assert!(program.wait().await.success(), "{name}");
        let mut program = Program::start(name, &["one", "two", "three"]);
        program.line(&format!("usage: {name}")).await;
        assert_eq!(program.wait().await.code(), Some(2), "{name}");
    }
}

/// The tasks, too: each has room for the largest future that it ever waits for.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_is_silent_costs_little_memory() {
    for (name, path) in echoes() {
        let (program, uri) = Program::serve(name, &[]).await;
        let uri = ws(&uri, path);
        let mut clients = vec![hybi_tokio::connect(&uri).await.unwrap()];
        let before = program.memory();
        for _ in 0..400 {
            clients.push(hybi_tokio::connect(&uri).await.unwrap());
        }
        let each = (program.memory() - before) / 400;
        assert!(each < 16, "{name}: {each} KiB");
    }
}
