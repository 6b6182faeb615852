//! Connections that are exported and imported go on as if nothing had happened, and bytes that are
//! no export are refused or do no harm.

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a crate of its own elsewhere")]
mod bodies;
#[path = "../common/corpus.rs"]
mod corpus;
mod cuts;
#[cfg(feature = "deflate")]
mod deflate;
mod format;
mod hostile;
mod keepalive;
mod limits;
mod states;

use hybi::connection::{Chunk, ChunkData, ChunkEvent};
use hybi::export::ExportError;
use hybi::{Client, Config, Connection, Event, Inbox, Outbox, ProtocolError, Role, Server};

type Keys = fn() -> [u8; 4];

/// The key of every frame that a client sends in these tests.
const KEY: [u8; 4] = [0xa5, 0x5a, 0x0f, 0xf1];

/// A role whose value can be made again in another process.
trait Remade: Role {
    fn make() -> Self;
    fn open(config: Config) -> Connection<Self>
    where
        Self: Sized;
}

impl Remade for Server {
    fn make() -> Self {
        Self
    }

    fn open(config: Config) -> Connection<Self> {
        Connection::server(config)
    }
}

impl Remade for Client<Keys> {
    fn make() -> Self {
        Self::new(|| KEY)
    }

    fn open(config: Config) -> Connection<Self> {
        Connection::client_with_keys(config, || KEY)
    }
}

/// The agreed parameters of compression.
#[cfg(feature = "deflate")]
use hybi::extension::deflate::Agreed;
#[cfg(not(feature = "deflate"))]
#[derive(Clone, Copy)]
enum Agreed {}

#[cfg(feature = "deflate")]
fn deflate_config() -> hybi::extension::deflate::DeflateConfig {
    hybi::extension::deflate::DeflateConfig::default().compress_from(0)
}

fn config() -> Config {
    #[cfg(feature = "deflate")]
    return Config::default().deflate(deflate_config());
    #[cfg(not(feature = "deflate"))]
    Config::default()
}

fn open<R: Remade>(agreed: Option<Agreed>) -> Connection<R> {
    let ws = R::open(config());
    match agreed {
        None => ws,
        #[cfg(feature = "deflate")]
        Some(agreed) => ws.with_deflate(&agreed, &deflate_config()),
        #[cfg(not(feature = "deflate"))]
        Some(agreed) => match agreed {},
    }
}

/// The way in which a peer receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Messages that reads split are copied.
    Copied,
    /// They stay in the inbox.
    InPlace,
    /// Messages come in chunks, and are sent back in parts.
    Chunks,
}

const MODES: [Mode; 3] = [Mode::Copied, Mode::InPlace, Mode::Chunks];

/// An event, a chunk or an error that a peer has received.
#[derive(Debug, PartialEq)]
enum Seen {
    Event(Event<'static>),
    Chunk(Chunk<'static>),
    Failed(ProtocolError),
}

/// A connection with its buffers that sends every message back.
struct Peer<R> {
    ws: Connection<R>,
    inbox: Inbox,
    out: Outbox,
    mode: Mode,
    seen: Vec<Seen>,
}

impl<R: Remade> Peer<R> {
    fn new(agreed: Option<Agreed>, mode: Mode) -> Self {
        let (out, seen) = (Outbox::new(), Vec::new());
        Self { ws: open(agreed), inbox: inbox(Inbox::new(), mode), out, mode, seen }
    }

    fn feed(&mut self, piece: &[u8]) {
        self.inbox.append(piece);
        while self.next() {}
    }

    /// Receives something, and sends it back. Returns whether there was something.
    fn next(&mut self) -> bool {
        let Self { ws, inbox, out, seen, .. } = self;
        let mut input = inbox.input();
        let received = if self.mode == Mode::Chunks {
            ws.receive_chunk(&mut input, out)
        } else {
            ws.receive(&mut input, out).map(|event| event.map(ChunkEvent::Control))
        };
        match received {
            Ok(None) => return false,
            Err(violation) => seen.push(Seen::Failed(violation)),
            Ok(Some(ChunkEvent::Chunk(chunk))) => {
                match &chunk.data {
                    ChunkData::Text(text) if chunk.last => ws.send_last_part(&**text, out),
                    ChunkData::Text(text) => ws.send_part(&**text, out),
                    ChunkData::Binary(bytes) if chunk.last => ws.send_last_part(&**bytes, out),
                    ChunkData::Binary(bytes) => ws.send_part(&**bytes, out),
                }
                .unwrap();
                seen.push(Seen::Chunk(chunk.into_owned()));
            }
            Ok(Some(ChunkEvent::Control(event))) => {
                match &event {
                    Event::Text(text) => ws.send(&**text, out).unwrap(),
                    Event::Binary(bytes) => ws.send(&**bytes, out).unwrap(),
                    _ => {}
                }
                seen.push(Seen::Event(event.into_owned()));
            }
            Ok(Some(_)) => panic!("an unknown event"),
        }
        true
    }

    fn export(&self) -> Result<Vec<u8>, ExportError> {
        let mut bytes = b"before".to_vec();
        let exported = self.ws.export(&mut bytes);
        if exported.is_err() {
            assert_eq!(bytes, b"before", "something was written all the same");
        }
        exported?;
        self.inbox.export(&mut bytes);
        self.out.export(&mut bytes);
        Ok(bytes.split_off(6))
    }

    /// Goes on in another process.
    fn hand_over(&mut self) -> Result<(), ExportError> {
        let bytes = self.export()?;
        let from = &mut &bytes[..];
        self.ws = Connection::import(R::make(), &config(), from).unwrap();
        self.inbox = inbox(Inbox::import(from).unwrap(), self.mode);
        self.out = Outbox::import(from).unwrap();
        assert!(from.is_empty());
        assert_eq!(self.export(), Ok(bytes), "the import exports something else");
        Ok(())
    }
}

fn inbox(inbox: Inbox, mode: Mode) -> Inbox {
    if mode == Mode::InPlace { inbox } else { inbox.in_place_up_to(0) }
}
