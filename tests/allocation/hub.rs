//! The memory of an idle session of a `Hub`.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use hybi::blocking::{self, Error, Hub, HubConfig};

use super::blocking::IDLE_BYTES_MAX;
use super::hooked::{Hook, Hooked};
use super::*;

/// Notes the live memory of the thread that reads, whenever it does.
#[derive(Clone)]
struct Noting(Arc<AtomicIsize>);

impl Hook for Noting {
    fn read(&self, socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.store(LIVE.get(), Ordering::SeqCst);
        socket.read(buffer)
    }
}

/// The thread of a session allocates all that the session holds, and what the thread takes besides.
///
/// If the session finds the hub's writer at work, that frees the message, and this thread's count
/// stays too large. So a second and a third session may show that they hold little.
#[test]
fn an_idle_session_of_a_hub_holds_little_whatever_it_has_done() {
    let held = Arc::new(AtomicIsize::new(isize::MAX));
    let hook = Noting(Arc::clone(&held));
    let hub = Hub::with_streams(HubConfig::default(), move |socket| {
        Ok(Hooked { socket, hook: hook.clone() })
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let held_after = |len| {
        let mut client = blocking::connect(&uri).unwrap();
        // The session reads the second message when it has done everything about the first.
        for payload in [vec![7; len], vec![7; 16]] {
            client.send(&payload[..]).unwrap();
            assert_eq!(client.receive().unwrap().unwrap(), payload.into());
        }
        let held = held.load(Ordering::SeqCst);
        client.terminate(Duration::from_secs(60));
        held
    };
    let mut least = Vec::new();
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            hub.serve(listener, |arrival| {
                let mut session = arrival.accept(&Acceptance::from_any_origin())?;
                while let Some(message) = session.receive()? {
                    session.send(&message)?;
                }
                Ok(())
            })
        });
        for len in [16, 1 << 10, (4 << 10) - 8, 16 << 10, 1 << 20] {
            let held = (0..3).map(|_| held_after(len)).min().unwrap();
            least.push((len, held));
        }
        hub.terminate(Duration::ZERO);
        serving.join().unwrap().unwrap();
    });
    for (len, held) in least {
        assert!(held <= IDLE_BYTES_MAX, "{held} bytes after a message of {len}");
    }
}

/// A receive that timed out has gathered a part. It is returned in pieces. Then only one is held,
/// and not the buffer of all.
#[test]
fn a_message_that_has_been_returned_in_pieces_leaves_no_large_buffer() {
    const PART: usize = 2 << 20;
    const PIECE: usize = 3 << 10;
    let held = Arc::new(AtomicIsize::new(isize::MAX));
    let hook = Noting(Arc::clone(&held));
    let hub = Hub::with_streams(HubConfig::default(), move |socket| {
        Ok(Hooked { socket, hook: hook.clone() })
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let (sent, is_sent) = mpsc::channel();
    let is_sent = Mutex::new(is_sent);
    let (taken, is_taken) = mpsc::channel();
    let (bytes, held) = thread::scope(|scope| {
        let serving = scope.spawn(|| {
            hub.serve(listener, |arrival| {
                let mut session = arrival.accept(&Acceptance::from_any_origin())?;
                session.set_read_timeout(Duration::from_millis(1))?;
                while is_sent.lock().unwrap().try_recv().is_err() {
                    assert!(matches!(session.receive(), Err(Error::TimedOut)));
                }
                let mut bytes = 0;
                while let Ok(Some(piece)) = session.receive_up_to(PIECE) {
                    bytes += piece.data.as_bytes().len();
                }
                taken.send((bytes, held.load(Ordering::SeqCst)))?; // as it read in vain
                Ok(())
            })
        });
        let mut client = blocking::connect(&uri).unwrap();
        client.send_part(&*vec![7; PART]).unwrap();
        client.ping(b"").unwrap(); // whose pong says that the part has been received
        client.receive_event().unwrap();
        sent.send(()).unwrap();
        let result = is_taken.recv_timeout(Duration::from_secs(60));
        hub.terminate(Duration::ZERO);
        serving.join().unwrap().unwrap();
        result.expect("the handler failed")
    });
    assert_eq!(bytes, PART - PART % PIECE);
    assert!(held < 256 << 10, "{held} bytes");
}
