//! The cases of `hybi-conform` against tungstenite, over streams in memory: prints every case whose
//! verdict is not `OK`, and the counts. It has no expectations: a difference is for
//! `docs/evidence/autobahn.md`.
//!
//! ```sh
//! cd interop/conformance && cargo run --release
//! ```
//!
//! It shows that the suite can fail, and is an example of how to run it against another implementation.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::rc::Rc;

use hybi_conform::memory::{Endpoint, Implementation, Transport, run};
use hybi_conform::{Group, Outcome, Role, Size, Verdict, cases};
use tungstenite::{Error, Message, WebSocket, protocol};

struct Tungstenite;

impl Implementation for Tungstenite {
    fn open(&self, role: Role) -> Box<dyn Endpoint> {
        let role = match role {
            Role::Server => protocol::Role::Server,
            Role::Client => protocol::Role::Client,
        };
        let pipe = Pipe::default();
        let ws = WebSocket::from_raw_socket(pipe.clone(), role, None);
        Box::new(Echo { pipe, ws, dropped: false })
    }
}

/// A stream in memory. Reading more than there is would block.
#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.borrow_mut().incoming.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Echo {
    pipe: Pipe,
    ws: WebSocket<Pipe>,
    /// Whether an error or the end of the closing handshake made us drop the stream.
    dropped: bool,
}

impl Endpoint for Echo {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        self.pipe.0.borrow_mut().incoming.extend(bytes.iter());
        while !self.dropped {
            let done = match self.ws.read() {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => self.ws.send(message),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.dropped = true,
            }
        }
        let _ = self.ws.flush();
        out.append(&mut self.pipe.0.borrow_mut().outgoing);
    }

    fn transport(&self) -> Transport {
        match (self.dropped, self.ws.can_read()) {
            (true, _) => Transport::Closed,
            (false, true) => Transport::Open,
            (false, false) => Transport::Awaits,
        }
    }
}

fn main() {
    for role in Role::BOTH {
        let mut counts = BTreeMap::<String, usize>::new();
        for case in cases(Group::Autobahn, Size::Reduced) {
            // The worst of its ways.
            let worst = case
                .ways()
                .into_iter()
                .map(|pieces| (pieces, run(&Tungstenite, role, &case, pieces)))
                .max_by_key(|(_, outcome)| rank(outcome));
            let Some((pieces, outcome)) = worst else { continue };
            let name = match (outcome.verdict(), outcome.strict) {
                (tolerant, strict) if tolerant == strict => tolerant.to_string(),
                (tolerant, strict) => format!("{tolerant} (strictly {strict})"),
            };
            if outcome.verdict() >= Verdict::NonStrict || outcome.strict == Verdict::Failed {
                println!("{role:?} {} ({pieces:?}): {outcome}", case.id());
            }
            *counts.entry(name).or_default() += 1;
        }
        println!("tungstenite as {role:?}: {counts:?}");
    }
}

fn rank(outcome: &Outcome) -> (Verdict, Verdict) {
    (outcome.verdict(), outcome.strict)
}
