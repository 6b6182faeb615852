//! HTTP/1.1 without WebSocket in it (RFC 9110, RFC 9112): tokens and lists, heads and fields,
//! bodies, authorities, credentials.
//!
//! Private. It knows no role and no rule of RFC 6455, and writes nothing.

pub(crate) mod address;
pub(crate) mod authority;
pub(crate) mod body;
pub(crate) mod credentials;
pub(crate) mod fields;
pub(crate) mod head;
mod limits;
pub(crate) mod list;
pub(crate) mod reader;
pub(crate) mod scan;
pub(crate) mod target;

pub use limits::HeadLimits;
