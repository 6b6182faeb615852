//! The way through an HTTP proxy.

use std::mem;

use hybi::adapter::{ConnectError, HttpProxy, Tunnel, TunnelAnswer};
use hybi::{Outbox, Uri};
use tokio::net::TcpStream;

use crate::connector::{Progress, ask};
use crate::dial::open_tcp;
use crate::exchange::Exchange;

/// Opens a tunnel to the host of the URI.
pub(crate) async fn open_tunnel(
    proxy: &HttpProxy,
    uri: &Uri,
) -> Result<Exchange<TcpStream>, ConnectError> {
    let mut out = Outbox::new();
    let mut tunnel = Tunnel::new(proxy, uri.host(), uri.port(), &mut out)?; // before it connects
    loop {
        let mut exchange = Exchange::new(open_tcp(proxy.host(), proxy.port()).await?);
        exchange.out = mem::take(&mut out);
        let answer = ask(&mut exchange, |input, out| {
            Ok(match tunnel.receive(input, out)? {
                None if tunnel.is_refused() => Progress::Refused,
                None => Progress::Waiting,
                Some(answer) => Progress::Answer(answer),
            })
        });
        let answer = match answer.await {
            Ok(answer) => answer,
            // A refusal takes precedence over the failure to read its body to the end.
            Err(error) => tunnel.end_of_input(&mut exchange.out)?.ok_or(error)?,
        };
        match answer {
            TunnelAnswer::Open => return Ok(exchange),
            TunnelAnswer::Reconnect => out = exchange.out,
        }
    }
}
