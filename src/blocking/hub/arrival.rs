//! [`Arrival`]: a client whose request waits for the handler's decision.

use core::fmt;
use std::net::SocketAddr;

use super::place::Place;
use super::{Hub, Session, Socket};
use crate::blocking::{AcceptError, Pending, TryClone};
use crate::handshake::{Acceptance, Rejection, Request};

/// A client of a [`Hub`], whose request waits for your decision. Dropping it closes the stream
/// without a response.
#[must_use]
pub struct Arrival<S: TryClone + Send + 'static = Socket> {
    pub(super) pending: Pending<S>,
    pub(super) address: SocketAddr,
    pub(super) hub: Hub<S>,
    pub(super) place: Place<S>,
}

impl<S: TryClone + Send + 'static> Arrival<S> {
    /// Returns the request: any HTTP request, also one for a page.
    #[must_use]
    pub fn request(&self) -> &Request<'static> {
        self.pending.request()
    }

    /// Returns the address that the client comes from. Behind a reverse proxy that is the proxy's.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the stream, for its options.
    #[must_use]
    pub fn stream(&self) -> &S {
        self.pending.stream()
    }

    /// Returns the hub.
    #[must_use]
    pub fn hub(&self) -> &Hub<S> {
        &self.hub
    }

    /// Opens the connection, and gives it a number and a queue: see [`Pending::accept`].
    ///
    /// If the hub is [ending](Hub::terminate), the connection is closed with 1001 at once.
    ///
    /// The client may have the response a moment before [`Hub::peers`] has the connection, and miss
    /// what is sent to all meanwhile. If that matters, greet it, and let it wait for that.
    ///
    /// # Errors
    ///
    /// As [`Pending::accept`]. [`AcceptError::Io`] also if the stream cannot be split, or no thread
    /// can be had.
    pub fn accept(self, acceptance: &Acceptance<'_>) -> Result<Session<S>, AcceptError> {
        let Self { pending, address, hub, place } = self;
        Ok(hub.admit(pending.accept(acceptance)?, address, place)?)
    }

    /// Answers with another response: see [`Pending::reject`].
    ///
    /// # Errors
    ///
    /// As [`Pending::reject`].
    pub fn reject(self, rejection: &Rejection<'_>) -> Result<(), AcceptError> {
        self.pending.reject(rejection)
    }
}

impl<S: TryClone + Send + 'static> fmt::Debug for Arrival<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("request", self.request())
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
