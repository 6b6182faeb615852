//! Cases in memory, for implementations that do no I/O.
//!
//! Write an [`Implementation`] for yours, and call [`run`] for each of the [`cases`](crate::cases).
//! `interop/conformance` in hybi's repository does that for tungstenite.

use crate::case::{Case, Plan, Role};
use crate::outcome::Outcome;
use crate::random::Pieces;
use crate::tester::{Next, Tester};

/// An implementation under test.
pub trait Implementation {
    /// Opens an endpoint after its opening handshake, without extensions.
    fn open(&self, role: Role) -> Box<dyn Endpoint>;

    /// Opens a server that was offered this `Sec-WebSocket-Extensions`, and returns its answer.
    /// `None`: it declines.
    fn open_server(&self, _offer: &str) -> Option<(Box<dyn Endpoint>, String)> {
        None
    }

    /// Opens a client that hands its offer to `answer` and is given the server's answer. `None`: it
    /// offers nothing or cannot accept the answer.
    fn open_client(&self, _answer: &dyn Fn(&str) -> String) -> Option<Box<dyn Endpoint>> {
        None
    }
}

/// An endpoint that sends every message back as it came, and answers pings and Close frames.
pub trait Endpoint {
    /// Takes bytes that have arrived, and appends the bytes to be sent to `out`. Is also called
    /// after the endpoint has closed, with bytes that were on their way.
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>);

    /// Returns what the endpoint does with its transport, now that its output has been sent.
    fn transport(&self) -> Transport;
}

/// An endpoint's decision about its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// It keeps it.
    Open,
    /// It waits for the peer to close it: allowed to a client.
    Awaits,
    /// It closes it.
    Closed,
}

/// Runs a case of frames against one role, and delivers its input in these pieces. Nothing may come
/// late: see [`Tester::opened`].
///
/// # Panics
///
/// The case needs more than frames: [`Case::is_framed`] is `false`.
pub fn run(
    implementation: &dyn Implementation,
    role: Role,
    case: &Case,
    pieces: Pieces,
) -> Outcome {
    let Plan::Frames(make) = &case.plan else { panic!("{} is about handshakes", case.id()) };
    let (mut endpoint, agreed) = match (make().compression, role) {
        (None, _) => (Some(implementation.open(role)), None),
        (Some(compression), Role::Server) => implementation.open_server(compression.offer).unzip(),
        (Some(compression), Role::Client) => {
            let answer = compression.answer.to_owned();
            (implementation.open_client(&|_| answer.clone()), Some(compression.answer.to_owned()))
        }
    };
    let agreed = agreed.filter(|_| endpoint.is_some());
    let mut tester = Tester::opened(case, role, agreed.as_deref()).in_pieces(pieces);
    let mut out = Vec::new();
    loop {
        let next = tester.proceed();
        let Some(endpoint) = &mut endpoint else { break };
        match next {
            Next::Send => {
                let mut piece = tester.output().to_vec();
                tester.sent(piece.len());
                endpoint.feed(&mut piece, &mut out);
                tester.feed(&out);
                out.clear();
            }
            Next::Wait(_) => match endpoint.transport() {
                Transport::Closed => tester.end_of_input(),
                Transport::Open | Transport::Awaits => tester.quiet(),
            },
            Next::Shutdown => match endpoint.transport() {
                Transport::Closed | Transport::Awaits => tester.end_of_input(),
                Transport::Open => {}
            },
            Next::Done => break,
        }
    }
    tester.outcome("the extension was not agreed")
}
