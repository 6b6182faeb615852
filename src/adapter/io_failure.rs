//! I/O errors that are kept: those of `std` cannot be cloned.

use std::boxed::Box;
use std::io;
use std::string::ToString;

/// An I/O error that can be returned more than once: its kind, its number and its text are kept.
#[derive(Clone, Debug)]
pub struct IoFailure {
    kind: io::ErrorKind,
    os: Option<i32>,
    text: Box<str>,
}

impl IoFailure {
    /// Keeps an error.
    #[must_use]
    pub fn new(error: &io::Error) -> Self {
        Self { kind: error.kind(), os: error.raw_os_error(), text: error.to_string().into() }
    }

    /// Returns the error again.
    #[must_use]
    pub fn to_error(&self) -> io::Error {
        match self.os {
            Some(os) => io::Error::from_raw_os_error(os),
            None => io::Error::new(self.kind, &*self.text),
        }
    }
}
