//! The cost of connections that are idle, or send a message now and then.

use crate::crowd::Crowd;
use crate::kernel::{Growth, Slabs, tcp_buffers};
use crate::server::{SERVERS, Server};
use crate::{Machine, Table};
use hybi_bench_shared::options::Options;
use hybi_bench_shared::report::round;
use hybi_bench_shared::system::{self, CpuClock};
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

/// The length of a message.
const BYTES: usize = 100;

/// The parameters of a run.
struct Plan {
    connections: usize,
    /// The interval between two messages of a connection, and how long it goes on.
    every: Duration,
    talk: Duration,
    /// The silence after which the server pings.
    ping_after: Duration,
}

/// The cost of one server, in bytes and in seconds of processor time.
struct Cost {
    /// The objects of a socket. `None` if the kernel does not tell this user.
    kernel: Option<Growth>,
    buffers: usize,
    resident: usize,
    heap: usize,
    resident_used: usize,
    heap_used: usize,
    opening: f64,
    /// The time for a message and its answer, and for a ping and its pong.
    message: Option<f64>,
    ping: Option<f64>,
}

/// Returns the tables of memory and of processor time.
pub fn measure(options: &Options, machine: &Machine) -> Result<Vec<Table>, Box<dyn Error>> {
    let seconds = Duration::from_secs;
    let plan = match options.quick {
        false => Plan {
            connections: machine.connections_max(),
            every: seconds(10),
            talk: seconds(20),
            ping_after: seconds(30),
        },
        true => {
            Plan { connections: 200, every: seconds(1), talk: seconds(1), ping_after: seconds(1) }
        }
    };
    let (mut memory, mut time) = (String::new(), String::new());
    let (mut kernel, mut buffers) = (None::<Growth>, usize::MAX);
    let selected = |server: &&Server| server.is_idle && options.selects_server(server.name);
    for server in SERVERS.iter().filter(selected) {
        eprintln!("idle: {}", server.name);
        let cost = plan.measure(server, machine)?;
        buffers = buffers.min(cost.buffers);
        match (&mut kernel, cost.kernel) {
            (Some(kernel), Some(growth)) => kernel.least(&growth),
            (kernel, growth) => *kernel = growth,
        }
        let bytes = [cost.heap, cost.resident, cost.heap_used, cost.resident_used];
        let bytes = bytes.map(|bytes| bytes.to_string()).join(" | ");
        let _ = writeln!(memory, "| {} | {bytes} |", server.name);
        let micros = |seconds: f64| round(seconds * 1e6);
        let hourly =
            |seconds: f64, every: Duration| round(seconds * 1e3 * 3600.0 / every.as_secs_f64());
        if let (Some(message), Some(ping)) = (cost.message, cost.ping) {
            let _ = writeln!(
                time,
                "| {} | {} µs | {} µs | {} ms | {} µs | {} ms |",
                server.name,
                micros(cost.opening),
                micros(ping),
                hourly(ping, plan.ping_after),
                micros(message),
                hourly(message, plan.every),
            );
        }
    }
    let mut memory = format!(
        "| server | heap, idle | resident, idle | heap, after messages | resident, after messages |\n\
         |---|---|---|---|---|\n{memory}\n"
    );
    let _ = match kernel {
        Some(kernel) => {
            let (bytes, caches) = kernel.sum();
            let caches = caches.join(", ");
            writeln!(
                memory,
                "| of a socket, in the kernel | bytes |\n|---|---|\n\
                 | objects: {caches} | {bytes} |\n\
                 | buffers, while nothing waits in them | {buffers} |"
            )
        }
        None => writeln!(memory, "The kernel does not tell this user what sockets take."),
    };
    let (connections, silence, every) = (plan.connections, plan.ping_after, plan.every);
    let time = format!(
        "| server | opening | ping and pong | idle, pinged every {silence:?}, in an hour \
         | message of {BYTES} B and answer | a message every {every:?}, in an hour |\n\
         |---|---|---|---|---|---|\n{time}"
    );
    Ok(vec![
        Table {
            name: "connection memory",
            title: format!("Bytes for each of {} connections", round(connections as f64)),
            text: memory,
        },
        Table {
            name: "connection time",
            title: format!("Processor time for each of {} connections", round(connections as f64)),
            text: time,
        },
    ])
}

impl Plan {
    fn measure(&self, server: &Server, machine: &Machine) -> Result<Cost, Box<dyn Error>> {
        let mut process = machine.start(server, self.ping_after)?;
        let (address, id) = (process.address, process.id());
        let clock = CpuClock::of_process(id)?;
        let cpu = || Ok::<_, std::io::Error>(clock.time()?.as_secs_f64());
        let mut crowd = Crowd::new(BYTES)?;
        // The first connection also allocates what all connections share.
        crowd.grow(address, 1)?;
        let (heap_before, resident_before) = (process.heap()?, system::resident(id)?);
        let (slabs_before, buffers_before) = (Slabs::count().ok(), tcp_buffers()?);
        let count = self.connections;

        let begin = cpu()?;
        crowd.grow(address, count + 1)?;
        let opening = (cpu()? - begin) / count as f64;
        let each = |now: usize, before: usize| now.saturating_sub(before) / count;
        let heap = each(process.heap()?, heap_before);
        let resident = each(system::resident(id)?, resident_before);
        let growth = |before: Slabs| Some(Slabs::count().ok()?.growth(&before, 2 * count));
        let kernel = slabs_before.and_then(growth);
        let buffers = tcp_buffers()?.saturating_sub(buffers_before) / (2 * count);

        let mut cost = Cost {
            kernel,
            buffers,
            resident,
            heap,
            resident_used: resident,
            heap_used: heap,
            opening,
            message: None,
            ping: None,
        };
        if server.echoes {
            let begin = cpu()?;
            let messages = crowd.talk(self.every, self.talk)?;
            cost.message = Some((cpu()? - begin) / messages as f64);

            // The last words were spread over `every`, so the pings are, too.
            let (begin, pings) = (cpu()?, crowd.pings);
            crowd.listen(self.ping_after + Duration::from_secs(1))?;
            let pings = crowd.pings - pings;
            if pings < count {
                return Err(format!("{}: only {pings} pings", server.name).into());
            }
            cost.ping = Some((cpu()? - begin) / pings as f64);
            cost.heap_used = each(process.heap()?, heap_before);
            cost.resident_used = each(system::resident(id)?, resident_before);
        }
        drop(process); // first, so that no connection ends for the server
        Ok(cost)
    }
}
