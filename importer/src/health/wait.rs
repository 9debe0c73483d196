/*! Waits until objects are healthy, one of them has failed for good, or the time for that is over. */

use std::{str::FromStr, time::Duration};

use cluster::{Answer, Call, ClusterError, Session, refusal};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Health, Lack, check, failed, may_be_stale, underway};

/// What is waited for on a cluster before it counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Nothing: objects are sent.
    None,
    /// The objects are applied; namespaces and definitions are served.
    Applied,
    /// They are healthy too.
    Healthy,
}

impl Wait {
    /// Each, from least to most.
    pub const ALL: [Self; 3] = [Self::None, Self::Applied, Self::Healthy];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Applied => "applied",
            Self::Healthy => "healthy",
        }
    }
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|wait| wait.name() == text);
        found.ok_or_else(|| {
            format!(
                "nothing can be waited for by the name {text:?}; expected none, applied or healthy"
            )
        })
    }
}

/// An object that is waited for.
#[derive(Debug)]
pub struct Target {
    /// Kind and name, for people.
    pub label: String,
    /// How it is read.
    pub call: Call,
    /// Whether it was changed just now, so that its status may be about what it was before.
    pub changed: bool,
}

pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(250);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a status without a generation of its own may still be about the specification before.
const SETTLE: Duration = Duration::from_secs(2);

/// How many are read at once.
const AT_ONCE: usize = 8;

/// One that is not healthy so far.
struct Pending<'t> {
    target: &'t Target,
    lack: Lack,
}

/// Reads objects again and again until all are healthy. The error says which is not, and why: once one has failed for good, or `deadline` is
/// there, which comes `limit` after the beginning.
pub async fn until_healthy(
    session: &Session,
    targets: &[Target],
    (deadline, limit): (Instant, Duration),
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), String> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    let unread = |target| Pending {
        target,
        lack: Lack::Underway("it was not read".to_owned()),
    };
    let mut pending: Vec<_> = targets.iter().map(unread).collect();
    loop {
        let is_new = began.elapsed() < SETTLE;
        let reads = stream::iter(std::mem::take(&mut pending)).map(|mut one| async move {
            let read = timeout_at(deadline, session.send(&one.target.call)).await;
            let confirmed = match read {
                // What was seen last is what there is to tell.
                Err(_) => false,
                Ok(answer) => match judge(one.target, answer, is_new) {
                    Ok(()) => return None,
                    // One look may be at what was there before: a failure has to be seen twice.
                    Err(lack) => {
                        let again =
                            matches!((&one.lack, &lack), (Lack::Failed(_), Lack::Failed(_)));
                        one.lack = lack;
                        again
                    }
                },
            };
            Some((one, confirmed))
        });
        let seen: Vec<_> = reads
            .buffered(AT_ONCE)
            .filter_map(async |one| one)
            .collect()
            .await;
        if let Some((one, _)) = seen.iter().find(|(_, confirmed)| *confirmed) {
            return Err(format!(
                "applied, but {} has failed: {}",
                one.target.label,
                one.lack.reason()
            ));
        }
        pending = seen.into_iter().map(|(one, _)| one).collect();
        let Some(first) = pending.first() else {
            return Ok(());
        };
        let lack = first.lack.reason();
        let label = &first.target.label;
        let more = match pending.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        say(&format!("waits for {label}{more}: {lack}"));
        let now = Instant::now();
        if now + pause >= deadline {
            let seconds = limit.as_secs();
            return Err(format!(
                "applied, but {label} is not healthy after {seconds} s{more}: {lack}"
            ));
        }
        let settled = (began + SETTLE).saturating_duration_since(now);
        sleep(if settled.is_zero() {
            pause
        } else {
            pause.min(settled)
        })
        .await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What an answer says of an object. `is_new`: it was changed so short a time ago that nobody may have looked at it yet.
fn judge(target: &Target, answer: Result<Answer, ClusterError>, is_new: bool) -> Health {
    match answer {
        Ok(answer) if answer.is_success() => {
            check(&answer.body)?;
            match is_new && target.changed && may_be_stale(&answer.body) {
                true => underway("its status may still be about what it was before"),
                false => Ok(()),
            }
        }
        Ok(answer) if answer.status == 404 => underway("it is not there"),
        Ok(answer) if answer.status == 403 => {
            failed(format!("it may not be read: {}", refusal::words(&answer)))
        }
        Ok(answer) => underway(format!("reading it: HTTP {}", answer.status)),
        Err(error) => underway(error.to_string()),
    }
}
