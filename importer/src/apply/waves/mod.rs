/*!
Many clusters, a wave at a time: a few first, and the others only if those went well.

The driver knows nothing of Kubernetes. It begins clusters in the order of the plan, never more than allowed at once; a
slow cluster holds up nobody but the next wave; and when it stops, it says of each cluster why its turn never came.
*/

mod approval;
#[cfg(test)]
mod tests;

use std::{
    future::Future,
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, sleep, sleep_until};

pub use approval::{Approval, Unattended};

use cluster::Cluster;

/// How long clusters that were begun may go on after an interruption, before they are left as they are.
pub const GRACE: Duration = Duration::from_secs(10);

/// Clusters whose turn is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// Which, as indices into the fleet's clusters, in order.
    pub clusters: Vec<usize>,
    /// How many at once; `usize::MAX` where the wave sets no limit of its own.
    pub max_concurrent: usize,
    /// How many may fail before the rest is stopped; where not said none in a wave that another follows, any number in
    /// the last.
    pub max_failures: Option<usize>,
    /// What comes between this wave and the next.
    pub pause: Option<Pause>,
}

impl Wave {
    /// A wave without rules of its own.
    pub fn of(clusters: Vec<usize>) -> Self {
        Self {
            clusters,
            max_concurrent: usize::MAX,
            max_failures: None,
            pause: None,
        }
    }
}

/// A wait between waves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// This long.
    For(Duration),
    /// Until somebody says so.
    Approval,
}

/// What is done in waves.
pub trait Rollout {
    /// What comes of one cluster.
    type Outcome;

    /// Does it to a cluster. Dropped in the middle only some time after an interruption: see [`GRACE`].
    fn apply(&self, wave: usize, cluster: usize) -> impl Future<Output = Self::Outcome>;

    /// Whether an outcome counts against `maxFailures`.
    fn failed(&self, outcome: &Self::Outcome) -> bool;

    /// Waits until a wave may begin; the reason if it may not.
    fn approve(&self, wave: usize) -> impl Future<Output = Result<(), String>>;

    /// Told of what happens between clusters, to show it.
    fn event(&self, _event: Event) {}
}

/// What happens between clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A wave begins.
    Begins {
        /// Which, from 0.
        wave: usize,
    },
    /// A pause before a wave.
    Pause {
        /// The wave that waits, from 0.
        wave: usize,
        /// What it waits for.
        pause: Pause,
    },
    /// Nothing more is begun from here on.
    Interrupted,
}

/// A cluster of the plan, when all is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driven<T> {
    /// Index into the fleet's clusters.
    pub cluster: usize,
    /// The wave it is in, from 0.
    pub wave: usize,
    /// What came of it.
    pub turn: Turn<T>,
}

/// What came of a cluster's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn<T> {
    /// It ran to its end.
    Ran(T),
    /// It did not, and this is why.
    Stopped(Stop),
}

/// Why a cluster's turn never came, or was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Too many clusters failed.
    Failures {
        /// Their wave, from 0.
        wave: usize,
        /// How many had failed by then.
        failed: usize,
        /// The first of them, as an index into the fleet's clusters.
        first: usize,
        /// How many might have.
        allowed: usize,
    },
    /// Nobody approved a wave.
    NotApproved {
        /// Which, from 0.
        wave: usize,
        /// Why.
        reason: String,
    },
    /// The person at the terminal, or the system, ended it.
    Interrupted {
        /// Whether its turn had come.
        begun: bool,
    },
}

impl Stop {
    /// The same in one sentence, for the report.
    pub fn reason(&self, clusters: &[Cluster]) -> String {
        match self {
            Self::Failures {
                wave,
                failed,
                first,
                allowed,
            } => {
                let wave = wave + 1;
                let first = clusters.get(*first).map_or("?", |cluster| &cluster.name);
                let who = match failed {
                    1 => first.to_owned(),
                    many => format!("{many} clusters, first {first},"),
                };
                format!("stopped because {who} failed in wave {wave} (maxFailures: {allowed})")
            }
            Self::NotApproved { wave, reason } => {
                format!("stopped because wave {} was not approved: {reason}", wave + 1)
            }
            Self::Interrupted { begun: false } => {
                "interrupted before its turn; run the same command again".to_owned()
            }
            Self::Interrupted { begun: true } => "interrupted before it was done; run the same command again, what is right already stays as it is".to_owned(),
        }
    }
}

/// Runs a plan to its end, or until it must stop: with at most `concurrency` clusters at once, until `interrupt` comes.
/// The result has every cluster of the plan, in the order of the fleet.
pub async fn run<R: Rollout>(
    waves: &[Wave],
    concurrency: usize,
    rollout: &R,
    interrupt: impl Future<Output = ()>,
) -> Vec<Driven<R::Outcome>> {
    let mut interrupt = pin!(interrupt);
    let mut driven = Vec::new();
    let mut stop = None;
    let mut pause = None;
    for (number, wave) in waves.iter().enumerate() {
        if wave.clusters.is_empty() {
            continue;
        }
        if stop.is_none() {
            stop = tokio::select! {
                biased;
                () = &mut interrupt => {
                    rollout.event(Event::Interrupted);
                    Some(Stop::Interrupted { begun: false })
                }
                refused = before(number, pause, rollout) => refused,
            };
        }
        if let Some(stop) = &stop {
            driven.extend(wave.clusters.iter().map(|&cluster| Driven {
                cluster,
                wave: number,
                turn: Turn::Stopped(stop.clone()),
            }));
            continue;
        }
        let running = Running {
            number,
            wave,
            limit: wave.max_concurrent.min(concurrency).max(1),
            allowed: wave.max_failures.unwrap_or_else(|| {
                let last = waves[number + 1..]
                    .iter()
                    .all(|wave| wave.clusters.is_empty());
                if last { usize::MAX } else { 0 }
            }),
        };
        stop = running.run(rollout, interrupt.as_mut(), &mut driven).await;
        pause = wave.pause;
    }
    driven.sort_by_key(|driven| driven.cluster);
    driven
}

/// Waits until a wave may begin; why it may not.
async fn before<R: Rollout>(wave: usize, pause: Option<Pause>, rollout: &R) -> Option<Stop> {
    if let Some(pause) = pause {
        rollout.event(Event::Pause { wave, pause });
    }
    match pause {
        None => None,
        Some(Pause::For(time)) => {
            sleep(time).await;
            None
        }
        Some(Pause::Approval) => {
            let refused = rollout.approve(wave).await.err();
            refused.map(|reason| Stop::NotApproved { wave, reason })
        }
    }
}

/// A wave with its limits worked out.
struct Running<'a> {
    number: usize,
    wave: &'a Wave,
    limit: usize,
    allowed: usize,
}

impl Running<'_> {
    /// Runs the wave; returns why nothing may follow.
    async fn run<R: Rollout>(
        &self,
        rollout: &R,
        mut interrupt: Pin<&mut impl Future<Output = ()>>,
        driven: &mut Vec<Driven<R::Outcome>>,
    ) -> Option<Stop> {
        rollout.event(Event::Begins { wave: self.number });
        let mut waiting = self.wave.clusters.iter().copied();
        let mut running = FuturesUnordered::new();
        let mut begun = Vec::new();
        let mut failures = Vec::new();
        let mut stop = None;
        let mut deadline = None;
        loop {
            while stop.is_none()
                && running.len() < self.limit
                && let Some(cluster) = waiting.next()
            {
                begun.push(cluster);
                running.push(async move { (cluster, rollout.apply(self.number, cluster).await) });
            }
            tokio::select! {
                biased;
                () = interrupt.as_mut(), if deadline.is_none() && !running.is_empty() => {
                    rollout.event(Event::Interrupted);
                    deadline = Some(Instant::now() + GRACE);
                    stop.get_or_insert(Stop::Interrupted { begun: false });
                }
                next = running.next() => {
                    let Some((cluster, outcome)) = next else {
                        break;
                    };
                    if rollout.failed(&outcome) {
                        failures.push(cluster);
                    }
                    begun.retain(|&other| other != cluster);
                    driven.push(self.driven(cluster, Turn::Ran(outcome)));
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => break,
            }
            if let Some(&first) = failures.first()
                && failures.len() > self.allowed
            {
                stop.get_or_insert(Stop::Failures {
                    wave: self.number,
                    failed: failures.len(),
                    first,
                    allowed: self.allowed,
                });
            }
        }
        for cluster in begun {
            let cut = Stop::Interrupted { begun: true };
            driven.push(self.driven(cluster, Turn::Stopped(cut)));
        }
        if let Some(stop) = &stop {
            driven.extend(waiting.map(|cluster| self.driven(cluster, Turn::Stopped(stop.clone()))));
        }
        stop
    }

    fn driven<T>(&self, cluster: usize, turn: Turn<T>) -> Driven<T> {
        Driven {
            cluster,
            wave: self.number,
            turn,
        }
    }
}
