//! From a host and a port to a TCP connection: "Happy Eyeballs" (RFC 8305).

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hybi::adapter::{AddressError, ConnectError, address_of, interleave};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep};

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
    if let Some(address) = address_of(host, port) {
        return Ok(vec![address]);
    }
    let found = interleave(lookup_host((host, port)).await?);
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    }
    Ok(found)
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::pending;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// RFC 8305 §5.
    #[tokio::test(start_paused = true)]
    async fn a_silent_address_delays_the_next_by_250_ms() {
        let (start, tried) = (Instant::now(), RefCell::new(Vec::new()));
        let connect = |address: SocketAddr| {
            tried.borrow_mut().push((address.port(), start.elapsed().as_millis()));
            async move { if address.port() < 3 { pending().await } else { Ok(address) } }
        };
        let silent = addresses(&["[::1]:1", "1.1.1.1:2", "[::1]:3", "1.1.1.1:4"]);
        assert_eq!(race(silent, connect).await.unwrap().port(), 3);
        assert_eq!(tried.into_inner(), [(1, 0), (2, 250), (3, 500)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_followed_by_the_next_at_once_and_all_are_told() {
        let start = Instant::now();
        let connect = |address: SocketAddr| async move {
            let kinds = [io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable];
            Err::<(), _>(kinds[usize::from(address.port() - 1)].into())
        };
        let failures = race(addresses(&["[::1]:1", "1.1.1.1:2"]), connect).await.unwrap_err();
        let told: Vec<_> = failures.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["[::1]:1: connection refused", "1.1.1.1:2: host unreachable"]);
        assert!(start.elapsed().is_zero());
    }

    /// One that was silent may answer while others fail.
    #[tokio::test(start_paused = true)]
    async fn a_slow_address_wins_over_a_dead_one() {
        let connect = |address: SocketAddr| async move {
            if address.port() == 2 {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            sleep(Duration::from_secs(3)).await;
            Ok(address)
        };
        let won = race(addresses(&["[::1]:1", "1.1.1.1:2"]), connect).await.unwrap();
        assert_eq!(won.port(), 1);
    }

    #[tokio::test]
    async fn an_address_is_not_looked_up() {
        for (host, want) in [
            ("127.0.0.1", "127.0.0.1:80"),
            ("::1", "[::1]:80"),
            ("[2001:DB8::1]", "[2001:db8::1]:80"),
        ] {
            assert_eq!(look_up(host, 80).await.unwrap(), [want.parse().unwrap()], "{host}");
        }
    }
}
