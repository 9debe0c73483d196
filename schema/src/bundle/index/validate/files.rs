/*! The list of files: what each may be, where links lead, and the one order they stand in. */

use std::collections::{HashMap, HashSet};

use super::{SIZE_LIMIT, broken};
use crate::{
    Digest, Repository, Tag,
    bundle::{
        Error,
        index::{File, FileKind, Index, checksums, path::BundlePath},
    },
    manifest::MANIFEST_LIMIT,
};

pub(super) fn check(index: &Index) -> Result<(), Error> {
    let files = &index.files;
    sums(files)?;
    let manifests: HashSet<Digest> = index.manifests.iter().map(|one| one.digest).collect();
    each_file(files, &manifests)?;
    order(files, &manifests)?;
    no_tag_is_a_directory(files)?;
    no_config_is_a_directory(files)
}

fn sums(files: &[File]) -> Result<(), Error> {
    let Some((first, rest)) = files.split_first() else {
        return broken("it lists no files, not even SHA256SUMS".to_owned());
    };
    let (size, digest) = checksums::measure(rest);
    let expected = File::regular(BundlePath::Sums, size, digest);
    if *first != expected {
        return broken("its first file is not the SHA256SUMS of the others".to_owned());
    }
    Ok(())
}

fn each_file(files: &[File], manifests: &HashSet<Digest>) -> Result<(), Error> {
    let mut earlier: HashMap<&BundlePath, &File> = HashMap::new();
    for file in files {
        let path = &file.path;
        let named = match path {
            BundlePath::Blob(_, digest) | BundlePath::Manifest(_, digest) => *digest,
            BundlePath::Sums | BundlePath::Tag(..) | BundlePath::Config(_) => file.digest,
        };
        if named != file.digest {
            return broken(format!("{path} has digest {}", file.digest));
        }
        let limit = match path {
            BundlePath::Config(_) => crate::bundle::CONFIG_LIMIT,
            _ if manifests.contains(&file.digest) => MANIFEST_LIMIT,
            _ => SIZE_LIMIT,
        };
        if file.size > limit {
            return broken(format!("{path} has {} bytes, more than {limit}", file.size));
        }
        if (file.size == 0) != (file.digest == Digest::of(b"")) {
            return broken(format!(
                "{path} has {} bytes and digest {}",
                file.size, file.digest
            ));
        }
        kind(file, &earlier, manifests)?;
        if earlier.insert(path, file).is_some() {
            return broken(format!("{path} is listed twice"));
        }
    }
    Ok(())
}

/// Each shape of path is one kind of file, and links lead to equal content that came before.
fn kind(
    file: &File,
    earlier: &HashMap<&BundlePath, &File>,
    manifests: &HashSet<Digest>,
) -> Result<(), Error> {
    let path = &file.path;
    if file.hardlink.is_some() && file.symlink.is_some() {
        return broken(format!("{path} is two kinds of link"));
    }
    let target = match (path, file.kind()) {
        (BundlePath::Sums | BundlePath::Config(_) | BundlePath::Blob(..), FileKind::Regular) => {
            return Ok(());
        }
        (BundlePath::Blob(..), FileKind::HardLink(target @ BundlePath::Blob(..))) => target.clone(),
        (BundlePath::Manifest(repository, digest), FileKind::HardLink(target))
            if *target == BundlePath::Blob(repository.clone(), *digest)
                && manifests.contains(digest) =>
        {
            target.clone()
        }
        (BundlePath::Tag(repository, _), FileKind::Symlink(digest)) => {
            BundlePath::Manifest(repository.clone(), *digest)
        }
        _ => return broken(format!("{path} is not the kind of file that belongs there")),
    };
    match earlier.get(&target) {
        Some(found) if found.digest == file.digest && found.size == file.size => Ok(()),
        Some(_) => broken(format!("{path} leads to {target}, which has other content")),
        None => broken(format!(
            "{path} leads to {target}, which is not listed before it"
        )),
    }
}

/// Where a file stands among the others: what a pipe delivers can be used as it comes, and one content has one order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum SortKey<'f> {
    Sums,
    /// Sorted by digest; in each repository after the first by name it is a link.
    Blob(Digest, &'f Repository),
    /// Children before what lists them, which the index alone does not tell: counted as they come. First the blob in
    /// each repository, then the links.
    Manifest(usize, bool, &'f Repository),
    Tag(&'f Repository, &'f Tag),
    Config(&'f str),
}

fn order(files: &[File], manifests: &HashSet<Digest>) -> Result<(), Error> {
    let mut count = 0;
    let mut numbers: HashMap<Digest, usize> = HashMap::new();
    let mut last: Option<(SortKey<'_>, &File)> = None;
    // The one file with bytes of its own, for each blob and manifest.
    let mut first: Option<&File> = None;
    let mut links = Balance::default();
    for file in files {
        let place = match &file.path {
            BundlePath::Sums => SortKey::Sums,
            BundlePath::Blob(repository, digest) if !manifests.contains(digest) => {
                SortKey::Blob(*digest, repository)
            }
            BundlePath::Blob(repository, digest) | BundlePath::Manifest(repository, digest) => {
                let number = *numbers.entry(*digest).or_insert_with(|| {
                    count += 1;
                    count
                });
                let link = matches!(file.path, BundlePath::Manifest(..));
                SortKey::Manifest(number, link, repository)
            }
            BundlePath::Tag(repository, tag) => SortKey::Tag(repository, tag),
            BundlePath::Config(path) => SortKey::Config(path.as_str()),
        };
        if let Some((_, before)) = last.as_ref().filter(|(before, _)| *before >= place) {
            return broken(format!(
                "{} stands before {}, which is not the order of the format",
                before.path, file.path
            ));
        }
        if let BundlePath::Blob(..) = file.path {
            let stored = first.filter(|stored| stored.digest == file.digest);
            let target = stored.map(|stored| &stored.path);
            if file.hardlink.as_ref() != target {
                return broken(format!(
                    "{} is not a hard link to the first file of its content, or has none to link to",
                    file.path
                ));
            }
            first = stored.or(Some(file));
        }
        links.count(file, manifests);
        last = Some((place, file));
    }
    links.check()
}

/// Every manifest is linked in each repository that has its blob.
#[derive(Default)]
struct Balance<'f>(HashMap<(&'f Repository, Digest), i8>);

impl<'f> Balance<'f> {
    fn count(&mut self, file: &'f File, manifests: &HashSet<Digest>) {
        let (repository, digest, step) = match &file.path {
            BundlePath::Blob(repository, digest) if manifests.contains(digest) => {
                (repository, digest, 1)
            }
            BundlePath::Manifest(repository, digest) => (repository, digest, -1),
            _ => return,
        };
        *self.0.entry((repository, *digest)).or_default() += step;
    }

    fn check(self) -> Result<(), Error> {
        let mut alone: Vec<_> = self.0.into_iter().filter(|(_, open)| *open != 0).collect();
        alone.sort();
        match alone.first() {
            Some(((repository, digest), _)) => broken(format!(
                "manifest {digest} has a blob in {repository} and is not linked there"
            )),
            None => Ok(()),
        }
    }
}

/// `v2/a/manifests/b` is a file if `b` is a tag of `a`, and a directory if there is a repository `a/manifests/b…`. Nothing
/// else below `v2` can be both.
fn no_tag_is_a_directory(files: &[File]) -> Result<(), Error> {
    let mut tags: HashSet<String> = HashSet::new();
    let mut repositories: HashSet<&Repository> = HashSet::new();
    for file in files {
        if let BundlePath::Tag(repository, tag) = &file.path {
            tags.insert(format!("{repository}/manifests/{tag}"));
        }
        repositories.extend(file.path.repository());
    }
    for repository in repositories {
        let name = repository.as_str();
        let ends = name.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([name.len()]) {
            // Only below `manifests` there are tags; the rest of a long name is not hashed.
            let mut segments = name[..end].rsplit('/').skip(1);
            if segments.next() == Some("manifests") && tags.contains(&name[..end]) {
                return broken(format!(
                    "v2/{} is a file and also the directory of repository {name}",
                    &name[..end]
                ));
            }
        }
    }
    Ok(())
}

fn no_config_is_a_directory(files: &[File]) -> Result<(), Error> {
    let mut paths: Vec<&str> = files
        .iter()
        .filter_map(|file| match &file.path {
            BundlePath::Config(path) => Some(path.as_str()),
            _ => None,
        })
        .collect();
    // With `/` before every other character, what lies below a path comes right after it.
    fn bytes(path: &str) -> impl Iterator<Item = u8> {
        path.bytes().map(|byte| if byte == b'/' { 0 } else { byte })
    }
    paths.sort_unstable_by(|one, other| bytes(one).cmp(bytes(other)));
    let below = |pair: &&[&str]| {
        let rest = pair[1].strip_prefix(pair[0]);
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    match paths.windows(2).find(below) {
        Some(pair) => broken(format!(
            "config/{} is a file and also the directory of config/{}",
            pair[0], pair[1]
        )),
        None => Ok(()),
    }
}
