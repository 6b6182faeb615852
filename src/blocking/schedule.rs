//! Which address of a host to try when: "Happy Eyeballs" (RFC 8305 §4, §5).
//!
//! A state machine with `now` as an argument, without threads and sockets.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::vec::Vec;

use super::transfer::earlier;
use crate::adapter::interleave;

/// How long an attempt goes on alone: RFC 8305 §5, Connection Attempt Delay.
const DELAY: Duration = Duration::from_millis(250);
/// How many attempts go on at a time. Each takes a thread and a socket.
const AT_ONCE: usize = 2;
/// How long one attempt may take if connecting as a whole may take any time.
const UNTIMED_ATTEMPT: Duration = Duration::from_secs(60);

/// The addresses of a host that have not been tried, and those being tried.
#[derive(Debug)]
pub(super) struct Schedule {
    waiting: VecDeque<SocketAddr>,
    running: Vec<SocketAddr>,
    /// When the next attempt may begin beside the one that goes on.
    next_at: Option<Instant>,
    deadline: Option<Instant>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Begin to connect to this address, and give up on it after `bound`, which is not zero.
    Begin {
        address: SocketAddr,
        bound: Duration,
        /// Whether there is nothing else to do meanwhile.
        alone: bool,
    },
    /// Wait until an attempt ends, but no longer than this.
    Wait(Option<Duration>),
    /// Give up: no address is left, or no time.
    GiveUp,
}

impl Schedule {
    /// Starts with all addresses of a host, in the order in which the resolver prefers them.
    pub(super) fn new(addresses: Vec<SocketAddr>, deadline: Option<Instant>) -> Self {
        Self { waiting: interleave(addresses).into(), running: Vec::new(), next_at: None, deadline }
    }

    /// Returns what to do. An attempt that is to begin counts as running from then on.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        if left == Some(Duration::ZERO) {
            return Step::GiveUp;
        }
        let may_begin = self.running.len() < AT_ONCE && !self.waiting.is_empty();
        let is_due = self.running.is_empty() || self.next_at.is_none_or(|at| at <= now);
        if may_begin && is_due {
            let bound = self.bound(left);
            if let Some(address) = self.waiting.pop_front() {
                self.running.push(address);
                self.next_at = now.checked_add(DELAY);
                let alone = self.running.len() == 1 && self.waiting.is_empty();
                return Step::Begin { address, bound, alone };
            }
        }
        if self.running.is_empty() {
            return Step::GiveUp;
        }
        let wake = if may_begin { earlier(self.next_at, self.deadline) } else { self.deadline };
        Step::Wait(wake.map(|wake| wake.saturating_duration_since(now)))
    }

    /// Notes that the attempt with this address has failed: the next may begin at once.
    pub(super) fn failed(&mut self, address: SocketAddr) {
        self.running.retain(|&running| running != address);
        self.next_at = None;
    }

    /// Returns the addresses whose attempts have not ended.
    pub(super) fn into_running(self) -> Vec<SocketAddr> {
        self.running
    }

    /// Returns how long the next attempt may take, so that each address gets its turn and none goes
    /// on past the deadline. Attempts go on in pairs, so it is twice an equal share of the time,
    /// and for the last address all of it.
    fn bound(&self, left: Option<Duration>) -> Duration {
        let Some(left) = left else { return UNTIMED_ATTEMPT };
        let places = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).saturating_add(1);
        let share = left.checked_div(places).unwrap_or(left);
        share.saturating_mul(2).min(left).max(Duration::from_nanos(1))
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    /// `4.1` for 127.0.0.1, `6.1` for ::1.
    fn address(name: &str) -> SocketAddr {
        let (family, number) = name.split_once('.').unwrap();
        let ip = if family == "4" {
            std::format!("127.0.0.{number}")
        } else {
            std::format!("::{number}")
        };
        SocketAddr::new(ip.parse().unwrap(), 80)
    }

    fn addresses(names: &[&str]) -> Vec<SocketAddr> {
        names.iter().map(|name| address(name)).collect()
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn begin(name: &str, bound: Duration, alone: bool) -> Step {
        Step::Begin { address: address(name), bound, alone }
    }

    /// What to do at each moment, in milliseconds, if no attempt ends.
    fn steps(schedule: &mut Schedule, start: Instant, moments: &[u64]) -> Vec<Step> {
        moments.iter().map(|&at| schedule.step(start + ms(at))).collect()
    }

    /// RFC 8305 §5: 250 ms after the one before.
    #[test]
    fn the_second_address_is_tried_while_the_first_says_nothing() {
        let start = Instant::now();
        let mut schedule = Schedule::new(addresses(&["6.1", "4.1"]), Some(start + ms(3000)));
        assert_eq!(
            steps(&mut schedule, start, &[0, 0, 249, 250, 250, 1000, 2999, 3000]),
            [
                begin("6.1", ms(2000), false),
                Step::Wait(Some(ms(250))),
                Step::Wait(Some(ms(1))),
                begin("4.1", ms(2750), false), // all the time that is left
                Step::Wait(Some(ms(2750))),
                Step::Wait(Some(ms(2000))),
                Step::Wait(Some(ms(1))),
                Step::GiveUp,
            ]
        );
        assert_eq!(schedule.into_running(), addresses(&["6.1", "4.1"]));
    }

    #[test]
    fn after_a_failure_the_next_is_tried_at_once() {
        let start = Instant::now();
        let mut schedule = Schedule::new(addresses(&["6.1", "4.1", "6.2"]), None);
        assert_eq!(schedule.step(start), begin("6.1", UNTIMED_ATTEMPT, false));
        schedule.failed(address("6.1"));
        assert_eq!(schedule.step(start + ms(1)), begin("4.1", UNTIMED_ATTEMPT, false));
        assert_eq!(schedule.step(start + ms(1)), Step::Wait(Some(DELAY)));
        schedule.failed(address("4.1"));
        // Nothing else is to be done, so the caller can do it itself.
        assert_eq!(schedule.step(start + ms(2)), begin("6.2", UNTIMED_ATTEMPT, true));
        assert_eq!(schedule.step(start + ms(2)), Step::Wait(None));
        schedule.failed(address("6.2"));
        assert_eq!(schedule.step(start + ms(3)), Step::GiveUp);
        assert!(schedule.into_running().is_empty());
    }

    #[test]
    fn at_most_two_are_tried_at_a_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new(addresses(&["6.1", "4.1", "6.2", "4.2"]), None);
        assert_eq!(
            steps(&mut schedule, start, &[0, 250, 500, 60_000]),
            [
                begin("6.1", UNTIMED_ATTEMPT, false),
                begin("4.1", UNTIMED_ATTEMPT, false),
                Step::Wait(None),
                Step::Wait(None),
            ]
        );
        schedule.failed(address("4.1"));
        assert_eq!(schedule.step(start + ms(60_001)), begin("6.2", UNTIMED_ATTEMPT, false));
        // Only the end of one of the two matters now.
        assert_eq!(schedule.step(start + ms(60_001)), Step::Wait(None));
    }

    /// Attempts that say nothing end by their bounds, and every address has had its turn.
    #[test]
    fn no_attempt_goes_on_past_the_deadline_and_each_address_gets_its_turn() {
        for count in 1..=20_u8 {
            for timeout in [ms(1), ms(100), ms(1000), ms(30_000), Duration::from_nanos(1)] {
                let start = Instant::now();
                let deadline = start + timeout;
                let names: Vec<_> = (1..=count).map(|n| std::format!("4.{n}")).collect();
                let all = names.iter().map(|name| address(name)).collect();
                let mut schedule = Schedule::new(all, Some(deadline));
                let (mut now, mut ends, mut begun) = (start, vec![], 0);
                loop {
                    match schedule.step(now) {
                        Step::Begin { address, bound, .. } => {
                            assert!(!bound.is_zero() && now + bound <= deadline);
                            ends.push((now + bound, address));
                            assert!(ends.len() <= AT_ONCE);
                            begun += 1;
                        }
                        Step::Wait(longest) => {
                            let (end, address) = *ends.iter().min().unwrap();
                            let until = now + longest.unwrap();
                            assert!(until > now && until <= deadline);
                            now = end.min(until);
                            if now == end {
                                ends.retain(|attempt| attempt.1 != address);
                                schedule.failed(address);
                            }
                        }
                        Step::GiveUp => break,
                    }
                }
                if timeout > ms(500) {
                    assert_eq!(begun, count, "{timeout:?}");
                }
            }
        }
    }

    #[test]
    fn without_time_nothing_is_tried() {
        let now = Instant::now();
        let mut schedule = Schedule::new(addresses(&["4.1"]), Some(now));
        assert_eq!(schedule.step(now), Step::GiveUp);
        assert_eq!(Schedule::new(vec![], None).step(now), Step::GiveUp);
    }
}
