/*! Waits until objects are healthy, or the time for that is over. */

use std::time::Duration;

use clap::ValueEnum;
use cluster::{Call, Session};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Health, of};

/// What is waited for on a cluster before it counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wait {
    /// The objects are applied; namespaces and definitions are served.
    Applied,
    /// They are healthy too.
    Healthy,
}

/// An object that is waited for.
#[derive(Debug)]
pub struct Target {
    /// Kind and name, for people.
    pub label: String,
    /// How it is read.
    pub call: Call,
}

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Waits for one object after the other. The error names the first that is not healthy when `limit` is over, and why.
pub async fn until_healthy(
    session: &Session,
    targets: &[Target],
    limit: Duration,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    for target in targets {
        let mut pause = FIRST_PAUSE;
        let mut last = "it was not read".to_owned();
        loop {
            match timeout_at(deadline, session.send(&target.call)).await {
                Ok(Ok(answer)) if answer.is_success() => match of(&answer.body) {
                    Health::Healthy => break,
                    Health::Unhealthy(reason) => last = reason,
                },
                Ok(Ok(answer)) if answer.status == 404 => "it is gone".clone_into(&mut last),
                Ok(Ok(answer)) => last = format!("reading it: HTTP {}", answer.status),
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => {}
            }
            say(&format!("waits for {}: {last}", target.label));
            if Instant::now() + pause >= deadline {
                let seconds = limit.as_secs();
                return Err(format!(
                    "applied, but {} is not healthy after {seconds} s: {last}",
                    target.label
                ));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    Ok(())
}
