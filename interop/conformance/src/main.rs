//! The cases of `tests/conformance` against tungstenite, over streams in memory: prints every case whose verdict is
//! not `OK`, and the counts. It has no expectations: a difference is for `docs/evidence/autobahn.md`.
//!
//! ```sh
//! cd interop/conformance && cargo run --release
//! ```
//!
//! It shows that the suite can fail, and is an example of how to run it against another implementation.

#[path = "../../../crates/hybi-conform/src/autobahn/mod.rs"]
mod suite;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::rc::Rc;

use suite::{BOTH, CATEGORIES, Endpoint, Implementation, Role, Transport, Verdict, cases, run};
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
    for role in BOTH {
        let mut counts = BTreeMap::<String, usize>::new();
        for case in CATEGORIES.into_iter().flat_map(cases) {
            // The worst of its ways, in the order of the variants.
            let (pieces, verdict) = case
                .ways()
                .into_iter()
                .map(|pieces| (pieces, run(&Tungstenite, role, &case, pieces)))
                .max_by_key(|(_, verdict)| rank(verdict))
                .expect("there is at least one way");
            let name = verdict.to_string().split(':').next().unwrap_or_default().to_owned();
            *counts.entry(name).or_default() += 1;
            if rank(&verdict) > 1 && verdict != Verdict::Unimplemented {
                println!("{role:?} {} ({pieces:?}): {verdict}", case.id);
            }
        }
        println!("tungstenite as {role:?}: {counts:?}");
    }
}

fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::NoCloseFrame => 1,
        Verdict::Unimplemented => 2,
        Verdict::Informational(_) => 3,
        Verdict::NonStrict(_) => 4,
        Verdict::Failed(_) => 5,
    }
}
