/*! `--retry-failed`: which clusters an earlier run has left to do. */

use std::{collections::BTreeSet, path::Path};

use schema::Digest;

use super::{Detail, Report};
use crate::{Error, fleet::Fleet};

/// Leaves those clusters their turn that are not done in the report of an earlier run, and says which bundle that run had.
pub(in crate::rollout) fn retain_unfinished<D: Detail>(
    fleet: &mut Fleet,
    path: &Path,
) -> Result<Option<Digest>, Error> {
    let place = path.display();
    let last = Report::<D>::read(path)?;
    let clusters = last.clusters.iter();
    let known: BTreeSet<&str> = clusters.map(|one| one.cluster.as_str()).collect();
    let others = fleet.members();
    let others: Vec<_> = others
        .filter(|one| !known.contains(one.name.as_str()))
        .collect();
    if let Some(first) = others.first() {
        let count = others.len();
        if !known.is_empty() && count == fleet.members().count() {
            return Err(Error::Usage(format!(
                "--retry-failed {place}: none of the clusters that are named is in that report; name those of the earlier run"
            )));
        }
        tracing::warn!(
            "--retry-failed {place}: {} not in that report, first {}; what is not in it is left alone",
            match count {
                1 => "1 cluster is".to_owned(),
                many => format!("{many} clusters are"),
            },
            first.name
        );
    }
    let unfinished = last.clusters.iter().filter(|one| !one.is_done());
    let unfinished: BTreeSet<&str> = unfinished.map(|one| one.cluster.as_str()).collect();
    let gone = unfinished
        .iter()
        .find(|name| fleet.members().all(|one| one.name != **name));
    if let Some(gone) = gone {
        return Err(Error::Usage(format!(
            "--retry-failed {place}: cluster {gone} is not done, and is not among the clusters that are named now; name it too"
        )));
    }
    fleet.retain(|cluster| unfinished.contains(cluster.name.as_str()));
    Ok(last.bundle)
}

/// A retry with a mended bundle is meant to be possible; one with the wrong bundle is noticed.
pub(in crate::rollout) fn compare(last: Option<Digest>, now: Option<Digest>) {
    if let (Some(last), Some(now)) = (last, now)
        && last != now
    {
        tracing::warn!(
            "--retry-failed: the earlier run was with bundle {last}, this one is with bundle {now}; clusters that are done keep what the earlier one brought"
        );
    }
}
