//! The results of the opening handshake that are kept.

use hybi::handshake::{Acceptance, Response};

#[derive(Debug)]
pub(crate) enum Opening {
    /// Nothing was agreed on, or somebody else did the handshake.
    Plain,
    /// The subprotocol that we chose as the server.
    Subprotocol(Box<str>),
    /// The server's response.
    Response(Box<Response<'static>>),
}

impl Opening {
    /// Keeps what a server has agreed to.
    pub(crate) fn accepted(acceptance: &Acceptance<'_>) -> Self {
        match acceptance.chosen() {
            Some(subprotocol) => Self::Subprotocol(subprotocol.into()),
            None => Self::Plain,
        }
    }

    pub(crate) fn subprotocol(&self) -> Option<&str> {
        match self {
            Self::Plain => None,
            Self::Subprotocol(subprotocol) => Some(subprotocol),
            Self::Response(response) => response.subprotocol(),
        }
    }

    pub(crate) fn response(&self) -> Option<&Response<'static>> {
        match self {
            Self::Response(response) => Some(response),
            Self::Plain | Self::Subprotocol(_) => None,
        }
    }
}
