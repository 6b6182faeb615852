use hybi::connection::Transport;
use hybi::relay::{Relay, RelayError, Side, Verdict};
use hybi::{Inbox, MaskingKeys};
use std::io::{self, ErrorKind, Read, Write};

/// How much may wait for a side before the other is read no more.
const BACKLOG_MAX: usize = 256 << 10;

/// One of the two ends, whose socket does not block.
struct End<S> {
    socket: S,
    inbox: Inbox, // at first, what was read after the head of the handshake
}

/// Passes on what `from` has sent, with one read. Call it for each side, at first and when either
/// socket is ready. Returns whether `from` is to be read further.
fn pass<S: Read + Write, K: MaskingKeys>(
    relay: &mut Relay<K>,
    from: Side,
    end: &mut End<S>,
    other: &mut End<S>,
) -> Result<bool, RelayError> {
    write(relay, from.other(), other);
    // What the other side does not take is not read here either, so that the sender has to wait.
    if relay.outbox(from.other()).backlog() > BACKLOG_MAX {
        return Ok(false);
    }
    let is_over = match end.socket.read(end.inbox.room()) {
        Ok(0) => true,
        Ok(n) => {
            end.inbox.filled(n);
            false
        }
        Err(error) if is_passing(&error) => false,
        Err(_) => true,
    };
    let passed = relay.pass(from, &mut end.inbox.input(), |_| Verdict::Pass);
    if is_over && let Err(cut_off) = relay.end_of_input(from) {
        println!("{from:?}: {cut_off}");
    }
    // After a violation, both sides have something to be told.
    write(relay, from.other(), other);
    write(relay, from, end);
    passed.map(|()| !is_over)
}

/// Writes what waits for a side, as much as it takes.
fn write<S: Read + Write, K: MaskingKeys>(relay: &mut Relay<K>, to: Side, end: &mut End<S>) {
    while !relay.outbox(to).is_empty() {
        match relay.outbox(to).write_to(&mut end.socket) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_passing(&error) => return,
            Err(error) => {
                // What it has said is still to be read, such as a Close frame; and then its end.
                println!("{to:?}: {error}");
                relay.outbox(to).clear();
            }
            Ok(_) => {}
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Returns whether to end a side's transport: shut down writing, read to its end within a deadline,
/// and close it.
fn is_done<K: MaskingKeys>(relay: &mut Relay<K>, side: Side) -> bool {
    relay.transport(side) == Transport::Close && relay.outbox(side).is_empty()
}
