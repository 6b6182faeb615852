//! A reader as bytes, and back: see [`export`](crate::export). `docs/export.md` has the format.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;

use super::assemble::MessageInProgress;
use super::control::ControlFrame;
use super::header::PartialHeader;
use super::in_place::InPlace;
use super::limits::ReaderLimits;
use super::payload::DataFrame;
use super::rules::Rules;
use super::{Over, Reader, State};
use crate::connection::config::Config;
use crate::error::{CutOff, ProtocolError};
use crate::export::{Body, ExportError, ImportError, Kind, read_record, write_record};
use crate::extension::deflate::Inflater;
use crate::frame::OpCode;
use crate::role::Role;

/// The first byte of a state.
const IDLE: u8 = 0;
const HEADER: u8 = 1;
const DATA: u8 = 2;
const CONTROL: u8 = 3;
const IN_PLACE: u8 = 4;
const FAILING: u8 = 5;
const CLOSED: u8 = 6;
const FAILED: u8 = 7;
const ENDED: u8 = 8;

/// The violations that a chunk may come before: those of payloads. Their numbers are their places.
const OF_PAYLOADS: [ProtocolError; 5] = [
    ProtocolError::TextNotUtf8,
    ProtocolError::NotDeflate,
    ProtocolError::InflatedTooBig,
    ProtocolError::ExpansionTooHigh,
    ProtocolError::TooManyFinalBlocks,
];

/// To another process.
impl<R: Role> Reader<R> {
    /// Appends its state to `to`, as [`Connection::export`](crate::Connection::export).
    ///
    /// # Errors
    ///
    /// As [`Connection::export`](crate::Connection::export).
    pub fn export(&self, to: &mut Vec<u8>) -> Result<(), ExportError> {
        if self.state.message().is_some_and(MessageInProgress::is_compressed) {
            return Err(ExportError::InCompressedMessage);
        }
        write_record(Kind::Reader, to, |to| {
            to.push(R::IS_SERVER.into());
            to.push(self.inflater.is_some().into());
            if let Some(inflater) = &self.inflater {
                inflater.export(to);
            }
            self.export_state(to);
        });
        Ok(())
    }

    /// Takes an exported reader off the front of `from`, as
    /// [`Connection::import`](crate::Connection::import). Of `config`, the limits count, and those
    /// of compression.
    ///
    /// # Errors
    ///
    /// As [`Connection::import`](crate::Connection::import).
    pub fn import(config: &Config, from: &mut &[u8]) -> Result<Self, ImportError> {
        read_record(Kind::Reader, from, |body| {
            if body.flag()? != R::IS_SERVER {
                return Err(ImportError::Role);
            }
            let inflater = if body.flag()? {
                let config = config.deflate.as_ref().ok_or(ImportError::NoDeflate)?;
                Some(Box::new(Inflater::import(R::IS_SERVER, config, body)?))
            } else {
                None
            };
            let limits = ReaderLimits::new(&config.limits);
            let state = import_state(&limits, inflater.is_some(), body)?;
            // The end drops it.
            body.check(inflater.is_none() || !matches!(state, State::Over(_)))?;
            Ok(Self { state, limits, inflater, role: PhantomData })
        })
    }

    fn export_state(&self, to: &mut Vec<u8>) {
        match &self.state {
            State::Idle => to.push(IDLE),
            State::Header { partial, message } => {
                let exceeds = self.rules(None).check::<R>(partial.bytes()).is_err();
                to.extend_from_slice(&[HEADER, (exceeds || self.exceeds(0)).into()]);
                export_message(message.as_ref(), to);
                partial.export(to);
            }
            State::Data { frame, message } => {
                to.extend_from_slice(&[DATA, self.exceeds(frame.remaining()).into()]);
                message.export(to);
                frame.export(to);
            }
            State::Control { frame, message } => {
                to.extend_from_slice(&[CONTROL, self.exceeds(0).into()]);
                export_message(message.as_ref(), to);
                frame.export(to);
            }
            State::InPlace(place) => {
                to.push(IN_PLACE);
                place.export(to);
            }
            State::Failing(violation) => {
                let number = OF_PAYLOADS.iter().position(|other| other == violation);
                debug_assert!(number.is_some(), "{violation}");
                to.extend_from_slice(&[FAILING, number.unwrap_or_default() as u8]);
            }
            State::Over(Over::Closed) => to.push(CLOSED),
            State::Over(Over::Failed) => to.push(FAILED),
            State::Over(Over::Ended(cut_off)) => {
                to.push(ENDED);
                export_cut_off(*cut_off, to);
            }
        }
    }

    /// Returns whether the message in progress, or its frame of which `remaining` bytes are to
    /// come, exceeds our limits: it is received in chunks, and has a limit of its own.
    fn exceeds(&self, remaining: u64) -> bool {
        let announced = self.state.message().map_or(0, MessageInProgress::announced);
        announced > self.limits.message_bytes_max || remaining > self.limits.frame_bytes_max
    }
}

fn export_message(message: Option<&MessageInProgress>, to: &mut Vec<u8>) {
    to.push(message.is_some().into());
    if let Some(message) = message {
        message.export(to);
    }
}

fn export_cut_off(cut_off: CutOff, to: &mut Vec<u8>) {
    match cut_off {
        CutOff::BetweenMessages => to.push(0),
        CutOff::InHeader => to.push(1),
        CutOff::InControl { opcode } => to.extend_from_slice(&[2, opcode.number()]),
        CutOff::InMessage { received } => {
            to.push(3);
            to.extend_from_slice(&received.to_be_bytes());
        }
    }
}

fn import_state<R: Role>(
    limits: &ReaderLimits,
    deflate: bool,
    body: &mut Body<'_>,
) -> Result<State<R>, ImportError> {
    match body.u8()? {
        IDLE => Ok(State::Idle),
        HEADER => {
            let has_own_limit = body.flag()?;
            let message = import_message(limits, has_own_limit, body)?;
            let partial = PartialHeader::import(body)?;
            body.check(message.is_some() || !partial.is_empty())?; // otherwise it is idle
            let within = has_own_limit.then_some(u64::MAX);
            let rules = Rules {
                limits,
                within,
                message: message.as_ref().map(MessageInProgress::sums),
                deflate,
            };
            match rules.check::<R>(partial.bytes()) {
                Ok(None) => Ok(State::Header { partial, message }),
                Ok(Some(_)) => Err(body.malformed()), // it would have been read
                Err(violation) => Err(rules.import_error(violation, body)),
            }
        }
        DATA => {
            let has_own_limit = body.flag()?;
            let message = MessageInProgress::import(limits, has_own_limit, body)?;
            let frame = DataFrame::import(&message, body)?;
            let (len, announced) = (frame.remaining(), message.announced());
            if len > limits.frame_bytes_max && !has_own_limit {
                return Err(ImportError::FrameTooBig { len });
            }
            body.check(message.may_have_received(announced.saturating_sub(len)))?;
            Ok(State::Data { frame, message })
        }
        CONTROL => {
            let has_own_limit = body.flag()?;
            let message = import_message(limits, has_own_limit, body)?;
            Ok(State::Control { frame: ControlFrame::import(body)?, message })
        }
        IN_PLACE => {
            let rules = Rules { limits, within: None, message: None, deflate };
            InPlace::import(&rules, body).map(State::InPlace)
        }
        FAILING => {
            let violation = OF_PAYLOADS.get(usize::from(body.u8()?)).ok_or(body.malformed())?;
            body.check(deflate || *violation == ProtocolError::TextNotUtf8)?;
            Ok(State::Failing(*violation))
        }
        CLOSED => Ok(State::Over(Over::Closed)),
        FAILED => Ok(State::Over(Over::Failed)),
        ENDED => import_cut_off(body).map(|cut_off| State::Over(Over::Ended(cut_off))),
        _ => Err(body.malformed()),
    }
}

/// Reads the message in progress between two frames, if there is one.
fn import_message(
    limits: &ReaderLimits,
    has_own_limit: bool,
    body: &mut Body<'_>,
) -> Result<Option<MessageInProgress>, ImportError> {
    if !body.flag()? {
        return Ok(None);
    }
    let message = MessageInProgress::import(limits, has_own_limit, body)?;
    body.check(message.may_have_received(message.announced()))?;
    Ok(Some(message))
}

fn import_cut_off(body: &mut Body<'_>) -> Result<CutOff, ImportError> {
    match body.u8()? {
        0 => Ok(CutOff::BetweenMessages),
        1 => Ok(CutOff::InHeader),
        2 => {
            let opcode = OpCode::new(body.u8()?)
                .filter(|opcode| opcode.is_control() && !opcode.is_reserved());
            Ok(CutOff::InControl { opcode: opcode.ok_or(body.malformed())? })
        }
        3 => Ok(CutOff::InMessage { received: body.u64()? }),
        _ => Err(body.malformed()),
    }
}
