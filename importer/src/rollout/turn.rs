/*! What became of a cluster's turn, as a value. */

use std::{sync::Arc, time::Duration};

use cluster::Cluster;
use jiff::SignedDuration;

use crate::fleet::Pause;

/// What happens between clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A wave begins.
    Begins {
        /// Its number, from 1.
        wave: usize,
    },
    /// A pause before a wave.
    Pause {
        /// The number of the wave that waits, from 1.
        wave: usize,
        /// What it waits for.
        pause: Pause,
    },
    /// A wave waits for its window.
    Closed {
        /// Its number, from 1.
        wave: usize,
        /// When it opens, for people.
        opens: String,
    },
    /// Nothing more is begun from here on.
    Interrupted,
}

/// A cluster of the plan, when all is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRun<T> {
    /// Which.
    pub cluster: Arc<Cluster>,
    /// The number of the wave it is in, from 1.
    pub wave: usize,
    /// What became of it.
    pub state: RunState<T>,
}

/// What became of a cluster's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState<T> {
    /// It ran to its end.
    Ended(T),
    /// It did not, and this is why.
    Stopped(Stop),
}

/// Why a cluster's turn never came, or was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Too many clusters failed.
    Failures {
        /// The number of their wave, from 1.
        wave: usize,
        /// How many had failed by then.
        failed: usize,
        /// The name of the first of them.
        first: String,
        /// How many might have.
        allowed: usize,
    },
    /// Nobody approved a wave.
    NotApproved {
        /// Its number, from 1.
        wave: usize,
        /// Why.
        reason: String,
    },
    /// The window of a wave is closed.
    Closed {
        /// Its number, from 1.
        wave: usize,
        /// When it opens next, for people.
        opens: Option<String>,
        /// How long a run waits for it; none where it closed in the middle of the wave.
        waits: Option<Duration>,
    },
    /// The person at the terminal, or the system, ended it.
    Interrupted {
        /// Whether its turn had come.
        begun: bool,
    },
}

impl Stop {
    /// The same in one sentence, for the report.
    pub fn reason(&self) -> String {
        match self {
            Self::Failures {
                wave,
                failed,
                first,
                allowed,
            } => {
                let who = match failed {
                    1 => first.to_owned(),
                    many => format!("{many} clusters, first {first},"),
                };
                format!("stopped because {who} failed in wave {wave} (maxFailures: {allowed})")
            }
            Self::NotApproved { wave, reason } => {
                format!("stopped because wave {wave} was not approved: {reason}")
            }
            Self::Closed { wave, opens, waits } => {
                let opens = opens.as_deref().unwrap_or("an unknown time");
                match waits {
                    Some(waits) => format!(
                        "stopped because the window of wave {wave} is closed until {opens}, and a run waits at most {} for it; run again then",
                        shown(*waits)
                    ),
                    None => format!(
                        "stopped because the window of wave {wave} closed before its turn; it opens again {opens}: run again then, with --retry-failed"
                    ),
                }
            }
            Self::Interrupted { begun: false } => {
                "interrupted before its turn; run the same command again".to_owned()
            }
            Self::Interrupted { begun: true } => "interrupted before it was done; run the same command again, what is right already stays as it is".to_owned(),
        }
    }
}

/// `12h`, `1h 30m`.
fn shown(time: Duration) -> String {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    format!("{time:#}")
}
