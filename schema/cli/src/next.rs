/*!
What to type next: how a directory of images gets into a registry and a release onto a cluster, ready to paste.

Both programs write such directories, so both say the same. `REGISTRY` is for the reader to fill in.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use schema::{
    Repository,
    bundle::{BundlePath, Index, Release},
    text::Page,
};

use super::shell;

/// Repositories without a release for which the command is spelled out.
const SHOWN: usize = 5;

/// How the tags of signatures, and of other things about an image, begin.
const ATTACHED: &str = "sha256-";

/// The commands for an image tree at `directory` and the manifests at `config`, if there are any, each on a line of its own.
pub fn next_commands(index: &Index, directory: &Path, config: Option<&Path>) -> Page {
    let from = shell::path(directory);
    let mirror = |repository: &Repository, pattern: &str| {
        format!(
            "  oc image mirror --from-dir={from} 'file://{repository}{pattern}' REGISTRY/{repository}"
        )
    };
    let mut said = Page::new();
    let releases = releases(index);
    for (repository, releases) in &releases {
        for pattern in patterns(index, repository, releases) {
            said.line(mirror(repository, &pattern));
        }
    }
    let images = index.images.iter().map(|image| &image.repository);
    let others: BTreeSet<_> = images
        .filter(|repository| !releases.contains_key(repository))
        .collect();
    for repository in others.iter().take(SHOWN) {
        said.line(mirror(repository, ""));
    }
    if let Some(rest @ 1..) = others.len().checked_sub(SHOWN) {
        said.line(format_args!(
            "  … and likewise for {rest} more repositories"
        ));
    }
    if let Some(config) = config {
        let program = if releases.is_empty() { "kubectl" } else { "oc" };
        said.line(format_args!("  {}", shell::apply(program, config)));
    }
    // A cluster could not get all images of a release that is not whole.
    let whole = |release: &&Release| index.missing_of(release).next().is_none();
    for Release {
        repository, digest, ..
    } in index.releases.iter().filter(whole)
    {
        let image = format!("REGISTRY/{repository}@{digest}");
        said.line(format_args!("  {}", shell::upgrade(&image)));
    }
    said
}

fn releases(index: &Index) -> BTreeMap<&Repository, Vec<&Release>> {
    let mut releases: BTreeMap<&Repository, Vec<&Release>> = BTreeMap::new();
    for release in &index.releases {
        releases
            .entry(&release.repository)
            .or_default()
            .push(release);
    }
    releases
}

/// What `oc image mirror` is to match after the repository: the tags of each release, with its architecture, since `4.3.1*`
/// also takes 4.3.10, and those of signatures, which no version matches. Nothing, which is all tags, where there are others.
fn patterns(index: &Index, repository: &Repository, releases: &[&Release]) -> Vec<String> {
    let of_release = |tag: &str| {
        releases
            .iter()
            .any(|release| tag.starts_with(release.tag.as_str()))
    };
    let tags = index.files.iter().filter_map(|file| match &file.path {
        BundlePath::Tag(at, tag) if at == repository => Some(tag.as_str()),
        _ => None,
    });
    let rest: Vec<&str> = tags.filter(|tag| !of_release(tag)).collect();
    if rest.iter().any(|tag| !tag.starts_with(ATTACHED)) {
        return vec![String::new()];
    }
    let mut patterns: Vec<String> = releases
        .iter()
        .map(|release| format!(":{}*", release.tag))
        .collect();
    if !rest.is_empty() {
        patterns.push(format!(":{ATTACHED}*"));
    }
    patterns
}
