//! A server in a process of its own, so that neither process needs more than one file descriptor
//! for a connection, and each has its own clock and memory.

use std::io::{self, BufRead, BufReader, Lines, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A server that runs until this is dropped. It says its port in its first line, and ends with its
/// standard input.
pub struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    pub address: SocketAddr,
}

impl Process {
    /// Starts a server, and waits for it to say its port.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => {
                let output = BufReader::new(output).lines();
                let mut process =
                    Self { child, input, output, address: (Ipv4Addr::LOCALHOST, 0).into() };
                let port = process.answer()?.trim().parse();
                let silent = |_| io::Error::other("the server has not said its port");
                process.address.set_port(port.map_err(silent)?);
                Ok(process)
            }
            _ => Err(io::Error::other("the server has no pipes")),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line to a server that reads some.
    pub fn order(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.input, "{line}")
    }

    /// Reads a line from the server.
    pub fn answer(&mut self) -> io::Result<String> {
        self.output.next().unwrap_or_else(|| Err(io::Error::other("the server has ended")))
    }

    /// Returns the bytes of the heap of a server that answers each line with them, once it has done
    /// all it had to: they stay the same.
    pub fn heap(&mut self) -> io::Result<usize> {
        let (mut last, mut same) = (0, 0);
        while same < 5 {
            thread::sleep(Duration::from_millis(20));
            self.order("heap")?;
            let heap = self.answer()?.parse().map_err(io::Error::other)?;
            same = if heap == last { same + 1 } else { 0 };
            last = heap;
        }
        Ok(last)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
