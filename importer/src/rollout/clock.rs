/*! How long one cluster's turn may take. */

use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};

/// The time of one cluster's turn, which everything in it shares.
#[derive(Debug)]
pub struct Clock {
    limit: Duration,
    deadline: Instant,
}

impl Clock {
    /// It runs from now on.
    pub fn start(limit: Duration) -> Self {
        Self {
            limit,
            deadline: Instant::now() + limit,
        }
    }

    /// When the time is over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Does it in the time that is left; else the reason says that it was over.
    pub async fn bound<T>(
        &self,
        work: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let done = timeout_at(self.deadline, work).await;
        let over = || format!("the {} s for this cluster were over", self.limit.as_secs());
        done.unwrap_or_else(|_| Err(over()))
    }

    /// Waits for what has a limit of its own, or for people: that time does not count.
    pub async fn aside<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = wait.await;
        self.deadline += begun.elapsed();
        done
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_work_shares_the_time_and_what_is_waited_for_aside_takes_none_of_it() {
        let mut clock = Clock::start(Duration::from_secs(10));
        let seconds = |seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            Ok(seconds)
        };
        assert_eq!(clock.bound(seconds(6)).await, Ok(6));
        assert_eq!(clock.aside(seconds(3600)).await, Ok(3600));
        assert_eq!(clock.bound(seconds(3)).await, Ok(3));
        let over = clock.bound(pending::<Result<(), String>>()).await;
        assert_eq!(over, Err("the 10 s for this cluster were over".to_owned()));
    }
}
