/*! When to try again: exponential back-off with jitter, longer where the registry says so, and never for ever. */

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::{Error, reply::FLOOR};

/// The longest wait a `Retry-After` can impose.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The first wait.
const FIRST_WAIT: Duration = Duration::from_millis(if cfg!(test) { 2 } else { 250 });

/// Further attempts at a lookup after a server error.
const LOOKUP_RETRIES: u32 = 2;

/// What is left of the attempts for one operation.
#[derive(Debug)]
pub(super) struct Patience {
    retries: u32,
    waits: ExponentialBackoff,
    /// Further attempts after a server error.
    server_errors: u32,
    /// When there last was progress, and what had come by then.
    since: Instant,
    bytes: u64,
}

impl Patience {
    /// Patience for that many further attempts.
    pub(super) fn new(retries: u32) -> Self {
        Self {
            retries,
            waits: waits(retries),
            server_errors: u32::MAX,
            since: Instant::now(),
            bytes: 0,
        }
    }

    /// The same, for a question to which a server that fails at it may as well have said no.
    pub(super) fn lookup(retries: u32) -> Self {
        Self {
            server_errors: LOOKUP_RETRIES,
            ..Self::new(retries)
        }
    }

    /// Waits before the next attempt, or gives the error back where no further one is due.
    pub(super) async fn wait(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_transient() {
            return Err(error);
        }
        if error.is_server_error() {
            match self.server_errors.checked_sub(1) {
                Some(left) => self.server_errors = left,
                None => return Err(error),
            }
        }
        let Some(wait) = self.waits.next() else {
            return Err(error);
        };
        let wait = wait.max(error.retry_after().unwrap_or_default().min(LONGEST_WAIT));
        tracing::debug!(%error, ?wait, "trying again");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// So many bytes have come in all: where that is faster than a stall, all attempts are due again.
    pub(super) fn progress(&mut self, bytes: u64) {
        let more = bytes.saturating_sub(self.bytes);
        let least = self.since.elapsed().as_millis() as u64 * FLOOR / 1000;
        if more > least {
            self.reset();
            (self.since, self.bytes) = (Instant::now(), bytes);
        }
    }

    /// Progress was made: all attempts are due again.
    pub(super) fn reset(&mut self) {
        self.waits = waits(self.retries);
    }
}

fn waits(retries: u32) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(Duration::from_secs(20))
        .with_max_times(usize::try_from(retries).unwrap_or(usize::MAX))
        .with_jitter()
        .build()
}
