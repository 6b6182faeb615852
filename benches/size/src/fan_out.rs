//! One message to many receivers: over sockets, and in memory.

use crate::crowd::Crowd;
use crate::server::{BARE, SERVERS, Server, payload};
use crate::{Machine, Table};
use hybi::connection::Prepared;
use hybi::{Config, Connection, Outbox};
use hybi_bench_shared::options::Options;
use hybi_bench_shared::report::round;
use hybi_bench_shared::system::{self, CpuClock};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

const SIZES: [usize; 2] = [100, 1 << 10];
/// The number of messages in a sample, all receivers together, unless `IN_A_ROW` bounds it: the
/// sockets hold its messages unread.
const MESSAGES: usize = 30_000;
const IN_A_ROW: std::ops::RangeInclusive<usize> = 4..=50;
const SAMPLES: usize = 5;

/// Returns the processor time of servers that broadcast over sockets.
pub fn over_sockets(options: &Options, machine: &Machine) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut counts =
        if options.quick { vec![10, 200] } else { vec![10, 100, 1_000, 5_000, 15_000] };
    counts.retain(|&count| count <= machine.connections_max());
    let selected =
        |server: &&Server| server.receivers_max > 0 && options.selects_server(server.name);
    let servers: Vec<_> = SERVERS.iter().filter(selected).collect();
    let mut least = BTreeMap::new();
    for number in 0..options.rounds {
        for server in &servers {
            eprintln!("fan-out: {}, round {}", server.name, number + 1);
            // Nobody is pinged meanwhile.
            let mut process = machine.start(server, Duration::from_secs(3600))?;
            let clock = CpuClock::of_process(process.id())?;
            let mut crowd = Crowd::new(0)?;
            for &count in counts.iter().filter(|&&count| count <= server.receivers_max) {
                crowd.grow(process.address, count)?;
                process.heap()?; // all have been accepted
                let times = (MESSAGES / count).clamp(*IN_A_ROW.start(), *IN_A_ROW.end());
                for len in SIZES {
                    crowd.expect(len);
                    for _ in 0..SAMPLES {
                        let (begin, before) = (clock.time()?, crowd.messages);
                        process.order(&format!("broadcast {len} {times}"))?;
                        crowd.receive(before + count * times)?;
                        process.answer()?;
                        let each = (clock.time()? - begin).as_secs_f64() / (count * times) as f64;
                        let least = least.entry((server.name, len, count)).or_insert(each);
                        *least = each.min(*least);
                    }
                }
            }
            drop(process);
        }
    }
    let names = ["broadcast 100 B", "broadcast 1 KiB"];
    let tables = SIZES.into_iter().zip(names).map(|(len, name)| {
        let mut text = head("server", &counts, "");
        for server in &servers {
            let cells = counts.iter().map(|&count| {
                let Some(each) = least.get(&(server.name, len, count)) else { return "–".into() };
                match least.get(&(BARE, len, count)) {
                    Some(bare) => format!("{} ({:.2})", round(each * 1e6), each / bare),
                    None => round(each * 1e6),
                }
            });
            let cells = cells.collect::<Vec<_>>().join(" | ");
            let _ = writeln!(text, "| {} | {cells} |", server.name);
        }
        let title = format!(
            "{len} bytes over sockets, to so many: µs of processor time for each \
             (ratio to bare sockets)"
        );
        Table { name, title, text }
    });
    Ok(tables.collect())
}

/// A way to put a message into many outputs.
type Way = (&'static str, fn(&Prepared, &mut [Receiver]));

struct Receiver {
    ws: Connection<hybi::Server>,
    out: Outbox,
    bytes: Vec<u8>,
}

/// The first is what the others are compared with.
const WAYS: &[Way] = &[
    ("a copy into a `Vec` for each (limit)", |message, all| {
        for receiver in all {
            receiver.bytes.extend_from_slice(message.frame());
        }
    }),
    ("an `Outbox` for each", |message, all| {
        for receiver in all {
            let _ = receiver.ws.send_prepared(message, &mut receiver.out);
        }
    }),
    ("one `Outbox`, written at once", |message, all| {
        let mut out = Outbox::new();
        for receiver in all {
            let _ = receiver.ws.send_prepared(message, &mut out);
            while !out.is_empty() {
                let n = black_box(out.front()).len();
                out.sent(n);
            }
        }
    }),
];

/// Returns the time and the memory of a broadcast in memory, without sockets.
pub fn in_memory(options: &Options) -> Vec<Table> {
    let counts: &[usize] =
        if options.quick { &[10, 500] } else { &[10, 100, 1_000, 10_000, 50_000] };
    let rounds = if options.quick { 3 } else { 15 };
    let mut text = head("message and output", counts, "| bytes that wait for each ");
    for len in SIZES.into_iter().chain([16 << 10]) {
        let message = Prepared::new(&payload(len)[..]);
        for (name, send) in WAYS {
            let _ = write!(text, "| {len} B, {name} |");
            let mut waiting = 0;
            for &count in counts {
                let mut least = Duration::MAX;
                for _ in 0..rounds.max(MESSAGES / count / 10) {
                    let mut all: Vec<_> = (0..count).map(|_| Receiver::new()).collect();
                    let before = system::heap();
                    let begin = Instant::now();
                    send(&message, &mut all);
                    least = least.min(begin.elapsed());
                    waiting = system::heap().saturating_sub(before) / count;
                    black_box(&all);
                }
                let _ = write!(text, " {} |", round(least.as_secs_f64() * 1e9 / count as f64));
            }
            let _ = writeln!(text, " {waiting} |");
        }
    }
    let title = "In memory, to so many receivers: ns for each".into();
    vec![Table { name: "broadcast in memory", title, text }]
}

impl Receiver {
    fn new() -> Self {
        let ws = Connection::server(Config::default());
        Self { ws, out: Outbox::new(), bytes: Vec::new() }
    }
}

/// Returns the head of a table with a column for each number of receivers.
fn head(what: &str, counts: &[usize], more: &str) -> String {
    let titles: Vec<_> = counts.iter().map(|count| thousands(*count)).collect();
    let lines = "|---".repeat(counts.len() + usize::from(!more.is_empty()));
    format!("| {what} | {} {more}|\n|---{lines}|\n", titles.join(" | "))
}

fn thousands(count: usize) -> String {
    match (count / 1_000, count % 1_000) {
        (0, count) => count.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}
