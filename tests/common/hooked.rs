//! A socket whose reads and writes a test watches or replaces.
#![allow(unreachable_pub)]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use hybi::blocking::{Stream, TryClone};

/// How a test changes the calls of its sockets.
pub trait Hook: Clone + Send + Sync + 'static {
    fn read(&self, socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        socket.read(buffer)
    }

    fn write(&self, socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        socket.write(bytes)
    }
}

pub struct Hooked<H> {
    pub socket: TcpStream,
    pub hook: H,
}

impl<H: Hook> Read for Hooked<H> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.hook.read(&mut self.socket, buffer)
    }
}

impl<H: Hook> Write for Hooked<H> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hook.write(&mut self.socket, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl<H: Hook> Stream for Hooked<H> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Stream::set_read_timeout(&mut self.socket, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Stream::set_write_timeout(&mut self.socket, timeout)
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&mut self.socket, how)
    }

    fn has_independent_directions(&self) -> bool {
        true
    }
}

impl<H: Hook> TryClone for Hooked<H> {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, hook: self.hook.clone() })
    }
}
