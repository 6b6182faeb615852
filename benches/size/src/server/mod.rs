//! The servers. Each runs in a child of its own, in one thread but for the hub, and takes orders
//! from its standard input.

mod event_loop;
mod hub;
mod tokio_runtime;

use hybi::connection::Prepared;
use hybi::keepalive::KeepaliveConfig;
use hybi_bench_shared::system;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Sends a message to all connections so many times, and returns once all have been given it.
type Broadcast = Box<dyn FnMut(&Prepared, usize) -> Result<()>>;

pub struct Server {
    pub name: &'static str,
    /// True if its idle connections are measured.
    pub is_idle: bool,
    /// True if it answers messages, and pings.
    pub echoes: bool,
    /// The most connections to which it broadcasts.
    pub receivers_max: usize,
    start: fn(TcpListener, KeepaliveConfig) -> Result<Broadcast>,
}

/// The server with which the others are compared.
pub const BARE: &str = "bare sockets (limit)";

pub const SERVERS: &[Server] = &[
    Server {
        name: BARE,
        is_idle: false,
        echoes: false,
        receivers_max: usize::MAX,
        start: event_loop::start_bare,
    },
    Server {
        name: "hybi, mio loop",
        is_idle: true,
        echoes: true,
        receivers_max: usize::MAX,
        start: event_loop::start,
    },
    Server {
        name: "hybi-tokio",
        is_idle: true,
        echoes: true,
        receivers_max: 0,
        start: tokio_runtime::start_echo,
    },
    Server {
        name: "hybi-tokio, a loop over writers",
        is_idle: false,
        echoes: false,
        receivers_max: usize::MAX,
        start: tokio_runtime::start_writers,
    },
    Server {
        name: "hybi-tokio, a channel",
        is_idle: true,
        echoes: false,
        receivers_max: usize::MAX,
        start: tokio_runtime::start_channel,
    },
    // Two threads for each connection: with more, other programs would find no thread any more.
    Server {
        name: "hybi, hub",
        is_idle: false,
        echoes: false,
        receivers_max: 5_000,
        start: hub::start,
    },
];

/// The payload of this length that all messages have.
pub fn payload(len: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(len).collect()
}

/// Runs the server of this name until standard input ends, and answers each line of that.
pub fn run(name: &str, ping_after: Duration) -> Result<()> {
    let server = SERVERS.iter().find(|server| server.name == name).ok_or("no such server")?;
    system::raise_open_files()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let keepalive = KeepaliveConfig::default().ping_after(ping_after);
    let mut broadcast = (server.start)(listener, keepalive)?;
    println!("{port}");
    for line in io::stdin().lines() {
        let line = line?;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["heap"] => println!("{}", system::heap()),
            ["broadcast", len, times] => {
                broadcast(&Prepared::new(&payload(len.parse()?)[..]), times.parse()?)?;
                println!("done");
            }
            _ => return Err(format!("no such order: {line}").into()),
        }
    }
    Ok(())
}
