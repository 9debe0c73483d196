/*!
Brings one object back, by reading it and taking the next step that is due, until none is.

What was there is put back with a replacement (PUT) that names the `resourceVersion` it was just read with. An apply patch could not do
it: it touches only fields that it owns, and never takes away what another manager has added since. A merge patch could neither: lists are
replaced whole, and a change that comes in between is lost unseen. The replacement makes us the manager of each field that it
changes, so a second step gives the fields back to the managers they were saved with; else the next apply of a mended bundle would be in
conflict with this rollback.

What the apply has deleted and created anew cannot be changed back either. Where the server says so, it is deleted and created anew once more.
*/

use cluster::{Answer, Served, Session, openshift::text};
use serde_json::Value;

use super::{
    compare::{content, is_of_others, owners_patch, replacement, same_owners},
    report::RollbackAction,
};
use crate::{
    apply::{
        manifests::Manifest,
        object::{
            ObjectPath, being_deleted, is_precious, refusal_text, resource_version, unchangeable,
            wait_until_gone, would_be_taken,
        },
    },
    backup::{Saved, SavedObject},
};

/// How often an object is read anew because it changed in between.
const STEPS: usize = 8;

/// What may be done.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Nothing is written.
    pub dry_run: bool,
    /// Namespaces and CustomResourceDefinitions are deleted too.
    pub delete_foundations: bool,
}

/// One cluster's objects on their way back.
pub(super) struct Restore<'a> {
    pub session: &'a Session,
    pub serves: &'a Served,
    pub default_namespace: String,
    pub rules: Rules,
}

/// What became of an object; the reason if it failed.
type Done = Result<(RollbackAction, Option<String>), String>;

impl Restore<'_> {
    /// Brings an object back to `saved`, which is null for one that was not there.
    pub(super) async fn object(&self, object: &SavedObject, saved: Value) -> Done {
        let manifest = object.manifest(saved);
        let there = matches!(object.state, Saved::Present { .. });
        if object.state == Saved::LeftOut {
            let reason = "it is not in the backup, which was made without --backup-secrets";
            return Ok((RollbackAction::Kept, Some(reason.to_owned())));
        }
        let resource = self.serves.find(&object.api_version, &object.kind)?;
        let Some(resource) = resource else {
            let unserved = format!("{} ({}) is not served", object.kind, object.api_version);
            return match there {
                true => Err(unserved),
                false => Ok((RollbackAction::Unchanged, None)),
            };
        };
        let path = ObjectPath::of(&manifest, resource, &self.default_namespace)?;
        match there {
            true => self.bring_back(&manifest, &path, object.recreated).await,
            false => self.remove(&manifest, &path).await,
        }
    }

    async fn read(&self, manifest: &Manifest, path: &ObjectPath) -> Result<Option<Value>, String> {
        let answer = self.send(&path.read()).await?;
        match answer.status {
            404 => Ok(None),
            _ if answer.is_success() => Ok(Some(answer.body)),
            _ => Err(refusal_text(manifest, &answer)),
        }
    }

    async fn send(&self, call: &cluster::Call) -> Result<Answer, String> {
        let answer = self.session.send(call).await;
        answer.map_err(|error| error.to_string())
    }

    async fn bring_back(&self, manifest: &Manifest, path: &ObjectPath, recreated: bool) -> Done {
        let saved = &*manifest.value;
        let (mut written, mut replaced, mut owned) = (false, false, false);
        for _ in 0..STEPS {
            let live = self.read(manifest, path).await?;
            let call = match &live {
                None => path.create(&content(saved)),
                Some(live) if being_deleted(live).is_some() => {
                    if !self.rules.dry_run {
                        wait_until_gone(self.session, path).await?;
                        continue;
                    }
                    path.create(&content(saved))
                }
                Some(live) if !replaced && content(live) != content(saved) => {
                    path.replace(&replacement(saved, live))
                }
                Some(live) if !owned && !same_owners(saved, live) => {
                    path.patch(&owners_patch(saved, live))
                }
                Some(live) if content(live) != content(saved) => {
                    return Err("it was restored, and somebody changed it at once".to_owned());
                }
                Some(_) => {
                    let action = match written {
                        true => RollbackAction::Restored,
                        false => RollbackAction::Unchanged,
                    };
                    return Ok((action, None));
                }
            };
            let another = live
                .as_ref()
                .filter(|live| recreated && uid(live) != uid(saved));
            if self.rules.dry_run {
                let note = another.map(|_| {
                    "the apply recreated it; what cannot be changed back is deleted and created anew"
                });
                return Ok((RollbackAction::Restored, note.map(str::to_owned)));
            }
            let answer = self.send(&call).await?;
            match answer.status {
                // Somebody was faster.
                409 => continue,
                404 if live.is_some() => continue,
                _ if !answer.is_success() => {
                    match (another, unchangeable(manifest, &answer)) {
                        (Some(another), Some(reason)) => {
                            self.clear(manifest, path, another, reason).await?;
                        }
                        _ => return Err(refusal_text(manifest, &answer)),
                    }
                    continue;
                }
                _ => written = true,
            }
            match &live {
                Some(live) if replaced || content(live) == content(saved) => owned = true,
                _ => replaced = true,
            }
        }
        Err("it changes faster than it can be restored".to_owned())
    }

    /// Deletes what the apply has created in the place of the saved object, if that would be taken in its stead.
    async fn clear(
        &self,
        manifest: &Manifest,
        path: &ObjectPath,
        live: &Value,
        reason: String,
    ) -> Result<(), String> {
        if is_precious(manifest) || is_of_others(live) {
            return Err(format!(
                "{reason}; the one that is there is another than was saved, and is not deleted by a rollback: save what it holds, delete it, and run again"
            ));
        }
        let tried = path.try_create(&content(&manifest.value));
        let tried = self.send(&tried).await?;
        if !would_be_taken(&tried) {
            let why = refusal_text(manifest, &tried);
            return Err(format!(
                "{reason}; created anew it would be refused too: {why}"
            ));
        }
        let delete = path.delete_unchanged(uid(live), resource_version(live));
        let answer = self.send(&delete).await?;
        match answer.status {
            404 | 409 => Ok(()),
            _ if answer.is_success() => wait_until_gone(self.session, path).await,
            _ => Err(refusal_text(manifest, &answer)),
        }
    }

    async fn remove(&self, manifest: &Manifest, path: &ObjectPath) -> Done {
        let kept = |reason: &str| Ok((RollbackAction::Kept, Some(reason.to_owned())));
        let mut deleted = false;
        for _ in 0..STEPS {
            let Some(live) = self.read(manifest, path).await? else {
                let action = match deleted {
                    true => RollbackAction::Deleted,
                    false => RollbackAction::Unchanged,
                };
                return Ok((action, None));
            };
            if being_deleted(&live).is_some() && !self.rules.dry_run {
                wait_until_gone(self.session, path).await?;
                deleted = true;
                continue;
            }
            if manifest.is_foundation() && !self.rules.delete_foundations {
                return kept(
                    "it was not there before; --delete-foundations deletes it with everything in it",
                );
            }
            if is_of_others(&live) {
                return kept("it was not there before, and was not created by this program");
            }
            if self.rules.dry_run {
                return Ok((RollbackAction::Deleted, None));
            }
            let answer = self.send(&path.delete(uid(&live))).await?;
            match answer.status {
                404 | 409 => {}
                _ if !answer.is_success() => return Err(refusal_text(manifest, &answer)),
                _ => deleted = true,
            }
        }
        Err("it comes back whenever it is deleted".to_owned())
    }
}

fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cluster::testing;
    use fakes::{FakeCluster, kubernetes::Scripted};
    use serde_json::json;

    use super::*;

    /// The real ones in the package `tests` show what is recreated.
    #[tokio::test(start_paused = true)]
    async fn what_was_not_recreated_or_is_of_others_or_holds_others_is_not_deleted()
    -> Result<(), Box<dyn std::error::Error>> {
        let kept = "is not deleted by a rollback";
        let table = [
            (
                "Namespace",
                "/api/v1/namespaces/a",
                "offline-bundle",
                true,
                kept,
            ),
            (
                "ConfigMap",
                "/api/v1/namespaces/default/configmaps/a",
                "kubectl",
                true,
                kept,
            ),
            (
                "ConfigMap",
                "/api/v1/namespaces/default/configmaps/a",
                "offline-bundle",
                false,
                "refused",
            ),
        ];
        for (kind, path, manager, recreated, expected) in table {
            let server = FakeCluster::kubernetes();
            let live = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "spec": {"x": "2"}});
            server.put_as(manager, path, live)?;
            server.script(|_, request| {
                let causes = json!([{"field": "spec", "message": "Forbidden: field is immutable"}]);
                let refused =
                    json!({"kind": "Status", "message": "refused", "details": {"causes": causes}});
                (request.method == "PUT").then_some(Scripted::Reply(422, refused))
            });
            let connection = testing::connection(server.clone(), "https://east:6443");
            let session = testing::session(&connection, Duration::from_secs(5));
            let mut serves = Served::default();
            serves.ask(&session, ["v1".to_owned()], 1).await?;
            let restore = Restore {
                session: &session,
                serves: &serves,
                default_namespace: "default".to_owned(),
                rules: Rules {
                    dry_run: false,
                    delete_foundations: true,
                },
            };
            let record = json!({
                "apiVersion": "v1", "kind": kind, "name": "a", "namespace": "default", "recreated": recreated,
                "state": "present", "file": "objects/0001.json", "digest": schema::Digest::of(b""),
            });
            let saved = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "uid": "before"}, "spec": {"x": "1"}});
            let done = restore
                .object(&serde_json::from_value(record)?, saved)
                .await;
            let reason = done.err().unwrap_or_default();
            assert!(reason.contains(expected), "{kind} {manager}: {reason}");
            assert_eq!(server.lines("DELETE"), Vec::<String>::new());
        }
        Ok(())
    }
}
