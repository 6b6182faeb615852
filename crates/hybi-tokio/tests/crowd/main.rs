//! A thousand connections at once, over sockets, with a random program at each end: futures that
//! are dropped, halves, pauses, closing, resets. Every message is accounted for, no task, memory or
//! descriptor is left, and the ends agree how it was closed.
//!
//! At some of the ends is not hybi but frames that are written and read by hand, so that faults do
//! not cancel each other out.
//!
//! Each seed is one run. To repeat one: `STRESS_SEED=7 cargo test --test crowd`; to run more:
//! `STRESS_RUNS=1000`, with other than a thousand connections: `STRESS_CONNECTIONS=10`. The actions
//! of a program follow from the seed, but not their times: a failure may need several runs to come
//! back.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../../tests/common/counting.rs"]
mod counting;
mod end;
#[cfg(feature = "http2")]
mod http2;
mod messages;
mod plan;
mod raw;
#[cfg(feature = "rustls")]
mod tls;

use std::collections::HashMap;
use std::future::Future;
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;

use common::Random;
use counting::ALL_LIVE;
use hybi::connection::Closed;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi::{Config, Connection, Inbox, Uri};
use hybi_tokio::{Acceptor, Connector, WebSocket};
use messages::check_arrived;
use plan::{FOREVER, Io, Leaving, Report};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::task::{Id, JoinSet, yield_now};
use tokio::time::timeout;

/// All connections of a run.
struct Crowd {
    random: Random,
    pairs: Vec<Pair>,
    tasks: JoinSet<Report>,
    /// Which end a task is: the number of the connection, and 0 for the client.
    ends: HashMap<Id, (usize, usize)>,
}

struct Pair {
    leaving: [Leaving; 2],
    reports: [Option<Report>; 2],
}

impl Crowd {
    fn new(seed: u64) -> Self {
        let (pairs, tasks, ends) = (Vec::new(), JoinSet::new(), HashMap::new());
        Self { random: Random::new(seed), pairs, tasks, ends }
    }

    /// Starts the tasks of a connection.
    fn spawn<C, S>(
        &mut self,
        leaving: [Leaving; 2],
        client: impl FnOnce(Random) -> C,
        server: impl FnOnce(Random) -> S,
    ) where
        C: Future<Output = Report> + Send + 'static,
        S: Future<Output = Report> + Send + 'static,
    {
        let number = self.pairs.len();
        self.pairs.push(Pair { leaving, reports: [None, None] });
        let client = self.tasks.spawn(client(Random::new(self.random.next())));
        let server = self.tasks.spawn(server(Random::new(self.random.next())));
        self.ends.insert(client.id(), (number, 0));
        self.ends.insert(server.id(), (number, 1));
    }

    /// Starts both ends over a stream, with their handshake.
    fn spawn_with_handshake<S: Io, T: Io>(&mut self, near: S, far: T) {
        let leaving = Leaving::pair(&mut self.random);
        let config = self.config();
        let terms = config;
        self.spawn(
            leaving,
            move |random| async move {
                let uri = Uri::parse("ws://localhost/").unwrap();
                let request = ClientRequest::new(&uri).config(config);
                let connector = Connector::new().timeout(FOREVER);
                let ws = connector.connect_over(near, &request).await.unwrap();
                end::run(ws, random, leaving[0]).await
            },
            move |random| async move {
                let acceptor = Acceptor::new().timeout(FOREVER);
                let pending = acceptor.receive_request(far).await.unwrap();
                let terms = Acceptance::from_any_origin().config(terms);
                end::run(pending.accept(&terms).await.unwrap(), random, leaving[1]).await
            },
        );
    }

    /// Sometimes with compression, which takes much memory and time.
    fn config(&mut self) -> Config {
        #[cfg(feature = "deflate")]
        if self.random.one_in(10) {
            return Config::default().deflate(hybi::extension::deflate::DeflateConfig::default());
        }
        Config::default()
    }

    fn spawn_with_raw_client(&mut self, near: TcpStream, far: TcpStream) {
        let leaving = Leaving::pair(&mut self.random);
        let ws = WebSocket::new(far, Connection::server(Config::default()), Inbox::new());
        self.spawn(
            leaving,
            |random| raw::run(near, true, random, leaving[0]),
            |random| end::run(ws, random, leaving[1]),
        );
    }

    fn spawn_with_raw_server(&mut self, near: TcpStream, far: TcpStream) {
        let leaving = Leaving::pair(&mut self.random);
        let ws = WebSocket::new(near, Connection::client(Config::default()), Inbox::new());
        self.spawn(
            leaving,
            |random| end::run(ws, random, leaving[0]),
            |random| raw::run(far, false, random, leaving[1]),
        );
    }

    /// Waits for all tasks, and checks what came of them.
    async fn join(mut self) {
        while !self.tasks.is_empty() {
            let next = timeout(FOREVER, self.tasks.join_next_with_id()).await;
            match next.unwrap_or_else(|_| self.panic_about_those_who_wait()) {
                None => break,
                Some(Ok((id, report))) => {
                    let (number, at) = self.ends.remove(&id).unwrap();
                    self.pairs[number].reports[at] = Some(report);
                }
                Some(Err(error)) => {
                    let (number, at) = self.ends[&error.id()];
                    let leaving = self.pairs[number].leaving;
                    eprintln!("end {at} of connection {number} ({leaving:?}) has panicked");
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
        for (number, Pair { leaving, reports }) in self.pairs.into_iter().enumerate() {
            let [Some(client), Some(server)] = reports else { panic!("both are done") };
            let checked = std::panic::catch_unwind(|| check(leaving, &client, &server));
            if let Err(panic) = checked {
                eprintln!(
                    "connection {number} ({leaving:?}) was closed with {:?} and {:?}",
                    client.closed, server.closed
                );
                std::panic::resume_unwind(panic);
            }
        }
    }

    fn panic_about_those_who_wait(&self) -> ! {
        print_sockets();
        let mut ends = self.ends.values().collect::<Vec<_>>();
        ends.sort();
        ends.truncate(10);
        let ends = ends.iter().map(|(number, at)| (number, at, self.pairs[*number].leaving));
        let ends = ends.collect::<Vec<_>>();
        panic!("{} ends have waited for {FOREVER:?} for nothing: {ends:?} …", self.ends.len());
    }
}

/// Checks what came of a connection.
fn check(leaving: [Leaving; 2], client: &Report, server: &Report) {
    for (leaving, from, to) in [(leaving[1], client, server), (leaving[0], server, client)] {
        // A Close frame comes after everything that was queued before.
        let is_clean = to.closed.as_ref().is_some_and(Closed::was_clean);
        check_arrived(&from.sent, &to.got, is_clean && leaving != Leaving::Terminate);
    }
    if !leaving.into_iter().all(Leaving::is_orderly) {
        return;
    }
    assert_eq!(client.io_failures + server.io_failures, 0);
    let codes = [client, server].map(|end| {
        let closed = end.closed.as_ref().expect("it was asked");
        assert!(closed.was_clean(), "{closed}");
        closed.code()
    });
    // A Close frame is answered with its code (RFC 6455 §5.5.1). If both close, the frames may
    // cross.
    let is_agreed = match [leaving[0].code(true), leaving[1].code(false)] {
        [Some(client), Some(server)] => {
            [[client, client], [server, server], [server, client]].contains(&codes)
        }
        [Some(code), None] | [None, Some(code)] => codes == [code, code],
        [None, None] => false,
    };
    assert!(is_agreed, "the ends do not agree");
}

/// Runs `start` with each seed in a runtime of its own, and compares what there is before and
/// after.
fn check_runs(name: &str, count: u64, has_threads: bool, start: impl Start) {
    if std::env::var_os("STRESS_CHILD").is_none() {
        return run_in_a_process_of_its_own(name);
    }
    let seeds = match number("STRESS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STRESS_RUNS").unwrap_or(1),
    };
    let count = number("STRESS_CONNECTIONS").unwrap_or(count) as usize;
    // A run that is not measured: some things are allocated once and stay.
    run(u64::MAX, 50.min(count), has_threads, start);
    let before = (ALL_LIVE.load(SeqCst), descriptors());
    for seed in seeds {
        eprintln!("STRESS_SEED={seed}");
        run(seed, count, has_threads, start);
        let after = (ALL_LIVE.load(SeqCst), descriptors());
        assert_eq!(before, after, "the bytes and descriptors before and after");
    }
}

/// Starts so many connections.
trait Start: AsyncFn(&mut Crowd, usize) + Copy + Send + 'static {}

impl<F: AsyncFn(&mut Crowd, usize) + Copy + Send + 'static> Start for F {}

/// In a thread that ends, because each has buffers.
fn run(seed: u64, count: usize, has_threads: bool, start: impl Start) {
    let run = move || {
        let mut builder = match has_threads {
            true => Builder::new_multi_thread(),
            false => Builder::new_current_thread(),
        };
        let runtime = builder.worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut crowd = Crowd::new(seed);
            start(&mut crowd, count).await;
            crowd.join().await;
            // A task that is done may take a moment to go.
            let alive = || Handle::current().metrics().num_alive_tasks();
            let gone = async {
                while alive() > 0 {
                    yield_now().await;
                }
            };
            let gone = timeout(FOREVER, gone).await;
            assert!(gone.is_ok(), "{} tasks are left", alive());
        });
    };
    if let Err(panic) = std::thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a test of this file alone: so nothing else allocates. It also needs more descriptors than
/// many systems give without being asked.
fn run_in_a_process_of_its_own(name: &str) {
    let this = std::env::current_exe().unwrap();
    let script = "ulimit -n 4096 || exit; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(this).env("STRESS_CHILD", "1");
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{text}{errors}");
    assert!(output.status.success(), "it failed in a process of its own");
    assert!(text.contains("1 passed"), "it did not run");
}

/// Prints what the system knows of the sockets, if it has `ss`. If nothing is unread, and unsent
/// bytes wait for a timer, the fault is not ours. If bytes are unread, or nothing is unsent, it is.
fn print_sockets() {
    let Ok(output) = Command::new("ss").args(["-tnoipOH"]).output() else { return };
    let ours = format!("pid={},", std::process::id());
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().filter(|line| line.contains(&ours)).take(40).for_each(|line| eprintln!("{line}"));
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// How many descriptors are open, where the system tells.
fn descriptors() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

/// Connects so many pairs of sockets, half of them with little room in the system's buffers.
async fn connect(random: &mut Random, count: usize) -> Vec<(TcpStream, TcpStream)> {
    let mut listeners = Vec::new();
    for is_small in [false, true] {
        let socket = socket(is_small);
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        listeners.push(socket.listen(128).unwrap());
    }
    let mut pairs = Vec::new();
    for _ in 0..count {
        let is_small = random.one_in(2);
        let listener: &TcpListener = &listeners[usize::from(is_small)];
        let connect = socket(is_small).connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(connect, listener.accept());
        pairs.push((near.unwrap(), far.unwrap().0));
    }
    pairs
}

fn socket(is_small: bool) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    if is_small {
        // With 4 KiB, connections rarely stand still for seconds or more. That is TCP: plain
        // sockets did so for 13 s, with an empty queue at the receiver. Its window was smaller than
        // a segment (1,622 of 2,048 bytes), and Linux tells of a larger one only if it is twice as
        // large. So the sender waits for its persist timer, which doubles each time. With the sizes
        // below, plain sockets stood still for 0.04 s at most in 100,000 connections.
        socket.set_send_buffer_size(16 << 10).unwrap();
        socket.set_recv_buffer_size(32 << 10).unwrap();
    }
    socket
}

async fn over_tcp(crowd: &mut Crowd, count: usize) {
    for (near, far) in connect(&mut crowd.random, count).await {
        match crowd.random.below(4) {
            0 => crowd.spawn_with_raw_client(near, far),
            1 => crowd.spawn_with_raw_server(near, far),
            _ => crowd.spawn_with_handshake(near, far),
        }
    }
}

#[test]
fn a_thousand_connections_lose_nothing_and_leave_nothing() {
    check_runs("a_thousand_connections_lose_nothing_and_leave_nothing", 1_000, true, over_tcp);
}

#[test]
fn nor_do_they_in_one_thread() {
    check_runs("nor_do_they_in_one_thread", 1_000, false, over_tcp);
}

#[cfg(feature = "rustls")]
#[test]
fn nor_do_a_hundred_over_tls() {
    check_runs("nor_do_a_hundred_over_tls", 100, true, tls::start);
}

#[cfg(feature = "http2")]
#[test]
fn nor_do_a_hundred_over_http2() {
    check_runs("nor_do_a_hundred_over_http2", 100, true, http2::start);
}
