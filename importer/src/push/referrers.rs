/*!
Keeps referrers findable at registries without a referrers API: the list under the tag `sha256-<hex>` of their subject
(distribution-spec, "Referrers Tag Schema"), merged with what is there.
*/

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use schema::{Digest, MediaType, Repository, Selector, Tag, registry};
use serde_json::{Value, json};

use super::upload::Upload;
use crate::Error;

/// A manifest that is about another.
#[derive(Debug, Clone)]
pub struct Referrer {
    /// Where it is, at the target.
    pub repository: Repository,
    /// What it is about.
    pub subject: Digest,
    /// Its own digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its type.
    pub media_type: MediaType,
    /// What the list says of its content.
    pub artifact_type: Option<String>,
    /// What the list says besides.
    pub annotations: BTreeMap<String, String>,
}

/// Publishes the lists that the registry does not keep itself, and says how many were changed.
pub async fn publish(upload: &Upload) -> Result<usize, Error> {
    let referrers = upload.account().referrers.clone();
    let mut groups: BTreeMap<(Repository, Digest), Vec<Referrer>> = BTreeMap::new();
    for referrer in referrers {
        groups
            .entry((referrer.repository.clone(), referrer.subject))
            .or_default()
            .push(referrer);
    }
    let own: BTreeSet<(&Repository, &Tag)> = upload
        .plan
        .tags
        .iter()
        .map(|step| (&step.repository, &step.tag))
        .collect();
    let mut changed = 0;
    for ((repository, subject), group) in groups {
        let tag: Tag = format!("sha256-{}", subject.hex())
            .parse()
            .map_err(|error| Error::Usage(format!("{error}")))?;
        if own.contains(&(&repository, &tag)) {
            tracing::warn!(
                "{repository}:{tag} is an image of the bundle, so the referrers of {subject} are not listed there"
            );
            continue;
        }
        let remote = upload.remote(&repository);
        if remote.referrers(&subject).await?.is_some() {
            continue;
        }
        let selector = Selector::Tag(tag);
        let existing = match remote.manifest(&selector).await {
            Ok(manifest) => Some(manifest.bytes),
            Err(registry::Error::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(list) = merged(existing.as_deref(), &group) {
            remote
                .put_manifest(&selector, MediaType::OciIndex, list)
                .await?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// The list with the group added; none if nothing would change or what is there is no list.
fn merged(existing: Option<&[u8]>, group: &[Referrer]) -> Option<Bytes> {
    let empty =
        || json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": []});
    let mut list: Value =
        existing.map_or_else(|| Some(empty()), |bytes| serde_json::from_slice(bytes).ok())?;
    let entries = list.get_mut("manifests")?.as_array_mut()?;
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
    (entries.len() > before).then(|| Bytes::from(list.to_string()))
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
        let first = merged(None, std::slice::from_ref(&referrer)).ok_or("nothing")?;
        assert!(merged(Some(&first), std::slice::from_ref(&referrer)).is_none());
        let other = Referrer {
            digest: Digest::of(b"other"),
            ..referrer
        };
        let second = merged(Some(&first), &[other]).ok_or("nothing")?;
        let list: Value = serde_json::from_slice(&second)?;
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
        assert!(merged(Some(b"{}"), &[]).is_none());
        Ok(())
    }
}
