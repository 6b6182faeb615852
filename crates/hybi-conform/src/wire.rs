//! The tester's own end of the connection: frames written and read straight from RFC 6455 §5.2, by
//! other code than the implementation under test has.

use crate::case::Role;
use crate::deflate::Inflater;
use crate::log::{Direction, WireLog};
use crate::random::Random;

/// The most bytes of a message. No case sends as many, so a longer message is no echo.
pub(crate) const MESSAGE_MAX: usize = 64 << 20;

/// Encodes what the tester sends, for the role under test.
pub(crate) struct Encoder {
    masks: bool,
    /// The key of the frame in progress. Each frame has another, as with any client (RFC 6455
    /// §5.3): an implementation that keeps the first one is to be found out.
    key: [u8; 4],
    keys: Random,
    /// How much of the frame in progress has been sent, for the mask.
    offset: usize,
    /// How much of it remains.
    missing: usize,
}

/// A fault in the header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// It is masked although it must not be, or the other way round (RFC 6455 §5.1).
    Mask,
    /// Its length has 16 bits, and needs fewer (RFC 6455 §5.2).
    Length16,
    /// Its length has 64 bits, and needs fewer.
    Length64,
    /// Its length has 64 bits, of which the first is set.
    TopBit,
}

impl Odd {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Mask => "with the wrong mask bit",
            Self::Length16 => "with its length in 16 bits",
            Self::Length64 => "with its length in 64 bits",
            Self::TopBit => "with its length in 64 bits, of which the first is set",
        }
    }
}

impl Encoder {
    pub(crate) fn new(under_test: Role) -> Self {
        let (masks, keys) = (under_test == Role::Server, Random::new(0x37fa_213d));
        Self { masks, key: [0; 4], keys, offset: 0, missing: 0 }
    }

    /// Appends a header that announces `len` bytes. `first` is the whole first byte, legal or not.
    pub(crate) fn header(&mut self, first: u8, len: usize, wire: &mut Vec<u8>) {
        self.odd_header(None, first, len, wire);
    }

    /// Appends a frame that is wrong in this way.
    pub(crate) fn odd(&mut self, odd: Odd, first: u8, payload: &[u8], wire: &mut Vec<u8>) {
        let masks = self.masks;
        self.masks ^= odd == Odd::Mask;
        self.odd_header(Some(odd), first, payload.len(), wire);
        self.payload(payload, wire);
        self.masks = masks;
        // The announced payload never arrives in full.
        self.missing += usize::from(odd == Odd::TopBit);
    }

    fn odd_header(&mut self, odd: Option<Odd>, first: u8, len: usize, wire: &mut Vec<u8>) {
        let mask_bit = if self.masks { 0x80 } else { 0 };
        wire.push(first);
        match (odd, len) {
            (Some(Odd::TopBit), _) => {
                wire.push(mask_bit | 127);
                wire.extend((1 << 63 | len as u64).to_be_bytes());
            }
            (Some(Odd::Length16), _) | (None | Some(Odd::Mask), 126..=0xffff) => {
                wire.push(mask_bit | 126);
                wire.extend((len as u16).to_be_bytes());
            }
            (None | Some(Odd::Mask), 0..=125) => wire.push(mask_bit | len as u8),
            _ => {
                wire.push(mask_bit | 127);
                wire.extend((len as u64).to_be_bytes());
            }
        }
        if self.masks {
            self.key = ((self.keys.next() >> 32) as u32).to_be_bytes();
            wire.extend(self.key);
        }
        self.offset = 0;
        self.missing = len;
    }

    /// Some of the payload that was announced.
    pub(crate) fn payload(&mut self, payload: &[u8], wire: &mut Vec<u8>) {
        let start = wire.len();
        wire.extend_from_slice(payload);
        self.missing = self.missing.saturating_sub(payload.len());
        if self.masks {
            let offset = self.offset;
            let key: [u8; 4] = std::array::from_fn(|i| self.key[(offset + i) % 4]);
            for four in wire[start..].chunks_mut(4) {
                for (byte, key) in four.iter_mut().zip(key) {
                    *byte ^= key;
                }
            }
            self.offset += payload.len();
        }
    }

    /// Returns whether a frame was announced that has not ended.
    pub(crate) fn is_in_frame(&self) -> bool {
        self.missing > 0
    }
}

/// Names a frame by its first byte and its payload.
pub(crate) fn describe(first: u8, payload: &[u8]) -> String {
    let kind = kind(first);
    match (first & 0x0f, payload) {
        (8, []) => format!("{kind} without a code"),
        (8, [_]) => format!("{kind} with a body of 1 byte"),
        (8, [a, b, reason @ ..]) => {
            let code = u16::from_be_bytes([*a, *b]);
            match reason.len() {
                0 => format!("{kind} {code}"),
                len => format!("{kind} {code} with a reason of {}", counted(len, "byte")),
            }
        }
        _ => format!("{kind} ({})", counted(payload.len(), "byte")),
    }
}

/// Names a frame by its header alone.
pub(crate) fn describe_header(first: u8, len: usize) -> String {
    format!("the header of {} ({})", kind(first), counted(len, "byte"))
}

/// Writes how many there are of something.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn kind(first: u8) -> String {
    let name = match first & 0x0f {
        0 => "Continuation".into(),
        1 => "Text".into(),
        2 => "Binary".into(),
        8 => "Close".into(),
        9 => "Ping".into(),
        10 => "Pong".into(),
        opcode => format!("a frame with the reserved opcode {opcode}"),
    };
    let fin = if first & 0x80 == 0 { " without FIN" } else { "" };
    let bits: Vec<_> =
        (1..=3).filter(|bit| first & 0x80 >> bit != 0).map(|bit| format!(" RSV{bit}")).collect();
    format!("{name}{fin}{}", bits.concat())
}

/// A message or a control frame that the tester has received.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Got {
    Message { binary: bool, payload: Vec<u8> },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close { code: Option<u16>, reason: Vec<u8> },
}

impl Got {
    /// Returns whether the message is binary, and its payload. `None`: it is a control frame.
    pub(crate) fn message(&self) -> Option<(bool, &[u8])> {
        match self {
            Self::Message { binary, payload } => Some((*binary, payload)),
            _ => None,
        }
    }
}

/// Decodes what the tester receives, and checks it against the same RFC.
pub(crate) struct Decoder {
    from: Role,
    bytes: Vec<u8>,
    at: usize,
    message: Option<(bool, Vec<u8>)>,
    closed: bool,
    inflater: Option<Inflater>,
    compressed: bool,
    /// The last masking key.
    key: Option<[u8; 4]>,
    keys_differ: bool,
}

impl Decoder {
    pub(crate) fn new(from: Role, inflater: Option<Inflater>) -> Self {
        Self {
            from,
            bytes: Vec::new(),
            at: 0,
            message: None,
            closed: false,
            inflater,
            compressed: false,
            key: None,
            keys_differ: false,
        }
    }

    /// Reads what the endpoint has sent. `Err`: the endpoint broke a rule.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        got: &mut Vec<Got>,
        log: &mut WireLog,
    ) -> Result<(), String> {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
        loop {
            let start = self.at;
            let Some((first, payload)) = self.frame()? else { break };
            let wire = &self.bytes[start..self.at];
            log.frame(Direction::Received, wire, || describe(first, &payload));
            if self.closed {
                return Err(format!("sent a frame ({first:#04x}) after its Close frame"));
            }
            self.note(first, payload, got)?;
        }
        Ok(())
    }

    /// Returns whether the Close frame has come.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns whether two of the masking keys differ.
    pub(crate) fn keys_differ(&self) -> bool {
        self.keys_differ
    }

    /// Returns whether the input so far ends in the middle of a frame.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.at < self.bytes.len()
    }

    fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, String> {
        let rest = &self.bytes[self.at..];
        let [first, second, ..] = *rest else { return Ok(None) };
        let masked = second & 0x80 != 0;
        if masked != (self.from == Role::Client) {
            return Err("sent a frame with the wrong mask bit".into());
        }
        let (mut header, len) = match second & 0x7f {
            126 if rest.len() < 4 => return Ok(None),
            127 if rest.len() < 10 => return Ok(None),
            126 => (4, u64::from(u16::from_be_bytes([rest[2], rest[3]]))),
            127 => {
                let len = rest[2..10].iter().fold(0, |len, &byte| len << 8 | u64::from(byte));
                (10, len)
            }
            len => (2, u64::from(len)),
        };
        let shortest = match len {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        if header != shortest {
            return Err(format!("sent the length {len} in a longer form than it needs"));
        }
        header += if masked { 4 } else { 0 };
        let len = usize::try_from(len).ok().filter(|&len| len <= MESSAGE_MAX);
        let end = header + len.ok_or("announced a frame longer than anything that was sent")?;
        if rest.len() < end {
            return Ok(None);
        }
        let mut payload = rest[header..end].to_vec();
        if masked {
            let key = &rest[header - 4..header];
            let key: [u8; 4] = std::array::from_fn(|i| key[i]);
            self.keys_differ |= self.key.is_some_and(|last| last != key);
            self.key = Some(key);
            for four in payload.chunks_mut(4) {
                for (byte, key) in four.iter_mut().zip(key) {
                    *byte ^= key;
                }
            }
        }
        self.at += end;
        Ok(Some((first, payload)))
    }

    fn note(&mut self, first: u8, payload: Vec<u8>, got: &mut Vec<Got>) -> Result<(), String> {
        let (fin, rsv, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let may_have_rsv1 = self.inflater.is_some() && matches!(opcode, 1 | 2);
        if rsv != 0 && !(rsv == 0x40 && may_have_rsv1) {
            return Err(format!("sent reserved bits ({first:#04x})"));
        }
        if opcode >= 8 && (!fin || payload.len() > 125) {
            return Err("sent a control frame that is fragmented or too long".into());
        }
        match (opcode, self.message.take()) {
            (1 | 2, None) => {
                self.compressed = rsv != 0;
                self.data(opcode == 2, fin, payload, got)?;
            }
            (0, Some((binary, mut start))) => {
                if start.len() + payload.len() > MESSAGE_MAX {
                    return Err("sent a message longer than anything that was sent to it".into());
                }
                start.extend(payload);
                self.data(binary, fin, start, got)?;
            }
            (8.., message) => {
                self.message = message;
                got.push(self.control(opcode, payload)?);
            }
            _ => return Err(format!("sent the opcode {opcode} where it may not be")),
        }
        Ok(())
    }

    fn data(
        &mut self,
        binary: bool,
        fin: bool,
        payload: Vec<u8>,
        got: &mut Vec<Got>,
    ) -> Result<(), String> {
        if !fin {
            self.message = Some((binary, payload));
            return Ok(());
        }
        let payload = match &mut self.inflater {
            Some(inflater) if self.compressed => inflater.message(&payload)?,
            _ => payload,
        };
        if !binary && std::str::from_utf8(&payload).is_err() {
            return Err("sent a text that is not UTF-8".into());
        }
        got.push(Got::Message { binary, payload });
        Ok(())
    }

    fn control(&mut self, opcode: u8, payload: Vec<u8>) -> Result<Got, String> {
        Ok(match opcode {
            8 => {
                self.closed = true;
                match payload.split_first_chunk() {
                    None if payload.is_empty() => Got::Close { code: None, reason: Vec::new() },
                    None => return Err("sent a Close frame with a body of one byte".into()),
                    Some((code, reason)) => {
                        if std::str::from_utf8(reason).is_err() {
                            return Err("sent a close reason that is not UTF-8".into());
                        }
                        Got::Close {
                            code: Some(u16::from_be_bytes(*code)),
                            reason: reason.to_vec(),
                        }
                    }
                }
            }
            9 => Got::Ping(payload),
            10 => Got::Pong(payload),
            _ => return Err(format!("sent the reserved opcode {opcode}")),
        })
    }
}

impl std::fmt::Debug for Got {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = |bytes: &[u8]| {
            let more = if bytes.len() > 24 { "..." } else { "" };
            format!("\"{}{more}\"", bytes[..bytes.len().min(24)].escape_ascii())
        };
        let short = |bytes: &[u8]| format!("{} ({})", start(bytes), counted(bytes.len(), "byte"));
        match self {
            Self::Message { binary: true, payload } => write!(f, "Binary {}", short(payload)),
            Self::Message { binary: false, payload } => write!(f, "Text {}", short(payload)),
            Self::Ping(payload) => write!(f, "Ping {}", short(payload)),
            Self::Pong(payload) => write!(f, "Pong {}", short(payload)),
            Self::Close { code: None, .. } => f.write_str("Close without a code"),
            Self::Close { code: Some(code), reason } if reason.is_empty() => {
                write!(f, "Close {code}")
            }
            Self::Close { code: Some(code), reason } => {
                let len = counted(reason.len(), "byte");
                write!(f, "Close {code} {} (a reason of {len})", start(reason))
            }
        }
    }
}

#[test]
fn each_frame_has_a_key_of_its_own() {
    let mut encoder = Encoder::new(Role::Server);
    let keys: std::collections::BTreeSet<Vec<u8>> = (0..100)
        .map(|_| {
            let mut wire = Vec::new();
            encoder.header(0x81, 5, &mut wire);
            encoder.payload(b"Hello", &mut wire);
            let (key, payload) = wire[2..].split_at(4);
            let text: Vec<u8> =
                payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
            assert_eq!(text, b"Hello");
            key.to_vec()
        })
        .collect();
    assert_eq!(keys.len(), 100);
}
