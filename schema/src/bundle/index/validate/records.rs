/*! What the index says of files: images, media types, Kubernetes objects, blobs that are left out. */

use std::collections::{HashMap, HashSet};

use super::{broken, out_of_place};
use crate::{
    Digest,
    bundle::{
        Error,
        index::{File, Image, Index, path::BundlePath},
    },
};

pub(super) fn check(index: &Index) -> Result<(), Error> {
    images(index)?;
    manifests(index)?;
    objects(index)?;
    assumes(index)
}

fn images(index: &Index) -> Result<(), Error> {
    let links: HashMap<&BundlePath, &File> =
        index.files.iter().map(|file| (&file.path, file)).collect();
    for image in &index.images {
        lists(image)?;
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
    match out_of_place(&index.images) {
        Some(image) => broken(format!(
            "its images are not sorted, or {}@{} is there twice",
            image.repository, image.digest
        )),
        None => Ok(()),
    }
}

/// The lists inside an image.
fn lists(image: &Image) -> Result<(), Error> {
    let unsorted = [
        ("tags", out_of_place(&image.tags).is_some()),
        ("platforms", out_of_place(&image.platforms).is_some()),
        ("attached", out_of_place(&image.attached).is_some()),
    ];
    match unsorted.into_iter().find(|(_, unsorted)| *unsorted) {
        Some((list, _)) => broken(format!(
            "{list} of image {}@{} are not sorted, or one of them is there twice",
            image.repository, image.digest
        )),
        None => Ok(()),
    }
}

/// A media type for each manifest, in the order in which the files bring them.
fn manifests(index: &Index) -> Result<(), Error> {
    let mut linked = Vec::new();
    let mut seen: HashSet<Digest> = HashSet::new();
    for file in &index.files {
        if matches!(file.path, BundlePath::Manifest(..)) && seen.insert(file.digest) {
            linked.push(file.digest);
        }
    }
    let mut recorded: HashSet<Digest> = HashSet::new();
    for record in &index.manifests {
        if !seen.contains(&record.digest) {
            return broken(format!(
                "manifest {} has a media type and no file",
                record.digest
            ));
        }
        if !recorded.insert(record.digest) {
            return broken(format!("manifest {} is listed twice", record.digest));
        }
    }
    // A manifest without a record is no manifest among the files already.
    if !index.manifests.iter().map(|one| &one.digest).eq(&linked) {
        return broken("its media types are not in the order of the manifests' files".to_owned());
    }
    Ok(())
}

fn objects(index: &Index) -> Result<(), Error> {
    let paths = index.files.iter().map(|file| &file.path);
    let mut files = paths
        .filter(|path| matches!(path, BundlePath::Config(_)))
        .peekable();
    let mut objects = index.objects.iter().peekable();
    for path in &mut files {
        let mut last = None;
        while let Some(object) = objects.next_if(|object| object.path == *path) {
            if last.is_some_and(|last| last > object.document) {
                return broken(format!(
                    "object {} {} is out of order",
                    object.kind, object.name
                ));
            }
            last = Some(object.document);
        }
        if last.is_none() {
            return broken(match objects.peek() {
                Some(object) => format!(
                    "object {} {} is out of order or has no file, or {path} holds no Kubernetes object",
                    object.kind, object.name
                ),
                None => format!("{path} holds no Kubernetes object"),
            });
        }
    }
    match objects.next() {
        Some(object) => broken(format!(
            "object {} {} is out of order or has no file",
            object.kind, object.name
        )),
        None => Ok(()),
    }
}

fn assumes(index: &Index) -> Result<(), Error> {
    let present: HashSet<Digest> = index.files.iter().map(|file| file.digest).collect();
    let listed = index
        .assumes
        .iter()
        .find(|blob| present.contains(&blob.digest));
    if let Some(blob) = listed {
        return broken(format!("blob {} is both listed and left out", blob.digest));
    }
    match out_of_place(&index.assumes) {
        Some(blob) => broken(format!(
            "the blobs it leaves out are not sorted, or {} is there twice",
            blob.digest
        )),
        None => Ok(()),
    }
}
