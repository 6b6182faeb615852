//! The output to one side: the frames of the other, and between them those of the relay.

use alloc::boxed::Box;

use super::config::Masks;
use super::passing::Piece;
use crate::buffers::Outbox;
use crate::connection::{ReadyState, Reply};
use crate::frame::{Header, Mask, OpCode, Reserved, first_byte};
use crate::role::Role;

/// The stream of frames to one side, towards which the relay has the role `W`.
#[derive(Debug)]
pub(super) struct Output<W> {
    pub(super) outbox: Outbox,
    role: W,
    masks: Masks,
    state: Outgoing,
    /// Frames of the relay that wait for the end of the frame in progress. Rarely used, boxed to
    /// keep relays small.
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
enum Outgoing {
    /// Between two frames.
    BetweenFrames,
    /// In a data frame, with the mask at its next byte.
    InFrame { mask: Option<Mask> },
    /// The other side's Close frame was written, so nothing follows.
    ClosePassed,
    /// A Close frame of the relay's was written, so nothing follows.
    CloseSent,
    /// Nothing can follow.
    Over,
}

/// The newest frame of each kind, which makes the earlier ones unnecessary.
#[derive(Debug, Default)]
struct Waiting {
    ping: Option<Reply>,
    pong: Option<Reply>,
    close: Option<Reply>,
}

impl<W: Role> Output<W> {
    pub(super) fn new(role: W, masks: Masks) -> Self {
        let state = Outgoing::BetweenFrames;
        Self { outbox: Outbox::new(), role, masks, state, waiting: None }
    }

    /// Returns whether frames pass.
    #[inline]
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, Outgoing::BetweenFrames | Outgoing::InFrame { .. })
    }

    /// Returns whether frames of the relay are accepted: none are after a Close frame, even if that
    /// waits.
    pub(super) fn may_insert(&self) -> bool {
        self.is_open() && self.waiting.as_ref().is_none_or(|waiting| waiting.close.is_none())
    }

    /// Returns the state of the connection to this side as far as its output tells.
    pub(super) const fn ready_state(&self) -> ReadyState {
        match self.state {
            Outgoing::BetweenFrames | Outgoing::InFrame { .. } => ReadyState::Open,
            Outgoing::ClosePassed | Outgoing::CloseSent => ReadyState::Closing,
            Outgoing::Over => ReadyState::Closed,
        }
    }

    /// Writes a piece of a data frame, and the header before the first one.
    #[inline]
    pub(super) fn pass(&mut self, piece: Piece<'_>) {
        let Piece { header, first, last, bytes, mask: before, .. } = piece;
        if first && matches!(self.state, Outgoing::BetweenFrames) {
            let masking_key = self.key(&header);
            self.outbox.append(&Header { masking_key, ..header }.encode());
            self.state = Outgoing::InFrame { mask: masking_key.map(Mask::new) };
        }
        let Outgoing::InFrame { mask } = &mut self.state else { return };
        match mask {
            Some(mask) => {
                // One pass takes the sender's mask off and puts ours on.
                let mut change = before.map_or_else(|| mask.clone(), |mask_| mask_.and_then(mask));
                if change.is_identity() {
                    self.outbox.append_payload(bytes);
                } else {
                    self.outbox.append_masked(&mut change, bytes);
                }
                mask.skip(bytes.len());
            }
            None => self.outbox.append_payload(bytes),
        }
        if last {
            self.state = Outgoing::BetweenFrames;
            self.flush_waiting();
        }
    }

    /// Writes a control frame that arrived with this header.
    pub(super) fn pass_control(&mut self, header: &Header, payload: &[u8]) {
        let key = self.key(header);
        self.outbox.append_frame(first_byte(true, Reserved::NONE, header.opcode), payload, key);
        if header.opcode == OpCode::CLOSE {
            self.state = Outgoing::ClosePassed;
            self.waiting = None;
        }
    }

    /// Writes a control frame of the relay's, or lets it wait for the end of a frame.
    pub(super) fn insert(&mut self, control: &Reply) {
        match self.state {
            Outgoing::BetweenFrames => {
                let key = self.role.next_masking_key();
                let first = first_byte(true, Reserved::NONE, control.opcode());
                self.outbox.append_frame(first, control.payload(), key);
                if control.opcode() == OpCode::CLOSE {
                    self.state = Outgoing::CloseSent;
                }
            }
            // RFC 6455 §5.4: control frames come between the frames of a message, not in them.
            Outgoing::InFrame { .. } => {
                let waiting = self.waiting.get_or_insert_default();
                let slot = match control.opcode() {
                    OpCode::PING => &mut waiting.ping,
                    OpCode::PONG => &mut waiting.pong,
                    _ => &mut waiting.close,
                };
                *slot = Some(*control);
            }
            Outgoing::ClosePassed | Outgoing::CloseSent | Outgoing::Over => {}
        }
    }

    /// Writes a Close frame because no more frames come from the other side. If the last one is
    /// incomplete, nothing can be written after it.
    pub(super) fn abort(&mut self, close: &Reply) {
        match self.state {
            Outgoing::InFrame { .. } => self.end(),
            _ => self.insert(close),
        }
    }

    /// Reports that the other side is gone. Nobody receives what this one sends, except its answer
    /// to a Close frame of the relay's. `has_closed` says whether its Close frame has come:
    /// if both have passed, nothing changes.
    pub(super) fn end_of_input(&mut self, has_closed: bool) {
        match self.state {
            Outgoing::CloseSent => {}
            Outgoing::ClosePassed if has_closed => {}
            _ => self.end(),
        }
    }

    /// Writes nothing any more.
    pub(super) fn end(&mut self) {
        self.state = Outgoing::Over;
        self.waiting = None;
    }

    #[inline]
    fn flush_waiting(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let Waiting { ping, pong, close } = *waiting;
            for control in [ping, pong, close].into_iter().flatten() {
                self.insert(&control);
            }
        }
    }

    /// Returns the masking key of a frame that arrived with this header.
    #[inline]
    fn key(&mut self, header: &Header) -> Option<[u8; 4]> {
        match self.masks {
            Masks::Kept => header.masking_key,
            Masks::Anew => self.role.next_masking_key(),
        }
    }
}
