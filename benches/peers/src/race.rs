//! Interleaved measurement: every round runs each contender once, so that all meet the same weather.

use crate::results::Standing;
use std::hint::black_box;
use std::time::{Duration, Instant};

pub struct Contender {
    pub name: &'static str,
    pub is_limit: bool,
    pub batch: Box<dyn FnMut()>,
}

pub struct Time {
    pub name: String,
    pub standing: Standing,
    /// Nanoseconds per message.
    pub min: f64,
    pub median: f64,
}

/// What the contenders took in all rounds so far.
#[derive(Default)]
pub struct Race(Vec<Row>);

struct Row {
    name: &'static str,
    is_limit: bool,
    /// Nanoseconds per message.
    samples: Vec<f64>,
}

/// One sample takes at least this long.
const SAMPLE: Duration = Duration::from_micros(150);

impl Race {
    pub fn run(&mut self, contenders: Vec<Contender>, messages_per_batch: usize, rounds: usize) {
        let with_batches = |mut contender: Contender| {
            let batches = batches_per_sample(&mut contender.batch);
            (contender, batches)
        };
        let mut contenders: Vec<_> = contenders.into_iter().map(with_batches).collect();
        let count = contenders.len();
        for round in 0..rounds {
            for i in 0..count {
                // Each round another one goes first.
                let (contender, batches) = &mut contenders[(i + round) % count];
                // Untimed, so that each finds its own code and buffers in the caches, not those of the one before.
                (contender.batch)();
                let time = sample(&mut contender.batch, *batches);
                let sample = time.as_nanos() as f64 / (*batches * messages_per_batch) as f64;
                self.samples_of(contender).push(sample);
            }
        }
    }

    fn samples_of(&mut self, contender: &Contender) -> &mut Vec<f64> {
        let at = self.0.iter().position(|row| row.name == contender.name).unwrap_or_else(|| {
            let Contender { name, is_limit, .. } = *contender;
            self.0.push(Row { name, is_limit, samples: Vec::new() });
            self.0.len() - 1
        });
        &mut self.0[at].samples
    }

    pub fn times(self) -> Vec<Time> {
        let time = |mut row: Row| {
            row.samples.sort_by(f64::total_cmp);
            let samples = row.samples;
            let standing = if row.is_limit { Standing::Limit } else { Standing::Peer };
            let (min, median) = (samples[0], samples[samples.len() / 2]);
            Time { name: row.name.to_owned(), standing, min, median }
        };
        self.0.into_iter().map(time).collect()
    }
}

fn batches_per_sample(batch: &mut Box<dyn FnMut()>) -> usize {
    let mut batches = 1;
    loop {
        let time = sample(batch, batches);
        if time >= SAMPLE {
            return batches;
        }
        // The first runs are slow: buffers grow, code is loaded.
        batches = (batches * 2)
            .min((SAMPLE.as_nanos() as usize * batches).div_ceil(time.as_nanos().max(1) as usize))
            .max(batches + 1);
    }
}

fn sample(batch: &mut Box<dyn FnMut()>, batches: usize) -> Duration {
    let start = Instant::now();
    for _ in 0..batches {
        black_box(&mut *batch)();
    }
    start.elapsed()
}
