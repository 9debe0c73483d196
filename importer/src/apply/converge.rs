/*!
Brings one cluster to what the manifests say, phase by phase, and tells what became of each object.

What the preflight found right is not sent again, and what it found impossible is not tried. An object that fails stops no
other; a cluster that answers no more costs no further waiting.
*/

use std::collections::BTreeSet;
use std::sync::Mutex;

use cluster::{
    Answer, Cluster, Served, Session,
    refusal::{holders, missing},
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Rules,
    conflict::said_of,
    dry_run::DryRunResult,
    foresee::{Brought, Survey},
    manifest::{Manifest, Phase},
    object::Place,
    outcome::{Action, ClusterOutcome, ObjectOutcome, State},
    preflight::{AT_ONCE, Preflight},
    ready::{self, PAUSES},
};

/// What becomes of an object, and why.
type Fate = (Action, Option<String>);

/// Applies everything to one cluster. `progress` is told of each object when it is done with, in no certain order; the
/// outcome lists them in the order of the manifests. On a dry run nothing more is asked: the preflight has the answers, and
/// what waits for other objects of the bundle is no failure.
pub async fn apply(
    cluster: &Cluster,
    preflight: Preflight,
    manifests: &[Manifest],
    rules: &Rules,
    progress: &(dyn Fn(ObjectOutcome) + Send + Sync),
) -> ClusterOutcome {
    let session = Session::new(cluster, &preflight.connection, rules.request_timeout);
    session.identified(preflight.cluster_id.as_deref());
    let mut work = Work {
        session: &session,
        brought: Brought::by(manifests),
        serves: preflight.serves,
        default_namespace: session.default_namespace(),
        rules,
        deadline: Instant::now() + rules.cluster_timeout,
    };
    let mut outcomes: Vec<Option<ObjectOutcome>> = vec![None; manifests.len()];
    let all: Vec<_> = manifests
        .iter()
        .zip(&preflight.objects)
        .enumerate()
        .collect();
    for phase in [
        Phase::Foundations,
        Phase::Signatures,
        Phase::Rest,
        Phase::Mirrors,
    ] {
        let turn = all
            .iter()
            .filter(|(_, (manifest, _))| manifest.phase() == phase);
        let mut done = stream::iter(turn.copied())
            .map(|(index, (manifest, foreseen))| work.settle(index, manifest, foreseen))
            .buffer_unordered(AT_ONCE);
        while let Some((index, outcome)) = done.next().await {
            progress(outcome.clone());
            if let Some(place) = outcomes.get_mut(index) {
                *place = Some(outcome);
            }
        }
        drop(done);
        if phase == Phase::Foundations {
            work.look_again(&all).await;
        }
    }
    let objects: Vec<_> = outcomes.into_iter().flatten().collect();
    let waits =
        |foreseen: &DryRunResult| rules.dry_run && matches!(foreseen, DryRunResult::Waits { .. });
    let wrong: Vec<_> = objects
        .iter()
        .zip(&preflight.objects)
        .filter(|(outcome, foreseen)| !outcome.is_right() && !waits(foreseen))
        .map(|(outcome, _)| outcome)
        .collect();
    ClusterOutcome {
        cluster: cluster.name.clone(),
        wave: 0,
        server: Some(preflight.connection.server),
        cluster_id: preflight.cluster_id,
        state: if wrong.is_empty() {
            State::Done
        } else {
            State::Failed
        },
        reason: summary(&wrong, objects.len()),
        warnings: preflight.warnings,
        diffs: preflight.diffs,
        objects,
    }
}

/// How many objects are not right, and what is wrong with the first that failed.
fn summary(wrong: &[&ObjectOutcome], total: usize) -> Option<String> {
    let of_note = |outcome: &&&ObjectOutcome| outcome.action != Action::Skipped;
    let first = wrong.iter().find(of_note).or(wrong.first())?;
    let place = first
        .namespace
        .as_ref()
        .map(|namespace| format!("{namespace}/"));
    Some(format!(
        "{} of {total} objects not applied; first {} {}{}: {}",
        wrong.len(),
        first.kind,
        place.unwrap_or_default(),
        first.name,
        first.reason.as_deref().unwrap_or("no reason given"),
    ))
}

struct Work<'a> {
    session: &'a Session,
    brought: Brought,
    serves: Served,
    default_namespace: String,
    rules: &'a Rules,
    deadline: Instant,
}

impl Work<'_> {
    /// Does what is to be done about one object, within the cluster's time.
    async fn settle(
        &self,
        index: usize,
        manifest: &Manifest,
        foreseen: &DryRunResult,
    ) -> (usize, ObjectOutcome) {
        let time = self.rules.cluster_timeout.as_secs();
        let fate = if let Some(lost) = self.session.lost() {
            (
                Action::Skipped,
                Some(format!("its turn never came: {lost}")),
            )
        } else if Instant::now() >= self.deadline {
            let reason = format!("its turn never came: the {time} s for this cluster were over");
            (Action::Skipped, Some(reason))
        } else {
            let fate = timeout_at(self.deadline, self.decide(manifest, foreseen)).await;
            fate.unwrap_or_else(|_| {
                let reason = format!("it was not done when the {time} s for this cluster were over; run again to see what became of it");
                (Action::Failed, Some(reason))
            })
        };
        (index, ObjectOutcome::of(manifest, fate.0, fate.1))
    }

    async fn decide(&self, manifest: &Manifest, foreseen: &DryRunResult) -> Fate {
        match foreseen {
            DryRunResult::Create if self.rules.dry_run => (Action::Created, None),
            DryRunResult::Configure if self.rules.dry_run => (Action::Configured, None),
            DryRunResult::Waits { reason } if self.rules.dry_run => {
                (Action::Skipped, Some(reason.clone()))
            }
            DryRunResult::Waits { .. } => self.decide_now(manifest).await,
            DryRunResult::Create | DryRunResult::Configure => self.send(manifest, foreseen).await,
            DryRunResult::Unchanged => (Action::Unchanged, None),
            DryRunResult::Conflict { reason } => (Action::Conflict, Some(reason.clone())),
            DryRunResult::Refused { reason } | DryRunResult::Impossible { reason } => {
                (Action::Failed, Some(reason.clone()))
            }
        }
    }

    /// What had to wait is looked at now that what it waited for was applied.
    async fn decide_now(&self, manifest: &Manifest) -> Fate {
        // What it did not find before is all there is to it: what waits is new.
        let notes = Mutex::default();
        let survey = Survey {
            session: self.session,
            serves: &self.serves,
            brought: &self.brought,
            rules: self.rules,
            default_namespace: &self.default_namespace,
            review: false,
            notes: &notes,
        };
        let foreseen = match survey.foresee(manifest).await {
            Ok(foreseen) => foreseen,
            Err(error) => return (Action::Failed, Some(error.to_string())),
        };
        match foreseen {
            DryRunResult::Waits { reason } | DryRunResult::Impossible { reason } => (
                Action::Skipped,
                Some(format!("{reason}, which did not come to be")),
            ),
            DryRunResult::Create | DryRunResult::Configure => self.send(manifest, &foreseen).await,
            DryRunResult::Unchanged => (Action::Unchanged, None),
            DryRunResult::Conflict { reason } => (Action::Conflict, Some(reason)),
            DryRunResult::Refused { reason } => (Action::Failed, Some(reason)),
        }
    }

    /// Sends it, and waits for what others rest on.
    async fn send(&self, manifest: &Manifest, foreseen: &DryRunResult) -> Fate {
        let answer = match self.put(manifest).await {
            Ok(answer) => answer,
            Err(reason) => return (Action::Failed, Some(reason)),
        };
        if let Some(reason) = holders(&answer) {
            return (Action::Conflict, Some(reason));
        }
        if !answer.is_success() {
            return (Action::Failed, Some(said_of(manifest, &answer)));
        }
        // An attempt whose answer was lost may have created it.
        let created =
            answer.status == 201 || (answer.repeated && *foreseen == DryRunResult::Create);
        let action = if created {
            Action::Created
        } else {
            Action::Configured
        };
        if manifest.phase() == Phase::Foundations
            && let Err(reason) = ready::wait(self.session, manifest, &answer.body).await
        {
            let done = if created { "created" } else { "configured" };
            return (Action::Failed, Some(format!("{done}, but {reason}")));
        }
        (action, None)
    }

    /// The answer to an apply patch. Where the object changed in between, or its kind is so new that not every server of
    /// the cluster knows it, the same is sent again.
    async fn put(&self, manifest: &Manifest) -> Result<Answer, String> {
        let Manifest {
            api_version, kind, ..
        } = manifest;
        let resource = self.serves.find(api_version, kind)?;
        let resource = resource.ok_or_else(|| format!("{kind} ({api_version}) is not served"))?;
        let place = Place::of(manifest, resource, &self.default_namespace)?;
        let call = place.apply(&manifest.value, self.rules.overwrite, false);
        let mut pauses = PAUSES.into_iter();
        loop {
            let answer = self
                .session
                .send(&call)
                .await
                .map_err(|error| error.to_string())?;
            let changed = answer.status == 409 && holders(&answer).is_none();
            let unknown = missing(&answer) == Some("");
            match pauses.next() {
                Some(pause) if changed || unknown => sleep(pause).await,
                _ => return Ok(answer),
            }
        }
    }

    /// Asks again what is served, for what waits for kinds of the bundle. What cannot be asked stays unserved.
    async fn look_again(&mut self, all: &[(usize, (&Manifest, &DryRunResult))]) {
        let waiting = all
            .iter()
            .filter(|(_, (_, foreseen))| matches!(foreseen, DryRunResult::Waits { .. }));
        let api_versions: BTreeSet<_> = waiting
            .map(|(_, (manifest, _))| manifest.api_version.clone())
            .collect();
        if !self.rules.dry_run {
            let asked = timeout_at(
                self.deadline,
                self.serves.ask(self.session, api_versions, AT_ONCE),
            )
            .await;
            drop(asked);
        }
    }
}
