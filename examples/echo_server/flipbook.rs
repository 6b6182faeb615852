//! The flipbook: a stream of small pictures, the same for everybody, by WebSocket and by polling.
//! `flipbook.html` shows both side by side, and counts the bytes and the latency.
//!
//! Picture number n is due n × 50 ms after the start of the server, so whoever knows the clock of
//! the server knows how late a picture is.

use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use hybi::blocking::{Error, Session};

use crate::Handled;
use crate::wire::Tap;

const EVERY: Duration = Duration::from_millis(50);
/// The most pictures that one poll returns, the newest: what is due within ten seconds.
const POLLED_MAX: u64 = 200;

pub(crate) struct Flipbook {
    started: Instant,
}

impl Flipbook {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Returns the time since the start, in milliseconds.
    pub(crate) fn clock(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1e3
    }

    fn newest(&self) -> u64 {
        (self.started.elapsed().as_nanos() / EVERY.as_nanos()) as u64
    }

    /// Sends a viewer each picture when it is due, until the viewer leaves.
    pub(crate) fn show(&self, mut session: Session<Tap>) -> Handled {
        let mut number = self.newest() + 1;
        loop {
            let due = self.started + EVERY.mul_f64(number as f64);
            session.set_read_timeout(due.saturating_duration_since(Instant::now()))?;
            match session.receive() {
                Err(Error::TimedOut) => {
                    session.send(&*picture(number))?;
                    number += 1;
                }
                Ok(Some(_)) => {} // There is nothing to say to a flipbook.
                Ok(None) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns the pictures that have become due after this one, one after the other.
    pub(crate) fn since(&self, number: u64) -> Vec<u8> {
        let newest = self.newest();
        let first = number.saturating_add(1).max(newest.saturating_sub(POLLED_MAX - 1));
        (first..=newest).flat_map(picture).collect()
    }
}

/// Returns a picture: its number, as 32 bits, and then a drawing as `drawing.js` reads it. All have
/// the same length.
fn picture(number: u64) -> Vec<u8> {
    let time = EVERY.mul_f64(number as f64).as_secs_f64();
    let wave = |x: f64| 100.0 + 30.0 * (x / 40.0 - 2.0 * time).sin();
    let (x, radius) = (120.0 + 80.0 * time.sin(), 14.0);
    let y = wave(x) - radius;
    let line = (0..=32).map(f64::from).map(|i| (i * 7.5, wave(i * 7.5)));
    let ball = (0..=16).map(|i| TAU * f64::from(i) / 16.0);
    let ball = ball.map(|angle| (x + radius * angle.cos(), y + radius * angle.sin()));

    let mut bytes = Vec::from((number as u32).to_be_bytes());
    for stroke in [line.collect::<Vec<_>>(), ball.collect()] {
        bytes.extend((stroke.len() as u16).to_be_bytes());
        let numbers = stroke.into_iter().flat_map(|(x, y)| [x, y]);
        bytes.extend(numbers.flat_map(|number| (number as u16).to_be_bytes()));
    }
    bytes
}
