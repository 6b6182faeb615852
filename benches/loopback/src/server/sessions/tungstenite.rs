//! tungstenite, with its default buffers of 128 KiB.

use super::{MESSAGE_BYTES_MAX, Result, Socket};
use crate::server::event_loop::Session;
use ::tungstenite::protocol::{Role, WebSocketConfig};
use ::tungstenite::{Error, WebSocket};
use std::io;

pub struct Echo(WebSocket<Socket>);

impl Session for Echo {
    fn open(socket: Socket) -> Self {
        let config = WebSocketConfig::default().max_frame_size(Some(MESSAGE_BYTES_MAX));
        Self(WebSocket::from_raw_socket(socket, Role::Server, Some(config)))
    }

    fn ready(&mut self, _: &mut [u8]) -> Result<bool> {
        match self.echo() {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
            Ok(never) => match never {},
        }
        match self.0.flush() {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            result => Ok(result.map(|()| true)?),
        }
    }
}

impl Echo {
    fn echo(&mut self) -> ::tungstenite::Result<std::convert::Infallible> {
        self.0.flush()?;
        loop {
            let message = self.0.read()?;
            if message.is_text() || message.is_binary() {
                self.0.write(message)?;
            }
        }
    }
}
