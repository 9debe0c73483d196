/*! What a reader refuses in what a signed index says of releases. */

use anyhow::{Context, Result};
use schema::{
    Digest,
    bundle::{Index, Release, UpdateGraph},
};

use super::golden_index;

/// The golden index with its tagged image said to be a release.
pub(super) fn with_release() -> Result<Index> {
    let (mut index, _) = golden_index()?;
    let image = index.images.iter().find(|image| !image.tags.is_empty());
    let image = image.context("no image with a tag")?;
    index.releases = vec![Release {
        repository: image.repository.clone(),
        tag: image.tags[0].clone(),
        digest: image.digest,
        version: "4.3.0".to_owned(),
        verified_by: vec!["A".repeat(40)],
        previous: vec!["4.2.9".to_owned()],
    }];
    index.update_graph = Some(UpdateGraph {
        repository: image.repository.clone(),
        digest: image.digest,
    });
    Ok(index)
}

#[test]
fn what_is_said_of_releases_must_be_true_and_printable() -> Result<()> {
    let sound = with_release()?.to_bytes()?;
    Index::parse(&sound)?;
    type Change = fn(&mut Index, &mut Release);
    let rules: [(&str, Change); 10] = [
        ("none of the images", |_, one| {
            one.digest = Digest::of(b"other")
        }),
        ("none of the images", |index, one| {
            one.repository = index.images[0].repository.clone()
        }),
        ("none of the images", |index, _| {
            if let Some(graph) = &mut index.update_graph {
                graph.digest = Digest::of(b"other");
            }
        }),
        ("no fingerprint", |_, one| {
            one.verified_by.push("somebody".to_owned())
        }),
        ("no fingerprint", |_, one| {
            one.verified_by[0].make_ascii_lowercase()
        }),
        ("no version", |_, one| one.version.clear()),
        ("no version", |_, one| one.version = "4\u{1b}[2J".to_owned()),
        ("no version", |_, one| one.version = "4".repeat(129)),
        ("no version", |_, one| one.previous.push("4.2 9".to_owned())),
        ("there twice", |index, one| {
            index.releases.push(Release {
                verified_by: Vec::new(),
                ..one.clone()
            })
        }),
    ];
    for (said, change) in rules {
        let mut index = with_release()?;
        let mut release = index.releases.remove(0);
        change(&mut index, &mut release);
        index.releases.insert(0, release);
        let told = Index::parse(&index.to_bytes()?)
            .err()
            .map(|error| error.to_string());
        let told = told.unwrap_or_default();
        assert!(told.contains(said), "{said}: {told:?}");
    }
    Ok(())
}
