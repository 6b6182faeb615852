//! A proxy that prints the conversations of any client with any server, frame by frame.
//!
//!     cargo run --release --features deflate --example inspect -- ws://127.0.0.1:9001/
//!
//! Then let the client connect to the address that it prints, 127.0.0.1:9009 or yours, instead of
//! to the server. A page that the server has comes through it, too, and what the page sends.
//! `--help` tells the options. For TLS it needs feature `rustls`; without feature `deflate`,
//! compressed messages are not inflated.
//!
//! Each line is a frame: who sent it, the header of a data frame as it was on the wire, what that
//! means, and the start of its payload, unmasked. What a terminal would obey is escaped. Frames
//! pass byte for byte, masks included. A frame that breaks a rule does not pass: both sides then
//! get the Close frame that says which rule it was.
//!
//! It shows: a `Relay` between two sockets and two threads, back-pressure (a thread reads from one
//! side when it has written to the other), and an observer that holds a decompressor.
//!
//! It leaves out: users, a limit for each address, and a decision about origins: it passes the
//! `Host` and the `Origin` on, and the server decides.

mod heads;
mod view;

#[path = "../shared/arguments.rs"]
mod arguments;
#[path = "../shared/tls.rs"]
mod tls;
#[cfg(feature = "rustls")]
#[path = "../shared/trust.rs"]
mod trust;

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpListener};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "rustls")]
use hybi::blocking::rustls::{ClientConfig, RootCertStore, crypto::ring};
use hybi::blocking::{Connector, MaybeTls, Shared, Stream, TryClone};
use hybi::connection::Transport;
use hybi::relay::{Masks, Relay, RelayConfig, Side};
use hybi::{Inbox, Uri};

use crate::arguments::Arguments;
use crate::heads::{Agreed, Opened};
use crate::tls::{Socket, Tls};
use crate::view::View;

const USAGE: &str = "\
usage: inspect [HOST:PORT] URI [OPTION]...  default: 127.0.0.1:9009
URI is the server's, such as ws://127.0.0.1:9001/; its path makes no difference.
  --heads           print the opening handshakes whole, and the start of a refusal's body
  --times           begin each line with the time, in seconds since the program began
  --payload BYTES   how much of each payload is printed (default: 120)
  --host HOST       send this Host to the server instead of the client's
  --tls CERT KEY    speak TLS with clients, with the certificates and the key in these PEM files
  --trust CERT      trust the certificates in this PEM file instead of the system's";
/// How many conversations there may be at a time. Each takes two threads.
const CONVERSATIONS_MAX: usize = 100;
/// How long either side may say nothing and take nothing before the conversation begins.
const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// How long a side may take nothing of what is written to it.
const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// How long the end of a transport is waited for.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How often a thread that reads looks whether the other thread has ended the conversation.
const LOOK_EVERY: Duration = Duration::from_millis(500);

struct Options {
    address: String,
    tls: Tls,
    prints_times: bool,
    server: Server,
}

/// The server, and how what it hears is printed.
struct Server {
    uri: Uri,
    host: Option<String>,
    prints_heads: bool,
    payload_bytes_max: usize,
    #[cfg(feature = "rustls")]
    trust: Option<Arc<ClientConfig>>,
}

fn main() -> ExitCode {
    let options = match arguments::read(USAGE, Options::parse) {
        Ok(options) => options,
        Err(code) => return code,
    };
    if options.prints_times {
        let _ = BEGAN.set(Instant::now());
    }
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut address, mut uri) = (None, None);
        let (mut payload, mut host, mut tls) = (None, None, None);
        let (mut heads, mut times) = (None, None);
        #[cfg(feature = "rustls")]
        let mut trusted = None;
        while let Some(argument) = arguments.next() {
            let option = &*argument;
            match option {
                "--payload" => {
                    let bytes = arguments.value(option)?;
                    let bytes = bytes.parse().map_err(|_| format!("{bytes:?} is no number"))?;
                    arguments::set(&mut payload, option, bytes)?;
                }
                "--host" => {
                    let name = arguments.value(option)?;
                    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                        return Err(format!("{name:?} is not a Host"));
                    }
                    arguments::set(&mut host, option, name)?;
                }
                "--tls" => {
                    let value = arguments.two_values(option, Tls::read)?;
                    arguments::set(&mut tls, option, value)?;
                }
                #[cfg(feature = "rustls")]
                "--trust" => {
                    let roots = trust::roots(&arguments.value(option)?)?;
                    arguments::set(&mut trusted, option, client_config(roots)?)?;
                }
                "--heads" => arguments::set(&mut heads, option, ())?,
                "--times" => arguments::set(&mut times, option, ())?,
                _ if argument.contains("://") => {
                    arguments::set_unnamed(&mut uri, "URI", argument)?;
                }
                _ => arguments::set_unnamed(&mut address, "address", argument)?,
            }
        }
        let uri = uri.ok_or("no URI")?;
        let address = arguments::address(address, "127.0.0.1:9009")?;
        let uri = Uri::parse_lenient(&uri).map_err(|error| error.to_string())?;
        if uri.is_secure() && cfg!(not(feature = "rustls")) {
            return Err("wss: needs a program with TLS: cargo run --features rustls".into());
        }
        Ok(Self {
            address,
            tls: tls.unwrap_or_default(),
            prints_times: times.is_some(),
            server: Server {
                uri,
                host,
                prints_heads: heads.is_some(),
                payload_bytes_max: payload.unwrap_or(120),
                #[cfg(feature = "rustls")]
                trust: trusted,
            },
        })
    }
}

/// Returns how a client trusts these certificates.
#[cfg(feature = "rustls")]
fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("--trust: {error}"))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// When the program began, if lines begin with a time.
static BEGAN: OnceLock<Instant> = OnceLock::new();

/// Prints a line. Conversations wait for it: what is missing in the log would mislead.
pub(crate) fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    // If nobody reads it, the conversations go on.
    let _ = match BEGAN.get() {
        Some(began) => writeln!(out, "{:9.3} {line}", began.elapsed().as_secs_f64()),
        None => writeln!(out, "{line}"),
    };
}

fn serve(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let Options { address, tls, server, .. } = options;
    let listener = TcpListener::bind(&address)
        .map_err(|error| format!("cannot listen at {address}: {error}"))?;
    let (s, bound) = (tls.letter(), listener.local_addr()?);
    say(format_args!("listening at http{s}://{bound} and ws{s}://{bound}"));
    let (server, open) = (Arc::new(server), Arc::new(AtomicUsize::new(0)));
    for number in 1.. {
        let socket = match listener.accept() {
            Ok((socket, _)) => socket,
            // One that has gone again; or no descriptors, until others end.
            Err(error) => {
                say(format_args!("#{number} cannot be accepted: {error}"));
                thread::sleep(LOOK_EVERY);
                continue;
            }
        };
        if open.fetch_add(1, Ordering::Relaxed) >= CONVERSATIONS_MAX {
            open.fetch_sub(1, Ordering::Relaxed);
            say(format_args!("#{number} is one too many"));
            continue;
        }
        let (tls, server, open_now) = (tls.clone(), Arc::clone(&server), Arc::clone(&open));
        let converse = move || {
            if let Err(error) = tls.wrap(socket).and_then(|client| server.converse(number, client))
            {
                say(format_args!("#{number} ended: {error}"));
            }
            open_now.fetch_sub(1, Ordering::Relaxed);
        };
        if let Err(error) = thread::Builder::new().spawn(converse) {
            open.fetch_sub(1, Ordering::Relaxed);
            say(format_args!("#{number} has no thread: {error}"));
        }
    }
    Ok(())
}

impl Server {
    /// Opens a connection to the server, as TLS or not.
    fn connect(&self) -> io::Result<Socket> {
        let connector = Connector::new().timeout(OPEN_WITHIN);
        let socket = connector.connect_tcp(&self.uri).map_err(io::Error::other)?;
        let socket = Shared::new(socket);
        #[cfg(feature = "rustls")]
        if self.uri.is_secure() {
            let stream = hybi::blocking::TlsStream::client(socket, self.trust.clone(), &self.uri)?;
            return Ok(MaybeTls::Tls(Box::new(stream)));
        }
        Ok(MaybeTls::Plain(socket))
    }

    /// Passes one conversation on, from the request to the end.
    fn converse(&self, number: usize, mut client: Socket) -> io::Result<()> {
        for time_out in [Stream::set_read_timeout, Stream::set_write_timeout] {
            time_out(&mut client, Some(OPEN_WITHIN))?;
        }
        let _ = client.set_nodelay();
        let Some(request) = heads::receive(&mut client)? else { return Ok(()) };
        let mut server = self.connect()?;
        for time_out in [Stream::set_read_timeout, Stream::set_write_timeout] {
            time_out(&mut server, Some(OPEN_WITHIN))?;
        }
        let _ = server.set_nodelay();
        let Opened { from_client, from_server, agreed } =
            heads::exchange(number, request, self, &mut client, &mut server)?;
        let config = match agreed {
            Agreed::Nothing => RelayConfig::default(),
            Agreed::Deflate => RelayConfig::default().deflate(true),
            Agreed::Unknown => return copy_both(client, server, &from_client, &from_server),
        };
        // Text is checked because users want to know whether it is UTF-8.
        let config = config.masks(Masks::Kept).check_text(true);
        let conversation = Conversation {
            number,
            relay: Mutex::new(Relay::new(config)),
            client: Mutex::new(client.try_clone()?),
            server: Mutex::new(server.try_clone()?),
            has_failed: AtomicBool::new(false),
        };
        let view = |side| View::new(number, side, self.payload_bytes_max);
        thread::scope(|scope| {
            let conversation = &conversation;
            let to_server = thread::Builder::new().spawn_scoped(scope, move || {
                conversation.pass(Side::Client, client, from_client, view(Side::Client));
            });
            if to_server.is_err() {
                return Err(io::Error::from(ErrorKind::OutOfMemory));
            }
            conversation.pass(Side::Server, server, from_server, view(Side::Server));
            Ok(())
        })?;
        say(format_args!("#{number} is over"));
        Ok(())
    }
}

/// A conversation after both opening handshakes, shared by the threads of both directions.
struct Conversation {
    number: usize,
    relay: Mutex<Relay>,
    client: Mutex<Socket>,
    server: Mutex<Socket>,
    /// Set if one of them has broken a rule. The rest then has a deadline: the frame that the
    /// Close frame waits for may never end, and the Close frame may get no answer.
    has_failed: AtomicBool,
}

impl Conversation {
    /// Passes on what one side sends, until its transport ends.
    fn pass(&self, from: Side, mut socket: Socket, mut inbox: Inbox, mut view: View) {
        let who = view::name(from);
        let timed = socket.set_read_timeout(Some(LOOK_EVERY));
        let mut over_since = None;
        loop {
            // The relay is locked for as long as it takes to look at what was read.
            let passed =
                self.relay().pass(from, &mut inbox.input(), |passing| view.observe(passing));
            if let Err(error) = passed {
                let (code, reason) = (error.close_code(), error.close_reason());
                say(format_args!("#{} {who}  {error}", self.number));
                say(format_args!("#{} both get  Close  {code} \"{reason}\"", self.number));
                self.has_failed.store(true, Ordering::Relaxed);
            }
            // Writing waits for the other side, and meanwhile nothing is read from this one.
            for side in [from.other(), from] {
                self.write(side);
            }
            let is_over = self.has_failed.load(Ordering::Relaxed)
                || self.relay().transport(from) != Transport::Keep;
            if is_over && over_since.get_or_insert_with(Instant::now).elapsed() > CLOSE_WITHIN {
                return;
            }
            match timed.as_ref().map_or(Ok(0), |()| io::Read::read(&mut socket, inbox.room())) {
                Ok(0) => break,
                Ok(n) => inbox.filled(n),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                // Such as a reset: nothing more can be read.
                Err(_) => break,
            }
        }
        let (was_open, ended) = {
            let mut relay = self.relay();
            (relay.transport(from) == Transport::Keep, relay.end_of_input(from))
        };
        // If it was to be closed, it is no news that the other end has closed it.
        if let (true, Err(cut_off)) = (was_open, ended) {
            say(format_args!("#{} {who}  {cut_off}", self.number));
        }
        for side in [from.other(), from] {
            self.write(side);
        }
    }

    /// Writes what waits for a side, and ends its transport if that is due.
    fn write(&self, side: Side) {
        let is_idle = {
            let mut relay = self.relay();
            relay.outbox(side).is_empty() && relay.transport(side) != Transport::Close
        };
        if is_idle {
            return;
        }
        let socket = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        // The thread that holds the socket takes the output, so the order of the bytes is kept.
        let mut socket = lock(socket);
        let _ = socket.set_write_timeout(Some(WRITE_WITHIN));
        let (mut out, is_all) = {
            let mut relay = self.relay();
            let is_all = relay.transport(side) == Transport::Close;
            (std::mem::take(relay.outbox(side)), is_all)
        };
        while !out.is_empty() {
            if let Err(error) = out.write_to(&mut *socket)
                && error.kind() != ErrorKind::Interrupted
            {
                // The thread that reads from it learns the same.
                let _ = socket.shutdown(Shutdown::Both);
                return;
            }
        }
        if is_all {
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    fn relay(&self) -> MutexGuard<'_, Relay> {
        lock(&self.relay)
    }
}

/// Copies both ways what the program cannot read, such as a page.
fn copy_both(
    mut client: Socket,
    mut server: Socket,
    from_client: &Inbox,
    from_server: &Inbox,
) -> io::Result<()> {
    server.write_all(from_client.unread())?;
    client.write_all(from_server.unread())?;
    let (mut to_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::scope(|scope| {
        let copying = thread::Builder::new().spawn_scoped(scope, move || {
            let _ = io::copy(&mut client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        })?;
        // Ends if the server ends, or says nothing for too long.
        let copied = io::copy(&mut server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = copying.join();
        copied.map(drop)
    })
}

/// Locks also what a thread that panicked had: it holds no promise that could be broken.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
