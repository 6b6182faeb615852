//! The loops of docs/guide.md, as they stand there.

use std::fs;
use std::path::Path;

use crate::common::*;

#[test]
fn the_guide_shows_the_loops_that_are_tested_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("docs/guide.md")).unwrap();
    for code in [
        include_str!("guide/blocking.rs"),
        include_str!("guide/nonblocking.rs"),
        include_str!("guide/relay.rs"),
    ] {
        assert!(guide.contains(code), "not in the guide:\n{code}");
    }
}

/// A Close frame with code 1000 to a server, and its echo.
fn close() -> [Vec<u8>; 2] {
    let body = [0x03, 0xe8];
    [Side::Server.incoming(0x88, &body), Side::Server.outgoing(0x88, &body)]
}

/// Checks that this is one Close frame, with this code.
#[track_caller]
fn assert_closed_with(code: u16, written: &[u8]) {
    assert_eq!(written[0], 0x88);
    assert_eq!(usize::from(written[1]), written.len() - 2);
    assert_eq!(written[2..4], code.to_be_bytes());
}

const UNMASKED: &[u8] = b"\x81\x05Hello";

mod blocking {
    include!("guide/blocking.rs");

    mod tests {
        use super::super::*;
        use hybi::{Config, Connection, Inbox};
        use std::io::{Read, Write};
        use std::net::{Ipv4Addr, TcpListener, TcpStream};

        type Served = Result<(), Box<dyn std::error::Error>>;

        /// Serves a client that sends these bytes, and keeps its side open for as long as it is served. Returns how
        /// that ended, and what the client has read.
        fn serve(wire: &[u8]) -> (Served, Vec<u8>) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let server = listener.accept().unwrap().0;
            client.write_all(wire).unwrap();
            let ws = Connection::server(Config::default());
            let served = super::serve(&server, ws, Inbox::new());
            drop(server);
            let mut read = Vec::new();
            client.read_to_end(&mut read).unwrap();
            (served, read)
        }

        #[test]
        fn a_clean_close_is_no_error_if_the_peer_keeps_its_side_open() {
            let [close, echo] = close();
            let hello = Side::Server.incoming(0x81, b"Hello");
            let (served, read) = serve(&[hello, close].concat());
            assert!(served.is_ok(), "{served:?}");
            assert_eq!(Hex(&read), Hex(&[UNMASKED, &echo].concat()));
        }

        #[test]
        fn a_violation_is_returned_if_the_peer_keeps_its_side_open() {
            let (served, read) = serve(UNMASKED);
            let error = served.unwrap_err().to_string();
            assert!(error.contains("mask"), "{error}");
            assert_closed_with(1002, &read);
        }
    }
}

mod nonblocking {
    include!("guide/nonblocking.rs");

    mod tests {
        use super::super::*;
        use super::{Buffers, Ended, Peer, Socket};
        use hybi::connection::Transport;
        use hybi::keepalive::{Keepalive, KeepaliveConfig};
        use hybi::{Config, Connection, Limits};
        use std::collections::VecDeque;
        use std::io::{self, Read, Write};
        use std::task::Poll;
        use std::time::Duration;

        /// A socket in memory. It would block when it has nothing to be read, or no room.
        struct Wire {
            arrived: VecDeque<u8>,
            /// What one call takes or gives at most.
            piece: usize,
            written: Vec<u8>,
            room: usize,
            peer_ended: bool,
            was_shut_down: bool,
            interrupted: bool,
        }

        impl Wire {
            /// Every other call is interrupted by a signal.
            fn interrupt(&mut self) -> io::Result<()> {
                self.interrupted = !self.interrupted;
                if self.interrupted { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
            }
        }

        impl Read for Wire {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.interrupt()?;
                if self.arrived.is_empty() && !self.peer_ended {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let len = into.len().min(self.piece);
                self.arrived.read(&mut into[..len])
            }
        }

        impl Write for Wire {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.interrupt()?;
                let n = bytes.len().min(self.room).min(self.piece);
                if n == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                assert!(!self.was_shut_down, "written after the end");
                self.room -= n;
                self.written.write(&bytes[..n])
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Socket for Wire {
            fn shut_down_writing(&mut self) -> io::Result<()> {
                assert!(!self.was_shut_down, "twice");
                self.was_shut_down = true;
                Ok(())
            }
        }

        fn peer(config: Config) -> Peer<Wire> {
            Peer {
                socket: Wire {
                    arrived: VecDeque::new(),
                    piece: usize::MAX,
                    written: Vec::new(),
                    room: usize::MAX,
                    peer_ended: false,
                    was_shut_down: false,
                    interrupted: false,
                },
                ws: Connection::server(config),
                keepalive: Keepalive::new(KeepaliveConfig::default(), s(0)),
                wake: None,
                readable: false,
                kept: None,
                outcome: Ok(()),
                shut_down: false,
            }
        }

        impl Peer<Wire> {
            /// These bytes arrive, and the event loop says so.
            fn arrive(&mut self, at: u64, wire: &[u8], spare: &mut Option<Buffers>) -> Poll<Ended> {
                self.socket.arrived.extend(wire);
                self.on_ready(true, s(at), spare)
            }

            /// There is room for so many bytes, and the event loop says so.
            fn make_room(&mut self, bytes: usize) -> Poll<Ended> {
                self.socket.room = bytes;
                self.on_ready(false, s(0), &mut None)
            }
        }

        fn s(seconds: u64) -> Duration {
            Duration::from_secs(seconds)
        }

        fn text(payload: &[u8]) -> [Vec<u8>; 2] {
            [Side::Server.incoming(0x81, payload), Side::Server.outgoing(0x81, payload)]
        }

        #[track_caller]
        fn assert_fails(ended: Poll<Ended>, text: &str) {
            let Poll::Ready(Err(error)) = ended else { panic!("{ended:?}") };
            assert!(error.to_string().contains(text), "{error}");
        }

        #[test]
        fn connections_share_buffers_and_keep_them_only_while_they_hold_bytes() {
            let payload = [b'x'; 30_000];
            let [incoming, outgoing] = text(&payload);
            let (mut peers, spare) = ([0; 3].map(|_| peer(Config::default())), &mut None);
            let mut allocated = Vec::new();
            for piece in incoming.chunks(7_000).chain(incoming.chunks(incoming.len())) {
                for (n, peer) in peers.iter_mut().enumerate() {
                    peer.socket.piece = 3_000 + n;
                    assert!(peer.arrive(1, piece, spare).is_pending());
                }
                allocated.push(peers.iter().filter(|peer| peer.kept.is_some()).count());
            }
            assert_eq!(allocated, [3, 3, 3, 3, 0, 0], "in a message, and between messages");
            for peer in peers {
                assert_eq!(peer.socket.written, [&*outgoing, &outgoing].concat());
            }
        }

        #[test]
        fn what_came_along_with_the_handshake_is_answered_first() {
            let [hello, echo] = text(b"Hello");
            let mut peer = peer(Config::default());
            let mut buffers = Buffers::default();
            buffers.0.append(&hello);
            buffers.1.append(b"HTTP/1.1 101\r\n\r\n");
            peer.kept = Some(buffers);
            assert!(peer.on_ready(false, s(0), &mut None).is_pending());
            assert_eq!(Hex(&peer.socket.written), Hex(&[b"HTTP/1.1 101\r\n\r\n", &*echo].concat()));
        }

        #[test]
        fn a_violation_is_returned_once_the_close_frame_is_written_and_the_peer_has_gone() {
            let mut peer = peer(Config::default());
            peer.socket.room = 3;
            assert!(peer.arrive(0, UNMASKED, &mut None).is_pending());
            assert!(!peer.socket.was_shut_down);
            assert!(peer.make_room(usize::MAX).is_pending());
            assert!(peer.socket.was_shut_down);
            assert_closed_with(1002, &peer.socket.written);
            assert!(peer.arrive(0, UNMASKED, &mut None).is_pending(), "more is discarded");
            peer.socket.peer_ended = true;
            assert_fails(peer.arrive(0, b"", &mut None), "mask");
        }

        /// Polls until the closing deadline has passed.
        fn wait(peer: &mut Peer<Wire>) -> Poll<Ended> {
            assert_eq!(peer.wake, Some(s(10)));
            assert!(peer.on_ready(false, s(10), &mut None).is_pending());
            assert_eq!(peer.wake, Some(s(10)), "once more");
            peer.on_ready(false, s(10), &mut None)
        }

        #[test]
        fn a_violation_is_returned_if_the_peer_keeps_its_side_open() {
            let mut peer = peer(Config::default());
            assert!(peer.arrive(0, UNMASKED, &mut None).is_pending());
            assert_fails(wait(&mut peer), "mask");
        }

        #[test]
        fn a_clean_close_is_no_error_whether_the_peer_ends_its_side_or_not() {
            for ends in [true, false] {
                let [close, echo] = close();
                let mut peer = peer(Config::default());
                assert!(peer.arrive(0, &close, &mut None).is_pending());
                assert!(peer.socket.was_shut_down);
                assert_eq!(Hex(&peer.socket.written), Hex(&echo));
                peer.socket.peer_ended = ends;
                let ended = if ends { peer.arrive(1, b"", &mut None) } else { wait(&mut peer) };
                assert!(matches!(ended, Poll::Ready(Ok(()))), "{ended:?}");
                assert_eq!(peer.ws.transport(), Transport::Close);
            }
        }

        #[test]
        fn a_peer_that_vanishes_or_is_silent_is_an_error() {
            let mut vanished = peer(Config::default());
            vanished.socket.peer_ended = true;
            assert_fails(vanished.arrive(0, b"\x81", &mut None), "ended");

            let (mut silent, spare) = (peer(Config::default()), &mut None);
            assert!(silent.on_ready(false, s(0), spare).is_pending());
            assert_eq!(silent.wake, Some(s(30)));
            assert!(silent.on_ready(false, s(30), spare).is_pending());
            assert_eq!(silent.socket.written[..2], [0x89, 8], "a ping");
            assert_eq!(silent.wake, Some(s(50)));
            assert!(silent.on_ready(false, s(50), spare).is_pending());
            assert_fails(silent.on_ready(false, s(50), spare), "did not answer a ping");
        }

        #[test]
        fn a_peer_that_speaks_is_not_pinged_before_it_falls_silent() {
            let [hello, echo] = text(b"Hello");
            let mut peer = peer(Config::default());
            assert!(peer.arrive(20, &hello, &mut None).is_pending());
            assert_eq!(peer.wake, Some(s(50)));
            assert_eq!(Hex(&peer.socket.written), Hex(&echo));
        }

        /// No event tells again that the socket can be read.
        #[test]
        fn nothing_is_read_while_answers_wait_and_all_of_it_afterwards() {
            let [incoming, outgoing] = text(&[b'x'; 1000]);
            let mut peer = peer(Config::default());
            (peer.socket.piece, peer.socket.room) = (1500, 10);
            assert!(peer.arrive(0, &incoming.repeat(10), &mut None).is_pending());
            let unread = peer.socket.arrived.len();
            assert!(unread > 8 * incoming.len(), "{unread}");
            assert!(peer.make_room(10).is_pending());
            assert_eq!(peer.socket.arrived.len(), unread);
            assert!(peer.make_room(usize::MAX).is_pending());
            assert_eq!(peer.socket.written, outgoing.repeat(10));
            assert!(peer.kept.is_none());
        }

        #[test]
        fn a_pong_that_was_held_back_leaves_once_the_output_has() {
            let limits = Limits::default().reply_backlog_max(0);
            let mut peer = peer(Config::default().limits(limits));
            peer.socket.room = 0;
            let [hello, echo] = text(b"Hello");
            let ping = Side::Server.incoming(0x89, b"?");
            assert!(peer.arrive(0, &[hello, ping].concat(), &mut None).is_pending());
            assert!(peer.make_room(usize::MAX).is_pending());
            let pong = Side::Server.outgoing(0x8a, b"?");
            assert_eq!(Hex(&peer.socket.written), Hex(&[echo, pong].concat()));
        }

        #[test]
        fn a_peer_that_sends_without_end_leaves_time_for_others() {
            let mut peer = peer(Config::default());
            peer.socket.piece = 1;
            let [incoming, outgoing] = text(b"Hello");
            assert!(peer.arrive(7, &incoming.repeat(10), &mut None).is_pending());
            assert!(!peer.socket.arrived.is_empty());
            for _ in 0..100 {
                assert!(peer.wake == Some(s(7)) || peer.socket.arrived.is_empty());
                assert!(peer.on_ready(false, s(7), &mut None).is_pending());
            }
            assert_eq!(peer.socket.written, outgoing.repeat(10));
        }

        #[test]
        fn a_violation_takes_precedence_over_a_peer_that_does_not_read_its_close_frame() {
            let mut peer = peer(Config::default());
            peer.socket.room = 0;
            assert!(peer.arrive(0, UNMASKED, &mut None).is_pending());
            assert!(peer.on_ready(false, s(10), &mut None).is_pending());
            assert_fails(peer.on_ready(false, s(10), &mut None), "mask");
        }
    }
}

mod relay {
    include!("guide/relay.rs");

    mod tests {
        use super::super::{Hex, KEY, UNMASKED, assert_closed_with};
        use super::*;
        use crate::common;
        use hybi::relay::RelayConfig;

        /// A socket that has these bytes to be read, and takes so many.
        #[derive(Default)]
        struct Socket {
            incoming: Vec<u8>,
            is_over: bool,
            taken: Vec<u8>,
            takes: usize,
            is_broken: bool,
        }

        impl Read for Socket {
            fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
                let n = self.incoming.len().min(room.len());
                if n == 0 && !self.is_over {
                    return Err(ErrorKind::WouldBlock.into());
                }
                room[..n].copy_from_slice(&self.incoming[..n]);
                self.incoming.drain(..n);
                Ok(n)
            }
        }

        impl Write for Socket {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.is_broken {
                    return Err(ErrorKind::BrokenPipe.into());
                }
                let n = bytes.len().min(self.takes);
                if n == 0 {
                    return Err(ErrorKind::WouldBlock.into());
                }
                self.takes -= n;
                self.taken.extend_from_slice(&bytes[..n]);
                Ok(n)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        fn ends(incoming: &[u8]) -> [End<Socket>; 2] {
            [incoming, b""].map(|incoming| End {
                socket: Socket { incoming: incoming.to_vec(), ..Socket::default() },
                inbox: Inbox::new(),
            })
        }

        #[test]
        fn a_side_is_not_read_while_the_other_takes_nothing() {
            let frame = common::Side::Client.incoming(0x82, &[7; 10_000]);
            let sent = frame.repeat(500);
            let [mut server, mut client] = ends(&sent);
            let mut relay = Relay::with_keys(RelayConfig::default(), || KEY);
            let from = Side::Server;
            while pass(&mut relay, from, &mut server, &mut client).unwrap() {}
            let waits = relay.outbox(from.other()).len();
            assert!(waits > BACKLOG_MAX && waits < 2 * BACKLOG_MAX, "{waits} bytes wait");
            assert!(!pass(&mut relay, from, &mut server, &mut client).unwrap());
            // Everything passes as soon as it takes them.
            client.socket.takes = usize::MAX;
            server.socket.is_over = true;
            while pass(&mut relay, from, &mut server, &mut client).unwrap() {}
            assert_eq!(Hex(&client.socket.taken), Hex(&sent));
            for side in [from, from.other()] {
                assert!(is_done(&mut relay, side));
            }
        }

        /// A side may stop reading after a Close frame with 1009, sent in the middle of a message.
        #[test]
        fn the_last_words_of_a_side_that_takes_no_more_pass() {
            let [mut client, mut server] = ends(b"\x82\xff\0\0\0\x01\0\0\0\0\0\0\0\0too long");
            client.socket.takes = usize::MAX;
            server.socket.is_broken = true;
            server.socket.incoming = b"\x88\x02\x03\xf1".to_vec();
            server.socket.is_over = true;
            let mut relay = Relay::with_keys(RelayConfig::default(), || KEY);
            assert!(pass(&mut relay, Side::Client, &mut client, &mut server).unwrap());
            while pass(&mut relay, Side::Server, &mut server, &mut client).unwrap() {}
            assert_closed_with(1009, &client.socket.taken);
            assert!(is_done(&mut relay, Side::Client) && is_done(&mut relay, Side::Server));
        }

        #[test]
        fn a_violation_is_told_to_both() {
            let [mut client, mut server] = ends(UNMASKED);
            (client.socket.takes, server.socket.takes) = (usize::MAX, usize::MAX);
            let mut relay = Relay::with_keys(RelayConfig::default(), || KEY);
            let from = Side::Client;
            let error = pass(&mut relay, from, &mut client, &mut server).unwrap_err();
            assert_eq!(error.name(), "unmasked");
            assert_closed_with(1002, &client.socket.taken);
            assert_eq!(server.socket.taken[0], 0x88);
            assert!(is_done(&mut relay, from) && !is_done(&mut relay, from.other()));
        }
    }
}
