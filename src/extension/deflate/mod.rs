//! permessage-deflate (RFC 7692): each message is compressed by itself.
//!
//! [`DeflateConfig`] is what the caller wants, [`Agreed`] what was negotiated. A
//! [`Connection`](crate::Connection) then owns a decompressor and a compressor, both of zlib-rs.

mod compress;
mod config;
mod inflate;
mod negotiate;
mod window;

use core::iter;

pub(crate) use compress::{Deflater, SharedForm};
pub use config::{Compression, DeflateConfig};
pub(crate) use inflate::Inflater;
use negotiate::answers;
pub use negotiate::{Agreed, NAME, NegotiationError, conclude, offer, respond};

/// Creates the decompressor and the compressor of one endpoint. Without a compressor, all messages
/// are sent uncompressed.
#[inline(never)] // most handshakes agree on no compression
pub(crate) fn transform(
    is_server: bool,
    agreed: &Agreed,
    config: &DeflateConfig,
) -> (Option<Inflater>, Option<Deflater>) {
    let (mut ours, theirs) = (agreed.incoming(!is_server), agreed.incoming(is_server));
    // We may use less than was agreed: a smaller window, and no context takeover. A client has
    // promised that with its offer (RFC 7692 §7.1.1.2, §7.1.2.2). The response does not say which
    // one it answers, so every promise holds that the server may rely on.
    let fallbacks = config.fallbacks_offered().filter(|offer| !is_server && answers(agreed, offer));
    for wishes in iter::once(config.wishes).chain(fallbacks) {
        ours.0 = ours.0.min(wishes.outgoing_window_bits);
        ours.1 &= wishes.outgoing_context_takeover;
    }
    (
        Some(Inflater::new(*agreed, theirs.0, theirs.1, config)),
        Deflater::new(ours.0, ours.1, config),
    )
}
