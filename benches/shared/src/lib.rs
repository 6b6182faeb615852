//! Parts that the benches over loopback share: the load, the clocks, the rounds, and the reports.

pub mod document;
pub mod load;
pub mod options;
pub mod process;
pub mod race;
pub mod report;
pub mod system;

use std::error::Error;
use std::process::ExitCode;

/// Returns the exit code of a bench, and prints the error with which it ended. A bench that
/// returns `false` has printed its failures.
pub fn exit_code(result: Result<bool, Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Messages of one size over so many connections, so many at a time on each.
#[derive(Clone, Copy)]
pub struct Workload {
    pub kind: load::Kind,
    pub size: usize,
    pub connections: usize,
    pub batch: usize,
}

impl Workload {
    pub fn name(&self) -> String {
        let kind = match self.kind {
            load::Kind::Binary => "",
            load::Kind::AsciiText => "text ",
        };
        format!("{kind}{}, {} × {}", self.size_name(), self.connections, self.batch)
    }

    pub fn size_name(&self) -> String {
        match self.size {
            size if size < 1 << 10 => format!("{size} B"),
            size if size < 1 << 20 => format!("{} KiB", size >> 10),
            size => format!("{} MiB", size >> 20),
        }
    }

    /// Returns whether the sockets can hold all of it. More would measure the kernel's limits.
    pub fn fits(&self) -> bool {
        self.size * self.connections * self.batch < 256 << 20
    }
}
