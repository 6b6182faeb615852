//! The modes of compression:
//!
//! - `plain`: none;
//! - `9+`, `15-`: window bits, and whether there is context takeover;
//! - `bare`: windows of 10 bits, but the client does not let the server limit its own;
//! - `fallback`: we ask for 10 bits and no takeover of a peer that need not grant it.

use std::num::NonZeroU32;

use hybi::extension::deflate::{Agreed, DeflateConfig};
use hybi::{Config, Limits};

use crate::Outcome;

pub const MODES: [&str; 17] = [
    "plain", "bare", "fallback", "9+", "9-", "10+", "10-", "11+", "11-", "12+", "12-", "13+",
    "13-", "14+", "14-", "15+", "15-",
];

/// Messages are sent in fragments of a size that is no round number.
pub const FRAGMENT_BYTES: u32 = 30_011;

/// No message is as long as that.
pub const MESSAGE_BYTES_MAX: u64 = 64 << 20;

/// Returns the window bits of a mode, and whether there is takeover.
pub fn window_bits(mode: &str) -> Outcome<(u8, bool)> {
    let (bits, takeover) = mode.split_at_checked(mode.len() - 1).ok_or("no mode")?;
    Ok((bits.parse()?, takeover == "+"))
}

/// Returns the compression of a mode, none for plain.
fn deflate(mode: &str) -> Outcome<Option<DeflateConfig>> {
    let default = DeflateConfig::default();
    match mode {
        "plain" => return Ok(None),
        "bare" => {
            let small = default.outgoing_window_bits(10).incoming_window_bits(10);
            return Ok(Some(small.offer_client_max_window_bits(false)));
        }
        "fallback" => {
            return Ok(Some(default.incoming_window_bits(10).incoming_context_takeover(false)));
        }
        _ => {}
    }
    let (bits, takeover) = window_bits(mode)?;
    Ok(Some(
        default
            .outgoing_window_bits(bits)
            .incoming_window_bits(bits)
            .outgoing_context_takeover(takeover)
            .incoming_context_takeover(takeover)
            .compress_from(0),
    ))
}

/// Returns our configuration for a mode.
pub fn config(mode: &str) -> Outcome<Config> {
    let limits = Limits::default().message_bytes_max(MESSAGE_BYTES_MAX);
    let config = Config::default().limits(limits).fragment_bytes(NonZeroU32::new(FRAGMENT_BYTES));
    Ok(config.deflate(deflate(mode)?))
}

/// Compression was agreed on in every mode but one.
pub fn check(agreed: Option<&Agreed>, mode: &str) -> Outcome<()> {
    match agreed.is_none() == (mode == "plain") {
        true => Ok(()),
        false => Err(format!("agreed on {agreed:?}").into()),
    }
}
