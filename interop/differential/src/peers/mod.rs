//! hybi and the others, all driven in the same way.

pub mod fastwebsockets;
pub mod frameworks;
pub mod hybi;
mod pipe;
pub mod python;
pub mod sockudo_ws;
pub mod soketto;
pub mod tokio_websockets;
pub mod tungstenite;

use crate::case::{Case, Deflate, End, Message, Outcome, Phase, Reply, Role};

/// An implementation in this process.
pub trait Peer {
    fn name(&self) -> &'static str;

    /// What it makes of frames, from a connection that has just been opened, without extensions.
    fn frames(&self, _: Role, _: &[&[u8]]) -> Outcome {
        unimplemented!("it is asked for handshakes alone")
    }

    /// The same where permessage-deflate was agreed upon: `None` if it does not have that.
    fn compressed(&self, _: Role, _: Deflate, _: &[&[u8]]) -> Option<Outcome> {
        None
    }

    /// What it makes of a handshake: `None` if it leaves that role's to others.
    fn head(&self, case: &Case) -> Option<Outcome>;

    /// `None`: it cannot be asked.
    fn outcome(&self, case: &Case) -> Option<Outcome> {
        let asked = std::panic::AssertUnwindSafe(|| match case.phase {
            Phase::Frames => Some(self.frames(case.role, &case.reads(&case.wire))),
            Phase::Compressed(deflate) => {
                self.compressed(case.role, deflate, &case.reads(&case.wire))
            }
            Phase::Head => self.head(case),
        });
        std::panic::catch_unwind(asked)
            .unwrap_or_else(|_| Some(Outcome { end: End::Died, ..Outcome::default() }))
    }
}

impl Outcome {
    fn text(&mut self, payload: &[u8]) {
        self.messages.push(Message { is_text: true, payload: payload.to_vec() });
    }

    fn binary(&mut self, payload: &[u8]) {
        self.messages.push(Message { is_text: false, payload: payload.to_vec() });
    }

    /// Adds what was sent. A Close frame after a failure belongs to that, and its code counts.
    fn sent(mut self, from: Role, bytes: &[u8]) -> Self {
        self.replies = replies(from, bytes);
        if let End::Failed(code) = &mut self.end
            && let Some(Reply::Close(body)) = self.replies.last()
        {
            if let Some(sent) = body.first_chunk() {
                *code = u16::from_be_bytes(*sent);
            }
            self.replies.pop();
        }
        self
    }
}

fn accepted(is_accepted: bool, answer: Vec<u8>) -> Outcome {
    let end = if is_accepted { End::Accepted } else { End::Refused };
    Outcome { end, answer, ..Outcome::default() }
}

/// A close code and reason as a frame's body.
fn body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// The frames that were sent.
fn replies(from: Role, mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while let Some((first, len, rest)) = header(bytes) {
        let (key, rest) = match from {
            Role::Client => rest.split_at(4),
            Role::Server => (&[0; 4][..], rest),
        };
        let (payload, rest) = rest.split_at(len);
        let payload =
            payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        replies.push(match first {
            0x8a => Reply::Pong(payload),
            0x88 => Reply::Close(payload),
            _ => Reply::Other(first),
        });
        bytes = rest;
    }
    replies
}

fn header(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    Some(match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (first, usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (first, u64::from_be_bytes(*len) as usize, rest)
        }
        len => (first, usize::from(len), rest),
    })
}
