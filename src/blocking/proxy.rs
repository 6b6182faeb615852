//! The way through an HTTP proxy.

use std::mem;
use std::net::TcpStream;
use std::time::Instant;

use super::connector::{Progress, exchange};
use super::dial::open_tcp;
use super::transfer::Transfer;
use crate::adapter::{ConnectError, HttpProxy, Tunnel, TunnelAnswer};
use crate::buffers::{Inbox, Outbox};
use crate::uri::Uri;

/// Opens a tunnel to the host of the URI.
pub(super) fn open_tunnel(
    proxy: &HttpProxy,
    uri: &Uri,
    deadline: Option<Instant>,
) -> Result<Transfer<TcpStream>, ConnectError> {
    let mut out = Outbox::new();
    let mut tunnel = Tunnel::new(proxy, uri.host(), uri.port(), &mut out)?; // before it connects
    loop {
        let stream = open_tcp(proxy.host(), proxy.port(), deadline)?;
        let mut transfer = Transfer::with_output(stream, Inbox::new(), mem::take(&mut out));
        let answer = exchange(&mut transfer, deadline, |input, out| {
            Ok(match tunnel.receive(input, out)? {
                None if tunnel.is_refused() => Progress::Refused,
                None => Progress::Waiting,
                Some(answer) => Progress::Answer(answer),
            })
        });
        // A refusal takes precedence over the failure to read its body to the end.
        let answer = answer.or_else(|error| tunnel.end_of_input(transfer.out())?.ok_or(error));
        match answer? {
            TunnelAnswer::Open => return Ok(transfer),
            TunnelAnswer::Reconnect => out = mem::take(transfer.out()),
        }
    }
}
