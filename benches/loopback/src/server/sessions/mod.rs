//! One file per implementation: an echoing connection of the event loop.

pub mod bare;
pub mod fastwebsockets;
pub mod hybi;
pub mod nago_wss;
pub mod nexus_web;
pub mod sockudo_ws;
pub mod soketto;
pub mod task;
pub mod tokio_websockets;
pub mod tungstenite;
pub mod web_socket;
pub mod wtx;
pub mod yawc;

use super::socket::Socket;
use super::{MESSAGE_BYTES_MAX, Result};
use std::io;

/// The bytes of a read, or `None` if the socket would block.
fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(n) => Ok(Some(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
