//! hybi next to every other implementation that can be driven in memory: see README.md.

mod columns;
mod memory;
mod peer;
mod peers;
mod pipe;
mod race;
mod report;
mod workload;

use peer::{Count, Kind, Peer, Role};
use pipe::Pipe;
use race::{Contender, Race};
use report::{Report, Table};
use std::path::PathBuf;
use std::process::ExitCode;
use workload::{Load, PLACES};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

struct Options {
    filters: Vec<String>,
    out: PathBuf,
    rounds: usize,
}

const USAGE: &str = "cargo run --release -- [--out DIR] [--columns | [--rounds N] [FILTER]...]\n\
    --columns measures nothing and shows default.json, native.json and plain.json as one table.\n\
    A filter selects the workloads whose name contains it; @NAME selects implementations (limits always run).";

fn main() -> ExitCode {
    let mut options = Options {
        filters: Vec::new(),
        out: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/results")),
        rounds: 101,
    };
    let mut columns = false;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--out" => options.out = args.next().expect(USAGE).into(),
            "--rounds" => options.rounds = args.next().and_then(|n| n.parse().ok()).expect(USAGE),
            "--columns" => columns = true,
            flag if flag.starts_with('-') => {
                eprintln!("{USAGE}");
                return ExitCode::FAILURE;
            }
            filter => options.filters.push(filter.to_lowercase()),
        }
    }
    if columns {
        return match columns::print(&options.out) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error}", options.out.display());
                ExitCode::FAILURE
            }
        };
    }
    let mut bench = Bench { options, report: Report::default(), wrong: 0 };
    bench.receiving();
    bench.sending();
    bench.handshake();
    bench.client_handshake();
    bench.deflate();
    bench.memory();
    bench.report.write(&bench.options.out);
    if bench.wrong > 0 {
        eprintln!("{} wrong answers: those are not in the tables", bench.wrong);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

struct Bench {
    options: Options,
    report: Report,
    wrong: usize,
}

impl Bench {
    fn receiving(&mut self) {
        use Kind::{Binary, Text};
        use Role::{Client, Server};
        let binary = |role, len| Load::new(role, Binary, workload::binary(len));
        type Make = Box<dyn Fn() -> Load>;
        let loads: [(&str, Make); 14] = [
            ("receive as server, binary 16 B", Box::new(move || binary(Server, 16))),
            ("receive as server, binary 64 B", Box::new(move || binary(Server, 64))),
            ("receive as server, binary 125 B", Box::new(move || binary(Server, 125))),
            ("receive as server, binary 1 KiB", Box::new(move || binary(Server, 1 << 10))),
            ("receive as server, binary 16 KiB", Box::new(move || binary(Server, 16 << 10))),
            ("receive as server, binary 1 MiB", Box::new(move || binary(Server, 1 << 20))),
            (
                "receive as server, ASCII text 64 B",
                Box::new(|| Load::new(Server, Text, workload::ascii(64))),
            ),
            (
                "receive as server, ASCII text 1 KiB",
                Box::new(|| Load::new(Server, Text, workload::ascii(1 << 10))),
            ),
            (
                "receive as server, mixed-script text 64 B",
                Box::new(|| Load::new(Server, Text, workload::mixed_script(64))),
            ),
            (
                "receive as server, mixed-script text 1 KiB",
                Box::new(|| Load::new(Server, Text, workload::mixed_script(1 << 10))),
            ),
            (
                "receive as server, mixed-script text 16 KiB",
                Box::new(|| Load::new(Server, Text, workload::mixed_script(16 << 10))),
            ),
            ("receive as client, binary 64 B", Box::new(move || binary(Client, 64))),
            ("receive as client, binary 16 KiB", Box::new(move || binary(Client, 16 << 10))),
            (
                "receive as server, 1 MiB in fragments of 1 KiB, pings between",
                Box::new(|| Load::fragmented(Server, Binary, workload::binary(1 << 20), 1 << 10)),
            ),
        ];
        for (name, load) in loads {
            for (read, read_size) in [
                ("", usize::MAX),
                (", reads of 64 KiB", 64 << 10),
                (", reads of 16 KiB", 16 << 10),
                (", reads of 4 KiB", 4 << 10),
            ] {
                let name = format!("{name}{read}");
                if !self.selects(&name) {
                    continue;
                }
                let load: &'static Load = Box::leak(Box::new(load()));
                if read_size != usize::MAX && read_size >= load.wire.len() {
                    continue;
                }
                self.receive(name, load, read_size);
            }
        }
    }

    fn receive(&mut self, name: String, load: &'static Load, read_size: usize) {
        let payloads = load.payloads.iter().cycle().take(load.messages);
        let expected = (load.messages, payloads.map(|payload| payload.len()).sum());
        let places: Vec<&'static Load> =
            (0..PLACES).map(|place| &*Box::leak(Box::new(load.placed(place)))).collect();
        self.race(&name, (load.messages, load.payloads[0].len()), |bench, peer, place| {
            let load = places[place];
            let pipe = Pipe::new(load.wire, read_size);
            let mut receiver = peer.receiver(load, pipe.clone())?;
            bench
                .must_be_right(&name, peer, || peer::check_receiver(&mut *receiver, load, &pipe))?;
            Some(Box::new(move || {
                pipe.rewind();
                let mut count = Count::default();
                receiver.receive_counting(load.messages, &mut count);
                assert_eq!((count.messages, count.bytes), expected);
            }))
        });
        for peer in self.peers() {
            self.must_refuse(&name, peer, load, read_size);
        }
    }

    /// Times everyone who can do it, with the workload in several places. `set_up` gives one that has been checked, or `None`.
    fn race(
        &mut self,
        name: &str,
        (messages, payload): (usize, usize),
        mut set_up: impl FnMut(&mut Self, &'static dyn Peer, usize) -> Option<Box<dyn FnMut()>>,
    ) {
        let mut race = Race::default();
        for place in 0..PLACES {
            let mut contenders = Vec::new();
            for peer in self.peers() {
                if let Some(batch) = set_up(self, peer, place) {
                    contenders.push(Contender {
                        name: peer.name(),
                        is_limit: peer.is_limit(),
                        batch,
                    });
                }
            }
            race.run(contenders, messages, self.options.rounds.div_ceil(PLACES));
        }
        self.report.table(Table { name: name.to_owned(), payload, times: race.times() });
    }

    fn sending(&mut self) {
        for (role, as_role) in [(Role::Server, "server"), (Role::Client, "client")] {
            for (len, size, batches) in [
                (16, "16 B", &[64][..]),
                (1 << 10, "1 KiB", &[64]),
                (16 << 10, "16 KiB", &[1, 64]),
                (1 << 20, "1 MiB", &[1]),
            ] {
                for &messages in batches {
                    let per_flush = if messages == 1 {
                        "flushed each".into()
                    } else {
                        format!("{messages} per flush")
                    };
                    let name = format!("send as {as_role}, binary {size}, {per_flush}");
                    if self.selects(&name) {
                        self.send(name, role, workload::binary(len).leak(), messages);
                    }
                }
            }
        }
    }

    fn send(&mut self, name: String, role: Role, payload: &'static [u8], messages: usize) {
        let places: Vec<_> = (0..PLACES).map(|place| workload::placed(payload, place)).collect();
        self.race(&name, (messages, payload.len()), |bench, peer, place| {
            let payload = places[place];
            let pipe = Pipe::new(b"", 0);
            let mut sender = peer.sender(role, payload, pipe.clone())?;
            let check = || peer::check_sender(&mut *sender, messages, role, payload, &pipe);
            bench.must_be_right(&name, peer, check)?;
            Some(Box::new(move || sender.send(messages)))
        });
    }

    fn handshake(&mut self) {
        let name = "server handshake, 14 headers".to_owned();
        if !self.selects(&name) {
            return;
        }
        self.race(&name, (1, workload::REQUEST.len()), |bench, peer, _| {
            let pipe = Pipe::new(workload::REQUEST, usize::MAX);
            let mut accept = peer.acceptor(pipe.clone())?;
            bench.must_be_right(&name, peer, || peer::check_acceptor(&mut *accept, &pipe))?;
            Some(Box::new(move || {
                pipe.rewind();
                accept();
            }))
        });
    }

    fn client_handshake(&mut self) {
        let name = "client handshake, 7 headers".to_owned();
        if !self.selects(&name) {
            return;
        }
        self.race(&name, (1, workload::RESPONSE.len()), |bench, peer, _| {
            let pipe = Pipe::new(workload::RESPONSE, usize::MAX);
            let mut connect = peer.connector(pipe.clone())?;
            bench.must_be_right(&name, peer, || peer::check_connector(peer))?;
            Some(Box::new(move || {
                pipe.rewind();
                connect();
            }))
        });
    }

    fn deflate(&mut self) {
        const MESSAGES: usize = 64;
        let name = "inflate as server, 1 KiB JSON, context takeover".to_owned();
        if self.selects(&name) {
            let texts = workload::json(MESSAGES);
            let compressed = peers::zlib::compress_all(&texts);
            let load = Load::compressed(Role::Server, &texts, &compressed);
            self.receive(name, Box::leak(Box::new(load)), usize::MAX);
        }
        let name = "deflate as server, 1 KiB JSON, context takeover".to_owned();
        if self.selects(&name) {
            let texts = workload::json(MESSAGES);
            self.race(&name, (MESSAGES, texts[0].len()), |bench, peer, _| {
                let pipe = Pipe::new(b"", 0);
                let mut sender = peer.deflating_sender(&texts, pipe.clone())?;
                bench.must_be_right(&name, peer, || {
                    peers::zlib::check(&mut *sender, &texts, &pipe)
                })?;
                Some(Box::new(move || sender.send(MESSAGES)))
            });
        }
    }

    fn memory(&mut self) {
        if !self.selects("idle connection") {
            return;
        }
        for role in [Role::Server, Role::Client] {
            for peer in self.peers() {
                if let Some(memory) = memory::idle(peer, role) {
                    let million =
                        (role == Role::Server).then(|| memory::million(peer, &memory)).flatten();
                    self.report.memory(memory, million);
                }
            }
        }
    }

    fn must_be_right(
        &mut self,
        name: &str,
        peer: &dyn Peer,
        check: impl FnOnce() -> Result<(), String>,
    ) -> Option<()> {
        let verdict = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
        let verdict = verdict.unwrap_or_else(|_| Err("panics".into()));
        if let Err(wrong) = &verdict {
            eprintln!("{name}: {} is wrong: {wrong}", peer.name());
            self.wrong += 1;
        }
        verdict.ok()
    }

    /// Text that is not UTF-8 must be refused (RFC 6455 §8.1). Who accepts it stays in the table: it only does less than
    /// the others.
    fn must_refuse(&self, name: &str, peer: &dyn Peer, load: &'static Load, read_size: usize) {
        if load.kind != Kind::Text || load.compressed || peer.is_limit() {
            return;
        }
        let mut invalid = load.payloads[0].to_vec();
        let middle = invalid.len() / 2;
        invalid[middle] = 0xff;
        let load: &'static Load = Box::leak(Box::new(Load::new(load.role, Kind::Text, invalid)));
        let pipe = Pipe::new(load.wire, read_size);
        let Some(mut receiver) = peer.receiver(load, pipe) else { return };
        let receive = || receiver.receive_counting(load.messages, &mut Count::default());
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let accepted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(receive)).is_ok();
        std::panic::set_hook(hook);
        if accepted {
            println!("\nnote: {name}: {} accepts text that is not UTF-8", peer.name());
        }
    }

    fn selects(&self, workload: &str) -> bool {
        let mut filters =
            self.options.filters.iter().filter(|filter| !filter.starts_with('@')).peekable();
        filters.peek().is_none()
            || filters.any(|filter| workload.to_lowercase().contains(filter.as_str()))
    }

    fn peers(&self) -> Vec<&'static dyn Peer> {
        let mut names =
            self.options.filters.iter().filter_map(|filter| filter.strip_prefix('@')).peekable();
        let all = peers::all();
        if names.peek().is_none() {
            return all;
        }
        let names: Vec<_> = names.collect();
        all.into_iter().filter(|peer| peer.is_limit() || names.contains(&peer.name())).collect()
    }
}
