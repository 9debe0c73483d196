/*! Unpacks a verified bundle: the directory gets its name after the last byte was checked. */

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use schema::{
    Progress, Repository,
    bundle::{self, BundlePath, Index, Kind, Unpacking, Verified},
    cli::escape,
};

use crate::{Error, audit, report, shell};

/// Repositories for which the next command is spelled out.
const SHOWN: usize = 5;

/// How the tags of signatures, and of other things about an image, begin.
const SIGNATURES: &str = "sha256-";

/// Writes every file, and says what can be done with them.
pub fn into_directory(
    bundle: Verified,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<String, Error> {
    let index = bundle.index().clone();
    progress.begin(
        "Extracting",
        index.files.iter().map(|file| file.stored()).sum(),
    );
    let target = Unpacking::into(directory)?;
    target.clear()?;
    let contents = bundle.into_contents();
    target.head(contents.tape())?;
    let result: Result<(), bundle::Error> = contents.visit(|entry| {
        let failed = |error| bundle::Error::from_io(error, entry.file.path.to_string());
        if audit::concerns(entry.file) {
            let bytes = entry.body.read_whole()?;
            audit::check(&index, &entry.file.path, &bytes)?;
            io::copy(&mut bytes.as_slice(), &mut target.create(entry.file)?).map_err(failed)?;
        } else if matches!(entry.file.kind(), Kind::Regular) {
            io::copy(&mut entry.body, &mut target.create(entry.file)?).map_err(failed)?;
        }
        target.link(entry.file)?;
        progress.advance(entry.file.stored());
        Ok(())
    });
    progress.end();
    result?;
    target.finish()?;
    Ok(said(&index, directory))
}

/// What was done, and what can be done next.
fn said(index: &Index, directory: &Path) -> String {
    let place = shell::path(directory);
    let mut said = format!(
        "Extracted to {}, every byte verified.\n",
        directory.display()
    );
    for warning in report::unverified_releases(index) {
        said.push_str(&format!("warning: {}\n", escape(&warning)));
    }
    let mirror =
        |from: String, to: String| format!("  oc image mirror --from-dir={place} '{from}' {to}\n");
    for (repository, globs) in releases(index) {
        for glob in globs {
            let from = format!("file://{repository}:{glob}");
            said.push_str(&mirror(from, "REGISTRY/REPOSITORY".to_owned()));
        }
    }
    let others = others(index);
    for repository in others.iter().take(SHOWN) {
        let to = format!("REGISTRY/{repository}");
        said.push_str(&mirror(format!("file://{repository}"), to));
    }
    if others.len() > SHOWN {
        said.push_str(&format!(
            "  … and likewise for {} more repositories\n",
            others.len() - SHOWN
        ));
    }
    if !index.objects.is_empty() {
        let config = directory.join("config");
        said.push_str(&format!("  {}\n", shell::apply("kubectl", &config)));
    }
    for release in &index.releases {
        let image = format!("REGISTRY/REPOSITORY@{}", release.digest);
        said.push_str(&format!("  {}\n", shell::upgrade(&image)));
    }
    said
}

/// Repositories of releases, with the patterns that `oc` finds their tags by: each with its architecture, since
/// `4.3.1*` takes 4.3.10 too, and signatures by themselves.
fn releases(index: &Index) -> BTreeMap<&Repository, Vec<String>> {
    let mut found: BTreeMap<&Repository, Vec<String>> = BTreeMap::new();
    for release in &index.releases {
        let globs = found.entry(&release.repository).or_default();
        globs.push(format!("{}*", release.tag));
    }
    for (repository, globs) in &mut found {
        if tags(index).any(|(at, tag)| at == *repository && tag.starts_with(SIGNATURES)) {
            globs.push(format!("{SIGNATURES}*"));
        }
    }
    found
}

/// Repositories with tags that no release's pattern finds.
fn others(index: &Index) -> BTreeSet<&Repository> {
    let releases = releases(index);
    let covered = |repository: &Repository, tag: &str| {
        let globs = releases.get(repository).into_iter().flatten();
        globs
            .map(|glob| glob.trim_end_matches('*'))
            .any(|prefix| tag.starts_with(prefix))
    };
    let images = index.images.iter().map(|image| &image.repository);
    let images = images.filter(|repository| !releases.contains_key(repository));
    tags(index)
        .filter(|(repository, tag)| !covered(repository, tag))
        .map(|(repository, _)| repository)
        .chain(images)
        .collect()
}

fn tags(index: &Index) -> impl Iterator<Item = (&Repository, &str)> {
    index.files.iter().filter_map(|file| match &file.path {
        BundlePath::Tag(repository, tag) => Some((repository, tag.as_str())),
        _ => None,
    })
}
