//! A client whose bytes are the test's to split: the core over a socket.

use std::io::{Read, Write};
use std::net::TcpStream;

use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::{Answer, ClientRequest};
use hybi::{
    Client as Role, ClientHandshake, CloseCode, Config, Connection, Event, Inbox, Outbox,
    RandomKeys, Uri,
};

use crate::service::{PATIENCE, Service};

pub struct Client {
    pub socket: TcpStream,
    pub ws: Connection<Role<RandomKeys>>,
    pub inbox: Inbox,
    pub out: Outbox,
}

/// The offer of permessage-deflate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deflate {
    On,
    Off,
}

impl Client {
    #[track_caller]
    pub fn connect(service: &Service, path: &str, deflate: Deflate) -> Self {
        let mut socket = connect(service);
        let uri = Uri::parse(&format!("ws://{}{path}", service.address)).unwrap();
        let deflate = (deflate == Deflate::On).then(DeflateConfig::default);
        let config = Config::default().deflate(deflate);
        let (mut inbox, mut out) = (Inbox::new(), Outbox::new());
        let request = ClientRequest::new(&uri).config(config);
        let mut handshake = ClientHandshake::new(&request, &mut out).unwrap();
        socket.write_all(&out.take()).unwrap();
        loop {
            if let Some(answer) = handshake.receive(&mut inbox.input()).unwrap() {
                let Answer::Open(ws, _) = answer else { panic!("refused") };
                assert_eq!(ws.deflate().is_some(), deflate.is_some());
                return Self { socket, ws, inbox, out };
            }
            let n = socket.read(inbox.room()).unwrap();
            assert_ne!(n, 0);
            inbox.filled(n);
        }
    }

    pub fn send(&mut self, text: &str) {
        self.ws.send(text, &mut self.out).unwrap();
        self.flush();
    }

    /// Sends the first part of a message, and waits until the server has read it.
    #[track_caller]
    pub fn begin(&mut self, text: &str) {
        self.ws.send_part(text, &mut self.out).unwrap();
        self.ws.ping(b"read?", &mut self.out).unwrap();
        self.flush();
        assert_eq!(self.next_of_all(), Event::Pong(b"read?".into()));
    }

    /// Sends the last part of a message.
    pub fn end(&mut self, text: &str) {
        self.ws.send_last_part(text, &mut self.out).unwrap();
        self.flush();
    }

    pub fn flush(&mut self) {
        self.socket.write_all(&self.out.take()).unwrap();
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// The next event that is no ping or pong.
    #[track_caller]
    pub fn next(&mut self) -> Event<'static> {
        loop {
            let event = self.next_of_all();
            if !matches!(event, Event::Ping(_) | Event::Pong(_)) {
                return event;
            }
        }
    }

    #[track_caller]
    fn next_of_all(&mut self) -> Event<'static> {
        loop {
            if let Some(event) = self.ws.receive(&mut self.inbox.input(), &mut self.out).unwrap() {
                return event.into_owned();
            }
            self.flush();
            let n = self.socket.read(self.inbox.room()).unwrap();
            assert_ne!(n, 0, "the connection has ended");
            self.inbox.filled(n);
        }
    }

    #[track_caller]
    pub fn text(&mut self) -> String {
        match self.next() {
            Event::Text(text) => text.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn echo(&mut self, text: &str) {
        self.send(text);
        assert_eq!(self.text(), text);
    }

    /// Closes, and expects a good end.
    #[track_caller]
    pub fn close(mut self) {
        self.ws.close(CloseCode::NORMAL, "", &mut self.out).unwrap();
        self.flush();
        assert_eq!(self.closed(), 1000);
    }

    /// Expects the end of the connection, and returns the code.
    #[track_caller]
    pub fn closed(&mut self) -> u16 {
        let code = loop {
            if let Event::Close(reason) = self.next() {
                break reason.unwrap().code.number();
            }
        };
        self.flush();
        assert_eq!(self.socket.read(&mut [0; 16]).unwrap(), 0, "nothing after the Close frame");
        code
    }
}

/// Connects and says nothing.
pub fn connect(service: &Service) -> TcpStream {
    let socket = TcpStream::connect(&service.address).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}
