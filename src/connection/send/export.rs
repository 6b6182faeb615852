//! A writer as bytes, and back: see [`export`](crate::export). `docs/export.md` has the format.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{MessageInParts, Outgoing, Writer};
use crate::connection::config::Config;
use crate::connection::data::Kind as DataKind;
use crate::connection::event::Reply;
use crate::export::{Body, ImportError, Kind, read_record, write_record};
use crate::extension::deflate::Deflater;
use crate::frame::{CONTROL_PAYLOAD_MAX, OpCode};
use crate::role::Role;

/// The states of the stream of frames.
const OPEN: u8 = 0;
const IN_MESSAGE: u8 = 1;
const CLOSE_SENT: u8 = 2;
const OVER: u8 = 3;

/// To another process.
impl<R: Role> Writer<R> {
    /// Appends its state to `to`, as [`Connection::export`](crate::Connection::export). A writer
    /// can be exported at any time, also between the parts of a compressed message.
    pub fn export(&self, to: &mut Vec<u8>) {
        let rare = self.rare.as_deref();
        write_record(Kind::Writer, to, |to| {
            to.push(R::IS_SERVER.into());
            match self.outgoing {
                Outgoing::Open { message: None } => to.push(OPEN),
                Outgoing::Open { message: Some(MessageInParts { kind, compressed }) } => {
                    to.extend_from_slice(&[IN_MESSAGE, kind.opcode().number(), compressed.into()]);
                }
                Outgoing::CloseSent => to.push(CLOSE_SENT),
                Outgoing::Over => to.push(OVER),
            }
            let pong = rare.and_then(|rare| rare.pong_held_back.as_ref());
            to.push(pong.is_some().into());
            if let Some(pong) = pong {
                to.push(pong.payload().len() as u8); // at most CONTROL_PAYLOAD_MAX
                to.extend_from_slice(pong.payload());
            }
            let deflater = rare.and_then(|rare| rare.deflater.as_deref());
            to.push(deflater.is_some().into());
            if let Some(deflater) = deflater {
                deflater.export(to);
            }
        });
    }

    /// Takes an exported writer off the front of `from`, as
    /// [`Connection::import`](crate::Connection::import).
    ///
    /// # Errors
    ///
    /// As [`Connection::import`](crate::Connection::import).
    pub fn import(role: R, config: &Config, from: &mut &[u8]) -> Result<Self, ImportError> {
        read_record(Kind::Writer, from, |body| {
            if body.flag()? != R::IS_SERVER {
                return Err(ImportError::Role);
            }
            let mut writer = Self::new(role, config);
            writer.outgoing = import_outgoing(body)?;
            let is_over = matches!(writer.outgoing, Outgoing::Over);
            if body.flag()? {
                body.check(!is_over)?;
                writer.rare.get_or_insert_default().pong_held_back = Some(import_pong(body)?);
            }
            let mut deflater = None;
            if body.flag()? {
                body.check(!is_over)?;
                let config = config.deflate.as_ref().ok_or(ImportError::NoDeflate)?;
                deflater = Deflater::import(config, body)?;
            }
            let is_compressing = matches!(
                writer.outgoing,
                Outgoing::Open { message: Some(MessageInParts { compressed: true, .. }) }
            );
            if deflater.is_none() && is_compressing {
                return Err(ImportError::NoDeflate);
            }
            if let Some(deflater) = deflater {
                writer.rare.get_or_insert_default().deflater = Some(Box::new(deflater));
            }
            writer.update();
            Ok(writer)
        })
    }
}

fn import_outgoing(body: &mut Body<'_>) -> Result<Outgoing, ImportError> {
    match body.u8()? {
        OPEN => Ok(Outgoing::Open { message: None }),
        IN_MESSAGE => {
            let opcode = body.u8()?;
            let kind = [DataKind::Text, DataKind::Binary]
                .into_iter()
                .find(|kind| kind.opcode().number() == opcode)
                .ok_or(body.malformed())?;
            Ok(Outgoing::Open { message: Some(MessageInParts { kind, compressed: body.flag()? }) })
        }
        CLOSE_SENT => Ok(Outgoing::CloseSent),
        OVER => Ok(Outgoing::Over),
        _ => Err(body.malformed()),
    }
}

fn import_pong(body: &mut Body<'_>) -> Result<Reply, ImportError> {
    let len = usize::from(body.u8()?);
    body.check(len <= CONTROL_PAYLOAD_MAX)?;
    Ok(Reply::new(OpCode::PONG, &[body.take(len)?]))
}
