//! From a host and a port to a TCP connection: "Happy Eyeballs" (RFC 8305).

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep};

use crate::connect_error::{AddressError, ConnectError};

/// How long an attempt goes on before the next begins beside it: RFC 8305 §5, Connection Attempt
/// Delay.
const DELAY: Duration = Duration::from_millis(250);

/// Connects to a host: a name, an IPv4 address, or an IPv6 address with or without brackets.
pub(crate) async fn open_tcp(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let addresses = look_up(host, port).await.map_err(ConnectError::Resolve)?;
    let stream = race(addresses, TcpStream::connect).await.map_err(ConnectError::Connect)?;
    // A header and its payload are one write already. Some sockets cannot, which does no harm.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Returns the addresses of a host: at least one, in the order that the system prefers.
async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let unbracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = unbracketed.unwrap_or(host);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = alternate(lookup_host((host, port)).await?);
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    }
    Ok(found)
}

/// Lets the address families alternate, so that one that leads nowhere delays the other only once
/// (RFC 8305 §4). The first address stays the first: the resolver knows what this machine prefers
/// (RFC 6724), which is IPv6 if it has a route for it. Drops repeats.
fn alternate(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let first_is_ipv6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut preferred, mut others) = (preferred.into_iter(), others.into_iter());
    let mut order = Vec::new();
    while let pair @ ([Some(_), _] | [_, Some(_)]) = [preferred.next(), others.next()] {
        for address in pair.into_iter().flatten() {
            if !order.contains(&address) {
                order.push(address);
            }
        }
    }
    order
}

/// Tries the addresses, each as soon as one before has failed or [`DELAY`] has passed, and returns
/// the first connection. Otherwise returns why each address has failed.
async fn race<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Vec<AddressError>> {
    let mut waiting = addresses.into_iter();
    let mut running = Vec::new();
    let mut failures = Vec::new();
    let mut delay = pin!(sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let mut connected = None;
            let failed_before = failures.len();
            running.retain_mut(|(address, attempt): &mut (SocketAddr, std::pin::Pin<Box<F>>)| {
                match attempt.as_mut().poll(cx) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(stream)) => connected = Some(stream),
                    Poll::Ready(Err(error)) => {
                        failures.push(AddressError { address: *address, error });
                    }
                }
                false
            });
            if let Some(connected) = connected {
                return Poll::Ready(Ok(connected));
            }
            let is_due = failures.len() > failed_before || running.is_empty();
            if !is_due && delay.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match waiting.next() {
                Some(address) => {
                    running.push((address, Box::pin(connect(address))));
                    let now = Instant::now();
                    delay.as_mut().reset(now.checked_add(DELAY).unwrap_or(now));
                }
                None if running.is_empty() => {
                    return Poll::Ready(Err(std::mem::take(&mut failures)));
                }
                None => return Poll::Pending,
            }
        }
    })
    .await
}
