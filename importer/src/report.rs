/*! What every report has in common: its JSON, and the words for a release that nobody vouches for. */

use schema::{Digest, bundle::Index};
use serde::Serialize;

use crate::Error;

/// A report as one JSON value.
pub fn json(report: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(report);
    let text = text.map_err(|error| Error::Io {
        path: "the report".into(),
        source: error.into(),
    })?;
    Ok(format!("{text}\n"))
}

/// Says of a release that nobody vouches for it.
pub fn unverified(version: &str, digest: &Digest) -> String {
    format!(
        "release {version} is UNVERIFIED: no OpenPGP key that the producer trusted had signed {digest}; clusters check the signature themselves and will refuse the update without one"
    )
}

/// The same, for each release of a bundle that it is true of.
pub fn unverified_releases(index: &Index) -> Vec<String> {
    let releases = index.releases.iter();
    releases
        .filter(|release| release.verified_by.is_empty())
        .map(|release| unverified(&release.version, &release.digest))
        .collect()
}
