//! The rules that a client checks (RFC 6455 §4.1, and RFC 8441 §5 after an extended CONNECT): over
//! a status, a version and fields, whatever they came in.

use alloc::string::String;

use super::connect_rules::{FieldFault, check_fields};
use super::error::ResponseError;
use super::key::AcceptKey;
use super::known::{Field, Head, Lines};
use super::subprotocol::Subprotocol;
use crate::connection::Config;
use crate::extension::Offers;
use crate::extension::deflate::{self, Agreed, DeflateConfig};
use crate::http::head::HttpVersion;
use crate::http::list::is_in_any_case;

/// What the response has to match.
#[derive(Clone)]
pub(super) struct Expected {
    /// The `Sec-WebSocket-Accept` that belongs to our key. An extended CONNECT has none.
    pub(super) accept: Option<AcceptKey>,
    /// The subprotocols that we offered, as in `Sec-WebSocket-Protocol`.
    pub(super) subprotocols: String,
    /// Whether the server must choose one of them.
    pub(super) require_subprotocol: bool,
}

impl Expected {
    /// Checks a response. `config` says what we offered of permessage-deflate. Returns its
    /// parameters, if the server chose it.
    pub(super) fn check(
        &self,
        head: &Head<'_>,
        config: &Config,
    ) -> Result<Option<Agreed>, ResponseError> {
        match &self.accept {
            Some(accept) => check_upgrade(head, accept)?,
            None => check_connect(head)?,
        }
        self.check_subprotocol(head)?;
        check_extensions(head, config.deflate.as_ref())
    }

    fn check_subprotocol(&self, head: &Head<'_>) -> Result<(), ResponseError> {
        let subprotocol = match head.lines(Field::Protocol) {
            Lines::None if self.require_subprotocol => {
                return Err(ResponseError::SubprotocolMissing);
            }
            Lines::None => return Ok(()),
            Lines::One(subprotocol) if !subprotocol.contains(&b',') => subprotocol,
            _ => return Err(ResponseError::SubprotocolRepeated),
        };
        let chosen = Subprotocol::parse(subprotocol).ok_or(ResponseError::SubprotocolMalformed)?;
        if !Subprotocol::list(self.subprotocols.as_bytes()).any(|offered| offered == Some(chosen)) {
            return Err(ResponseError::SubprotocolNotOffered);
        }
        Ok(())
    }
}

/// Checks the answer to an upgrade (RFC 6455 §4.1).
fn check_upgrade(head: &Head<'_>, expected: &AcceptKey) -> Result<(), ResponseError> {
    let status = head.status();
    if status != 101 {
        return Err(ResponseError::Status { status });
    }
    match head.version() {
        HttpVersion::Http10 => return Err(ResponseError::Http10),
        HttpVersion::Http11 => {}
        HttpVersion::Http2 | HttpVersion::Http3 => return Err(ResponseError::SwitchingProtocols),
    }
    match head.lines(Field::Upgrade) {
        Lines::None => return Err(ResponseError::UpgradeMissing),
        Lines::One(upgrade) if is_in_any_case(upgrade, b"websocket") => {}
        _ => return Err(ResponseError::Upgrade),
    }
    if !head.has_token(Field::Connection, b"upgrade") {
        return Err(ResponseError::ConnectionMissing);
    }
    match head.lines(Field::Accept) {
        Lines::None => return Err(ResponseError::AcceptMissing),
        // What is equal needs no parsing.
        Lines::One(accept) if accept == expected.as_bytes() => {}
        Lines::One(_) => return Err(ResponseError::Accept),
        Lines::Several => return Err(ResponseError::AcceptRepeated),
    }
    Ok(())
}

/// Checks the answer to an extended CONNECT (RFC 8441 §5). `Sec-WebSocket-Accept` is not looked at.
fn check_connect(head: &Head<'_>) -> Result<(), ResponseError> {
    match head.status() {
        101 => return Err(ResponseError::SwitchingProtocols),
        200..=299 => {}
        status => return Err(ResponseError::Status { status }),
    }
    if head.version() < HttpVersion::Http2 {
        return Err(ResponseError::HttpVersion);
    }
    check_fields(head).map_err(|fault| match fault {
        FieldFault::UpperCase => ResponseError::FieldNameCase,
        FieldFault::ConnectionSpecific => ResponseError::ConnectionSpecific,
    })
}

#[cfg_attr(not(feature = "deflate"), expect(unreachable_code, reason = "nothing was offered"))]
fn check_extensions(
    head: &Head<'_>,
    offered: Option<&DeflateConfig>,
) -> Result<Option<Agreed>, ResponseError> {
    if !head.has(Field::Extensions) {
        return Ok(None);
    }
    let chosen = || head.all(Field::Extensions).flat_map(Offers::new);
    // The grammar wants at least one element (RFC 6455 §4.3). It comes before the choice, so that
    // the order of the elements makes no difference.
    if chosen().next().is_none() || chosen().any(|extension| extension.is_err()) {
        return Err(ResponseError::ExtensionsMalformed);
    }
    let mut agreed = None;
    for extension in chosen() {
        let extension = extension.map_err(|_| ResponseError::ExtensionsMalformed)?;
        let offered = offered.filter(|_| extension.name() == deflate::NAME);
        let Some(config) = offered else { return Err(ResponseError::ExtensionNotOffered) };
        if agreed.replace(deflate::conclude(config, &extension)?).is_some() {
            return Err(ResponseError::ExtensionRepeated);
        }
    }
    Ok(agreed)
}
