//! Which threads may have what.

use std::net::TcpStream;

use hybi::blocking::{
    AcceptError, Acceptor, ClientSocket, ConnectError, Connector, Error, HttpProxy, MaybeTls,
    Pending, Reader, Shared, Untimed, WebSocket, Writer,
};
use hybi::{Client, Server};

#[test]
fn everything_may_go_to_another_thread() {
    const fn check<T: Send + Sync>() {}
    const {
        check::<ClientSocket>();
        check::<WebSocket<TcpStream, Server>>();
        check::<Reader<MaybeTls<TcpStream>, Client>>();
        check::<Writer<MaybeTls<TcpStream>, Client>>();
        check::<Reader<Shared<TcpStream>, Server>>();
        check::<Writer<Shared<TcpStream>, Server>>();
        check::<Pending<TcpStream>>();
        check::<Untimed<TcpStream>>();
        check::<(Acceptor, Connector, HttpProxy)>();
        check::<(Error, AcceptError, ConnectError)>();
    }
}
