//! The decompressor goes along at the border of a message, with its window, and the compressor
//! starts afresh.

use hybi::extension::deflate::Compression;

use super::states::agreed;
use super::*;

/// Bytes that do not compress.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = seed | 1;
    let mut byte = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as u8
    };
    (0..len).map(|_| byte()).collect()
}

/// Each message refers to the end of the window that the one before has left.
#[test]
fn messages_refer_to_the_window_of_another_process() {
    for bits in 9..=15 {
        for takeover in ["", "; client_no_context_takeover"] {
            let agreed = Some(agreed(&format!(
                "; server_max_window_bits={bits}; client_max_window_bits={bits}{takeover}"
            )));
            let mut client = Peer::<Client<Keys>>::new(agreed, Mode::Copied);
            let mut server = Peer::<Server>::new(agreed, Mode::Copied);
            // zlib keeps 262 bytes of its window free.
            let (window, mut lens) = ((1 << bits) - 300, Vec::new());
            let mut message = noise(bits, window);
            for _ in 0..6 {
                client.ws.send(&message, &mut client.out).unwrap();
                lens.push(client.out.len());
                server.feed(&client.out.take());
                let seen = server.seen.pop();
                assert_eq!(seen, Some(Seen::Event(Event::Binary(message.clone().into()))));
                server.hand_over().unwrap();
                // The echo is readable, though the server's compressor has forgotten everything.
                client.feed(&server.out.take());
                assert_eq!(client.seen.pop(), seen);
                client.out.clear();
                let len = message.len();
                message.rotate_left(len / 3);
            }
            // Checks the test itself: with takeover, a repeated message is short. The backend makes
            // no use of a window of 512 bytes.
            let is_whole = bits == 9 || !takeover.is_empty();
            assert_eq!(lens[1] < lens[0] / 2, !is_whole, "{bits}: {lens:?}");
        }
    }
}

/// A block with BFINAL set ends a message. The next one may still refer back (RFC 7692 §7.2.3.4).
#[test]
fn a_window_survives_a_final_block_and_another_process() {
    let mut peer = Peer::<Client<Keys>>::new(Some(agreed("")), Mode::Copied);
    peer.feed(b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"); // §7.2.3.4
    peer.hand_over().unwrap();
    peer.feed(b"\xc1\x05\xf2\x00\x11\x00\x00"); // §7.2.3.2
    let hello = || Seen::Event(Event::Text("Hello".into()));
    assert_eq!(peer.seen, [hello(), hello()]);
}

/// The program's choice of which messages to compress still holds.
#[test]
fn the_choice_of_messages_goes_along() {
    for (compression, first) in
        [(Compression::Auto, 0xc1), (Compression::Always, 0xc1), (Compression::Never, 0x81)]
    {
        let mut peer = Peer::<Server>::new(Some(agreed("")), Mode::Copied);
        peer.ws.writer().set_compression(compression);
        peer.hand_over().unwrap();
        peer.ws.send("Hello", &mut peer.out).unwrap();
        assert_eq!(peer.out.front()[0], first, "{compression:?}");
    }
}

/// The answer is "not now" from the header of a compressed message to its end, and asking changes
/// nothing.
#[test]
fn not_now_means_after_this_message() {
    let wire = b"\x81\x02hi\x41\x03\xf2\x48\xcd\x89\x00\x80\x04\xc9\xc9\x07\x00\x81\x02ho";
    let mut peer = Peer::<Client<Keys>>::new(Some(agreed("")), Mode::Copied);
    let mut answers = Vec::new();
    for byte in wire {
        peer.feed(&[*byte]);
        answers.push(peer.hand_over().is_ok());
    }
    // The header of the message ends with its second byte, and the message with its last frame.
    let too_early: Vec<usize> =
        answers.iter().enumerate().filter(|(_, now)| !**now).map(|(at, _)| at).collect();
    assert_eq!(too_early, (5..16).collect::<Vec<_>>());
    let text = |text: &str| Seen::Event(Event::Text(text.to_owned().into()));
    let ping = Seen::Event(Event::Ping(b"".into()));
    assert_eq!(peer.seen, [text("hi"), ping, text("Hello"), text("ho")]);
}

/// DEFLATE with the fixed code (RFC 1951 §3.2.6), written here so that references can reach back as
/// far as allowed.
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// Adds the lowest `n` bits, the lowest first.
    fn number(&mut self, value: u32, n: u32) {
        for bit in 0..n {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    /// Adds a Huffman code: the highest bit first.
    fn code(&mut self, code: u32, n: u32) {
        self.number(code.reverse_bits() >> (32 - n), n);
    }
}

/// A message that repeats `len` bytes (3 to 10), from `distance` bytes back (24,577 to 32,768).
fn reference(len: u32, distance: u32, is_final: bool) -> Vec<u8> {
    let mut bits = Bits { bytes: Vec::new(), used: 0 };
    bits.number(u32::from(is_final), 1);
    bits.number(1, 2);
    bits.code(len - 2, 7); // the code of three bytes is 1
    bits.code(29, 5);
    bits.number(distance - 24_577, 13);
    bits.code(0, 7); // the end of the block
    if !is_final {
        bits.number(0, 3); // an empty stored block, without the tail
    }
    bits.bytes
}

/// A peer may refer to the oldest byte of the window, even if a message has just filled the memory
/// up to there.
#[test]
fn the_oldest_bytes_of_the_window_go_along() {
    const WINDOW: usize = 32 << 10;
    let compressed =
        |payload: &[u8]| super::states::incoming::<Client<Keys>>(0xc2, payload.len(), payload);
    for (ends_stream, moves) in [(false, false), (true, false), (false, true), (true, true)] {
        for (total, len) in [(WINDOW, 4), (WINDOW + 100, 5), (3 * WINDOW - 7, 10)] {
            let mut peer = Peer::<Client<Keys>>::new(Some(agreed("")), Mode::Copied);
            let mut all = noise(total as u64, total);
            // Stored blocks, then the empty one without the tail.
            let mut stored = Vec::new();
            for block in all.chunks(0xffff) {
                let len = block.len() as u16;
                stored
                    .extend([&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), block].concat());
            }
            stored.push(0);
            peer.feed(&compressed(&stored));
            peer.feed(&compressed(&reference(len, 25_000, ends_stream)));
            all.extend_from_within(total - 25_000..total - 25_000 + len as usize);
            if moves {
                peer.hand_over().unwrap();
            }
            for _ in 0..3 {
                peer.feed(&compressed(&reference(10, WINDOW as u32, false)));
                let oldest = all[all.len() - WINDOW..][..10].to_vec();
                all.extend(&oldest);
                let place = format!("{total}, {len}, final: {ends_stream}, moves: {moves}");
                let seen = peer.seen.pop();
                assert_eq!(seen, Some(Seen::Event(Event::Binary(oldest.into()))), "{place}");
            }
        }
    }
}
