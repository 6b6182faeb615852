//! Over real sockets: messages leave at once, and two peers that both send do not stop each other.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use hybi::blocking::{self, Connector, Shared, WebSocket};
use hybi::handshake::{Acceptance, ClientRequest};
use hybi::{Config, Connection, Inbox, Uri};

use crate::stream::*;

/// Messages are written whole; waiting for more would only delay them.
#[test]
fn every_tcp_socket_sends_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let uri = Uri::parse(&format!("ws://{address}/")).unwrap();
    let serving = thread::spawn(move || {
        for shared in [false, true, false] {
            let (socket, _) = listener.accept().unwrap();
            assert!(!socket.nodelay().unwrap());
            let any = Acceptance::from_any_origin();
            if shared {
                let ws = blocking::receive_request(Shared::new(socket)).unwrap().accept(&any);
                assert!(ws.unwrap().stream().nodelay().unwrap());
            } else {
                let ws = blocking::receive_request(socket).unwrap().accept(&any);
                assert!(ws.unwrap().stream().nodelay().unwrap());
            }
        }
    });
    let ws = blocking::connect(&uri.to_string()).unwrap();
    assert!(ws.stream().get_ref().nodelay().unwrap());
    let socket = Shared::new(TcpStream::connect(address).unwrap());
    let ws = Connector::new().connect_over(socket, &ClientRequest::new(&uri)).unwrap();
    assert!(ws.stream().nodelay().unwrap());
    let socket = Connector::new().connect_tcp(&uri).unwrap();
    assert!(socket.nodelay().unwrap());
    let ws = Connector::new().connect_over(socket, &ClientRequest::new(&uri)).unwrap();
    drop(ws);
    serving.join().unwrap();
}

/// The handshake was somebody else's, who may not have thought of it.
#[test]
fn a_connection_that_is_taken_over_sends_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(!socket.nodelay().unwrap());
    let ws = WebSocket::new(socket, Connection::server(Config::default()), Inbox::new());
    assert!(ws.stream().nodelay().unwrap());
    // Who wants the delay, for whatever reason, can have it.
    ws.stream().set_nodelay(false).unwrap();
    let (reader, _writer) = ws.split().unwrap();
    assert!(!reader.stream().nodelay().unwrap());
}

#[test]
fn two_peers_that_both_send_much_do_not_stop_each_other() {
    let (mut client, mut server) = pair();
    let big = vec![42; 15 << 20]; // more than any socket buffer
    client.set_write_timeout(Duration::from_millis(1)).unwrap();
    client.send(&*big).unwrap();
    server.set_write_timeout(Duration::from_millis(1)).unwrap();
    server.send(&*big).unwrap();
    assert!(client.unsent_bytes() > 0 && server.unsent_bytes() > 0);
    let expected = big.clone();
    let serving = thread::spawn(move || {
        assert_eq!(server.receive().unwrap(), binary(&expected));
        server.set_write_timeout(None).unwrap();
        server.flush().unwrap();
    });
    assert_eq!(client.receive().unwrap(), binary(&big));
    client.set_write_timeout(None).unwrap();
    client.flush().unwrap();
    serving.join().unwrap();
}
