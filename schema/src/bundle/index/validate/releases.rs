/*! What the index says of OpenShift releases, of the update graph, and of what is missing. */

use std::collections::HashSet;

use super::{broken, out_of_place};
use crate::{
    Digest, Repository, Tag,
    bundle::{
        Error,
        index::{Index, Missing, Release, path::BundlePath},
    },
};

/// A release, and a graph image, is one of the images; the texts about it, and about what is missing, can be printed.
pub(super) fn check(index: &Index) -> Result<(), Error> {
    let mut images: HashSet<(&Repository, Digest, Option<&Tag>)> = HashSet::new();
    for image in &index.images {
        let tags = image.tags.iter().map(Some).chain([None]);
        images.extend(tags.map(|tag| (&image.repository, image.digest, tag)));
    }
    let places = index.releases.iter().map(|one| (&one.repository, &one.tag));
    if !places.is_sorted_by(|first, second| first < second) {
        return broken("its releases are not sorted, or one of them is there twice".to_owned());
    }
    for release in &index.releases {
        let Release {
            repository,
            tag,
            digest,
            ..
        } = release;
        if !images.contains(&(repository, *digest, Some(tag))) {
            return broken(format!("release {repository}:{tag} is none of the images"));
        }
        printable(release)?;
    }
    if let Some(graph) = &index.update_graph
        && !images.contains(&(&graph.repository, graph.digest, None))
    {
        return broken(format!(
            "the update graph {}@{} is none of the images",
            graph.repository, graph.digest
        ));
    }
    missing(index)
}

fn printable(release: &Release) -> Result<(), Error> {
    let Release {
        repository,
        tag,
        version,
        verified_by,
        previous,
        ..
    } = release;
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'A'..=b'F');
    if let Some(odd) = verified_by
        .iter()
        .find(|key| !(40..=64).contains(&key.len()) || !key.bytes().all(hex))
    {
        return broken(format!(
            "release {repository}:{tag} is verified by {odd:?}, which is no fingerprint"
        ));
    }
    if let Some(key) = out_of_place(verified_by) {
        return broken(format!(
            "the keys of release {repository}:{tag} are not sorted, or {key} is there twice"
        ));
    }
    let plain = |version: &String| {
        (1..=128).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_graphic())
    };
    match previous.iter().chain([version]).find(|text| !plain(text)) {
        Some(odd) => broken(format!(
            "release {repository}:{tag} speaks of {odd:?}, which is no version"
        )),
        None => Ok(()),
    }
}

fn missing(index: &Index) -> Result<(), Error> {
    let releases: HashSet<(&Repository, &Tag)> = index
        .releases
        .iter()
        .map(|release| (&release.repository, &release.tag))
        .collect();
    let blobs: HashSet<(&Repository, Digest)> = index
        .files
        .iter()
        .filter_map(|file| match &file.path {
            BundlePath::Blob(repository, digest) if !index.missing.is_empty() => {
                Some((repository, *digest))
            }
            _ => None,
        })
        .collect();
    for one in &index.missing {
        let Missing {
            repository,
            source,
            reason,
            ..
        } = one;
        let plain = |text: &String| {
            (1..=Missing::TEXT_LIMIT).contains(&text.len())
                && text.bytes().all(|b| matches!(b, b' '..=b'~'))
        };
        if !plain(source) || !plain(reason) {
            return broken(format!(
                "what it says of the missing {source:?} is not printable ASCII of at most {} bytes",
                Missing::TEXT_LIMIT
            ));
        }
        if out_of_place(&one.tags).is_some() || out_of_place(&one.releases).is_some() {
            return broken(format!(
                "a list of the missing {source} is not sorted, or holds something twice"
            ));
        }
        if let Some(digest) = one.blob
            && blobs.contains(&(repository, digest))
        {
            return broken(format!(
                "blob {digest} of {repository} is both listed and missing"
            ));
        }
        let mut tags = one.releases.iter();
        if let Some(tag) = tags.find(|tag| !releases.contains(&(repository, tag))) {
            return broken(format!(
                "the missing {source} is said to be part of release {repository}:{tag}, which is not listed"
            ));
        }
    }
    match out_of_place(&index.missing) {
        Some(one) => broken(format!(
            "what is missing is not sorted, or {} is there twice",
            one.source
        )),
        None => Ok(()),
    }
}
