/*!
The rules a signed index must still keep.

A signature says who made the index, not that it is sound: keys are stolen and programs have faults. What these rules
allow can be extracted, pushed and listed without surprise; each names the file that breaks it.
*/

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Error,
    index::{File, Index, Kind, Release},
    path::BundlePath,
    sums,
};
use crate::{Digest, Repository, Tag, manifest::MANIFEST_LIMIT, objects};

/// One PiB: above any real blob, and low enough that offsets cannot overflow.
const SIZE_LIMIT: u64 = 1 << 50;

pub(super) fn index(index: &Index) -> Result<(), Error> {
    let files = &index.files;
    created(&index.created)?;
    checksums(files)?;
    let manifests = manifest_records(index)?;
    each_file(files, &manifests)?;
    order(files, &manifests)?;
    no_file_is_a_directory(files)?;
    images(index)?;
    records_have_files(index)?;
    releases(index)?;
    Ok(())
}

fn broken<T>(reason: String) -> Result<T, Error> {
    Err(Error::Invalid(reason))
}

fn created(text: &str) -> Result<(), Error> {
    let again = text
        .parse::<jiff::Timestamp>()
        .map(|time| time.strftime(super::CREATED_FORMAT).to_string());
    if again.as_deref().ok() != Some(text) {
        return broken(format!(
            "created is {text:?}, expected a UTC time such as 2026-11-23T00:00:00Z"
        ));
    }
    Ok(())
}

fn checksums(files: &[File]) -> Result<(), Error> {
    let Some((first, rest)) = files.split_first() else {
        return broken("it lists no files, not even SHA256SUMS".to_owned());
    };
    let text = sums::text(rest);
    let expected = File::regular(
        BundlePath::Sums,
        text.len() as u64,
        Digest::of(text.as_bytes()),
    );
    if *first != expected {
        return broken("its first file is not the SHA256SUMS of the others".to_owned());
    }
    Ok(())
}

fn manifest_records(index: &Index) -> Result<HashSet<Digest>, Error> {
    let mut digests = HashSet::new();
    for record in &index.manifests {
        if !digests.insert(record.digest) {
            return broken(format!("manifest {} is listed twice", record.digest));
        }
    }
    Ok(digests)
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
            BundlePath::Config(_) => objects::FILE_LIMIT,
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
        (BundlePath::Sums | BundlePath::Config(_) | BundlePath::Blob(..), Kind::Regular) => {
            return Ok(());
        }
        (BundlePath::Blob(..), Kind::HardLink(target @ BundlePath::Blob(..))) => target.clone(),
        (BundlePath::Manifest(repository, digest), Kind::HardLink(target))
            if *target == BundlePath::Blob(repository.clone(), *digest)
                && manifests.contains(digest) =>
        {
            target.clone()
        }
        (BundlePath::Tag(repository, _), Kind::Symlink(digest)) => {
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

/// Blobs, then manifests, then tags, then configuration: what a pipe delivers can be used as it comes.
fn order(files: &[File], manifests: &HashSet<Digest>) -> Result<(), Error> {
    let rank = |file: &File| match &file.path {
        BundlePath::Sums => 0,
        BundlePath::Blob(_, digest) if !manifests.contains(digest) => 1,
        BundlePath::Blob(..) | BundlePath::Manifest(..) => 2,
        BundlePath::Tag(..) => 3,
        BundlePath::Config(_) => 4,
    };
    match files
        .windows(2)
        .find(|pair| rank(&pair[0]) > rank(&pair[1]))
    {
        Some(pair) => broken(format!("{} stands before {}", pair[0].path, pair[1].path)),
        None => Ok(()),
    }
}

fn no_file_is_a_directory(files: &[File]) -> Result<(), Error> {
    let paths: HashSet<String> = files.iter().map(|file| file.path.to_string()).collect();
    for path in &paths {
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(parent) = parents.into_iter().find(|parent| paths.contains(*parent)) {
            return broken(format!(
                "{parent} is a file and also the directory of {path}"
            ));
        }
    }
    Ok(())
}

fn images(index: &Index) -> Result<(), Error> {
    let links: HashMap<&BundlePath, &File> =
        index.files.iter().map(|file| (&file.path, file)).collect();
    for image in &index.images {
        let here = |digest| BundlePath::Manifest(image.repository.clone(), digest);
        let attached_tags = image
            .attached
            .iter()
            .filter_map(|other| Some((other.tag.as_ref()?, other.digest)));
        let own_tags = image.tags.iter().map(|tag| (tag, image.digest));
        for digest in image
            .attached
            .iter()
            .map(|other| other.digest)
            .chain([image.digest])
        {
            if !links.contains_key(&here(digest)) {
                return broken(format!(
                    "image {} names {}, which is not listed",
                    image.repository,
                    here(digest)
                ));
            }
        }
        for (tag, digest) in own_tags.chain(attached_tags) {
            let path = BundlePath::Tag(image.repository.clone(), tag.clone());
            if links.get(&path).is_none_or(|file| file.digest != digest) {
                return broken(format!(
                    "image {} names {path} for {digest}, which is not listed so",
                    image.repository
                ));
            }
        }
    }
    Ok(())
}

/// A release, and a graph image, is one of the images, and what is said of it can be printed.
fn releases(index: &Index) -> Result<(), Error> {
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
            version,
            verified_by,
            previous,
        } = release;
        if !images.contains(&(repository, *digest, Some(tag))) {
            return broken(format!("release {repository}:{tag} is none of the images"));
        }
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'A'..=b'F');
        if let Some(odd) = verified_by
            .iter()
            .find(|key| !(40..=64).contains(&key.len()) || !key.bytes().all(hex))
        {
            return broken(format!(
                "release {repository}:{tag} is verified by {odd:?}, which is no fingerprint"
            ));
        }
        let plain = |version: &String| {
            (1..=128).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_graphic())
        };
        if let Some(odd) = previous.iter().chain([version]).find(|text| !plain(text)) {
            return broken(format!(
                "release {repository}:{tag} speaks of {odd:?}, which is no version"
            ));
        }
    }
    match &index.update_graph {
        Some(graph) if !images.contains(&(&graph.repository, graph.digest, None)) => {
            broken(format!(
                "the update graph {}@{} is none of the images",
                graph.repository, graph.digest
            ))
        }
        _ => Ok(()),
    }
}

fn records_have_files(index: &Index) -> Result<(), Error> {
    let linked: HashSet<Digest> = index
        .files
        .iter()
        .filter(|file| matches!(file.path, BundlePath::Manifest(..)))
        .map(|file| file.digest)
        .collect();
    if let Some(record) = index
        .manifests
        .iter()
        .find(|record| !linked.contains(&record.digest))
    {
        return broken(format!(
            "manifest {} has a media type and no file",
            record.digest
        ));
    }
    let mut documents: BTreeMap<&BundlePath, u32> = index
        .files
        .iter()
        .filter(|file| matches!(file.path, BundlePath::Config(_)))
        .map(|file| (&file.path, 0))
        .collect();
    for object in &index.objects {
        match documents.get_mut(&object.path) {
            Some(last) if *last <= object.document => *last = object.document,
            _ => {
                return broken(format!(
                    "object {} {} is out of order or has no file",
                    object.kind, object.name
                ));
            }
        }
    }
    let described: HashSet<&BundlePath> = index.objects.iter().map(|object| &object.path).collect();
    if let Some(empty) = documents.keys().find(|path| !described.contains(**path)) {
        return broken(format!("{empty} holds no Kubernetes object"));
    }
    let present: HashSet<Digest> = index.files.iter().map(|file| file.digest).collect();
    match index
        .assumes
        .iter()
        .find(|blob| present.contains(&blob.digest))
    {
        Some(blob) => broken(format!("blob {} is both listed and left out", blob.digest)),
        None => Ok(()),
    }
}
