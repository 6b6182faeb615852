//! One file per implementation. An adapter only translates; what it is told to do and how it is judged is in
//! [`crate::peer`].

use crate::peer::Peer;

mod hybi;
mod limits;
mod tungstenite;
pub mod zlib;

/// Limits first, then hybi, then the others.
pub fn all() -> Vec<&'static dyn Peer> {
    vec![
        &limits::Copy,
        &limits::CopyXor,
        &limits::Work,
        &hybi::Hybi,
        &tungstenite::Tungstenite,
    ]
}
