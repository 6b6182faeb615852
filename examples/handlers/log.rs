//! [`LogFile`]: a log file of bounded size.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use super::print::{self, Level, Time};

/// How many lines may wait for the disk. Further ones are lost.
const LINES_MAX: usize = 1_000;
/// How long the end of a program waits for lines that have not been written.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// A log file. Each line has the time (UTC), the address of the client or `-`, and a text, in which
/// control characters are escaped: no client can write a line of its own.
///
/// Once it is longer than it may be, it is renamed to `NAME.old`, in place of the one before, and a
/// new one begins. Pipes and devices are never renamed. A thread writes, so a stalled disk stops
/// nobody.
#[derive(Clone)]
pub(crate) struct LogFile(SyncSender<Line>);

enum Line {
    Text(String),
    /// Everything before has been written when this is dropped.
    End(#[expect(dead_code, reason = "it is there to be dropped")] SyncSender<()>),
}

impl LogFile {
    /// Opens a log file, or creates it. Lines are appended.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let mut output = Output::open(path, bytes_max)?;
        let (sender, lines) = mpsc::sync_channel(LINES_MAX);
        let thread = thread::Builder::new().name("log".into());
        thread.spawn(move || output.write_all(lines))?;
        Ok(Self(sender))
    }

    /// Appends a line. Does not wait.
    pub(crate) fn write(&self, address: Option<SocketAddr>, text: impl Display) {
        let address = address.map_or_else(|| "-".into(), |address| address.to_string());
        let text = text.to_string();
        let line = format!("{} {address} {}\n", Time::now(), hybi::escaped(&text));
        let _ = self.0.try_send(Line::Text(line));
    }

    /// Waits until all lines have been written, or for two seconds.
    pub(crate) fn flush(&self) {
        let (sender, written) = mpsc::sync_channel(0);
        let lines = self.0.clone();
        // In a thread, because lines that wait may have to be written before there is a place.
        let thread = thread::Builder::new().name("flush".into());
        if thread.spawn(move || lines.send(Line::End(sender))).is_ok() {
            let _ = written.recv_timeout(FLUSH_WITHIN); // the sender was dropped, or it took longer
        }
    }
}

struct Output {
    file: File,
    path: PathBuf,
    bytes: u64,
    bytes_max: u64,
}

impl Output {
    fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let metadata = file.metadata()?;
        let (path, bytes_max) = if metadata.is_file() {
            (fs::canonicalize(path)?, bytes_max) // not the link, which may be /dev/stdout
        } else {
            (path.into(), u64::MAX) // a pipe or a device has no size, and nobody may move it
        };
        Ok(Self { file, path, bytes: metadata.len(), bytes_max })
    }

    fn write_all(&mut self, lines: Receiver<Line>) {
        let mut has_failed = false;
        for line in lines {
            let Line::Text(line) = line else { continue };
            // A disk that is full is no reason to stop. It is told once, until there is room again.
            let written = self.write(&line);
            let failed_before = std::mem::replace(&mut has_failed, written.is_err());
            if let Err(error) = written
                && !failed_before
            {
                let text = format_args!("cannot write the log {}: {error}", self.path.display());
                print::note(Level::Warning, None, text);
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let len = line.len() as u64;
        if self.bytes > 0 && self.bytes.saturating_add(len) > self.bytes_max {
            let mut old = self.path.clone().into_os_string();
            old.push(".old");
            match fs::rename(&self.path, old) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {} // was moved away
                renamed => renamed?,
            }
            *self = Self::open(&self.path, self.bytes_max)?;
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes = self.bytes.saturating_add(len);
        Ok(())
    }
}
