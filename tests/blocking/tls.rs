//! Over TLS, with certificates made for the test.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hybi::blocking::rustls::crypto::ring;
use hybi::blocking::rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use hybi::blocking::rustls::version::{TLS12, TLS13};
use hybi::blocking::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, ServerConfig, StreamOwned,
    SupportedProtocolVersion,
};
use hybi::blocking::{
    self, Abnormal, AcceptError, Acceptor, ClientSocket, Closed, ConnectError, Connector, Error,
    HttpProxy, Hub, HubConfig, HubEvent, MaybeTls, Parts, Shared, Stream, TlsStream, TryClone,
    WebSocket,
};
use hybi::frame::OpCode;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi::{CloseCode, CutOff, Message, Server, Uri};

use crate::handshake::read_head;
use crate::stream::*;

pub struct Tls {
    pub server: Arc<ServerConfig>,
    pub client: Arc<ClientConfig>,
}

/// A server's certificate for `localhost`, and a client that trusts it.
pub fn tls() -> Tls {
    tls_with(&[&TLS13, &TLS12])
}

fn tls_with(versions: &[&'static SupportedProtocolVersion]) -> Tls {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Tls { server: Arc::new(server), client: Arc::new(client) }
}

pub type TlsSocket = WebSocket<TlsStream<TcpStream>, Server>;

pub fn localhost(port: u16) -> Uri {
    Uri::parse(&format!("wss://localhost:{port}/")).unwrap()
}

pub fn accept(listener: &TcpListener, config: Arc<ServerConfig>) -> TlsSocket {
    let stream = TlsStream::server(listener.accept().unwrap().0, config).unwrap();
    let pending = blocking::receive_request(stream).unwrap();
    // The client offered h2 first. Had it been chosen, the upgrade would fail.
    pending.stream().session(|tls| assert_eq!(tls.alpn_protocol(), Some(&b"http/1.1"[..])));
    pending.accept(&Acceptance::from_same_origin()).unwrap()
}

/// Starts a server for one connection, and connects to it.
pub fn serve<T: Send + 'static>(
    serve: impl FnOnce(TlsSocket) -> T + Send + 'static,
) -> (ClientSocket, JoinHandle<T>) {
    serve_with(tls(), serve)
}

fn serve_with<T: Send + 'static>(
    Tls { server, client }: Tls,
    serve: impl FnOnce(TlsSocket) -> T + Send + 'static,
) -> (ClientSocket, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = localhost(listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || serve(accept(&listener, server)));
    let ws = Connector::new().tls(client).connect(&ClientRequest::new(&uri)).unwrap();
    (ws, serving)
}

fn echo(ws: &mut TlsSocket) {
    while let Some(message) = ws.receive().unwrap() {
        ws.send(&message).unwrap();
    }
}

/// A client that speaks TLS by rustls alone.
pub type RawClient = StreamOwned<ClientConnection, TcpStream>;

/// Our server, and a client after the opening handshake.
pub fn raw_client<T: Send + 'static>(
    serve: impl FnOnce(TlsSocket) -> T + Send + 'static,
) -> (RawClient, JoinHandle<T>) {
    let Tls { server, client } = tls();
    let mut client = (*client).clone();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || serve(accept(&listener, server)));
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut peer = StreamOwned::new(session, TcpStream::connect(address).unwrap());
    peer.write_all(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    (peer, serving)
}

// ---- conversations

#[test]
fn a_conversation_over_tls_ends_cleanly_on_both_sides() {
    for version in [&TLS13, &TLS12] {
        let (mut ws, serving) = serve_with(tls_with(&[version]), |mut ws| {
            echo(&mut ws);
            ws.closed().unwrap().code()
        });
        let MaybeTls::Tls(stream) = ws.stream() else { panic!("no TLS") };
        assert_eq!(stream.session(|tls| tls.protocol_version()), Some(version.version));
        for text in ["Hello", &"x".repeat(300_000)] {
            ws.send(text).unwrap();
            assert_eq!(ws.receive().unwrap(), Some(Message::from(text)));
        }
        ws.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(closed(&mut ws).code(), 1000);
        assert_eq!(serving.join().unwrap(), 1000);
    }
}

/// Four threads: each side sends and receives at once, more than the sockets hold.
#[test]
fn both_halves_work_at_once_over_tls() {
    const MESSAGES: usize = 40;
    fn message(number: usize) -> Vec<u8> {
        (0..200_000 + 977 * number).map(|at| (at * (number + 1)) as u8).collect()
    }
    fn talk<S: TryClone + Send + 'static, R: hybi::Role + Send + 'static>(ws: WebSocket<S, R>) {
        let (mut reader, writer) = ws.split().unwrap();
        let sending = thread::spawn(move || {
            for number in 0..MESSAGES {
                writer.send(&*message(number)).unwrap();
                writer.ping(b"?").unwrap(); // the peer's reader answers
            }
            writer
        });
        for number in 0..MESSAGES {
            assert_eq!(reader.receive().unwrap(), binary(&message(number)), "message {number}");
        }
        sending.join().unwrap().close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(closed(&mut reader).code(), 1000);
    }
    let (client, serving) = serve(talk);
    talk(client);
    serving.join().unwrap();
}

#[test]
fn the_handles_of_a_split_connection_share_one_descriptor_if_the_socket_does() {
    let Tls { server, client } = tls();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = localhost(listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || {
        let socket = Shared::new(listener.accept().unwrap().0);
        let stream = TlsStream::server(socket, server).unwrap();
        let ws = blocking::receive_request(stream).unwrap();
        let ws = ws.accept(&Acceptance::from_same_origin()).unwrap();
        let (mut reader, writer) = ws.split().unwrap();
        while let Some(message) = reader.receive().unwrap() {
            writer.send(&message).unwrap();
        }
    });
    let mut ws = Connector::new().tls(client).connect(&ClientRequest::new(&uri)).unwrap();
    ws.send("Hello").unwrap();
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    assert!(ws.terminate(Duration::from_secs(60)).was_clean());
    serving.join().unwrap();
}

/// A hub serves `ws:` and `wss:` alike. A client that is not TLS ends its own connection only.
#[test]
fn a_hub_serves_over_tls() {
    let Tls { server, client } = tls();
    let (sender, events) = mpsc::sync_channel(100);
    let hub = Hub::with_streams(HubConfig::default().events(sender), move |socket| {
        let stream = TlsStream::server(Shared::new(socket), Arc::clone(&server))?;
        Ok(MaybeTls::Tls(Box::new(stream)))
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = {
        let hub = hub.clone();
        thread::spawn(move || {
            hub.serve(listener, |arrival| {
                let mut session = arrival.accept(&Acceptance::from_same_origin())?;
                while let Some(message) = session.receive()? {
                    session.send(&message)?;
                }
                Ok(())
            })
        })
    };
    let refused = blocking::connect(&format!("ws://localhost:{port}/"));
    assert!(matches!(refused, Err(ConnectError::Response(_) | ConnectError::Io(_))), "{refused:?}");
    let HubEvent::NoRequest { error: AcceptError::Io(error), .. } = events.recv().unwrap() else {
        panic!("another event")
    };
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");

    let uri = localhost(port);
    let mut ws = Connector::new().tls(client).connect(&ClientRequest::new(&uri)).unwrap();
    ws.send("Hello").unwrap();
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    let ending = thread::spawn(move || hub.terminate(Duration::from_secs(60)));
    assert_eq!(closed(&mut ws).code(), 1001);
    assert_eq!(ending.join().unwrap(), 0);
    serving.join().unwrap().unwrap();
}

#[test]
fn tls_goes_through_a_proxy() {
    let Tls { server, client } = tls();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        let head = read_head(&mut socket);
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // The proxy is the server, too.
        let pending = blocking::receive_request(TlsStream::server(socket, server).unwrap());
        let mut ws = pending.unwrap().accept(&Acceptance::from_same_origin()).unwrap();
        echo(&mut ws);
        head
    });
    let connector = Connector::new().tls(client).proxy(HttpProxy::new("127.0.0.1", port));
    let uri = Uri::parse("wss://localhost/").unwrap();
    let mut ws = connector.connect(&ClientRequest::new(&uri)).unwrap();
    ws.send("Hello").unwrap();
    assert_eq!(ws.receive().unwrap(), text("Hello"));
    assert!(ws.terminate(Duration::from_secs(60)).was_clean());
    assert!(proxy.join().unwrap().starts_with("CONNECT localhost:443 "));
}

// ---- the end

/// The server ends the TLS session properly, but sends no Close frame (RFC 6455 §7.1.1).
#[test]
fn the_end_of_tls_without_a_close_frame_is_a_cut_off() {
    let (mut ws, serving) = serve(|ws| {
        let Parts { mut stream, .. } = ws.into_parts();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let cut_off = Abnormal::CutOff(CutOff::BetweenMessages);
    assert_eq!(closed(&mut ws), Closed::Abnormal(cut_off));
    serving.join().unwrap();
}

/// Anybody on the way can end TCP. TLS tells that apart (RFC 8446 §6.1).
#[test]
fn the_end_of_tcp_without_the_end_of_tls_is_a_failure() {
    let (mut ws, serving) = serve(drop);
    assert_eq!(io_kind(ws.receive()), ErrorKind::UnexpectedEof);
    assert_eq!(io_kind(ws.receive()), ErrorKind::UnexpectedEof, "once more");
    assert_eq!(ws.closed(), Some(&Closed::Abnormal(Abnormal::Transport)));
    serving.join().unwrap();
}

/// After both Close frames there is nothing left to cut off.
#[test]
fn the_end_of_tcp_after_both_close_frames_is_clean() {
    let (mut peer, serving) = raw_client(|mut ws| closed(&mut ws));
    peer.write_all(&masked(OpCode::CLOSE, b"\x03\xe8bye")).unwrap();
    drop(peer); // without `close_notify`
    assert_eq!(serving.join().unwrap().reason(), "bye");
}

/// Each way in which we end a connection says so (RFC 8446 §6.1), but for dropping it.
#[test]
fn our_end_of_a_connection_ends_tls() {
    type End = fn(TlsSocket);
    let close: End = |mut ws| {
        ws.set_linger(Duration::ZERO);
        ws.close(CloseCode::NORMAL, "").unwrap();
        while ws.receive().unwrap().is_some() {}
    };
    let answer: End = |mut ws| {
        ws.set_linger(Duration::ZERO);
        while ws.receive().unwrap().is_some() {}
    };
    let terminate: End = |mut ws| {
        ws.terminate(Duration::ZERO);
    };
    let terminate_half: End = |ws| {
        let (_reader, writer) = ws.split().unwrap();
        writer.terminate(Duration::ZERO);
    };
    let drop_reader: End = |ws| drop(ws.split().unwrap());
    for (name, end) in [
        ("close", close),
        ("answer", answer),
        ("terminate", terminate),
        ("terminate of a half", terminate_half),
        ("dropped reader", drop_reader),
    ] {
        let (mut peer, serving) = raw_client(end);
        peer.write_all(&masked(OpCode::CLOSE, &1000u16.to_be_bytes())).unwrap();
        let mut all = Vec::new();
        peer.read_to_end(&mut all).expect(name); // `UnexpectedEof` without `close_notify`
        serving.join().unwrap();
    }
    let (mut peer, serving) = raw_client(drop::<TlsSocket>);
    assert_eq!(peer.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    serving.join().unwrap();
}

/// Both orders of closing, and both sides at once.
#[test]
fn every_order_of_closing_is_clean_over_tls() {
    for (client_closes, server_closes) in [(true, false), (false, true), (true, true)] {
        let (mut ws, serving) = serve(move |mut ws| {
            if server_closes {
                ws.close(CloseCode::NORMAL, "").unwrap();
            }
            closed(&mut ws)
        });
        if client_closes {
            ws.close(CloseCode::NORMAL, "").unwrap();
        }
        assert_eq!(closed(&mut ws).code(), 1000);
        assert_eq!(serving.join().unwrap().code(), 1000);
    }
}

// ---- peers that are not what they should be

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (one, other) = (tls(), tls());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || {
        for _ in 0..3 {
            let socket = listener.accept().unwrap().0;
            let stream = TlsStream::server(socket, Arc::clone(&one.server)).unwrap();
            match blocking::receive_request(stream) {
                Err(AcceptError::Io(error)) => {
                    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}"); // the alert
                }
                other => panic!("{other:?}"),
            }
        }
    });
    let address = Uri::parse(&format!("wss://127.0.0.1:{port}/")).unwrap();
    for (connector, uri) in [
        (Connector::new().tls(other.client), localhost(port)), // of another authority
        (Connector::new(), localhost(port)),                   // unknown to the platform
        (Connector::new().tls(one.client), address),           // for another name
    ] {
        let error = connector.connect(&ClientRequest::new(&uri)).unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    serving.join().unwrap();
}

#[test]
fn a_server_that_is_not_tls_is_an_error_of_tls() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = localhost(listener.local_addr().unwrap().port());
        let serving = thread::spawn(move || {
            let mut socket = listener.accept().unwrap().0;
            socket.read_exact(&mut [0; 5]).unwrap();
            socket.write_all(answer).unwrap();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = socket.read_to_end(&mut Vec::new()); // a reset, perhaps
        });
        let error = blocking::connect(&uri.to_string()).unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{error}");
        serving.join().unwrap();
    }
}

/// RFC 8446 §6.2: the alert tells the client why.
#[test]
fn a_client_that_is_not_tls_is_sent_an_alert() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let stream = TlsStream::server(listener.accept().unwrap().0, tls().server).unwrap();
    let error = blocking::receive_request(stream).unwrap_err();
    assert!(
        matches!(&error, AcceptError::Io(error) if error.kind() == ErrorKind::InvalidData),
        "{error}"
    );
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.first(), Some(&21), "the content type of an alert: {answer:?}");
}

/// The time-out of connecting and accepting is for TLS, too.
#[test]
fn a_peer_that_never_shakes_hands_is_timed_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = localhost(listener.local_addr().unwrap().port());
    let connector = Connector::new().timeout(Duration::from_millis(50));
    let error = connector.connect(&ClientRequest::new(&uri)).unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut), "{error}");

    drop(listener.accept().unwrap()); // ours
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = TlsStream::server(listener.accept().unwrap().0, tls().server).unwrap();
    let acceptor = Acceptor::new().timeout(Duration::from_millis(50));
    let error = acceptor.receive_request(stream).unwrap_err();
    assert!(matches!(error, AcceptError::TimedOut), "{error}");
    drop(client);
}

/// RFC 8446 §4.6.3: with the next record, we change our keys, too.
#[test]
fn a_peer_may_change_its_keys() {
    let (mut peer, serving) = raw_client(|mut ws| {
        let version = ws.stream().session(|tls| tls.protocol_version());
        assert_eq!(version, Some(ProtocolVersion::TLSv1_3));
        echo(&mut ws);
        closed(&mut ws)
    });
    for round in 0..20u8 {
        peer.conn.refresh_traffic_keys().unwrap();
        peer.write_all(&masked(OpCode::TEXT, &[b'a' + round])).unwrap();
        let mut answer = [0; 3];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x81, 1, b'a' + round]);
    }
    peer.write_all(&masked(OpCode::CLOSE, b"")).unwrap();
    assert_eq!(peer.read_to_end(&mut Vec::new()).unwrap(), 2);
    drop(peer); // nobody waits for its end
    assert_eq!(serving.join().unwrap().code(), 1005);
}

/// A record that was tampered with. What came before it is good.
#[test]
fn messages_before_a_bad_record_are_received() {
    let (mut peer, serving) = raw_client(|mut ws| {
        assert_eq!(ws.receive().unwrap(), text("good"));
        assert_eq!(ws.receive().unwrap(), text("too"));
        assert_eq!(io_kind(ws.receive()), ErrorKind::InvalidData);
        assert_eq!(ws.closed(), Some(&Closed::Abnormal(Abnormal::Transport)));
        assert!(matches!(ws.send("?"), Err(Error::Io(_))));
    });
    let mut records = Vec::new();
    peer.conn.writer().write_all(&masked(OpCode::TEXT, b"good")).unwrap();
    peer.conn.writer().write_all(&masked(OpCode::TEXT, b"too")).unwrap();
    while peer.conn.wants_write() {
        peer.conn.write_tls(&mut records).unwrap();
    }
    records.extend(b"\x17\x03\x03\x00\x20");
    records.extend([0; 32]);
    peer.sock.write_all(&records).unwrap();
    // The alert tells the peer (RFC 8446 §6.2).
    let error = peer.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("alert"), "{error}");
    serving.join().unwrap();
}

/// As a hub that ends does.
#[test]
fn another_handle_can_end_a_handshake() {
    let (_peer, socket) = sockets();
    let mut stream = TlsStream::server(socket, tls().server).unwrap();
    let mut handle = stream.try_clone().unwrap();
    let shaking = thread::spawn(move || stream.read(&mut [0]).unwrap_err().kind());
    handle.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(shaking.join().unwrap(), ErrorKind::UnexpectedEof);
}
