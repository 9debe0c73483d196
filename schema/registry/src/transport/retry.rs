/*! When to try again: exponential back-off with jitter, longer where the registry asks for it, and never for ever. */

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use net::wait;

use crate::{Error, transport::reply::FLOOR};

/// A wait that is shown to people, since nothing else moves meanwhile.
const LONG_WAIT: Duration = Duration::from_secs(10);

/// The first wait.
const FIRST_WAIT: Duration = Duration::from_millis(if cfg!(test) { 2 } else { 250 });

/// Further attempts at a lookup after a server error.
const LOOKUP_RETRIES: u32 = 2;

/// What is left of the attempts for one operation.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    retries: u32,
    waits: ExponentialBackoff,
    /// Further attempts after a server error.
    server_errors: u32,
    /// When there last was progress, and what had come by then.
    since: Instant,
    bytes: u64,
}

impl RetryBudget {
    /// For that many further attempts.
    pub(crate) fn new(retries: u32) -> Self {
        Self {
            retries,
            waits: waits(retries),
            server_errors: u32::MAX,
            since: Instant::now(),
            bytes: 0,
        }
    }

    /// The same, for a question to which a server that fails at it may as well have answered no.
    pub(crate) fn lookup(retries: u32) -> Self {
        Self {
            server_errors: LOOKUP_RETRIES,
            ..Self::new(retries)
        }
    }

    /// Waits before the next attempt, or gives the error back where no further one is due.
    pub(crate) async fn wait(&mut self, error: Error) -> Result<(), Error> {
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
        let wait = wait.max(error.retry_after().unwrap_or_default());
        if wait > LONG_WAIT && error.retry_after() == Some(wait) {
            tracing::info!("{error}; going on in {}", wait::spelled(wait));
        } else {
            tracing::debug!(%error, ?wait, "trying again");
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// So many bytes have come in all: where that is faster than a stall, all attempts are due again.
    pub(crate) fn progress(&mut self, bytes: u64) {
        let more = bytes.saturating_sub(self.bytes);
        let least = self.since.elapsed().as_millis() as u64 * FLOOR / 1000;
        if more > least {
            self.reset();
            (self.since, self.bytes) = (Instant::now(), bytes);
        }
    }

    /// Progress was made: all attempts are due again.
    pub(crate) fn reset(&mut self) {
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

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::error::LONGEST_WAIT;

    fn busy(retry_after: Option<Duration>) -> Error {
        Error::Http {
            target: "r/a:v1".to_owned(),
            status: 429,
            detail: String::new(),
            retry_after,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_asks_for_minutes_gets_them_and_for_hours_is_named_at_once() {
        let begun = Instant::now();
        let mut budget = RetryBudget::new(2);
        let waited = budget.wait(busy(Some(LONGEST_WAIT))).await;
        assert!(
            waited.is_ok() && begun.elapsed() >= LONGEST_WAIT,
            "{waited:?}"
        );
        let begun = Instant::now();
        let told = budget.wait(busy(Some(Duration::from_secs(7500)))).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let told = told
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            told.contains("answered 429") && told.contains("2 h 5 min"),
            "{told}"
        );
        let begun = Instant::now();
        assert!(budget.wait(busy(None)).await.is_ok());
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "without a header, back-off is enough"
        );
    }
}
