//! hybi next to every other implementation that can be driven in memory: see README.md.

mod goals;
mod memory;
mod peer;
mod peers;
mod pipe;
mod race;
mod report;
mod results;
mod tables;
mod workload;

use peer::{Count, Kind, Peer, Role};
use pipe::Pipe;
use race::{Contender, Race};
use report::Report;
use results::{Standing, Table};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use workload::{KIB, Load, MIB, PLACES, size_name};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

struct Options {
    filters: Vec<String>,
    /// Where the results go; `None`: nowhere.
    out: Option<PathBuf>,
    rounds: usize,
}

const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results");
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

const USAGE: &str = "cargo run --release -- [--columns | [--out DIR] [--rounds N] [FILTER]...]\n\
    A filter selects the workloads whose name contains it; @NAME selects implementations (limits always run).\n\
    Without a filter, the results go to results/. --columns measures nothing: it writes the tables\n\
    of docs/ from results/release.json and lto.json.";

fn main() -> ExitCode {
    let mut options = Options { filters: Vec::new(), out: None, rounds: 101 };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--out" => options.out = Some(args.next().expect(USAGE).into()),
            "--rounds" => options.rounds = args.next().and_then(|n| n.parse().ok()).expect(USAGE),
            "--columns" => return columns(),
            flag if flag.starts_with('-') => {
                eprintln!("{USAGE}");
                return ExitCode::FAILURE;
            }
            filter => options.filters.push(filter.to_lowercase()),
        }
    }
    if options.filters.is_empty() {
        options.out.get_or_insert(RESULTS.into());
    }
    let mut bench = Bench { options, report: Report::default(), wrong: 0 };
    bench.receiving();
    bench.sending();
    bench.handshake();
    bench.client_handshake();
    bench.deflate();
    bench.memory();
    bench.report.conclude();
    if let Some(out) = &bench.options.out {
        bench.report.write(out);
    }
    if bench.wrong > 0 {
        eprintln!("{} wrong answers: those are not in the tables", bench.wrong);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Writes the tables of the documentation.
fn columns() -> ExitCode {
    let docs = Path::new(DOCS);
    let files = [&*docs.join("performance.md"), &*docs.join("evidence/in-memory.md")];
    match tables::write(Path::new(RESULTS), &files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
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
        type Payload = fn(usize) -> Vec<u8>;
        let series: [(&str, Role, Kind, Payload, &[usize]); 4] = [
            (
                "receive as server, binary",
                Server,
                Binary,
                workload::binary,
                &[16, 64, 125, KIB, 16 * KIB, MIB],
            ),
            (
                "receive as server, ASCII text",
                Server,
                Text,
                workload::ascii,
                &[64, KIB, 16 * KIB, MIB],
            ),
            (
                "receive as server, mixed-script text",
                Server,
                Text,
                workload::mixed_script,
                &[64, KIB, 16 * KIB, MIB],
            ),
            ("receive as client, binary", Client, Binary, workload::binary, &[64, 16 * KIB, MIB]),
        ];
        for (name, role, kind, payload, sizes) in series {
            for &size in sizes {
                let name = format!("{name} {}", size_name(size));
                self.receive_in_reads(&name, &|| Load::new(role, kind, payload(size)));
            }
        }
        let name = "receive as server, 1 MiB in fragments of 1 KiB, pings between";
        self.receive_in_reads(name, &|| {
            Load::fragmented(Server, Binary, workload::binary(MIB), KIB)
        });
    }

    /// The same from reads as long as each likes them, and from shorter ones where that matters.
    fn receive_in_reads(&mut self, name: &str, load: &dyn Fn() -> Load) {
        self.receive(name.to_owned(), load, usize::MAX);
        for read_size in [64 * KIB, 16 * KIB, 4 * KIB] {
            let name = format!("{name}, reads of {}", size_name(read_size));
            self.receive(name, load, read_size);
        }
    }

    fn receive(&mut self, name: String, load: &dyn Fn() -> Load, read_size: usize) {
        if !self.selects(&name) {
            return;
        }
        let load: &'static Load = Box::leak(Box::new(load()));
        let payload = load.payloads[0].len();
        // Short messages are seldom split, and batches are not much longer than 64 KiB.
        let matters = match read_size {
            usize::MAX => true,
            read_size if read_size > 16 * KIB => payload > read_size,
            read_size if read_size > 4 * KIB => payload >= KIB,
            _ => true,
        };
        if !matters {
            return;
        }
        let payloads = load.payloads.iter().cycle().take(load.messages);
        let expected = (load.messages, payloads.map(|payload| payload.len()).sum());
        let places: Vec<&'static Load> =
            (0..PLACES).map(|place| &*Box::leak(Box::new(load.placed(place)))).collect();
        let times = self.race(load.messages, |bench, peer, place| {
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
        let lenient: Vec<_> = self
            .peers()
            .into_iter()
            .filter(|peer| accepts_bad_text(*peer, load, read_size))
            .collect();
        let times = times.into_iter().map(|time| {
            let is_lenient = lenient.iter().any(|peer| peer.name() == time.name);
            let standing = if is_lenient { Standing::Lenient } else { time.standing };
            race::Time { standing, ..time }
        });
        self.report.table(Table { name, payload, times: times.collect() });
    }

    /// Times everyone who can do it, with the workload in several places. `set_up` gives one that has been checked, or `None`.
    fn race(
        &mut self,
        messages: usize,
        mut set_up: impl FnMut(&mut Self, &'static dyn Peer, usize) -> Option<Box<dyn FnMut()>>,
    ) -> Vec<race::Time> {
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
        race.times()
    }

    fn sending(&mut self) {
        for (role, as_role) in [(Role::Server, "server"), (Role::Client, "client")] {
            for size in [16, 125, KIB, 16 * KIB, MIB] {
                // 64 MiB per flush would measure nothing but memory.
                for &messages in if size == MIB { &[1][..] } else { &[1, 64] } {
                    let per_flush = match messages {
                        1 => "flushed each".into(),
                        _ => format!("{messages} per flush"),
                    };
                    let size_name = size_name(size);
                    let name = format!("send as {as_role}, binary {size_name}, {per_flush}");
                    if self.selects(&name) {
                        self.send(name, role, workload::binary(size).leak(), messages);
                    }
                }
            }
        }
    }

    fn send(&mut self, name: String, role: Role, payload: &'static [u8], messages: usize) {
        let places: Vec<_> = (0..PLACES).map(|place| workload::placed(payload, place)).collect();
        let times = self.race(messages, |bench, peer, place| {
            let payload = places[place];
            let pipe = Pipe::new(b"", 0);
            let mut sender = peer.sender(role, payload, pipe.clone())?;
            let check = || peer::check_sender(&mut *sender, messages, role, payload, &pipe);
            bench.must_be_right(&name, peer, check)?;
            Some(Box::new(move || sender.send(messages)))
        });
        self.report.table(Table { name, payload: payload.len(), times });
    }

    fn handshake(&mut self) {
        let name = "server handshake, 14 headers".to_owned();
        if !self.selects(&name) {
            return;
        }
        let times = self.race(1, |bench, peer, _| {
            let pipe = Pipe::new(workload::REQUEST, usize::MAX);
            let mut accept = peer.acceptor(pipe.clone())?;
            bench.must_be_right(&name, peer, || peer::check_acceptor(&mut *accept, &pipe))?;
            Some(Box::new(move || {
                pipe.rewind();
                accept();
            }))
        });
        self.report.table(Table { name, payload: workload::REQUEST.len(), times });
    }

    fn client_handshake(&mut self) {
        let name = "client handshake, 7 headers".to_owned();
        if !self.selects(&name) {
            return;
        }
        let times = self.race(1, |bench, peer, _| {
            let pipe = Pipe::new(workload::RESPONSE, usize::MAX);
            let mut connect = peer.connector(pipe.clone())?;
            bench.must_be_right(&name, peer, || peer::check_connector(peer))?;
            Some(Box::new(move || {
                pipe.rewind();
                connect();
            }))
        });
        self.report.table(Table { name, payload: workload::RESPONSE.len(), times });
    }

    fn deflate(&mut self) {
        const MESSAGES: usize = 64;
        let name = "inflate as server, 1 KiB JSON, context takeover".to_owned();
        let texts = workload::json(MESSAGES);
        let load = || {
            let compressed = peers::zlib::compress_all(&texts);
            Load::compressed(Role::Server, &texts, &compressed)
        };
        self.receive(name, &load, usize::MAX);
        let name = "deflate as server, 1 KiB JSON, context takeover".to_owned();
        if self.selects(&name) {
            let times = self.race(MESSAGES, |bench, peer, _| {
                let pipe = Pipe::new(b"", 0);
                let mut sender = peer.deflating_sender(&texts, pipe.clone())?;
                bench.must_be_right(&name, peer, || {
                    peers::zlib::check(&mut *sender, &texts, &pipe)
                })?;
                Some(Box::new(move || sender.send(MESSAGES)))
            });
            self.report.table(Table { name, payload: texts[0].len(), times });
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
        let is_named = |peer: &dyn Peer| names.contains(&&*peer.name().to_lowercase());
        all.into_iter().filter(|peer| peer.is_limit() || is_named(*peer)).collect()
    }
}

/// Text that is not UTF-8 must be refused (RFC 6455 §8.1). Returns whether this one accepts it, and
/// so does less than the others.
fn accepts_bad_text(peer: &dyn Peer, load: &Load, read_size: usize) -> bool {
    if load.kind != Kind::Text || load.compressed || peer.is_limit() {
        return false;
    }
    let mut invalid = load.payloads[0].to_vec();
    let middle = invalid.len() / 2;
    invalid[middle] = 0xff;
    let load: &'static Load = Box::leak(Box::new(Load::new(load.role, Kind::Text, invalid)));
    let pipe = Pipe::new(load.wire, read_size);
    let Some(mut receiver) = peer.receiver(load, pipe) else { return false };
    let receive = || receiver.receive_counting(load.messages, &mut Count::default());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let accepts = std::panic::catch_unwind(std::panic::AssertUnwindSafe(receive)).is_ok();
    std::panic::set_hook(hook);
    accepts
}
