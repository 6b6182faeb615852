//! The end of a run: Ctrl-C, and the files that results go to, which are a baseline and a report.

use std::future::pending;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::arguments::Manner;
use crate::baseline::{self, Baseline};
use crate::report::Report;
use crate::results::Results;

/// The baseline and the report that the command line asks for.
pub(crate) struct Ending {
    pub(crate) baseline: Baseline,
    write_baseline: Option<PathBuf>,
    report: Option<Report>,
}

impl Ending {
    /// Reads the baseline, and tries the files that will be written. Call it before any case runs,
    /// so that an error costs nothing.
    ///
    /// # Errors
    ///
    /// The baseline cannot be read, or the baseline or the report cannot be written.
    pub(crate) fn new(manner: &Manner) -> Result<Self, String> {
        let read = |path| Baseline::read(path, manner.strict);
        let baseline = manner.baseline.as_deref().map(read).transpose()?;
        manner.write_baseline.as_deref().map(baseline::check).transpose()?;
        let report = manner.report.as_deref().map(Report::begin).transpose()?;
        let baseline = baseline.unwrap_or_else(|| Baseline::new(manner.strict));
        Ok(Self { baseline, write_baseline: manner.write_baseline.clone(), report })
    }

    /// Writes a new baseline, if one is asked for, and compares the results with it from then on.
    ///
    /// # Errors
    ///
    /// It cannot be written, or not all cases have run.
    pub(crate) fn renew(&self, results: &mut Results<'_>) -> Result<(), String> {
        let Some(path) = &self.write_baseline else { return Ok(()) };
        if results.missing > 0 {
            return Err("the baseline has not been written, because not all cases have run".into());
        }
        let baseline = self.baseline.renewed(results);
        baseline.write(path)?;
        results.baseline = baseline;
        Ok(())
    }

    /// Writes the report, if one is asked for.
    pub(crate) fn report(&self, all: &[Results<'_>]) -> Result<(), String> {
        self.report.as_ref().map_or(Ok(()), |report| report.write(all))
    }

    /// Returns whether a report is asked for.
    pub(crate) fn has_report(&self) -> bool {
        self.report.is_some()
    }

    /// Returns whether a new baseline is asked for.
    pub(crate) fn renews(&self) -> bool {
        self.write_baseline.is_some()
    }
}

/// Waits for Ctrl-C or a request to end, as CI sends it. After that, a run ends with the results so
/// far.
pub(crate) async fn interrupted() {
    tokio::select! {
        () = ctrl_c() => {}
        () = terminated() => {}
    }
    let _ = writeln!(io::stderr(), "hybi-conform: interrupted");
}

// If the system does not tell of such an event, the event ends the program.

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        pending().await
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending().await
}
