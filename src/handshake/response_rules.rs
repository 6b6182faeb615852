//! The rules that a client checks (RFC 6455 §4.1): over a status, a version and fields, whatever
//! they came in.

use alloc::string::String;

use super::error::ResponseError;
use super::known::{Field, Head};
use crate::connection::{Config, Connection};
use crate::extension::Offers;
use crate::extension::deflate::{self, Agreed};
use crate::http::head::HttpVersion;
use crate::http::list::{elements, is_token};
use crate::keys::MaskingKeys;
use crate::role::Client;

/// What the response has to match.
#[derive(Clone)]
pub(super) struct Expected {
    /// The `Sec-WebSocket-Accept` that belongs to our key.
    pub(super) accept: [u8; 28],
    /// The subprotocols that we offered, as in `Sec-WebSocket-Protocol`.
    pub(super) subprotocols: String,
    /// Whether the server must choose one of them.
    pub(super) require_subprotocol: bool,
    /// How the connection will behave; what we offered of permessage-deflate.
    pub(super) config: Config,
}

impl Expected {
    /// Checks a response. Returns the parameters of permessage-deflate, if the server chose it.
    pub(super) fn check(&self, head: &Head<'_>) -> Result<Option<Agreed>, ResponseError> {
        if head.status() != 101 {
            return Err(ResponseError::Status);
        }
        if head.version() == HttpVersion::Http10 {
            return Err(ResponseError::Http10);
        }
        match (head.count(Field::Upgrade), head.first(Field::Upgrade)) {
            (0, _) => return Err(ResponseError::UpgradeMissing),
            (1, Some(upgrade)) if upgrade.eq_ignore_ascii_case(b"websocket") => {}
            _ => return Err(ResponseError::Upgrade),
        }
        if !head.has_token(Field::Connection, "upgrade") {
            return Err(ResponseError::ConnectionMissing);
        }
        match (head.count(Field::Accept), head.first(Field::Accept)) {
            (0, _) => return Err(ResponseError::AcceptMissing),
            (1, Some(accept)) if accept == self.accept => {}
            (1, _) => return Err(ResponseError::Accept),
            _ => return Err(ResponseError::AcceptRepeated),
        }
        self.check_subprotocol(head)?;
        self.check_extensions(head)
    }

    /// Opens the connection after a response that has passed [`check`](Self::check).
    pub(super) fn open<K: MaskingKeys>(
        &self,
        agreed: Option<Agreed>,
        keys: K,
    ) -> Connection<Client<K>> {
        let connection = Connection::client_with_keys(self.config, keys);
        connection.with_negotiated(agreed.as_ref().zip(self.config.deflate.as_ref()))
    }

    fn check_subprotocol(&self, head: &Head<'_>) -> Result<(), ResponseError> {
        let Some(subprotocol) = head.first(Field::Protocol) else {
            return match self.require_subprotocol {
                true => Err(ResponseError::SubprotocolMissing),
                false => Ok(()),
            };
        };
        if head.count(Field::Protocol) > 1 || subprotocol.contains(&b',') {
            return Err(ResponseError::SubprotocolRepeated);
        }
        if !is_token(subprotocol) {
            return Err(ResponseError::SubprotocolMalformed);
        }
        if !elements(self.subprotocols.as_bytes()).any(|offered| offered == subprotocol) {
            return Err(ResponseError::SubprotocolNotOffered);
        }
        Ok(())
    }

    #[cfg_attr(not(feature = "deflate"), expect(unreachable_code, reason = "nothing was offered"))]
    fn check_extensions(&self, head: &Head<'_>) -> Result<Option<Agreed>, ResponseError> {
        if head.count(Field::Extensions) == 0 {
            return Ok(None);
        }
        let chosen = || head.all(Field::Extensions).flat_map(Offers::new);
        // The grammar wants at least one element (RFC 6455 §4.3). It comes before the choice, so
        // that the order of the elements makes no difference.
        if chosen().next().is_none() || chosen().any(|extension| extension.is_err()) {
            return Err(ResponseError::ExtensionsMalformed);
        }
        let mut agreed = None;
        for extension in chosen() {
            let extension = extension.map_err(|_| ResponseError::ExtensionsMalformed)?;
            let offered =
                self.config.deflate.as_ref().filter(|_| extension.name() == deflate::NAME);
            let Some(config) = offered else { return Err(ResponseError::ExtensionNotOffered) };
            if agreed.replace(deflate::conclude(config, &extension)?).is_some() {
                return Err(ResponseError::ExtensionRepeated);
            }
        }
        Ok(agreed)
    }
}
