//! What no client and no terminal may do to the programs: harm other clients, end the program, or
//! make it hold more memory than it said.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use hybi::blocking;

use crate::program::{Program, Talker, example};

/// A size that a message of a person never has.
const LARGE: usize = 256 << 10;

#[test]
fn a_message_that_is_too_long_is_refused_to_its_sender_and_nobody_else_notices() {
    let mut endpoints = Program::start("endpoints", &[]);
    let name = crate::endpoints::allocate(&mut endpoints, "WS");
    let path = format!("/{name}");
    let (sender, others) = (endpoints.client(&path), [(); 3].map(|()| endpoints.client(&path)));
    let connected = [1, 2, 3, 4].map(|number| format!("{name}: {number} connected"));
    endpoints.lines_in_any_order(&connected.each_ref().map(|line| &**line));
    sender.writer.send(&*vec![b'x'; LARGE]).unwrap();
    assert_eq!(sender.end().code(), 1009);
    endpoints.line(" failed: "); // a moment later: now it is not counted any more
    for other in &others {
        other.send("still here");
        for receiver in &others {
            assert_eq!(receiver.text(), "still here");
        }
    }
    endpoints.type_line(&format!("clients {name}"));
    endpoints.line("3 clients");
}

/// An output that nobody takes.
#[derive(Clone, Copy, Debug)]
enum Gone {
    /// A pipe whose reader has left: writing fails with `BrokenPipe`.
    Closed,
    /// A full disk: writing fails with `StorageFull`.
    #[cfg(target_os = "linux")]
    Full,
}

impl Gone {
    #[cfg(target_os = "linux")]
    const ALL: [Self; 2] = [Self::Closed, Self::Full];
    #[cfg(not(target_os = "linux"))]
    const ALL: [Self; 1] = [Self::Closed];

    fn output(self) -> Stdio {
        match self {
            Self::Closed => std::io::pipe().unwrap().1.into(),
            #[cfg(target_os = "linux")]
            Self::Full => std::fs::File::options().write(true).open("/dev/full").unwrap().into(),
        }
    }
}

#[test]
fn a_line_at_the_terminal_that_is_not_utf8_is_an_error_and_the_next_is_obeyed() {
    for (name, answer) in
        [("chat", "0 users"), ("push", "0 connections"), ("endpoints", "of 5 endpoints")]
    {
        let mut server = Program::start(name, &[]);
        server.type_bytes(b"li\xffst\n");
        server.line("error: that line is not UTF-8");
        server.type_line("list");
        server.line(answer);
    }
}

const PROGRAMS: [&str; 8] =
    ["chat", "client", "echo_server", "endpoints", "handlers", "inspect", "push", "upload"];

/// `chat --bogus 2>&1 | head -1`, and its whole kind.
#[test]
fn no_program_panics_because_nobody_takes_what_it_prints() {
    for gone in Gone::ALL {
        for name in PROGRAMS {
            let run = |argument: &str| {
                let mut command = example(name);
                command.arg(argument).stdin(Stdio::null()).stdout(gone.output());
                command.stderr(gone.output()).status().unwrap().code()
            };
            assert_eq!(run("--bogus"), Some(2), "{name}, {gone:?}");
            assert_ne!(run("--help"), Some(101), "{name}, {gone:?}");
            assert_ne!(run("not an address"), Some(101), "{name}, {gone:?}");
        }
    }
}

/// Returns an address at which nobody listens.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A process; killed when dropped.
pub struct Running(Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    #[track_caller]
    pub fn must_be_running(&mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None, "it has ended");
    }

    /// Connects as soon as it listens.
    #[track_caller]
    pub fn connect(&mut self, address: &str) -> TcpStream {
        loop {
            if let Ok(stream) = TcpStream::connect(address) {
                return stream;
            }
            self.must_be_running();
            std::thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn servers_serve_on_if_nobody_takes_what_they_print() {
    for gone in Gone::ALL {
        for (name, path, answer) in [
            ("chat", "/", "200"),
            ("echo_server", "/", "200"),
            ("endpoints", "/", "200"),
            ("handlers", "/", "426"),
            ("push", "/no", "404"),
            ("small_chat", "/no", "404"),
        ] {
            let address = free_address();
            let mut command = example(name);
            command.arg(&address).stdout(gone.output()).stderr(gone.output());
            let mut process = Running::start(&mut command);
            for request in
                ["nonsense\r\n\r\n", &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")]
            {
                let mut stream = process.connect(&address);
                stream.write_all(request.as_bytes()).unwrap();
                let mut response = String::new();
                stream.read_to_string(&mut response).unwrap();
                let status = if request.starts_with("GET") { answer } else { "400" };
                assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{name}: {response}");
            }
            process.must_be_running();
        }
    }
}

/// A terminal that stalls: nobody reads, and the pipe is full.
#[cfg(target_os = "linux")]
#[test]
fn nobody_waits_for_a_log_that_stalls() {
    const PIPE_BYTES: usize = 64 << 10; // Linux's default
    let address = free_address();
    let (_stalled, mut full) = std::io::pipe().unwrap();
    full.write_all(&[b' '; PIPE_BYTES]).unwrap();
    let mut command = example("chat");
    let mut process = Running::start(command.arg(&address).stdout(Stdio::null()).stderr(full));
    drop(process.connect(&address));
    let uri = format!("ws://{address}/chat");
    let come = || {
        let user = Talker::new(blocking::connect(&uri).unwrap());
        assert!(user.text().contains("welcome"));
        user
    };
    let mut users = [come(), come(), come()];
    for round in 0..3 {
        let line = format!("round {round}");
        users[round].send(&format!("{{\"line\":\"{line}\"}}"));
        for user in &users {
            while !user.text().contains(&line) {}
        }
        // Coming and going is logged, too.
        users[round] = come();
    }
}

/// Who wants to close the client that floods it must see its number.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_at_the_terminal_is_not_lost_because_the_log_is_full() {
    let log = std::env::temp_dir().join(format!("hybi-full-log-{}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    // Linux opens a pipe for both ends at once.
    let mut pipe = std::fs::File::options().read(true).write(true).open(&log).unwrap();
    let program = example("chat");
    let script =
        format!("exec {} 127.0.0.1:0 2> {}", program.get_program().display(), log.display());
    let mut chat = Program::run(Command::new("sh").args(["-c", &script]));
    std::fs::remove_file(&log).unwrap();
    let user = chat.client("/chat");
    assert!(user.text().contains("welcome"));
    // More than may wait, with what is in the pipe.
    for _ in 0..5_000 {
        user.send("no JSON");
        assert!(user.text().contains("error"));
    }
    chat.type_line("list");
    chat.type_line("say listed");
    assert!(user.text().contains("listed"));
    std::thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()));
    chat.line("1 user");
}

/// With 16 descriptors, fewer than the clients: `accept` fails, and the program says so to nobody.
#[cfg(target_os = "linux")]
#[test]
fn servers_go_on_when_descriptors_run_out_and_nobody_takes_what_they_print() {
    for name in ["chat", "echo_server", "small_chat"] {
        let address = free_address();
        let limited = "ulimit -n 16; exec \"$0\" \"$1\"";
        let mut command = Command::new("sh");
        command.args(["-c", limited]).arg(example(name).get_program()).arg(&address);
        command.stdout(Stdio::null()).stderr(Gone::Closed.output());
        let mut process = Running::start(&mut command);
        let idle: Vec<TcpStream> = (0..32).map(|_| process.connect(&address)).collect();
        // The listener's file descriptors are used up. This one is served once others have left.
        let mut late = process.connect(&address);
        late.write_all(b"GET /no HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        while open_descriptors(process.0.id()) < 16 {
            process.must_be_running();
            std::thread::yield_now();
        }
        drop(idle);
        let mut response = String::new();
        late.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 404"), "{name}: {response}");
        process.must_be_running();
    }
}

/// There is address space for the stacks of 15 threads, and of most of another one for the rest.
#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_a_server_that_can_start_no_thread() {
    for name in ["chat", "endpoints", "push"] {
        let limited = "ulimit -v 1048576; exec \"$0\" 127.0.0.1:0";
        let mut command = Command::new("sh");
        command.args(["-c", limited]).arg(example(name).get_program());
        command.env("RUST_MIN_STACK", (64 << 20).to_string()).env("MALLOC_ARENA_MAX", "1");
        let mut server = Program::run(&mut command);
        let mut idle = Vec::new();
        while !server.has_said("no thread") {
            idle.push(TcpStream::connect(&server.address).unwrap());
        }
        server.interrupt();
        server.line("the end; 0 connections had to be dropped");
        assert!(server.wait().success(), "{name}");
    }
}

#[cfg(target_os = "linux")]
fn open_descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

/// The memory of a process in KiB: `VmRSS` now, `VmHWM` at most so far.
#[cfg(target_os = "linux")]
fn memory(process: u32, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Nobody reads the log, and what a client says is long in it.
#[cfg(target_os = "linux")]
#[test]
fn a_log_that_stalls_does_not_fill_the_memory() {
    const KIB_MAX: usize = 48 << 10;
    let address = free_address();
    let (_stalled, full) = std::io::pipe().unwrap();
    let mut command = example("push");
    let mut process = Running::start(command.arg(&address).stdout(Stdio::null()).stderr(full));
    drop(process.connect(&address));
    let mut client = blocking::connect(&format!("ws://{address}/async")).unwrap();
    let escaped = "\u{1}".repeat(60_000); // five times as long in the log
    (0..1_000).for_each(|_| client.send(&*escaped).unwrap());
    client.close(hybi::CloseCode::NORMAL, "").unwrap();
    while client.receive().unwrap().is_some() {}
    let peak = memory(process.0.id(), "VmHWM:");
    assert!(peak < KIB_MAX, "{peak} KiB");
}

/// `push` keeps 128 KiB of what each client says. A message in parts comes in a larger buffer.
#[cfg(target_os = "linux")]
#[test]
fn short_messages_in_parts_that_nobody_reads_take_little_memory() {
    const CLIENTS: usize = 50;
    let mut push = Program::start("push", &[]);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| push.connect("/async").unwrap()).collect();
    let mut say = |messages: usize, bytes: usize| {
        for client in &mut clients {
            for _ in 0..messages {
                client.send_part("a").unwrap();
                client.send_part(&*"b".repeat(bytes)).unwrap();
                client.send_last_part("").unwrap();
            }
            // The pong tells that the server has heard everything.
            client.ping(b"?").unwrap();
            while !matches!(client.receive_event().unwrap(), Some(hybi::Event::Pong(_))) {}
        }
    };
    say(1, 1);
    let before = memory(push.id(), "VmRSS:");
    say(100, 1_100);
    let kept = memory(push.id(), "VmRSS:").saturating_sub(before);
    assert!(kept < CLIENTS * 320, "{kept} KiB");
    push.type_line("read 1");
    push.line("1 message before was dropped");
}

#[cfg(all(target_os = "linux", feature = "deflate"))]
mod memory {
    use hybi::blocking::{ClientSocket, Connector};
    use hybi::extension::deflate::DeflateConfig;
    use hybi::handshake::ClientRequest;
    use hybi::{Config, Uri};

    use super::*;

    const CLIENTS: usize = 25;

    /// An echo server whose allocator has these settings.
    fn start(settings: &[(&str, &str)]) -> Program {
        let mut command = example("echo_server");
        let command = command.arg("127.0.0.1:0").envs(settings.iter().copied());
        Program::run(command)
    }

    /// Clients with 16 KiB of input, 16 MiB of text, and no end of the message.
    fn unfinished(server: &Program) -> Vec<ClientSocket> {
        let uri = Uri::parse(&format!("ws://{}/", server.address)).unwrap();
        let config = Config::default().deflate(DeflateConfig::default());
        let zeros = vec![0; (16 << 20) - 1];
        let clients = (0..CLIENTS).map(|_| {
            let request = ClientRequest::new(&uri).config(config);
            let mut ws = Connector::new().connect(&request).unwrap();
            ws.send_part(&*zeros).unwrap();
            // The pong tells that the server has read it; or the server has closed.
            let _ = ws.ping(b"?");
            let _ = ws.receive_event();
            ws
        });
        clients.collect()
    }

    #[test]
    fn unfinished_compressed_messages_do_not_fill_the_memory_of_the_echo_server() {
        /// What the server gives to all messages in progress, and a third of it for everything
        /// else.
        const KIB_MAX: usize = (96 + 32) << 10;

        // By default glibc keeps much of what is freed, for later: that is not to be measured.
        let server = start(&[("MALLOC_MMAP_THRESHOLD_", "131072")]);
        let clients = unfinished(&server);
        let peak = memory(server.id(), "VmHWM:");
        assert!(peak < KIB_MAX, "{peak} KiB");
        drop(clients);
        // Everybody else is served as ever.
        let mut good = server.connect("/").unwrap();
        let large = vec![1; 16 << 20];
        good.send(&*large).unwrap();
        assert_eq!(good.receive().unwrap().unwrap().as_bytes(), large);
    }

    /// `cargo test --features deflate --test systems -- --ignored --nocapture what_the_allocator`
    #[test]
    #[ignore = "a measurement: what the process keeps after large messages"]
    fn what_the_allocator_keeps_of_memory_that_has_been_freed() {
        const ROUNDS: usize = 12;
        for settings in [
            &[][..],
            &[("MALLOC_ARENA_MAX", "2")],
            &[("MALLOC_ARENA_MAX", "1")],
            &[("MALLOC_MMAP_THRESHOLD_", "131072")],
        ] {
            let server = start(settings);
            let (before, few) = (memory(server.id(), "VmRSS:"), open_descriptors(server.id()));
            println!("{settings:?}: {before} KiB before");
            for round in 1..=ROUNDS {
                let clients = unfinished(&server);
                let held = memory(server.id(), "VmRSS:");
                drop(clients);
                while open_descriptors(server.id()) > few {
                    std::thread::yield_now(); // until all connections have ended
                }
                let kept = memory(server.id(), "VmRSS:");
                println!("  round {round}: {held} KiB held, {kept} KiB kept");
            }
        }
    }
}
