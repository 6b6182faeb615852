//! What the loop itself costs: frames are taken to be masked, final and legal, copied, and unmasked.

use super::{Result, Socket, unless_blocked};
use crate::server::event_loop::Session;

pub struct Echo {
    socket: Socket,
    /// The start of a frame whose end has not arrived.
    rest: Vec<u8>,
}

impl Session for Echo {
    fn open(socket: Socket) -> Self {
        Self { socket, rest: Vec::new() }
    }

    fn ready(&mut self, inbox: &mut [u8]) -> Result<bool> {
        while let Some(n) = unless_blocked(self.socket.read(inbox))? {
            let received = &inbox[..n];
            if n == 0 {
                return Ok(false);
            }
            let mut out = self.socket.out();
            let goes_on = if self.rest.is_empty() {
                let (used, goes_on) = echo(received, &mut out);
                self.rest.extend_from_slice(&received[used..]);
                goes_on
            } else {
                self.rest.extend_from_slice(received);
                let (used, goes_on) = echo(&self.rest, &mut out);
                if used == self.rest.len() {
                    self.rest = Vec::new();
                } else {
                    self.rest.drain(..used);
                }
                goes_on
            };
            drop(out);
            if !self.socket.push_out()? || !goes_on {
                return Ok(goes_on);
            }
        }
        Ok(true)
    }
}

/// How many bytes were whole frames, and whether none of them was a Close.
pub fn echo(mut bytes: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
    let all = bytes.len();
    loop {
        let used = all - bytes.len();
        let [first, second, ..] = *bytes else { return (used, true) };
        if first == 0x88 {
            return (used, false);
        }
        let (header, len) = match (second & 0x7f, bytes) {
            (126, &[_, _, a, b, ..]) => (4, usize::from(u16::from_be_bytes([a, b]))),
            (127, &[_, _, a, b, c, d, e, f, g, h, ..]) => {
                (10, u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize)
            }
            (126 | 127, _) => return (used, true),
            (len, _) => (2, usize::from(len)),
        };
        if bytes.len() < header + 4 + len {
            return (used, true);
        }
        let key: [u8; 4] = bytes[header..header + 4].try_into().expect("four bytes");
        out.extend_from_slice(&[first, second & 0x7f]);
        out.extend_from_slice(&bytes[2..header]);
        let at = out.len();
        out.extend_from_slice(&bytes[header + 4..header + 4 + len]);
        let (words, tail) = out[at..].as_chunks_mut::<4>();
        for word in words {
            *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
        }
        for (byte, key) in tail.iter_mut().zip(key) {
            *byte ^= key;
        }
        bytes = &bytes[header + 4 + len..];
    }
}
