/*!
Keeps referrers findable at registries without a referrers API: the list under the tag `sha256-<hex>` of their subject
(distribution-spec, "Referrers Tag Schema"), merged with what is there.

Such a tag moves like any other: a dry run predicts it, it is shown old → new, and left where tags are to be kept.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use registry::{Registry, Remote};
use schema::{Digest, MediaType, Repository, Selector, Tag};
use serde_json::{Value, json};

use super::Referrer;
use crate::push::{
    plan::Plan,
    tag_change::{TagAction, TagChange},
    upload::Upload,
};

/// What becomes of the lists that the registry does not keep itself.
#[derive(Debug, Default)]
pub struct ReferrerLists {
    /// The tags of the lists.
    pub changes: Vec<TagChange>,
    /// Lists that cannot be where they would be looked for.
    pub warnings: Vec<String>,
}

/// The referrers of one manifest in one repository.
#[derive(Debug)]
struct Step {
    repository: Repository,
    subject: Digest,
    tag: Tag,
    group: Vec<Referrer>,
}

/// What a list would be.
enum Outcome {
    /// The registry keeps it.
    NotNeeded,
    /// Something else is there.
    Occupied,
    /// A tag, and the list to put under it if it is another than is there.
    Tag(TagChange, Option<Bytes>),
}

impl ReferrerLists {
    /// What publishing these referrers would change.
    pub async fn predict(
        plan: &Plan,
        registry: &Registry,
        referrers: Vec<Referrer>,
        concurrency: usize,
    ) -> Self {
        let (steps, warnings) = steps(plan, referrers);
        let outcomes = stream::iter(&steps).map(|step| async move {
            let outcome = step.outcome(&registry.repository(&step.repository)).await;
            match outcome {
                // The lists themselves are not held: there may be many.
                Outcome::Tag(change, _) => (step, Outcome::Tag(change, None)),
                other => (step, other),
            }
        });
        let outcomes = outcomes.buffered(concurrency).collect().await;
        Self::of(outcomes, warnings)
    }

    /// The same for those that were pushed.
    pub async fn predict_pushed(upload: &Upload) -> Self {
        let referrers = upload.stats().referrers.clone();
        Self::predict(
            &upload.plan,
            upload.registry(),
            referrers,
            upload.concurrency,
        )
        .await
    }

    /// Publishes the lists of what was pushed. What is refused is written down.
    pub async fn publish(upload: &Upload) -> Self {
        let referrers = upload.stats().referrers.clone();
        let (steps, warnings) = steps(&upload.plan, referrers);
        let outcomes = stream::iter(&steps).map(|step| async move {
            let remote = upload.remote(&step.repository);
            let mut outcome = step.outcome(&remote).await;
            if let Outcome::Tag(change, list) = &mut outcome {
                if let Some(list) = list.take() {
                    let selector = Selector::Tag(step.tag.clone());
                    let put = remote.put_manifest(&selector, MediaType::OciIndex, list);
                    if let Err(error) = put.await {
                        change.fail(step.refused(&error));
                    }
                }
                if let Some(reason) = &change.reason {
                    upload.refused(reason.clone());
                }
            }
            (step, outcome)
        });
        let outcomes = outcomes.buffered(upload.concurrency).collect().await;
        Self::of(outcomes, warnings)
    }

    /// How many change.
    pub fn changed(&self) -> usize {
        let changes = self.changes.iter();
        changes.filter(|change| change.action.is_change()).count()
    }

    fn of(outcomes: Vec<(&Step, Outcome)>, warnings: Vec<String>) -> Self {
        let mut lists = Self {
            changes: Vec::new(),
            warnings,
        };
        for (step, outcome) in outcomes {
            match outcome {
                Outcome::NotNeeded => {}
                Outcome::Occupied => lists
                    .warnings
                    .push(step.occupied("is no list of referrers")),
                Outcome::Tag(change, _) => lists.changes.push(change),
            }
        }
        lists
    }
}

/// By repository and subject; with warnings for tags that the bundle itself gives to something else.
fn steps(plan: &Plan, referrers: Vec<Referrer>) -> (Vec<Step>, Vec<String>) {
    let mut groups: BTreeMap<(Repository, Digest), Vec<Referrer>> = BTreeMap::new();
    for referrer in referrers {
        let key = (referrer.repository.clone(), referrer.subject);
        let group = groups.entry(key).or_default();
        if !group.contains(&referrer) {
            group.push(referrer);
        }
    }
    let own: BTreeSet<(&Repository, &Tag)> = plan
        .tags
        .iter()
        .map(|step| (&step.repository, &step.tag))
        .collect();
    let (mut steps, mut warnings) = (Vec::new(), Vec::new());
    for ((repository, subject), mut group) in groups {
        let Ok(tag) = format!("sha256-{}", subject.hex()).parse::<Tag>() else {
            continue;
        };
        // The same list, in whatever order its parts arrived.
        group.sort_by_key(|referrer| referrer.digest);
        let step = Step {
            repository,
            subject,
            tag,
            group,
        };
        if own.contains(&(&step.repository, &step.tag)) {
            warnings.push(step.occupied("is an image of the bundle"));
        } else {
            steps.push(step);
        }
    }
    (steps, warnings)
}

impl Step {
    async fn outcome(&self, remote: &Remote) -> Outcome {
        match remote.lookup().keeps_referrers(&self.subject).await {
            Ok(true) => return Outcome::NotNeeded,
            Ok(false) => {}
            // One that refuses the question has no lists of its own.
            Err(error) if error.is_refusal() => {
                tracing::debug!(%error, "taken for a registry without a referrers API");
            }
            Err(error) => return self.failed(&error),
        }
        match remote.manifest(&Selector::Tag(self.tag.clone())).await {
            // Some registries take the tag for another name of the subject.
            Ok(found) if found.digest == self.subject => self.change(None),
            Ok(found) if found.media_type != MediaType::OciIndex => Outcome::Occupied,
            Ok(found) => self.change(Some((found.digest, &found.bytes))),
            Err(registry::Error::NotFound { .. }) => self.change(None),
            Err(error) => self.failed(&error),
        }
    }

    fn change(&self, existing: Option<(Digest, &Bytes)>) -> Outcome {
        let old = existing.map(|(digest, _)| digest);
        let list = match merged(existing.map(|(_, bytes)| bytes.as_ref()), &self.group) {
            Merged::NoList => return Outcome::Occupied,
            Merged::Same => None,
            Merged::Grown(list) => Some(list),
        };
        let new = match (&list, old) {
            (None, Some(old)) => old,
            (list, _) => Digest::of(list.as_deref().unwrap_or_default()),
        };
        let change = TagChange {
            repository: self.repository.clone(),
            tag: self.tag.clone(),
            old,
            new,
            action: TagAction::of(old, new),
            added: false,
            attached: true,
            reason: None,
        };
        Outcome::Tag(change, list)
    }

    /// What is there cannot be seen, so it is not touched.
    fn failed(&self, error: &registry::Error) -> Outcome {
        match self.change(None) {
            Outcome::Tag(mut change, _) => {
                change.fail(self.refused(error));
                Outcome::Tag(change, None)
            }
            other => other,
        }
    }

    fn refused(&self, error: &registry::Error) -> String {
        format!(
            "list of referrers {}:{}: {error}",
            self.repository, self.tag
        )
    }

    fn occupied(&self, by: &str) -> String {
        let Self {
            repository,
            subject,
            tag,
            ..
        } = self;
        format!("{repository}:{tag} {by}, so what refers to {subject} is there but is not listed")
    }
}

enum Merged {
    /// What is there is something else.
    NoList,
    /// All of it is listed.
    Same,
    /// The new list.
    Grown(Bytes),
}

/// The list with the group added. One at a time: a large list takes many times its size in pieces.
fn merged(existing: Option<&[u8]>, group: &[Referrer]) -> Merged {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let empty =
        || json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": []});
    let list = existing.map_or_else(|| Ok(empty()), serde_json::from_slice::<Value>);
    let Ok(mut list) = list else {
        return Merged::NoList;
    };
    let Some(entries) = list.get_mut("manifests").and_then(Value::as_array_mut) else {
        return Merged::NoList;
    };
    let before = entries.len();
    for referrer in group {
        let digest = referrer.digest.to_string();
        if entries
            .iter()
            .any(|entry| entry.get("digest").and_then(Value::as_str) == Some(&digest))
        {
            continue;
        }
        let mut entry =
            json!({"mediaType": referrer.media_type, "digest": digest, "size": referrer.size});
        if let Some(kind) = &referrer.artifact_type {
            entry["artifactType"] = json!(kind);
        }
        if !referrer.annotations.is_empty() {
            entry["annotations"] = json!(referrer.annotations);
        }
        entries.push(entry);
    }
    match entries.len() > before {
        true => Merged::Grown(Bytes::from(list.to_string())),
        false => Merged::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_grows_once_and_keeps_what_is_there() -> Result<(), Box<dyn std::error::Error>> {
        let referrer = Referrer {
            repository: "a".parse()?,
            subject: Digest::of(b"subject"),
            digest: Digest::of(b"referrer"),
            size: 8,
            media_type: MediaType::OciManifest,
            artifact_type: Some("application/x".to_owned()),
            annotations: BTreeMap::new(),
        };
        let grown = |existing: Option<&[u8]>, group: &[Referrer]| match merged(existing, group) {
            Merged::Grown(list) => Some(list),
            Merged::NoList | Merged::Same => None,
        };
        let first = grown(None, std::slice::from_ref(&referrer)).ok_or("nothing")?;
        assert!(grown(Some(&first), std::slice::from_ref(&referrer)).is_none());
        let other = Referrer {
            digest: Digest::of(b"other"),
            ..referrer
        };
        let second = grown(Some(&first), &[other]).ok_or("nothing")?;
        let list: Value = serde_json::from_slice(&second)?;
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
        assert!(matches!(merged(Some(b"{}"), &[]), Merged::NoList));
        Ok(())
    }
}
