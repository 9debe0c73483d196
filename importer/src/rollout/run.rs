/*! A run on its way: the look at all clusters, and each one's turn. */

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Mutex, PoisonError},
};

use cli::StatusTable;
use cluster::{Cluster, ClusterError};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Rollout,
    forecasts::Forecasts,
    interrupt::interrupted,
    outcome::{ClusterOutcome, State},
    report::{Detail, preflight, record::Record},
    site::Site,
    task::{Forecast, Task},
    turn::{Event, RunState},
    waves::{self, Turns},
};
use crate::{
    fleet::{Pause, Wave},
    gates::Window,
};

/// A run on its way.
pub(super) struct Run<'a, T: Task> {
    rollout: &'a Rollout,
    task: &'a T,
    status: StatusTable,
    forecasts: Forecasts<T::Forecast>,
    /// Which entries of the list lead to a cluster, by what it is.
    entries: Mutex<BTreeMap<String, BTreeSet<String>>>,
    record: &'a Record<'a, T::Detail>,
}

impl<'a, T: Task> Run<'a, T> {
    /// Of a task; what becomes of each cluster goes into `record`.
    pub(super) fn new(
        rollout: &'a Rollout,
        task: &'a T,
        status: StatusTable,
        record: &'a Record<'a, T::Detail>,
    ) -> Self {
        Self {
            forecasts: Forecasts::of(&rollout.fleet),
            entries: Mutex::default(),
            rollout,
            task,
            status,
            record,
        }
    }

    /// Looks at all clusters, then gives each its turn, until the end or an interruption.
    pub(super) async fn all(&self) {
        let (fleet, at_once) = (&self.rollout.fleet, self.rollout.max_parallel);
        let mut interrupt = pin!(interrupted());
        let looking = self
            .forecasts
            .look(fleet, at_once, |cluster| self.look(cluster.clone()));
        let mut looking = pin!(looking);
        let mut looked = false;
        tokio::select! {
            biased;
            () = &mut interrupt => {
                let reason = "interrupted before anything was changed; run the same command again";
                return self.skip_all(|_| reason.to_owned());
            }
            () = &mut looking => looked = true,
            () = self.forecasts.nearly_all(), if !self.rollout.all_or_nothing => {}
        }
        for line in preflight::lines(fleet, &self.forecasts, Timestamp::now()) {
            tracing::info!("{line}");
        }
        if self.rollout.all_or_nothing
            && let Some((first, reason)) = self.objection()
        {
            // Each cluster has what is wrong with it; the others, with whom it began.
            return self.skip_all(|cluster| {
                let own = self.objection_of(cluster);
                let reason = own.unwrap_or_else(|| format!("{first}: {reason}"));
                format!("--all-or-nothing: {reason}")
            });
        }
        let mut waves = pin!(waves::run(&fleet.waves, at_once, self, interrupt));
        let runs = loop {
            tokio::select! {
                runs = &mut waves => break runs,
                () = &mut looking, if !looked => looked = true,
            }
        };
        for one in runs {
            if let RunState::Stopped(stop) = one.state {
                self.record.add(self.skipped(&one.cluster, stop.reason()));
            }
        }
    }

    async fn look(&self, cluster: Cluster) -> Result<T::Forecast, ClusterError> {
        let name = &cluster.name;
        let line = self.status.line(name);
        line.say("looking");
        let look = AssertUnwindSafe(self.task.look(&cluster))
            .catch_unwind()
            .await;
        let look = look.unwrap_or_else(|panic| Err(ClusterError::Fault(panicked(&panic))));
        match &look {
            Ok(forecast) => {
                let site = forecast.site();
                let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
                entries.entry(site.key()).or_default().insert(name.clone());
                drop(entries);
                if self.rollout.summary {
                    return look;
                }
                let id = site.cluster_id.as_ref().map(ToString::to_string);
                tracing::info!(
                    "{name}: {}, cluster id {}, version {}",
                    site.server,
                    id.as_deref().unwrap_or("none"),
                    site.version.as_deref().unwrap_or("unknown"),
                );
                for warning in &site.warnings {
                    tracing::warn!("{name}: {warning}");
                }
            }
            // The summary has its reason, beside those of others.
            Err(_) if self.rollout.summary => {}
            Err(error) => tracing::warn!("{name}: {error}"),
        }
        look
    }

    /// The first thing that is wrong anywhere, and with which cluster.
    fn objection(&self) -> Option<(&str, String)> {
        let mut clusters = self.rollout.fleet.members();
        clusters.find_map(|cluster| Some((&*cluster.name, self.objection_of(cluster)?)))
    }

    fn objection_of(&self, cluster: &Cluster) -> Option<String> {
        let twice = self
            .forecasts
            .get(cluster)
            .and_then(|look| look.found.as_ref().ok());
        let twice = twice.and_then(|forecast| self.listed_twice(cluster, forecast.site()));
        twice.or_else(|| self.forecasts.objection(cluster))
    }

    /// Why a cluster that has several entries in the list has no turn.
    fn listed_twice(&self, cluster: &Cluster, site: &Site) -> Option<String> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let names = entries.get(&site.key())?.iter();
        let others: Vec<_> = names
            .filter(|name| **name != cluster.name)
            .cloned()
            .collect();
        (!others.is_empty()).then(|| {
            format!(
                "this is the same cluster as {} ({}); leave all but one of them out of the list, or mend the context",
                others.join(", "),
                site.key()
            )
        })
    }

    /// Nothing is done to any cluster.
    fn skip_all(&self, reason: impl Fn(&Cluster) -> String) {
        for cluster in self.rollout.fleet.members() {
            self.record.add(self.skipped(cluster, reason(cluster)));
        }
    }

    /// A cluster whose turn never came, or was cut short.
    fn skipped(&self, cluster: &Cluster, reason: String) -> ClusterOutcome<T::Detail> {
        match self.forecasts.get(cluster).map(|look| &look.found) {
            Some(Err(error)) => unreachable(cluster, error),
            None => ClusterOutcome::new(cluster, State::Stopped, reason),
            Some(Ok(forecast)) => {
                ClusterOutcome::at(cluster, forecast.site(), State::Stopped, reason)
            }
        }
    }
}

/// What a panic says.
fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    cluster::clean(text.unwrap_or("a panic without a text"))
}

fn unreachable<D: Detail>(cluster: &Cluster, error: &ClusterError) -> ClusterOutcome<D> {
    ClusterOutcome::new(cluster, State::Unreachable, error.to_string())
}

impl<T: Task> Turns for Run<'_, T> {
    type Outcome = State;

    async fn run(&self, cluster: &Cluster) -> State {
        let (began, clock) = (Timestamp::now(), Instant::now());
        let outcome = ClusterOutcome {
            began: Some(began),
            ..self.turn(cluster).await
        };
        let seconds = (clock.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let state = outcome.state;
        self.record.add(ClusterOutcome {
            seconds: Some(seconds),
            ..outcome
        });
        state
    }

    fn failed(&self, outcome: &State) -> bool {
        *outcome != State::Done
    }

    fn window<'w>(&self, wave: &'w Wave) -> Option<&'w Window> {
        let window = wave.gates.window.as_ref();
        window.filter(|_| !self.rollout.dry_run)
    }

    async fn approve(&self, wave: &Wave) -> Result<(), String> {
        let question = format!("Wave {} comes next. Begin it?", wave.number);
        self.rollout.approval.wait(&question).await
    }

    fn event(&self, event: Event) {
        match event {
            Event::Begins { wave } if self.rollout.fleet.waves.len() > 1 => {
                tracing::info!("wave {wave} begins")
            }
            Event::Begins { .. } => {}
            Event::Pause { wave, pause } => match pause {
                Pause::For(time) => tracing::info!("wave {wave} begins in {time:?}"),
                Pause::Approval => tracing::info!("wave {wave} waits for approval"),
            },
            Event::Closed { wave, opens } => {
                tracing::info!("wave {wave} waits for its window, which opens {opens}")
            }
            Event::Interrupted => tracing::warn!(
                "interrupted: no further cluster is begun; those under way have a moment to end"
            ),
        }
    }
}

impl<T: Task> Run<'_, T> {
    /// A cluster's turn: with the look at it, or with a new one where that has grown old.
    async fn turn(&self, cluster: &Cluster) -> ClusterOutcome<T::Detail> {
        let look = self.forecasts.wait(cluster).await;
        let anew;
        let found = match look.filter(|look| look.is_fresh()) {
            Some(look) => &look.found,
            None => {
                anew = self.look(cluster.clone()).await;
                &anew
            }
        };
        let forecast = match found {
            Ok(forecast) => forecast,
            Err(error) => return unreachable(cluster, error),
        };
        let failed =
            |reason: String| ClusterOutcome::at(cluster, forecast.site(), State::Failed, reason);
        if let Some(reason) = self.listed_twice(cluster, forecast.site()) {
            return failed(reason);
        }
        let line = self.status.line(&cluster.name);
        let run = AssertUnwindSafe(self.task.run(cluster, forecast, line)).catch_unwind();
        run.await
            .unwrap_or_else(|panic| failed(ClusterError::Fault(panicked(&panic)).to_string()))
    }
}
