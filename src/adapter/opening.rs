//! The results of the opening handshake that are kept.

use std::boxed::Box;

use crate::handshake::{Acceptance, Response};

/// The results of the opening handshake that an open connection keeps.
#[derive(Debug)]
pub enum Opening {
    /// Nothing was agreed on, or somebody else did the handshake.
    Plain,
    /// The subprotocol that we chose as the server.
    Subprotocol(Box<str>),
    /// The server's response.
    Response(Box<Response<'static>>),
}

impl Opening {
    /// Keeps what a server has agreed to.
    #[must_use]
    pub fn accepted(acceptance: &Acceptance<'_>) -> Self {
        match acceptance.chosen() {
            Some(subprotocol) => Self::Subprotocol(subprotocol.into()),
            None => Self::Plain,
        }
    }

    /// Returns the subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        match self {
            Self::Plain => None,
            Self::Subprotocol(subprotocol) => Some(subprotocol),
            Self::Response(response) => response.subprotocol(),
        }
    }

    /// Returns the server's response, if this is the client.
    #[must_use]
    pub fn response(&self) -> Option<&Response<'static>> {
        match self {
            Self::Response(response) => Some(response),
            Self::Plain | Self::Subprotocol(_) => None,
        }
    }
}
