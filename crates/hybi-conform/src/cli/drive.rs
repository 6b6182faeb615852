//! The driver for sockets: runs one case over one stream, with time-outs.

use std::pin::pin;
use std::time::Duration;

use hybi_conform::{Next, Outcome, Patience, Tester};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use crate::transport::Stream;

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patiences {
    /// For what must come ([`Patience::Long`]).
    pub(crate) long: Duration,
    /// For what should come soon, or not at all ([`Patience::Short`]).
    pub(crate) short: Duration,
    /// For a whole case. Without this limit, a peer that sends a byte now and then could keep it
    /// going forever.
    pub(crate) whole: Duration,
}

impl Patiences {
    /// Waits at most a second for what should come soon, as Autobahn does. Messages in full size
    /// take longer.
    pub(crate) fn new(long: Duration, are_full: bool) -> Self {
        let times = if are_full { 100 } else { 10 };
        Self { long, short: long.min(Duration::from_secs(1)), whole: long * times }
    }

    /// Returns these with half the time for what must come.
    pub(crate) fn halved(self) -> Self {
        let long = self.long / 2;
        Self { long, short: self.short.min(long), whole: self.whole / 2 }
    }
}

/// The event that ended a wait.
enum Happened {
    Wrote(std::io::Result<usize>),
    Flushed(std::io::Result<()>),
    Read(std::io::Result<usize>),
    /// The patience has run out.
    Time,
}

/// Runs a case, and closes the stream.
pub(crate) async fn drive(
    stream: impl Stream,
    mut tester: Tester,
    patiences: Patiences,
) -> Outcome {
    let began = Instant::now();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut buffer = vec![0; 64 << 10];
    let (mut is_open, mut is_flushed) = (true, true);
    loop {
        tester.at(began.elapsed());
        if began.elapsed() > patiences.whole {
            let mut outcome = tester.outcome("it took too long altogether");
            outcome.timed_out = true;
            return outcome;
        }
        let next = tester.proceed();
        let reads = is_open && tester.reads();
        let patience = match next {
            Next::Wait(Patience::Short) => patiences.short,
            // While we do not read, the peer may stop reading, too.
            _ if !tester.reads() => patiences.short,
            _ => patiences.long,
        };
        // The answer to a request must be whole by then, not only have another byte.
        let patience = match tester.is_opening() {
            true => patience.min(patiences.long.saturating_sub(began.elapsed())),
            false => patience,
        };
        let happened = match next {
            Next::Done => {
                if tester.resets() {
                    reader.unsplit(writer).reset();
                }
                return tester.outcome("");
            }
            Next::Shutdown => {
                let _ = timeout(patiences.long, writer.shutdown()).await;
                continue;
            }
            Next::Send => {
                let write = pin!(writer.write(tester.output()));
                tokio::select! {
                    wrote = write => Happened::Wrote(wrote),
                    read = reader.read(&mut buffer), if reads => Happened::Read(read),
                    () = sleep(patience) => Happened::Time,
                }
            }
            Next::Wait(_) if !is_flushed => tokio::select! {
                flushed = writer.flush() => Happened::Flushed(flushed),
                read = reader.read(&mut buffer), if reads => Happened::Read(read),
                () = sleep(patience) => Happened::Time,
            },
            Next::Wait(_) if !is_open => Happened::Time,
            Next::Wait(_) => tokio::select! {
                read = reader.read(&mut buffer), if reads => Happened::Read(read),
                () = sleep(patience) => Happened::Time,
            },
        };
        tester.at(began.elapsed());
        match happened {
            Happened::Wrote(Ok(len)) if len > 0 => {
                tester.sent(len);
                is_flushed = false;
            }
            Happened::Flushed(Ok(())) => is_flushed = true,
            // Bytes that the peer sent before it closed can still be read.
            Happened::Wrote(_) | Happened::Flushed(Err(_)) => {
                tester.cannot_send();
                is_flushed = true;
            }
            Happened::Read(Ok(len)) if len > 0 => {
                tester.feed(buffer.get(..len).unwrap_or_default());
            }
            Happened::Read(Ok(_)) => {
                is_open = false;
                tester.end_of_input();
            }
            Happened::Read(Err(error)) => {
                is_open = false;
                tester.broken(&error.to_string());
            }
            Happened::Time => match next {
                Next::Send => tester.cannot_send(),
                _ => tester.quiet(),
            },
        }
    }
}
