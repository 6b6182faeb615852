//! From a host and a port to a TCP connection.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use super::look_up::look_up;
use super::schedule::{Schedule, Step};
use super::transfer::passed;
use crate::adapter::{AddressError, ConnectError};

/// Connects to a host: a name, an IPv4 address, or an IPv6 address with or without brackets.
pub(super) fn open_tcp(
    host: &str,
    port: u16,
    deadline: Option<Instant>,
) -> Result<TcpStream, ConnectError> {
    let addresses = look_up(host, port, deadline)?;
    let connect = |address, bound| TcpStream::connect_timeout(&address, bound);
    race(addresses, deadline, connect).map_err(|failures| {
        let out_of_time = |failure: &AddressError| failure.error.kind() == io::ErrorKind::TimedOut;
        if passed(deadline) && failures.iter().all(out_of_time) {
            ConnectError::TimedOut
        } else {
            ConnectError::Connect(failures)
        }
    })
}

/// Tries the addresses as the [`Schedule`] says, and returns the first connection. Otherwise
/// returns why each address that was tried has failed.
///
/// A thread waits for each attempt, because nothing can interrupt it. A thread that we no longer
/// wait for ends within the bound of its attempt, so before `deadline`, and closes what it has got.
fn race<T: Send + 'static>(
    addresses: Vec<SocketAddr>,
    deadline: Option<Instant>,
    connect: impl Fn(SocketAddr, Duration) -> io::Result<T> + Clone + Send + 'static,
) -> Result<T, Vec<AddressError>> {
    let mut schedule = Schedule::new(addresses, deadline);
    let mut failures = Vec::new();
    let (sender, ended) = mpsc::channel();
    loop {
        let ended = match schedule.step(Instant::now()) {
            Step::Begin { address, bound, alone } => {
                let (sender, dial) = (sender.clone(), connect.clone());
                let attempt = move || {
                    let _ = sender.send((address, dial(address, bound))); // nobody may wait
                };
                let named = thread::Builder::new().name("hybi-dial".into());
                let is_elsewhere = !alone && named.spawn(attempt).is_ok();
                // Without another thread, connect here.
                (!is_elsewhere).then(|| (address, connect(address, bound)))
            }
            Step::Wait(None) => ended.recv().ok(), // never fails: `sender` exists
            Step::Wait(Some(longest)) => ended.recv_timeout(longest).ok(),
            Step::GiveUp => break,
        };
        match ended {
            None => {}
            Some((_, Ok(connected))) => return Ok(connected),
            Some((address, Err(error))) => {
                schedule.failed(address);
                failures.push(AddressError { address, error });
            }
        }
    }
    let late = |address| AddressError { address, error: io::ErrorKind::TimedOut.into() };
    failures.extend(schedule.into_running().into_iter().map(late));
    Err(failures)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::string::ToString;
    use std::sync::mpsc::{Receiver, Sender};
    use std::sync::{Arc, Mutex};

    use super::*;

    const DEAD: &str = "[::1]:80";
    const LIVE: &str = "127.0.0.1:80";

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// A connection that tells when it is closed.
    #[derive(Debug)]
    struct Connected(SocketAddr, Sender<(&'static str, SocketAddr)>);

    impl Drop for Connected {
        fn drop(&mut self) {
            let _ = self.1.send(("closed", self.0));
        }
    }

    /// Connects at once, but with the dead address when the receiver hears of it, or by its bound.
    fn dial_with(
        log: Sender<(&'static str, SocketAddr)>,
        answers: Receiver<()>,
    ) -> impl Fn(SocketAddr, Duration) -> io::Result<Connected> + Clone + Send + 'static {
        let answers = Arc::new(Mutex::new(answers));
        move |address, bound| {
            log.send(("tried", address)).unwrap();
            if address == DEAD.parse().unwrap() {
                let answer = answers.lock().unwrap().recv_timeout(bound);
                log.send(("ended", address)).unwrap();
                answer.map_err(|_| io::ErrorKind::TimedOut)?;
            }
            Ok(Connected(address, log.clone()))
        }
    }

    /// And when it answers after all, its connection is closed and its thread ends.
    #[test]
    fn a_dead_first_address_does_not_use_up_the_time() {
        let (log, events) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let (dead, live) = (DEAD.parse().unwrap(), LIVE.parse().unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        let connected =
            race(addresses(&[DEAD, LIVE]), Some(deadline), dial_with(log, answers)).unwrap();
        assert_eq!(connected.0, live);
        assert_eq!(events.try_iter().collect::<Vec<_>>(), [("tried", dead), ("tried", live)]);
        answer.send(()).unwrap();
        drop(connected);
        let mut rest: Vec<_> = events.iter().collect(); // ends with the thread
        rest.sort_unstable();
        assert_eq!(rest, [("closed", live), ("closed", dead), ("ended", dead)]);
    }

    #[test]
    fn a_refused_address_is_followed_by_the_next() {
        let (refused, listener) = (refused(), TcpListener::bind("127.0.0.1:0").unwrap());
        let live = listener.local_addr().unwrap();
        let connect = |address, bound| TcpStream::connect_timeout(&address, bound);
        for deadline in [None, Some(Instant::now() + Duration::from_secs(60))] {
            let stream = race([refused, live].into(), deadline, connect).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), live);
        }
    }

    #[test]
    fn each_address_that_failed_is_told_with_its_reason() {
        let connect = |address: SocketAddr, _| match address.port() {
            1 => Err::<(), _>(io::ErrorKind::ConnectionRefused.into()),
            _ => Err(io::ErrorKind::HostUnreachable.into()),
        };
        let failures =
            race(addresses(&["[::1]:1", "127.0.0.1:2", "[::1]:3"]), None, connect).unwrap_err();
        let told: Vec<_> = failures
            .iter()
            .map(|failure| (failure.address.to_string(), failure.error.kind()))
            .collect();
        let want = [
            ("[::1]:1", io::ErrorKind::ConnectionRefused),
            ("127.0.0.1:2", io::ErrorKind::HostUnreachable),
            ("[::1]:3", io::ErrorKind::HostUnreachable),
        ];
        assert_eq!(told, want.map(|(address, kind)| (address.to_string(), kind)));
    }

    #[test]
    fn an_address_that_says_nothing_is_told_too() {
        let (_answer, answers) = mpsc::channel();
        let (log, _events) = mpsc::channel();
        let deadline = Instant::now() + Duration::from_millis(50);
        let failures = race(addresses(&[DEAD]), Some(deadline), dial_with(log, answers));
        assert_eq!(failures.unwrap_err()[0].error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_only_address_takes_no_thread() {
        let here = thread::current().id();
        let connect = move |_, _| {
            assert_eq!(thread::current().id(), here);
            Ok(())
        };
        race(addresses(&[LIVE]), None, connect).unwrap();
    }

    /// An address at which nobody listens.
    fn refused() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }
}
