/*!
Brings one cluster to what the manifests say, phase by phase, and reports what became of each object.

What the preflight found right is not sent again, and what it found impossible is not tried. An object that fails stops no
other; a cluster that answers no more costs no further waiting.
*/

use std::{collections::BTreeSet, sync::Mutex};

use cluster::{
    Answer, Cluster, Served, Session,
    refusal::{holders, missing},
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    ApplyOptions,
    manifests::{Manifest, Phase},
    object::{
        DryRunResult, ObjectPath, PAUSES, refusal_text,
        survey::{Provided, Survey},
        wait_until_ready,
    },
    outcome::{Action, Applied, ObjectOutcome},
    preflight::{AT_ONCE, Preflight},
};
use crate::rollout::{ClusterOutcome, State};

/// What became of an object, and why.
type Outcome = (Action, Option<String>);

/// Applies everything to one cluster. `progress` hears of each object when it is done with, in no certain order; the outcome
/// lists them in the order of the manifests. On a dry run nothing more is asked: the preflight has the answers, and what waits
/// for other objects of the bundle is no failure.
pub async fn apply(
    cluster: &Cluster,
    preflight: &Preflight<'_>,
    options: &ApplyOptions,
    progress: &(dyn Fn(ObjectOutcome) + Send + Sync),
) -> ClusterOutcome<Applied> {
    let session = Session::new(cluster, &preflight.connection, options.request_timeout);
    let site = preflight.site.clone();
    session.identified(site.cluster_id.as_ref());
    let manifests = &*preflight.manifests;
    let mut work = Work {
        session: &session,
        provided: Provided::by(manifests),
        serves: preflight.serves.clone(),
        default_namespace: session.default_namespace(),
        options,
        deadline: Instant::now() + options.cluster_timeout,
    };
    let mut outcomes: Vec<Option<ObjectOutcome>> = vec![None; manifests.len()];
    let all: Vec<_> = manifests
        .iter()
        .zip(&preflight.objects)
        .enumerate()
        .collect();
    for phase in Phase::ALL {
        let turn = all
            .iter()
            .filter(|(_, (manifest, _))| manifest.phase() == phase);
        let mut done = stream::iter(turn.copied())
            .map(|(index, (manifest, foreseen))| {
                let applying = work.apply_with_deadline(manifest, foreseen);
                async move { (index, applying.await) }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((index, outcome)) = done.next().await {
            progress(outcome.clone());
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = Some(outcome);
            }
        }
        drop(done);
        if phase == Phase::Foundations {
            work.look_again(&all).await;
        }
    }
    let objects: Vec<_> = outcomes.into_iter().flatten().collect();
    let waits =
        |result: &DryRunResult| options.dry_run && matches!(result, DryRunResult::Waits { .. });
    let wrong: Vec<_> = objects
        .iter()
        .zip(&preflight.objects)
        .filter(|(outcome, result)| !outcome.is_right() && !waits(result))
        .map(|(outcome, _)| outcome)
        .collect();
    let state = match wrong.is_empty() {
        true => State::Done,
        false => State::Failed,
    };
    ClusterOutcome {
        server: Some(site.server),
        cluster_id: site.cluster_id,
        warnings: site.warnings,
        detail: Applied {
            diffs: preflight.diffs.clone(),
            objects: objects.clone(),
        },
        ..ClusterOutcome::new(cluster, state, summary(&wrong, objects.len()))
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
    provided: Provided,
    serves: Served,
    default_namespace: String,
    options: &'a ApplyOptions,
    deadline: Instant,
}

impl Work<'_> {
    /// Does what is to be done about one object, within the cluster's time.
    async fn apply_with_deadline(
        &self,
        manifest: &Manifest,
        foreseen: &DryRunResult,
    ) -> ObjectOutcome {
        let time = self.options.cluster_timeout.as_secs();
        let (action, reason) = if let Some(lost) = self.session.lost() {
            (Action::Skipped, Some(format!("skipped: {lost}")))
        } else if Instant::now() >= self.deadline {
            let reason = format!("skipped: the {time} s for this cluster were over");
            (Action::Skipped, Some(reason))
        } else {
            let outcome = timeout_at(self.deadline, self.decide(manifest, foreseen)).await;
            outcome.unwrap_or_else(|_| {
                let reason = format!("it was not done when the {time} s for this cluster were over; run again to see what became of it");
                (Action::Failed, Some(reason))
            })
        };
        ObjectOutcome::of(manifest, action, reason)
    }

    async fn decide(&self, manifest: &Manifest, foreseen: &DryRunResult) -> Outcome {
        match foreseen {
            DryRunResult::Create if self.options.dry_run => (Action::Created, None),
            DryRunResult::Configure if self.options.dry_run => (Action::Configured, None),
            DryRunResult::Waits { reason } if self.options.dry_run => {
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
    async fn decide_now(&self, manifest: &Manifest) -> Outcome {
        // What it did not find before is all there is to it: what waits is new.
        let notes = Mutex::default();
        let survey = Survey {
            session: self.session,
            serves: &self.serves,
            provided: &self.provided,
            options: self.options,
            default_namespace: &self.default_namespace,
            review: false,
            notes: &notes,
        };
        let foreseen = match survey.dry_run(manifest).await {
            Ok(foreseen) => foreseen,
            Err(error) => return (Action::Failed, Some(error.to_string())),
        };
        match foreseen {
            DryRunResult::Waits { reason } | DryRunResult::Impossible { reason } => (
                Action::Skipped,
                Some(format!("{reason}, which was not created")),
            ),
            DryRunResult::Create | DryRunResult::Configure => self.send(manifest, &foreseen).await,
            DryRunResult::Unchanged => (Action::Unchanged, None),
            DryRunResult::Conflict { reason } => (Action::Conflict, Some(reason)),
            DryRunResult::Refused { reason } => (Action::Failed, Some(reason)),
        }
    }

    /// Sends it, and waits for what others rest on.
    async fn send(&self, manifest: &Manifest, foreseen: &DryRunResult) -> Outcome {
        let answer = match self.put(manifest).await {
            Ok(answer) => answer,
            Err(reason) => return (Action::Failed, Some(reason)),
        };
        if let Some(reason) = holders(&answer) {
            return (Action::Conflict, Some(reason));
        }
        if !answer.is_success() {
            return (Action::Failed, Some(refusal_text(manifest, &answer)));
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
            && let Err(reason) = wait_until_ready(self.session, manifest, &answer.body).await
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
        let place = ObjectPath::of(manifest, resource, &self.default_namespace)?;
        let call = place.apply(&manifest.value, self.options.overwrite, false);
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
        if !self.options.dry_run {
            let asked = timeout_at(
                self.deadline,
                self.serves.ask(self.session, api_versions, AT_ONCE),
            )
            .await;
            drop(asked);
        }
    }
}
