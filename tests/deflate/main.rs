//! permessage-deflate (RFC 7692) through the public API.
#![cfg(feature = "deflate")]

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a crate of its own elsewhere")]
mod bodies;
mod bombs;
#[path = "../common/corpus.rs"]
mod corpus;
mod cuts;
mod examples;
mod handshake;
mod messages;
mod negotiation;
mod peers;
mod properties;
mod relay;
mod replay;

use std::num::NonZeroU32;

use hybi::connection::{ChunkData, ChunkEvent};
use hybi::extension::deflate::{self, Agreed, Compression, DeflateConfig, NegotiationError};
use hybi::extension::{Offer, Offers};
use hybi::frame::{Header, OpCode, Reserved};
use hybi::{
    Client, CloseCode, Config, Connection, EndOfInputError, Event, Input, Limits, Outbox,
    ProtocolError, Role, Server,
};

/// What a client learns from a message, a ping or an error; text and bytes alike.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Other(String),
    Failed(ProtocolError),
}

type Ws = Connection<Client<fn() -> [u8; 4]>>;

fn agree(offer: &str) -> Agreed {
    let offers = Offers::new(offer.as_bytes()).map(Result::unwrap);
    deflate::respond(&DeflateConfig::default(), offers).expect("acceptable")
}

/// A client's connection, so that input need not be masked.
fn client(offer: &str, config: &DeflateConfig) -> Ws {
    let keys: fn() -> [u8; 4] = || [0x11, 0x22, 0x33, 0x44];
    Connection::client_with_keys(Config::default(), keys).with_deflate(&agree(offer), config)
}

fn server(offer: &str, config: &DeflateConfig) -> Connection<Server> {
    Connection::server(Config::default()).with_deflate(&agree(offer), config)
}

/// Feeds `wire` in pieces of `piece_len`.
fn receive<R: Role>(ws: &mut Connection<R>, wire: &[u8], piece_len: usize) -> Vec<Seen> {
    let (mut seen, mut out) = (Vec::new(), Outbox::new());
    for piece in wire.chunks(piece_len.max(1)) {
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        loop {
            match ws.receive(&mut input, &mut out) {
                Ok(None) => break,
                Ok(Some(Event::Text(text))) => seen.push(Seen::Text(text.into_owned())),
                Ok(Some(Event::Binary(data))) => seen.push(Seen::Binary(data.into_owned())),
                Ok(Some(event)) => seen.push(Seen::Other(format!("{event:?}"))),
                Err(violation) => seen.push(Seen::Failed(violation)),
            }
        }
        assert!(input.is_empty());
    }
    seen
}

/// The same for every size of piece, on fresh connections.
#[track_caller]
fn check(fresh: impl Fn() -> Ws, wire: &[u8], expected: &[Seen]) {
    for piece_len in (1..=wire.len().min(20)).chain([wire.len()]) {
        assert_eq!(
            receive(&mut fresh(), wire, piece_len),
            expected,
            "pieces of {piece_len}: {wire:02x?}"
        );
    }
}

fn text(text: &str) -> Seen {
    Seen::Text(text.into())
}

/// A frame from a server.
fn frame(fin: bool, rsv1: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let reserved = if rsv1 { Reserved::RSV1 } else { Reserved::NONE };
    let header = Header { fin, reserved, ..Header::new(opcode, payload.len() as u64) };
    [&*header.encode(), payload].concat()
}

/// A compressed message made of stored blocks only, written from RFC 1951 §3.2.4 without any compressor.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::new();
    for block in bytes.chunks(0xffff) {
        deflated.push(0);
        deflated.extend((block.len() as u16).to_le_bytes());
        deflated.extend((!(block.len() as u16)).to_le_bytes());
        deflated.extend(block);
    }
    deflated.push(0);
    deflated
}

/// Codes of RFC 1951 §3.2.6 as bytes, filled up to a byte with zeros.
fn packed(bits: &str) -> Vec<u8> {
    let mut bytes = vec![0u8; bits.len().div_ceil(8)];
    for (i, bit) in bits.bytes().enumerate() {
        bytes[i / 8] |= (bit - b'0') << (i % 8);
    }
    bytes
}

const DEFAULT: &str = "permessage-deflate";
const NO_TAKEOVER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
