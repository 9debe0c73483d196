/*! The ids of clusters written into their list: whole or not at all, and only where none stands. */

use std::{collections::BTreeMap, fs, path::Path};

use cluster::ClusterId;
use schema::output::{self, Destination};

use super::edit::{Edited, with_ids};
use crate::{
    Error,
    fleet::{Fleet, FleetError, bounded},
};

/// Puts the ids of these clusters into the file; the names of those that got one. `looked_at` is what the file said when they were
/// looked at.
pub(super) fn write(
    path: &Path,
    looked_at: &Fleet,
    ids: &BTreeMap<String, ClusterId>,
) -> Result<Vec<String>, Error> {
    let wrong = |reason: String| Error::Usage(format!("--write-ids: {}: {reason}", path.display()));
    // A link stays one: what it leads to is replaced.
    let place = fs::canonicalize(path).map_err(|error| wrong(error.to_string()))?;
    let now = Fleet::load(path)?;
    if now.clusters != looked_at.clusters {
        let reason = "the file was changed while the clusters were looked at, and nothing is written; run again";
        return Err(wrong(reason.to_owned()));
    }
    let text = bounded(&place).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    let edited = with_ids(&text, ids).map_err(|error| wrong(error.to_string()))?;
    if !edited.written.is_empty() {
        replace(&place, &edited)?;
        check(path, looked_at, ids, &edited).map_err(|error| wrong(error.to_string()))?;
    }
    match edited.left.as_slice() {
        [] => Ok(edited.written),
        left => {
            let ids = left
                .iter()
                .filter_map(|name| Some(format!("{name}: {}", ids.get(name)?)));
            let ids: Vec<_> = ids.collect();
            Err(wrong(format!(
                "there is no place for the clusterID that leaves everything else as it is; write these by hand: {}",
                ids.join(", ")
            )))
        }
    }
}

fn replace(place: &Path, edited: &Edited) -> Result<(), Error> {
    let destination = Destination::resolve(place)?;
    Ok(output::replace(
        &destination,
        edited.text.as_bytes(),
        0o600,
    )?)
}

/// Reads the file again: it must name the same clusters, with the ids that were written.
fn check(
    path: &Path,
    looked_at: &Fleet,
    ids: &BTreeMap<String, ClusterId>,
    edited: &Edited,
) -> Result<(), FleetError> {
    let now = Fleet::load(path)?;
    let right = now
        .clusters
        .iter()
        .zip(&looked_at.clusters)
        .all(|(now, before)| {
            let written = edited.written.contains(&before.name);
            let id = match written {
                true => ids.get(&before.name),
                false => before.cluster_id.as_ref(),
            };
            now.name == before.name && now.cluster_id.as_ref() == id
        });
    match right && now.clusters.len() == looked_at.clusters.len() {
        true => Ok(()),
        false => Err(FleetError::Rewritten),
    }
}
