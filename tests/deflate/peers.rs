//! What we send, read by an inflater that is not ours: the backend's, bare, as any peer may have
//! it. It keeps to the window that was agreed, and drops it where no takeover was agreed.

use hybi::connection::{Data, Prepared};
use hybi::extension::deflate::{Agreed, Compression};
use hybi::frame::{Header, OpCode, Reserved};
use hybi::{Config, Outbox};
use proptest::prelude::*;
use zlib_rs::{Inflate, InflateFlush, Status};

use crate::bodies::common::{BOTH, Side, Ws};
use crate::bodies::deflate::Negotiated;
use crate::properties::wishes;

/// A peer's receiving side (RFC 7692 §7.2.2).
struct Peer {
    inflater: Inflate,
    window_bits: u8,
    takeover: bool,
}

impl Peer {
    /// Receives what `sender` sends.
    fn of(sender: Side, agreed: &Agreed) -> Self {
        let (window_bits, no_takeover) = match sender {
            Side::Server => (agreed.server_max_window_bits(), agreed.server_no_context_takeover()),
            Side::Client => (agreed.client_max_window_bits(), agreed.client_no_context_takeover()),
        };
        // With 8 bits everything is sent uncompressed; the backend wants 9.
        let window_bits = window_bits.max(9);
        Self { inflater: Inflate::new(false, window_bits), window_bits, takeover: !no_takeover }
    }

    /// Reads all frames. Returns the payloads of the messages.
    fn receive(&mut self, mut wire: &[u8]) -> Vec<Vec<u8>> {
        let (mut messages, mut message, mut compressed) = (Vec::new(), Vec::new(), false);
        while !wire.is_empty() {
            let (header, len) = Header::decode(wire).unwrap();
            let (payload, rest) = wire[len..].split_at(header.payload_len as usize);
            wire = rest;
            let mut payload = payload.to_vec();
            let key = header.masking_key.unwrap_or_default();
            payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
            if header.opcode != OpCode::CONTINUATION {
                compressed = header.reserved == Reserved::RSV1;
            }
            message.extend(payload);
            if header.fin {
                let message = std::mem::take(&mut message);
                messages.push(if compressed { self.inflate(message) } else { message });
            }
        }
        messages
    }

    fn inflate(&mut self, mut deflated: Vec<u8>) -> Vec<u8> {
        deflated.extend([0x00, 0x00, 0xff, 0xff]);
        let (mut inflated, mut read) = (Vec::new(), 0);
        loop {
            let mut room = [0; 4096];
            let (in_before, out_before) = (self.inflater.total_in(), self.inflater.total_out());
            let status =
                self.inflater.decompress(&deflated[read..], &mut room, InflateFlush::SyncFlush);
            read += (self.inflater.total_in() - in_before) as usize;
            let written = (self.inflater.total_out() - out_before) as usize;
            inflated.extend(&room[..written]);
            assert!(matches!(status, Ok(Status::Ok | Status::BufError)), "{status:?}");
            if written < room.len() {
                assert_eq!(read, deflated.len(), "all of it is read");
                break;
            }
        }
        if !self.takeover {
            self.inflater = Inflate::new(false, self.window_bits);
        }
        inflated
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Prepared,
    InParts,
}

fn send(ws: &mut Ws, message: &[u8], way: Way, out: &mut Outbox) {
    match way {
        Way::Whole => ws.send(message, out),
        Way::Prepared => ws.send_prepared(&Prepared::new(message), out),
        Way::InParts => {
            let (front, back) = message.split_at(message.len() / 3);
            ws.send_part(front, out).unwrap();
            ws.send_part(Data::Binary(b""), out).unwrap();
            ws.send_last_part(back, out)
        }
    }
    .unwrap();
}

/// Nothing, a few bytes, text, noise; often the same again.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => Just(Vec::new()),
        4 => proptest::collection::vec(b'a'..=b'd', 0..40),
        2 => proptest::collection::vec(b'a'..=b'z', 0..5000).prop_map(|piece| piece.repeat(3)),
        1 => proptest::collection::vec(any::<u8>(), 0..40_000),
    ]
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Whole), Just(Way::Prepared), Just(Way::InParts)]
}

fn compression() -> impl Strategy<Value = Compression> {
    prop_oneof![
        3 => Just(Compression::Auto),
        1 => Just(Compression::Always),
        1 => Just(Compression::Never),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn another_inflater_gives_every_mixture_back(
        client in wishes(),
        server in wishes(),
        fragment in prop_oneof![Just(0u32), 1u32..2000],
        messages in proptest::collection::vec((message(), way(), compression()), 1..12),
    ) {
        let negotiated = Negotiated::new(client, server);
        let config = Config::default().fragment_bytes(std::num::NonZeroU32::new(fragment));
        for side in BOTH {
            let mut ws = negotiated.connection(side, config);
            let mut peer = Peer::of(side, &negotiated.agreed);
            for (message, way, compression) in &messages {
                let mut out = Outbox::new();
                ws.set_compression(*compression);
                send(&mut ws, message, *way, &mut out);
                prop_assert!(peer.receive(&out.take()) == [message.clone()], "{:?}", side);
            }
        }
    }

    /// One prepared message on many connections, of one server that clients ask for various things.
    #[test]
    fn another_inflater_reads_a_prepared_message_on_every_connection(
        server in wishes(),
        clients in proptest::collection::vec(wishes(), 1..8),
        message in message(),
    ) {
        let prepared = Prepared::new(&message);
        for client in clients {
            let negotiated = Negotiated::new(client, server);
            let mut ws = negotiated.connection(Side::Server, Config::default());
            let mut peer = Peer::of(Side::Server, &negotiated.agreed);
            for _ in 0..2 {
                let mut out = Outbox::new();
                ws.send_prepared(&prepared, &mut out).unwrap();
                prop_assert!(peer.receive(&out.take()) == [message.clone()]);
            }
        }
    }
}
