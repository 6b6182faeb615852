//! Rounds over servers that run all the time, all but one of them idle.

use crate::Workload;
use crate::load::{Clients, Messages};
use crate::report::{Report, Sample};
use crate::system::CpuClock;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How long one sample is.
const SAMPLE: Duration = Duration::from_millis(80);

/// A server that runs.
pub struct Contender {
    pub name: String,
    pub address: SocketAddr,
    pub clock: CpuClock,
}

/// Measures all of them on all workloads, in turn, in each round with another one first. One that
/// fails is left out from then on.
pub fn run(
    mut contenders: Vec<Contender>,
    workloads: &[Workload],
    quick: bool,
    report: &mut Report,
) {
    let workloads: Vec<_> =
        workloads.iter().map(|it| (Messages::new(it.kind, it.size, it.batch), it)).collect();
    let time = if quick { SAMPLE / 4 } else { SAMPLE };
    for round in 0..report.rounds() {
        eprintln!("round {} of {}", round + 1, report.rounds());
        for connections in [1, 100, 1000] {
            let group: Vec<_> =
                workloads.iter().filter(|(_, it)| it.connections == connections).collect();
            contenders.retain(|contender| {
                let result = contender.race(connections, &group, time, report);
                if let Err((workload, error)) = &result {
                    report.failure(&contender.name, workload, error);
                }
                result.is_ok()
            });
        }
        if !contenders.is_empty() {
            contenders.rotate_left(1);
        }
    }
}

impl Contender {
    /// All workloads with this number of connections.
    fn race(
        &self,
        connections: usize,
        group: &[&(Messages, &Workload)],
        time: Duration,
        report: &mut Report,
    ) -> Result<(), (String, io::Error)> {
        let at = |workload: &Workload| {
            let name = workload.name();
            move |error| (name, error)
        };
        let [(_, first), ..] = group else { return Ok(()) };
        let mut clients = Clients::open(self.address, connections).map_err(at(first))?;
        for (messages, workload) in group {
            let sample = self.sample(&mut clients, messages, time).map_err(at(workload))?;
            report.sample(&self.name, workload, sample);
        }
        clients.close().map_err(|error| ("closing".into(), error))
    }

    fn sample(
        &self,
        clients: &mut Clients,
        messages: &Messages,
        time: Duration,
    ) -> io::Result<Sample> {
        // Untimed, so that buffers have grown and the code is in the caches.
        clients.run(messages, Duration::ZERO)?;
        let before = self.clock.time()?;
        let outcome = clients.run(messages, time)?;
        let cpu = self.clock.time()? - before;
        Ok(Sample {
            per_second: outcome.messages as f64 / outcome.elapsed.as_secs_f64(),
            cpu_micros: cpu.as_secs_f64() * 1e6 / outcome.messages as f64,
        })
    }
}
