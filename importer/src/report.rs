/*! What every report has in common: its JSON, and the words for a release that nobody vouches for. */

#[cfg(feature = "json-schema")]
pub mod schema;

use ::schema::{Digest, bundle::Index, text::Page};
use serde::Serialize;

use crate::Error;

/// A report as one JSON value, harmless for a terminal.
pub fn json(report: &impl Serialize) -> Result<Page, Error> {
    Page::json(report).map_err(Error::Report)
}

/// The same on one line: a line feed in a string is spelled out, so that those between the parts are all there are.
pub fn json_line(value: &impl Serialize) -> Result<Page, Error> {
    let parts = json(value)?;
    let mut line = Page::new();
    let parts = parts.as_str().lines().map(str::trim_start);
    line.line(parts.collect::<String>());
    Ok(line)
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

/// What a bundle was to hold and does not, a sentence for each.
pub fn missing(index: &Index) -> Vec<String> {
    let missing = index.missing.iter();
    missing
        .map(|one| {
            format!(
                "{} is MISSING from the bundle, since its source did not have it: {}",
                one.named(),
                one.reason
            )
        })
        .collect()
}

/// Says of a release that the bundle lacks components of it.
pub fn incomplete(version: &str) -> String {
    format!(
        "release {version} is NOT WHOLE: components of it are missing from the bundle, and a cluster that updates to it would lack images; it is not published alone, and no update to it is proposed"
    )
}

/// The same, for each release of a bundle that it is true of.
pub fn incomplete_releases(index: &Index) -> Vec<String> {
    let releases = index.releases.iter();
    releases
        .filter(|release| index.missing_of(release).next().is_some())
        .map(|release| incomplete(&release.version))
        .collect()
}

/// Everything that whoever opens a bundle should know of it.
pub fn warnings(index: &Index) -> Vec<String> {
    let mut warnings = unverified_releases(index);
    warnings.extend(incomplete_releases(index));
    warnings.extend(missing(index));
    warnings
}
