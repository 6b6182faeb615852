//! What is received and sent: payloads, and the wire that carries them.

use crate::peer::{Kind, Role};

/// A batch of messages as bytes on the wire.
pub struct Load {
    pub role: Role,
    pub kind: Kind,
    /// The messages of the batch are these in turn.
    pub payloads: Vec<&'static [u8]>,
    pub messages: usize,
    pub wire: &'static [u8],
    /// Where the payload of every frame begins in the wire, how long it is, and its key; control frames left out.
    pub frames: Vec<(usize, usize, [u8; 4])>,
    /// How many frames make one message.
    pub fragments: usize,
    /// Whether the wire carries them compressed, with context takeover.
    pub compressed: bool,
}

pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;
const BATCH_BYTES: usize = 64 * KIB;

pub fn size_name(bytes: usize) -> String {
    match bytes {
        bytes if bytes < KIB => format!("{bytes} B"),
        bytes if bytes < MIB => format!("{} KiB", bytes / KIB),
        bytes => format!("{} MiB", bytes / MIB),
    }
}

impl Load {
    /// As many messages as fit into 64 KiB, or one, each in one frame.
    pub fn new(role: Role, kind: Kind, payload: Vec<u8>) -> Self {
        let payload: &'static [u8] = payload.leak();
        let messages = (BATCH_BYTES / (payload.len() + 6)).max(1);
        let mut wire = Wire::new(role);
        for _ in 0..messages {
            wire.push(0x80 | kind.opcode(), payload);
        }
        wire.into_load(kind, vec![payload], messages, 1)
    }

    /// One message in fragments, with a ping between any two of them.
    pub fn fragmented(role: Role, kind: Kind, payload: Vec<u8>, fragment_bytes: usize) -> Self {
        let payload: &'static [u8] = payload.leak();
        let mut wire = Wire::new(role);
        let fragments = payload.len().div_ceil(fragment_bytes);
        for (i, fragment) in payload.chunks(fragment_bytes).enumerate() {
            let opcode = if i == 0 { kind.opcode() } else { 0 };
            let fin = if i + 1 == fragments { 0x80 } else { 0 };
            wire.push(fin | opcode, fragment);
            if fin == 0 {
                wire.push(0x89, b"ping");
            }
        }
        wire.into_load(kind, vec![payload], 1, fragments)
    }

    /// The same elsewhere.
    pub fn placed(&self, place: usize) -> Self {
        Self {
            wire: placed(self.wire, place),
            payloads: self.payloads.clone(),
            frames: self.frames.clone(),
            ..*self
        }
    }

    /// Texts that are compressed already.
    pub fn compressed(role: Role, texts: &[&'static str], compressed: &[Vec<u8>]) -> Self {
        let mut wire = Wire::new(role);
        for message in compressed {
            wire.push(0xc0 | Kind::Text.opcode(), message);
        }
        let texts: Vec<_> = texts.iter().map(|text| text.as_bytes()).collect();
        let messages = texts.len();
        Self { compressed: true, ..wire.into_load(Kind::Text, texts, messages, 1) }
    }
}

/// An encoder of its own, so that nobody's encoder judges anybody's decoder.
struct Wire {
    role: Role,
    bytes: Vec<u8>,
    frames: Vec<(usize, usize, [u8; 4])>,
    noise: Noise,
}

impl Wire {
    fn new(receiver: Role) -> Self {
        Self { role: receiver, bytes: Vec::new(), frames: Vec::new(), noise: Noise(7) }
    }

    fn push(&mut self, first: u8, payload: &[u8]) {
        let masked = self.role == Role::Server;
        let bit = if masked { 0x80 } else { 0 };
        self.bytes.push(first);
        match payload.len() {
            len @ 0..=125 => self.bytes.push(bit | len as u8),
            len @ 126..=0xffff => {
                self.bytes.push(bit | 126);
                self.bytes.extend((len as u16).to_be_bytes());
            }
            len => {
                self.bytes.push(bit | 127);
                self.bytes.extend((len as u64).to_be_bytes());
            }
        }
        let key = if masked { self.noise.next().to_le_bytes() } else { [0; 8] };
        let key = [key[0], key[1], key[2], key[3]];
        if masked {
            self.bytes.extend(key);
        }
        if first & 0x08 == 0 {
            self.frames.push((self.bytes.len(), payload.len(), key));
        }
        self.bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
    }

    fn into_load(
        self,
        kind: Kind,
        payloads: Vec<&'static [u8]>,
        messages: usize,
        fragments: usize,
    ) -> Load {
        Load {
            role: self.role,
            kind,
            payloads,
            messages,
            wire: self.bytes.leak(),
            frames: self.frames,
            fragments,
            compressed: false,
        }
    }
}

/// Splitmix64: the same bytes on every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

pub fn binary(len: usize) -> Vec<u8> {
    let mut noise = Noise(len as u64);
    std::iter::repeat_with(|| noise.next().to_le_bytes()).flatten().take(len).collect()
}

pub fn ascii(len: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog, 0123456789 times. "
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// Latin with accents, Greek, Cyrillic, Hebrew, Chinese, Japanese and emoji, filled up with ASCII at the end.
pub fn mixed_script(len: usize) -> Vec<u8> {
    let sentence = "Zażółć gęślą jaźń; ξεσκεπάζω τὴν ψυχοφθόρα; съешь ещё этих булок; דג סקרן; 我能吞下玻璃; いろはに; 🦀🚀 ok. ";
    let mut text = String::new();
    for c in sentence.chars().cycle() {
        if text.len() + c.len_utf8() > len {
            break;
        }
        text.push(c);
    }
    let mut text = text.into_bytes();
    text.resize(len, b'.');
    text
}

/// Messages of 1 KiB of JSON, as a feed of prices would send them: much in common, no two the same.
pub fn json(messages: usize) -> Vec<&'static str> {
    let mut noise = Noise(42);
    let mut message = |seq: usize| {
        let mut text = format!("{{\"channel\":\"ticker\",\"seq\":{},\"rows\":[", 48_151_623 + seq);
        while text.len() < 940 {
            let (id, price, size) =
                (noise.next() % 100_000, noise.next() % 1_000_000, noise.next() % 5_000);
            let side = if noise.next().is_multiple_of(2) { "buy" } else { "sell" };
            let (whole, cents) = (price / 100, price % 100);
            text += &format!(
                "{{\"id\":{id},\"price\":{whole}.{cents:02},\"size\":{size},\"side\":\"{side}\"}},"
            );
        }
        text += "null]}";
        text += &" ".repeat(1024 - text.len());
        &*text.leak()
    };
    (0..messages).map(&mut message).collect()
}

/// In how many places each workload lies in turn. Between two buffers whose addresses are nearly equal modulo 4 KiB copies
/// take a third longer, and where the allocator puts buffers is chance: so nobody shall have to copy from one place only.
pub const PLACES: usize = 5;

/// A copy that begins so many fifths of a page behind a multiple of 4 KiB.
pub fn placed(bytes: &[u8], place: usize) -> &'static [u8] {
    const PAGE: usize = 4 << 10;
    let mut room = vec![0; bytes.len() + 2 * PAGE];
    let start = room.as_ptr().align_offset(PAGE) + place * PAGE / PLACES;
    room[start..start + bytes.len()].copy_from_slice(bytes);
    &room.leak()[start..start + bytes.len()]
}

/// A browser's request, with 14 headers.
pub const REQUEST: &[u8] = b"GET /chat?room=42 HTTP/1.1\r\n\
Host: server.example.com\r\n\
Connection: Upgrade\r\n\
Pragma: no-cache\r\n\
Cache-Control: no-cache\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
Upgrade: websocket\r\n\
Origin: https://server.example.com\r\n\
Sec-WebSocket-Version: 13\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9\r\n\
Cookie: session=0123456789abcdef; theme=dark\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
Sec-Fetch-Mode: websocket\r\n\
DNT: 1\r\n\
\r\n";

/// A server's response behind a proxy, with 7 headers.
pub const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
Date: Sun, 22 Nov 2026 08:00:00 GMT\r\n\
Connection: upgrade\r\n\
Upgrade: websocket\r\n\
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
Server: nginx\r\n\
Via: 1.1 proxy.example.com\r\n\
X-Request-Id: 7f2c0a52-5b0f-4f57-9f4e-0c3f6f1d7b11\r\n\
\r\n";

/// RFC 6455 \u{a7}1.3, and the nonce that it is the base64 form of.
pub const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";
pub const NONCE: [u8; 16] = *b"the sample nonce";

/// RFC 6455 \u{a7}1.3.
pub const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
