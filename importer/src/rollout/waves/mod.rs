/*!
Many clusters, a wave at a time: a few first, and the others only if those went well.

The driver knows nothing of Kubernetes. It begins clusters in the order of the plan, never more than allowed at once; a
slow cluster holds up nobody but the next wave; and when it stops, it says of each cluster why its turn never came.
*/

#[cfg(test)]
mod tests;
mod window;

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use cluster::Cluster;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::time::{Instant, sleep, sleep_until};

use super::turn::{ClusterRun, Event, RunState, Stop};
use crate::{
    fleet::{Pause, Wave},
    gates::Window,
};

/// How long clusters that were begun may go on after an interruption, before they are left as they are.
pub const GRACE: Duration = Duration::from_secs(10);

/// What is done in waves.
pub trait Turns {
    /// What becomes of one cluster.
    type Outcome;

    /// Does it to a cluster. Dropped in the middle only some time after an interruption: see [`GRACE`].
    fn run(&self, cluster: &Cluster) -> impl Future<Output = Self::Outcome>;

    /// Whether an outcome counts against `maxFailures`.
    fn failed(&self, outcome: &Self::Outcome) -> bool;

    /// When clusters of a wave may be begun, if not always.
    fn window<'w>(&self, wave: &'w Wave) -> Option<&'w Window>;

    /// Waits until a wave may begin; the reason if it may not.
    fn approve(&self, wave: &Wave) -> impl Future<Output = Result<(), String>>;

    /// What time it is, for windows.
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Hears what happens between clusters, to show it.
    fn event(&self, _event: Event) {}
}

/// Runs a plan to its end, or until it must stop: with at most `concurrency` clusters at once, until `interrupt` comes.
/// The result has every cluster of the plan, in no certain order.
pub async fn run<T: Turns>(
    waves: &[Wave],
    concurrency: usize,
    turns: &T,
    interrupt: impl Future<Output = ()>,
) -> Vec<ClusterRun<T::Outcome>> {
    let mut interrupt = pin!(interrupt);
    let mut runs = Vec::new();
    let mut stop = None;
    let mut pause = None;
    let mut waves = waves
        .iter()
        .filter(|wave| !wave.clusters.is_empty())
        .peekable();
    while let Some(wave) = waves.next() {
        let mut running = Running {
            wave,
            limit: wave.max_concurrent.min(concurrency).max(1),
            allowed: wave.max_failures.unwrap_or(match waves.peek() {
                Some(_) => 0,
                None => usize::MAX,
            }),
            runs: Vec::new(),
        };
        if stop.is_none() {
            stop = tokio::select! {
                biased;
                () = &mut interrupt => {
                    turns.event(Event::Interrupted);
                    Some(Stop::Interrupted { begun: false })
                }
                refused = before(wave, pause, turns) => refused,
            };
        }
        match &stop {
            Some(stop) => running.stopped(wave.clusters.iter(), stop),
            None => stop = running.run(turns, interrupt.as_mut()).await,
        }
        runs.append(&mut running.runs);
        pause = wave.pause;
    }
    runs
}

/// Waits until a wave may begin; why it may not.
async fn before<T: Turns>(wave: &Wave, pause: Option<Pause>, turns: &T) -> Option<Stop> {
    if let Some(pause) = pause {
        let wave = wave.number;
        turns.event(Event::Pause { wave, pause });
    }
    match pause {
        None => {}
        Some(Pause::For(time)) => sleep(time).await,
        Some(Pause::Approval) => {
            if let Err(reason) = turns.approve(wave).await {
                let wave = wave.number;
                return Some(Stop::NotApproved { wave, reason });
            }
        }
    }
    window::opened(wave, turns).await
}

/// A wave with its limits worked out.
struct Running<'w, T> {
    wave: &'w Wave,
    limit: usize,
    allowed: usize,
    runs: Vec<ClusterRun<T>>,
}

impl<'w, T> Running<'w, T> {
    /// Runs the wave; returns why nothing may follow.
    async fn run<R: Turns<Outcome = T>>(
        &mut self,
        turns: &R,
        mut interrupt: Pin<&mut impl Future<Output = ()>>,
    ) -> Option<Stop> {
        turns.event(Event::Begins {
            wave: self.wave.number,
        });
        let mut waiting = self.wave.clusters.iter();
        let mut running = FuturesUnordered::new();
        let mut begun: Vec<&Arc<Cluster>> = Vec::new();
        let mut failures: Vec<&Arc<Cluster>> = Vec::new();
        let mut stop = None;
        let mut deadline = None;
        loop {
            if stop.is_none() && running.len() < self.limit && waiting.len() > 0 {
                stop = window::closed(self.wave, turns);
            }
            while stop.is_none()
                && running.len() < self.limit
                && let Some(cluster) = waiting.next()
            {
                begun.push(cluster);
                running.push(async move { (cluster, turns.run(cluster).await) });
            }
            tokio::select! {
                biased;
                () = interrupt.as_mut(), if deadline.is_none() && !running.is_empty() => {
                    turns.event(Event::Interrupted);
                    deadline = Some(Instant::now() + GRACE);
                    stop.get_or_insert(Stop::Interrupted { begun: false });
                }
                next = running.next() => {
                    let Some((cluster, outcome)) = next else {
                        break;
                    };
                    if turns.failed(&outcome) {
                        failures.push(cluster);
                    }
                    begun.retain(|other| !Arc::ptr_eq(other, cluster));
                    self.add(cluster, RunState::Ended(outcome));
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => break,
            }
            if let Some(first) = failures.first()
                && failures.len() > self.allowed
            {
                stop.get_or_insert(Stop::Failures {
                    wave: self.wave.number,
                    failed: failures.len(),
                    first: first.name.clone(),
                    allowed: self.allowed,
                });
            }
        }
        drop(running);
        self.stopped(begun.into_iter(), &Stop::Interrupted { begun: true });
        if let Some(stop) = &stop {
            self.stopped(waiting, stop);
        }
        stop
    }

    fn stopped(&mut self, clusters: impl Iterator<Item = &'w Arc<Cluster>>, stop: &Stop) {
        for cluster in clusters {
            self.add(cluster, RunState::Stopped(stop.clone()));
        }
    }

    fn add(&mut self, cluster: &Arc<Cluster>, state: RunState<T>) {
        self.runs.push(ClusterRun {
            cluster: Arc::clone(cluster),
            wave: self.wave.number,
            state,
        });
    }
}
