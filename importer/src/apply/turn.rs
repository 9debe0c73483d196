/*! One attempt at one object: what is there now, whether it is right, and the patch that makes it so. */

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use cluster::{
    Answer, ClusterError, Served, Session,
    refusal::{holders, missing},
};
use tokio::time::sleep;

use super::{
    ApplyOptions,
    manifests::{Manifest, Phase},
    object::{
        Doomed, DryRunResult, Notes, ObjectPath, PAUSES, Provided, Survey, being_deleted, call,
        is_unanswered, refusal_text, resource_version, takeover_is_due, takeover_patch,
        wait_until_gone, wait_until_ready, warning,
    },
    outcome::Action,
};
use crate::health::Wait;

/// A cluster's turn, as far as single objects are concerned.
pub(super) struct Turn<'a> {
    pub session: &'a Session,
    pub provided: Provided,
    pub serves: Served,
    pub default_namespace: String,
    pub options: &'a ApplyOptions,
    /// What the server warns of.
    pub warnings: Mutex<BTreeSet<String>>,
}

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    /// This is what became of the object, and why.
    Done(Action, Option<String>),
    /// It is not taken now; it would be reported so if nothing changes that.
    Refused(Action, String),
}

impl Turn<'_> {
    /// Whether the kind of an object is known to be served.
    pub(super) fn serves(&self, manifest: &Manifest) -> bool {
        self.serves.has(&manifest.api_version, &manifest.kind)
    }

    /// Tries an object. What the preflight found to do is done; what it found right is looked at again; all else is tried anew.
    pub(super) async fn attempt(
        &self,
        manifest: &Manifest,
        forecast: Option<&DryRunResult>,
    ) -> Attempt {
        match forecast {
            Some(result) if result.is_to_send() => {
                self.send(manifest, result.resource_version(), None).await
            }
            Some(DryRunResult::Recreate(doomed)) => self.recreate(manifest, doomed.clone()).await,
            Some(DryRunResult::Unchanged {
                resource_version: version,
            }) if self.is_still(manifest, version).await => Attempt::Done(Action::Unchanged, None),
            Some(DryRunResult::Unchanged { .. }) if self.options.backed_up => {
                let reason = "it has changed since the preflight, and is not in the backup; run again with another --backup";
                Attempt::Done(Action::Failed, Some(reason.to_owned()))
            }
            Some(DryRunResult::Unchanged { .. }) => {
                let changed = "it has changed since the preflight".to_owned();
                self.look_and_send(manifest, Some(changed)).await
            }
            _ => self.look_and_send(manifest, None).await,
        }
    }

    /// Whether an object is as it was at the preflight.
    async fn is_still(&self, manifest: &Manifest, version: &str) -> bool {
        let Ok(path) = self.path(manifest) else {
            return false;
        };
        match self.session.send(&path.read()).await {
            Ok(live) => live.is_success() && resource_version(&live.body) == version,
            Err(_) => false,
        }
    }

    async fn look_and_send(&self, manifest: &Manifest, note: Option<String>) -> Attempt {
        let result = match self.look(manifest).await {
            Ok(result) => result,
            Err(error) => return Attempt::Done(Action::Failed, Some(error.to_string())),
        };
        match result {
            DryRunResult::Create
            | DryRunResult::Configure { .. }
            | DryRunResult::Untried { .. } => {
                self.send(manifest, result.resource_version(), note).await
            }
            DryRunResult::Recreate(_) if self.options.backed_up => {
                let reason = "it has to be recreated, which the preflight did not foresee, so that the backup may not have it as it is; run again with another --backup";
                Attempt::Done(Action::Failed, Some(reason.to_owned()))
            }
            DryRunResult::Recreate(doomed) => self.recreate(manifest, doomed).await,
            DryRunResult::Unchanged { .. } => Attempt::Done(Action::Unchanged, None),
            DryRunResult::Conflict { reason } => Attempt::Done(Action::Conflict, Some(reason)),
            DryRunResult::Unanswered { reason } => Attempt::Done(Action::Failed, Some(reason)),
            DryRunResult::Refused { reason } => Attempt::Refused(Action::Failed, reason),
            DryRunResult::Impossible { reason } => Attempt::Refused(Action::Failed, reason),
            DryRunResult::Waits { reason } => {
                let reason = format!("{reason}, which was not created");
                Attempt::Refused(Action::Skipped, reason)
            }
            DryRunResult::Deleting { reason } if self.options.wait == Wait::None => {
                Attempt::Done(Action::Failed, Some(reason))
            }
            DryRunResult::Deleting { .. } => match self.path(manifest) {
                Err(reason) => Attempt::Refused(Action::Failed, reason),
                Ok(path) => match wait_until_gone(self.session, &path).await {
                    Ok(()) => {
                        let note = "the one before was being deleted".to_owned();
                        self.send(manifest, None, Some(note)).await
                    }
                    Err(reason) => Attempt::Done(Action::Failed, Some(reason)),
                },
            },
        }
    }

    /// What would come of an object now.
    async fn look(&self, manifest: &Manifest) -> Result<DryRunResult, ClusterError> {
        let notes = Mutex::<Notes>::default();
        let survey = Survey {
            session: self.session,
            serves: &self.serves,
            provided: &self.provided,
            options: self.options,
            default_namespace: &self.default_namespace,
            notes: &notes,
        };
        survey.dry_run(manifest).await
    }

    /// Deletes an object that cannot be changed, waits until it is gone, and sends it.
    async fn recreate(&self, manifest: &Manifest, doomed: Doomed) -> Attempt {
        let failed = |reason| Attempt::Done(Action::Failed, Some(reason));
        let path = match self.path(manifest) {
            Ok(path) => path,
            Err(reason) => return Attempt::Refused(Action::Failed, reason),
        };
        let reason = format!("it was deleted and created anew: {}", doomed.reason);
        match self.delete(manifest, &path, doomed).await {
            Ok(()) => {}
            Err(attempt) => return attempt,
        }
        if let Err(reason) = wait_until_gone(self.session, &path).await {
            return failed(format!("it was to be recreated: {reason}"));
        }
        let lost = |reason| format!("it was deleted, and not created anew: {reason}");
        match self.send(manifest, None, None).await {
            Attempt::Done(Action::Created | Action::Configured | Action::Unchanged, _) => {
                Attempt::Done(Action::Configured, Some(reason))
            }
            Attempt::Done(action, reason) => Attempt::Done(action, reason.map(lost)),
            Attempt::Refused(action, reason) => Attempt::Refused(action, lost(reason)),
        }
    }

    /// Deletes an object, if it is still the one that was seen. One that has changed is looked at again, but left alone where
    /// the backup may have something else than what is there.
    async fn delete(
        &self,
        manifest: &Manifest,
        path: &ObjectPath,
        mut doomed: Doomed,
    ) -> Result<(), Attempt> {
        let failed = |reason| Attempt::Done(Action::Failed, Some(reason));
        let changed = || {
            let reason = "it was to be recreated, and has changed since the preflight; it was left as it is, run again";
            failed(reason.to_owned())
        };
        let mut pauses = PAUSES.into_iter();
        loop {
            let delete = path.delete_unchanged(&doomed.uid, &doomed.resource_version);
            let answer = self.session.send(&delete).await;
            let answer = answer.map_err(|error| failed(error.to_string()))?;
            if answer.is_success() || answer.status == 404 {
                return Ok(());
            }
            if answer.status != 409 {
                return Err(failed(refusal_text(manifest, &answer)));
            }
            sleep(pauses.next().ok_or_else(changed)?).await;
            doomed = match self.look(manifest).await {
                Ok(DryRunResult::Recreate(again))
                    if !self.options.backed_up || again.content == doomed.content =>
                {
                    again
                }
                Ok(DryRunResult::Unchanged { .. }) => {
                    return Err(Attempt::Done(Action::Unchanged, None));
                }
                Ok(_) => return Err(changed()),
                Err(error) => return Err(failed(error.to_string())),
            };
        }
    }

    /// Sends it, and waits for what others rest on. `before` is the resourceVersion of what was there, `note` what to report
    /// of it besides.
    async fn send(
        &self,
        manifest: &Manifest,
        before: Option<&str>,
        note: Option<String>,
    ) -> Attempt {
        let failed = |reason| Attempt::Done(Action::Failed, Some(reason));
        let path = match self.path(manifest) {
            Ok(path) => path,
            Err(reason) => return Attempt::Refused(Action::Failed, reason),
        };
        let mut answer = match self.put(manifest, &path).await {
            Ok(answer) => answer,
            Err(reason) => return failed(reason),
        };
        if let Some(reason) = holders(&answer) {
            return Attempt::Done(Action::Conflict, Some(reason));
        }
        if is_unanswered(&answer) {
            return failed(refusal_text(manifest, &answer));
        }
        if !answer.is_success() {
            let reason = self.options.recreate.refusal(manifest, &answer);
            return Attempt::Refused(Action::Failed, reason);
        }
        if let Some(reason) = being_deleted(&answer.body) {
            return failed(reason);
        }
        // An attempt whose answer was lost may have created it.
        let created = answer.status == 201 || (answer.repeated && before.is_none());
        if let Err(reason) = self.take_over(manifest, &path, &mut answer).await {
            return failed(reason);
        }
        let action = match created {
            true => Action::Created,
            false if before == Some(resource_version(&answer.body)) => Action::Unchanged,
            false => Action::Configured,
        };
        if manifest.phase() == Phase::Foundations
            && self.options.wait != Wait::None
            && let Err(reason) = wait_until_ready(self.session, manifest, &answer.body).await
        {
            let done = if created { "created" } else { "configured" };
            return failed(format!("{done}, but {reason}"));
        }
        let note = note.or_else(|| manifest.share.note());
        Attempt::Done(action, note.filter(|_| action != Action::Unchanged))
    }

    /// Takes the fields of `kubectl apply` over, and applies once more: what the manifest no longer has goes then.
    async fn take_over(
        &self,
        manifest: &Manifest,
        path: &ObjectPath,
        answer: &mut Answer,
    ) -> Result<(), String> {
        if !manifest.share.is_whole() || !takeover_is_due(&answer.body) {
            return Ok(());
        }
        let Some(patch) = takeover_patch(&answer.body) else {
            return Ok(());
        };
        let patched = self.session.send(&path.patch(&patch)).await;
        let patched = patched.map_err(|error| error.to_string())?;
        // Somebody was faster; the next run finds it again.
        if !patched.is_success() {
            return Ok(());
        }
        *answer = self.put(manifest, path).await?;
        match answer.is_success() {
            true => Ok(()),
            false => Err(refusal_text(manifest, answer)),
        }
    }

    /// Where an object lies on this cluster.
    pub(super) fn path(&self, manifest: &Manifest) -> Result<ObjectPath, String> {
        let Manifest {
            api_version, kind, ..
        } = manifest;
        let resource = self.serves.find(api_version, kind)?;
        let resource = resource.ok_or_else(|| format!("{kind} ({api_version}) is not served"))?;
        ObjectPath::of(manifest, resource, &self.default_namespace)
    }

    async fn read(&self, path: &ObjectPath) -> Result<Answer, String> {
        let live = self.session.send(&path.read()).await;
        live.map_err(|error| error.to_string())
    }

    /// The answer to an apply patch. Where the object changed in between, or its kind is so new that not every server of
    /// the cluster knows it, the same is sent again.
    async fn put(&self, manifest: &Manifest, path: &ObjectPath) -> Result<Answer, String> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let live = match manifest.share.is_whole() {
                true => None,
                // What is sent depends on what is there now.
                false => Some(self.read(path).await?),
            };
            let there = live.as_ref().filter(|live| live.status != 404);
            let call = call(manifest, path, there, self.options.overwrite, false)?;
            let answer = self.session.send(&call).await;
            let answer = answer.map_err(|error| error.to_string())?;
            let changed = answer.status == 409 && holders(&answer).is_none();
            let unknown = missing(&answer) == Some("");
            match pauses.next() {
                Some(pause) if changed || unknown => sleep(pause).await,
                _ => {
                    let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
                    warnings.extend(answer.warnings.iter().map(|text| warning(text)));
                    return Ok(answer);
                }
            }
        }
    }
}
