//! The goals, and whether they are met here.

use crate::server::{BARE, BARE_EACH, OURS, OURS_EACH, SERVERS, TASK, Writes};
use hybi_bench_shared::Workload;
use hybi_bench_shared::report::Report;
use std::fmt::Write as _;

/// How many bytes an idle connection may take beside its stream and its task.
const IDLE_BYTES_MAX: usize = 1 << 10;
/// Up to here a message is small.
const SMALL: usize = 125;

/// Returns a Markdown table, with a row for each workload and way of sending, and the memory.
/// Gathered output is compared with that of every library, single writes only with single writes.
pub fn table(report: &Report, workloads: &[Workload]) -> String {
    let mut table = String::from(
        "| workload | less than every library | half of tokio-tungstenite, if small | \
         1.15 times the bare echo |\n|---|---|---|---|\n",
    );
    for (ours, writes) in [(OURS, Writes::Gathered), (OURS_EACH, Writes::Each)] {
        for workload in workloads {
            let cpu = |name: &str| report.cpu_micros(name, workload);
            let Some(own) = cpu(ours) else { continue };
            let peers = SERVERS
                .iter()
                .filter(|it| it.is_peer() && (writes == Writes::Gathered || it.writes == writes));
            let best = peers
                .filter_map(|peer| Some((cpu(peer.name)?, peer.name)))
                .min_by(|(a, _), (b, _)| a.total_cmp(b));
            let best = best.map_or("–".into(), |(best, name)| {
                format!("{} {name}", verdict(own / best, 1.0))
            });
            let (tungstenite, bare) = match writes {
                Writes::Gathered => ("tokio-tungstenite", BARE),
                Writes::Each => ("tokio-tungstenite, send", BARE_EACH),
            };
            let half = cpu(tungstenite).map_or("–".into(), |it| match workload.size {
                0..=SMALL => verdict(own / it, 0.5),
                _ => format!("({:.2})", own / it),
            });
            let bare = cpu(bare).map_or("–".into(), |bare| verdict(own / bare, 1.15));
            let _ = writeln!(table, "| {ours}: {} | {best} | {half} | {bare} |", workload.name());
        }
    }
    for (what, column) in [("an idle connection", 0), ("an idle connection over TLS", 2)] {
        let bytes = |name| report.memory_of(name, column);
        if let (Some(ours), Some(task)) = (bytes(OURS), bytes(TASK)) {
            let beside = ours.saturating_sub(task);
            let met = if beside <= IDLE_BYTES_MAX { "met" } else { "missed" };
            let _ = writeln!(
                table,
                "\nThe heap of {what} has {beside} bytes\n\
                 beside its stream and task, which have {task}. At most {IDLE_BYTES_MAX}: {met}."
            );
        }
    }
    table
}

/// The ratio, and whether it is at most that, as precise as it is shown.
fn verdict(ratio: f64, most: f64) -> String {
    let ratio = (ratio * 100.0).round() / 100.0;
    format!("{ratio:.2}, {}", if ratio <= most { "met" } else { "missed" })
}
