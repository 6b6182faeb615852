//! wsproto and Python's websockets, in a process of their own (`child.py` has the format).

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::replies;
use crate::case::{Case, Deflate, End, Message, Outcome, Phase, Reply, Role};
use crate::frames::MESSAGE_BYTES_MAX;
use crate::heads;

pub struct Python {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Python {
    pub const NAMES: [&'static str; 2] = ["wsproto", "websockets"];

    pub fn start(interpreter: &str) -> io::Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/child.py");
        let mut child = Command::new(interpreter)
            .args([
                "-u",
                script,
                heads::HOST,
                heads::PATH,
                heads::SUBPROTOCOL,
                &MESSAGE_BYTES_MAX.to_string(),
            ])
            .arg(std::str::from_utf8(heads::ACCEPT).expect("ASCII"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Ok(Self { child, to, from })
    }

    /// What the two make of each case.
    pub fn outcomes(&mut self, cases: &[&Case]) -> io::Result<Vec<[Outcome; 2]>> {
        let mut batch = Vec::new();
        for case in cases {
            let reads = case.reads(&case.wire);
            let (phase, takeover, window_bits) = match case.phase {
                Phase::Head => (b'H', false, 0),
                Phase::Frames => (b'F', false, 0),
                Phase::Compressed(Deflate { takeover, window_bits }) => {
                    (b'D', takeover, window_bits)
                }
            };
            let role = if case.role == Role::Server { b'S' } else { b'C' };
            batch.extend([phase, role, u8::from(takeover), window_bits]);
            batch.extend((reads.len() as u32).to_be_bytes());
            for read in reads {
                batch.extend((read.len() as u32).to_be_bytes());
                batch.extend(read);
            }
        }
        self.to.write_all(&(batch.len() as u32).to_be_bytes())?;
        self.to.write_all(&batch)?;
        self.to.flush()?;
        let mut len = [0; 4];
        self.from.read_exact(&mut len)?;
        let mut answer = vec![0; u32::from_be_bytes(len) as usize];
        self.from.read_exact(&mut answer)?;
        let mut rest = &answer[..];
        let mut decode = |role| decode(role, &mut rest).ok_or(io::ErrorKind::InvalidData);
        cases.iter().map(|case| Ok([decode(case.role)?, decode(case.role)?])).collect()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn decode(role: Role, rest: &mut &[u8]) -> Option<Outcome> {
    let mut outcome = Outcome::default();
    let mut sent = Vec::new();
    loop {
        let (&tag, after) = rest.split_first()?;
        let (len, after) = after.split_first_chunk()?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        *rest = after;
        outcome.end = match tag {
            b't' | b'b' => {
                outcome.messages.push(Message { is_text: tag == b't', payload: data.to_vec() });
                continue;
            }
            b'w' => {
                sent.extend(data);
                continue;
            }
            b'o' => End::Open,
            b'c' => End::Closed(data.to_vec()),
            b'f' => End::Failed(u16::from_be_bytes(data.try_into().ok()?)),
            b'a' => End::Accepted,
            b'r' => End::Refused,
            _ => End::Died,
        };
        if matches!(outcome.end, End::Accepted | End::Refused) {
            outcome.answer = sent;
            return Some(outcome);
        }
        outcome.replies = replies(role, &sent);
        if matches!(outcome.end, End::Failed(_))
            && matches!(outcome.replies.last(), Some(Reply::Close(_)))
        {
            outcome.replies.pop();
        }
        return Some(outcome);
    }
}
