//! permessage-deflate (RFC 7692): messages compressed one by one.
//!
//! What is negotiated is [`Agreed`], what the caller decides is [`DeflateConfig`]; the transform itself is zlib-rs, a decompressor and
//! a compressor for each connection, which a [`Connection`](crate::Connection) holds once it was given both.

mod compress;
mod config;
mod inflate;
mod negotiate;

pub(crate) use compress::Deflater;
pub use config::{Compression, DeflateConfig};
pub(crate) use inflate::Inflater;
pub use negotiate::{Agreed, Disagreement, NAME, accept, conclude, offer};

/// The two sides of the transform, for one endpoint. Without a compressor all messages go out uncompressed.
pub(crate) fn transform(
    is_server: bool,
    agreed: &Agreed,
    config: &DeflateConfig,
) -> (Option<Inflater>, Option<Deflater>) {
    let server = (agreed.server_max_window_bits(), !agreed.server_no_context_takeover());
    let client = (agreed.client_max_window_bits(), !agreed.client_no_context_takeover());
    let (ours, theirs) = if is_server { (server, client) } else { (client, server) };
    // We may do with less than was agreed upon: with a smaller window, and without takeover.
    let ours = (ours.0.min(config.outgoing_window_bits), ours.1 && config.outgoing_takeover);
    (Some(Inflater::new(theirs.0, theirs.1, config)), Deflater::new(ours.0, ours.1, config))
}
