/*! Saves what one cluster is, as far as an apply may change or remove it. */

use cluster::{Cluster, Session};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use schema::Digest;
use serde_json::Value;

use super::{
    directory::Backup,
    record::{ClusterBackup, FORMAT, Saved, SavedObject},
};
use crate::apply::{
    manifests::Manifest,
    object::{DryRunResult, ObjectPath, being_deleted, refusal_text},
    preflight::{AT_ONCE, Preflight},
};

/// Saves every object that the preflight did not find right already, and others, which were read before and are null if they
/// are not there; why it could not.
pub(crate) async fn save(
    backup: &Backup,
    cluster: &Cluster,
    session: &Session,
    preflight: &Preflight<'_>,
    others: Vec<Manifest>,
) -> Result<(), String> {
    let default_namespace = session.default_namespace();
    let changing = preflight.manifests.iter().zip(&preflight.objects);
    let changing = changing.filter(|(_, result)| !matches!(result, DryRunResult::Unchanged { .. }));
    let found: Vec<(SavedObject, Option<Vec<u8>>)> = stream::iter(changing)
        .map(|(manifest, result)| {
            let look = Look {
                session,
                preflight,
                default_namespace: &default_namespace,
                secrets: backup.secrets,
            };
            let recreated = matches!(result, DryRunResult::Recreate(_));
            async move { look.at(manifest, recreated).await }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut files = Vec::new();
    let mut objects = Vec::new();
    let others = others.iter().map(|manifest| {
        let bytes = (!manifest.value.is_null()).then(|| canonical(&manifest.value));
        (absent(manifest, &default_namespace), bytes)
    });
    for (mut object, bytes) in others.chain(found) {
        if let Some(bytes) = bytes {
            let file = format!("objects/{:04}.json", files.len() + 1);
            object.state = Saved::Present {
                file: file.clone(),
                digest: Digest::of(&bytes),
            };
            files.push((file, bytes));
        }
        if object.state == Saved::LeftOut {
            tracing::warn!(
                "{}: Secret {} will change and is left out of the backup; add --backup-secrets to save Secrets",
                cluster.name,
                object.name
            );
        }
        objects.push(object);
    }
    let record = ClusterBackup {
        format: FORMAT.to_owned(),
        bundle: backup.bundle,
        cluster: cluster.name.clone(),
        cluster_id: preflight.site.cluster_id.clone(),
        server: preflight.site.server.clone(),
        time: Timestamp::now().to_string(),
        objects,
    };
    backup
        .write(&record, &files)
        .map_err(|error| error.to_string())
}

/// A look at single objects.
struct Look<'a> {
    session: &'a Session,
    preflight: &'a Preflight<'a>,
    default_namespace: &'a str,
    secrets: bool,
}

impl Look<'_> {
    /// What an object is, and its bytes if they are to be saved.
    async fn at(
        &self,
        manifest: &Manifest,
        recreated: bool,
    ) -> Result<(SavedObject, Option<Vec<u8>>), String> {
        let named = |reason: String| format!("{} {}: {reason}", manifest.kind, manifest.name);
        let mut object = absent(manifest, self.default_namespace);
        object.recreated = recreated;
        let serves = &self.preflight.serves;
        let resource = serves.find(&manifest.api_version, &manifest.kind);
        // Of a kind that is not served there is nothing.
        let Some(resource) = resource.map_err(|reason| named(reason.to_owned()))? else {
            return Ok((object, None));
        };
        let path = ObjectPath::of(manifest, resource, self.default_namespace).map_err(named)?;
        object.namespace = Some(path.namespace.clone()).filter(|namespace| !namespace.is_empty());
        let answer = self.session.send(&path.read()).await;
        let answer = answer.map_err(|error| named(error.to_string()))?;
        if answer.status == 404 || being_deleted(&answer.body).is_some() {
            return Ok((object, None));
        }
        if !answer.is_success() {
            return Err(named(refusal_text(manifest, &answer)));
        }
        if manifest.kind == "Secret" && manifest.group().is_empty() && !self.secrets {
            object.state = Saved::LeftOut;
            return Ok((object, None));
        }
        Ok((object, Some(canonical(&answer.body))))
    }
}

/// The entry of an object, as long as it was not found.
fn absent(manifest: &Manifest, default_namespace: &str) -> SavedObject {
    let namespace = manifest.namespace.as_deref().unwrap_or(default_namespace);
    SavedObject {
        api_version: manifest.api_version.clone(),
        kind: manifest.kind.clone(),
        namespace: Some(namespace.to_owned()),
        name: manifest.name.clone(),
        recreated: false,
        state: Saved::Absent,
    }
}

/// Keys in order, so that the same object gives the same bytes.
fn canonical(object: &Value) -> Vec<u8> {
    format!("{object:#}\n").into_bytes()
}
