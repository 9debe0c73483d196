/*!
Brings one cluster to what the manifests say, phase by phase, and reports what became of each object.

A preflight is a forecast: what it found right is looked at again, and a refusal is asked again for as long as the bundle's own objects may
be its cure. An object that fails stops no other; a cluster that answers no more costs no further waiting.
*/

use std::{collections::BTreeSet, sync::PoisonError};

use cluster::{Cluster, Session};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    ApplyOptions,
    manifests::{Manifest, Phase},
    object::{DryRunResult, PAUSES, Provided},
    outcome::{Action, Applied, ObjectOutcome},
    preflight::{AT_ONCE, Preflight},
    turn::{Attempt, Turn},
};
use crate::{
    health::{Gate, Target, Wait},
    rollout::{Clock, ClusterOutcome, State},
};

/// Applies everything to one cluster. `progress` hears of each object when it is done with, in no certain order; the outcome
/// lists them in the order of the manifests. On a dry run nothing more is asked: the preflight has the answers, and what waits
/// for other objects of the bundle is no failure. `clock` runs while objects are applied, not while they become healthy.
pub async fn apply(
    cluster: &Cluster,
    preflight: &Preflight<'_>,
    options: &ApplyOptions,
    clock: &mut Clock,
    progress: &(dyn Fn(&ObjectOutcome) + Send + Sync),
    say: &(dyn Fn(&str) + Send + Sync),
) -> ClusterOutcome<Applied> {
    let site = &preflight.site;
    let manifests = &*preflight.manifests;
    let mut warnings = site.warnings.clone();
    let mut unhealthy = None;
    let objects: Vec<ObjectOutcome> = if options.dry_run {
        let results = manifests.iter().zip(&preflight.objects);
        results
            .map(|(manifest, result)| forecast(manifest, result))
            .collect()
    } else {
        let session = preflight.session(cluster, options, clock.deadline());
        let gate = match options.wait {
            Wait::Healthy => {
                let for_nodes = manifests.iter().any(Manifest::is_for_nodes);
                let gate = clock.bound(Gate::before(&session, for_nodes)).await;
                gate.map(Some)
            }
            Wait::None | Wait::Applied => Ok(None),
        };
        let gate = match gate {
            Ok(gate) => gate,
            Err(reason) => {
                return ClusterOutcome::at(cluster, &preflight.site, State::Failed, reason);
            }
        };
        let mut run = Run::new(&session, preflight, options, clock.deadline(), progress);
        run.all().await;
        if let Some(gate) = gate.filter(|_| run.is_right()) {
            let limit = options.health_timeout;
            let session = preflight.session(cluster, options, Instant::now() + limit);
            let session = session.patient();
            let (targets, changed) = (run.targets(), run.changed(Manifest::is_for_nodes));
            let healthy = gate.pass(&session, &targets, changed, limit, say);
            match clock.aside(healthy).await {
                Ok(noted) => warnings.extend(noted),
                Err(reason) => unhealthy = Some(reason),
            }
        }
        let found = run
            .turn
            .warnings
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        warnings.extend(
            found
                .into_iter()
                .filter(|warning| !site_has(preflight, warning)),
        );
        run.outcomes.into_iter().flatten().collect()
    };
    let waits = |result: &DryRunResult| options.dry_run && result.objection().is_none();
    let wrong: Vec<_> = objects
        .iter()
        .zip(&preflight.objects)
        .filter(|(outcome, result)| !outcome.is_right() && !waits(result))
        .map(|(outcome, _)| outcome)
        .collect();
    let state = match wrong.is_empty() && unhealthy.is_none() {
        true => State::Done,
        false => State::Failed,
    };
    let reason = summary(&wrong, objects.len()).or(unhealthy);
    ClusterOutcome {
        warnings,
        detail: Applied {
            diffs: preflight.diffs.clone(),
            objects,
            pulls: Vec::new(),
        },
        ..ClusterOutcome::at(cluster, site, state, reason)
    }
}

fn site_has(preflight: &Preflight<'_>, warning: &str) -> bool {
    preflight.site.warnings.iter().any(|known| known == warning)
}

/// What a dry run reports of an object.
fn forecast(manifest: &Manifest, result: &DryRunResult) -> ObjectOutcome {
    let (action, reason) = match result {
        DryRunResult::Create => (Action::Created, None),
        DryRunResult::Configure { .. } => (Action::Configured, manifest.share.note()),
        DryRunResult::Recreate(doomed) => (Action::Configured, Some(doomed.forecast())),
        DryRunResult::Unchanged { .. } => (Action::Unchanged, None),
        DryRunResult::Waits { reason } => (Action::Skipped, Some(reason.clone())),
        DryRunResult::Untried { reason, .. } => (
            Action::Skipped,
            Some(format!(
                "it can only be applied without a dry run: {reason}"
            )),
        ),
        DryRunResult::Conflict { reason } => (Action::Conflict, Some(reason.clone())),
        DryRunResult::Refused { reason }
        | DryRunResult::Unanswered { reason }
        | DryRunResult::Impossible { reason }
        | DryRunResult::Deleting { reason } => (Action::Failed, Some(reason.clone())),
    };
    ObjectOutcome::of(manifest, action, reason)
}

/// How many objects are not right, and what is wrong with the first that failed.
fn summary(wrong: &[&ObjectOutcome], total: usize) -> Option<String> {
    let of_note = |outcome: &&&ObjectOutcome| outcome.action != Action::Skipped;
    let first = wrong.iter().find(of_note).or(wrong.first())?;
    let namespace = first.namespace.as_ref();
    let place = namespace.map(|namespace| format!("{namespace}/"));
    Some(format!(
        "{} of {total} objects not applied; first {} {}{}: {}",
        wrong.len(),
        first.kind,
        place.unwrap_or_default(),
        first.name,
        first.reason.as_deref().unwrap_or("no reason given"),
    ))
}

/// Objects on their way to one cluster.
struct Run<'a> {
    turn: Turn<'a>,
    manifests: &'a [Manifest],
    forecast: &'a [DryRunResult],
    progress: &'a (dyn Fn(&ObjectOutcome) + Send + Sync),
    deadline: Instant,
    outcomes: Vec<Option<ObjectOutcome>>,
    /// What was refused so far and may be taken later, by place, with what it was refused for.
    deferred: Vec<(usize, (Action, String))>,
    /// Whether anything was written since the deferred were asked last.
    written: bool,
}

impl<'a> Run<'a> {
    fn new(
        session: &'a Session,
        preflight: &'a Preflight<'_>,
        options: &'a ApplyOptions,
        deadline: Instant,
        progress: &'a (dyn Fn(&ObjectOutcome) + Send + Sync),
    ) -> Self {
        Self {
            turn: Turn {
                session,
                provided: Provided::by(&preflight.manifests),
                serves: preflight.serves.clone(),
                default_namespace: session.default_namespace(),
                options,
                warnings: Default::default(),
            },
            manifests: &preflight.manifests,
            forecast: &preflight.objects,
            progress,
            deadline,
            outcomes: vec![None; preflight.manifests.len()],
            deferred: Vec::new(),
            written: false,
        }
    }

    fn is_right(&self) -> bool {
        self.outcomes.iter().flatten().all(ObjectOutcome::is_right)
    }

    /// Every object, and whether it was changed.
    fn done_with(&self) -> impl Iterator<Item = (&Manifest, bool)> {
        let outcomes = self.manifests.iter().zip(&self.outcomes);
        outcomes.map(|(manifest, outcome)| {
            let action = outcome.as_ref().map(|outcome| outcome.action);
            (manifest, action != Some(Action::Unchanged))
        })
    }

    /// Whether any object of this kind was changed.
    fn changed(&self, is_of_kind: fn(&Manifest) -> bool) -> bool {
        self.done_with()
            .any(|(manifest, changed)| changed && is_of_kind(manifest))
    }

    /// Every applied object, to be asked how it is.
    fn targets(&self) -> Vec<Target> {
        let ours = self.done_with();
        let ours = ours.filter(|(manifest, _)| manifest.share.is_whole());
        let targets = ours.filter_map(|(manifest, changed)| {
            let path = self.turn.path(manifest).ok()?;
            Some(Target {
                label: format!("{} {}", manifest.kind, manifest.name),
                call: path.read(),
                changed,
            })
        });
        targets.collect()
    }

    async fn all(&mut self) {
        let phases: BTreeSet<Phase> = self.manifests.iter().map(Manifest::phase).collect();
        for phase in phases {
            let members: Vec<usize> = (0..self.manifests.len())
                .filter(|&index| {
                    self.manifests
                        .get(index)
                        .is_some_and(|one| one.phase() == phase)
                })
                .collect();
            self.attempt(members, true).await;
            while self.written && !self.deferred.is_empty() {
                self.again().await;
            }
        }
        // Servers take a moment to use what they were given: definitions, classes, rights.
        let wrote = self
            .outcomes
            .iter()
            .flatten()
            .any(|one| one.action != Action::Unchanged);
        for pause in PAUSES {
            if self.deferred.is_empty() || !wrote || self.turn.options.wait == Wait::None {
                break;
            }
            sleep(pause).await;
            self.again().await;
        }
        for (index, (action, reason)) in std::mem::take(&mut self.deferred) {
            self.done(index, action, Some(reason));
        }
    }

    /// Asks again about everything that was refused.
    async fn again(&mut self) {
        let deferred: Vec<usize> = std::mem::take(&mut self.deferred)
            .into_iter()
            .map(|(index, _)| index)
            .collect();
        let unserved = deferred
            .iter()
            .filter_map(|&index| self.manifests.get(index));
        let unserved = unserved.filter(|manifest| !self.turn.serves(manifest));
        let versions: BTreeSet<_> = unserved
            .map(|manifest| manifest.api_version.clone())
            .collect();
        // What cannot be asked stays unserved.
        let asked = self.turn.serves.ask(self.turn.session, versions, AT_ONCE);
        drop(timeout_at(self.deadline, asked).await);
        self.attempt(deferred, false).await;
    }

    /// Tries these objects, several at once; what is refused is deferred.
    async fn attempt(&mut self, members: Vec<usize>, first: bool) {
        self.written = false;
        let (turn, deadline, time) = (
            &self.turn,
            self.deadline,
            self.turn.options.cluster_timeout.as_secs(),
        );
        let jobs = members.into_iter().filter_map(|index| {
            let forecast = self.forecast.get(index).filter(|_| first);
            Some((index, self.manifests.get(index)?, forecast))
        });
        let jobs: Vec<_> = jobs.collect();
        let mut tried = stream::iter(jobs)
            .map(|(index, manifest, forecast)| async move {
                (
                    index,
                    within(turn, deadline, time, manifest, forecast).await,
                )
            })
            .buffer_unordered(AT_ONCE);
        let mut done = Vec::new();
        while let Some((index, attempt)) = tried.next().await {
            if let Attempt::Done(Action::Created | Action::Configured, _) = attempt {
                self.written = true;
            }
            done.push((index, attempt));
        }
        drop(tried);
        for (index, attempt) in done {
            match attempt {
                Attempt::Done(action, reason) => self.done(index, action, reason),
                Attempt::Refused(action, reason) => self.deferred.push((index, (action, reason))),
            }
        }
    }

    fn done(&mut self, index: usize, action: Action, reason: Option<String>) {
        if let (Some(manifest), Some(slot)) =
            (self.manifests.get(index), self.outcomes.get_mut(index))
        {
            let outcome = ObjectOutcome::of(manifest, action, reason);
            (self.progress)(&outcome);
            *slot = Some(outcome);
        }
    }
}

/// One attempt at an object, within the cluster's time.
async fn within(
    turn: &Turn<'_>,
    deadline: Instant,
    time: u64,
    manifest: &Manifest,
    forecast: Option<&DryRunResult>,
) -> Attempt {
    if let Some(lost) = turn.session.lost() {
        return Attempt::Done(Action::Skipped, Some(format!("skipped: {lost}")));
    }
    if Instant::now() >= deadline {
        let reason = format!("skipped: the {time} s for this cluster were over");
        return Attempt::Done(Action::Skipped, Some(reason));
    }
    match timeout_at(deadline, turn.attempt(manifest, forecast)).await {
        Ok(attempt) => attempt,
        Err(_) => Attempt::Done(
            Action::Failed,
            Some(format!(
                "it was not done when the {time} s for this cluster were over; run again to see what became of it"
            )),
        ),
    }
}
