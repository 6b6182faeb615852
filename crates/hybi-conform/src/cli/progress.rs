//! The output while cases run: a bar on a terminal, otherwise a line for each tenth of them.

use std::io::{IsTerminal, Write, stderr};

use hybi_conform::Verdict;
use indicatif::{ProgressBar, ProgressStyle};

use crate::results::Record;

pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    is_strict: bool,
    total: usize,
    done: usize,
    /// In the order of [`Verdict::ALL`].
    counts: [usize; 5],
}

impl Progress {
    /// Begins to show the progress through so many cases, on standard error.
    pub(crate) fn new(total: usize, is_strict: bool) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, is_strict, total, done: 0, counts: [0; 5] }
    }

    /// Counts a case.
    pub(crate) fn add(&mut self, record: &Record) {
        let verdict = record.verdict(self.is_strict);
        let tenth = |done| 10 * done / self.total.max(1);
        let is_new_tenth = tenth(self.done + 1) > tenth(self.done);
        self.done += 1;
        for (count, other) in self.counts.iter_mut().zip(Verdict::ALL) {
            *count += usize::from(other == verdict);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_message(self.told());
                bar.inc(1);
            }
            None if is_new_tenth => {
                let told = self.told();
                let _ = writeln!(stderr(), "{} of {} cases: {told}", self.done, self.total);
            }
            None => {}
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn told(&self) -> String {
        let all = self.counts.into_iter().zip(Verdict::ALL).filter(|(count, _)| *count > 0);
        all.map(|(count, verdict)| format!("{count} {verdict}")).collect::<Vec<_>>().join(", ")
    }
}
