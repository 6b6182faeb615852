//! An echo server for WebSocket over HTTP/3 (RFC 9220), on quiche: `hybi-http3 CERTIFICATE KEY`,
//! both in PEM. Only its own page may connect, or a client without an origin.
//!
//! It prints its port, then a line for each WebSocket that has ended.

mod websocket;

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::Acceptance;
use quiche::h3;

use crate::websocket::{Response, WebSocket, answer};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [certificate, key] = &arguments[..] else {
        return Err("usage: hybi-http3 CERTIFICATE KEY".into());
    };
    let config = hybi::Config::default().deflate(DeflateConfig::default());
    let terms = Acceptance::from_same_origin().config(config);

    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION)?;
    config.load_cert_chain_from_pem_file(certificate)?;
    config.load_priv_key_from_pem_file(key)?;
    config.set_application_protos(h3::APPLICATION_PROTOCOL)?;
    config.set_max_idle_timeout(30_000); // milliseconds
    config.set_disable_active_migration(true); // peers are told apart by their addresses
    config.set_initial_max_data(1 << 20);
    config.set_initial_max_stream_data_bidi_remote(1 << 18);
    config.set_initial_max_stream_data_uni(1 << 16);
    config.set_initial_max_streams_bidi(100);
    config.set_initial_max_streams_uni(8);
    let mut h3_config = h3::Config::new()?;
    // SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 9220 §3): without it, no client may ask.
    h3_config.enable_extended_connect(true);

    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let local = socket.local_addr()?;
    println!("{}", local.port());
    let mut peers: HashMap<SocketAddr, Peer> = HashMap::new();
    let mut datagram = vec![0; 65_535];
    loop {
        let due = peers.values().filter_map(|peer| peer.quic.timeout()).min();
        socket.set_read_timeout(due.map(|due| due.max(Duration::from_millis(1))))?;
        match socket.recv_from(&mut datagram) {
            Ok((len, from)) => {
                let received = &mut datagram[..len];
                if !peers.contains_key(&from) && is_first(received) {
                    // It does not identify anybody, so it may be the same for all.
                    let id = quiche::ConnectionId::from_ref(&[0; 16]);
                    let quic = quiche::accept(&id, None, local, from, &mut config)?;
                    peers.insert(from, Peer { quic, h3: None, open: HashMap::new() });
                }
                if let Some(peer) = peers.get_mut(&from)
                    && let Err(error) =
                        peer.quic.recv(received, quiche::RecvInfo { from, to: local })
                {
                    eprintln!("a datagram from {from}: {error}");
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        for peer in peers.values_mut() {
            peer.quic.on_timeout(); // does nothing before its time
            peer.turn(&h3_config, &terms)?;
            while let Ok((len, info)) = peer.quic.send(&mut datagram) {
                socket.send_to(&datagram[..len], info.to)?;
            }
        }
        peers.retain(|_, peer| {
            let is_closed = peer.quic.is_closed();
            if is_closed {
                for ws in peer.open.values_mut() {
                    ws.end_of_input();
                    ws.report();
                }
            }
            !is_closed
        });
    }
}

/// Returns whether a datagram is the first of a connection.
fn is_first(datagram: &mut [u8]) -> bool {
    quiche::Header::from_slice(datagram, 16).is_ok_and(|it| it.ty == quiche::Type::Initial)
}

struct Peer {
    quic: quiche::Connection,
    /// Set once QUIC's handshake is over.
    h3: Option<h3::Connection>,
    /// By the numbers of their streams.
    open: HashMap<u64, WebSocket>,
}

impl Peer {
    /// Does all that can be done without waiting.
    fn turn(&mut self, config: &h3::Config, terms: &Acceptance<'static>) -> Outcome<()> {
        let Self { quic, h3, open } = self;
        if h3.is_none() && quic.is_established() {
            *h3 = Some(h3::Connection::with_transport(quic, config)?);
        }
        let Some(h3) = h3 else { return Ok(()) };
        loop {
            match h3.poll(quic) {
                Ok((id, h3::Event::Headers { list, .. })) => {
                    let (Response { fields, body }, ws) = answer(&list, terms);
                    let mut sent = h3.send_response(quic, id, &fields, false);
                    match ws {
                        // Its stream stays open, that of another response ends.
                        Some(ws) => _ = open.insert(id, ws),
                        None => {
                            sent = sent.and_then(|()| h3.send_body(quic, id, &body, true).map(drop))
                        }
                    }
                    if let Err(error) = sent {
                        eprintln!("a response: {error}"); // the peer does not want it
                    }
                }
                Ok((id, h3::Event::Data)) if !open.contains_key(&id) => {
                    while h3.recv_body(quic, id, &mut [0; 1024]).is_ok() {} // after its end
                }
                // RFC 9220 §3: the end of the stream, clean or not, is that of a TCP connection.
                Ok((id, h3::Event::Finished | h3::Event::Reset(_))) => {
                    if let Some(ws) = open.get_mut(&id) {
                        ws.end_of_input();
                    }
                }
                Ok(_) => {} // data is read below
                Err(h3::Error::Done) => break,
                Err(error) => {
                    eprintln!("HTTP/3: {error}"); // quiche has closed the connection
                    break;
                }
            }
        }
        open.retain(|id, ws| {
            let is_open = exchange(quic, h3, *id, ws).unwrap_or_else(|error| {
                ws.fail(&error.to_string());
                false
            });
            if !is_open {
                ws.report();
            }
            is_open
        });
        Ok(())
    }
}

/// Reads, answers and writes on one stream, until there is nothing more or the peer does not take
/// it. Returns whether the stream goes on.
fn exchange(
    quic: &mut quiche::Connection,
    h3: &mut h3::Connection,
    id: u64,
    ws: &mut WebSocket,
) -> h3::Result<bool> {
    loop {
        while !ws.out.is_empty() {
            match h3.send_body(quic, id, ws.out.front(), false) {
                Ok(n) => ws.out.sent(n),
                Err(h3::Error::Done) => return Ok(true), // the peer's window is full
                Err(error) => return Err(error),
            }
        }
        if ws.is_over() {
            return h3.send_body(quic, id, &[], true).map(|_| false);
        }
        match h3.recv_body(quic, id, ws.inbox.room()) {
            Ok(n) => ws.received(n),
            Err(h3::Error::Done) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
