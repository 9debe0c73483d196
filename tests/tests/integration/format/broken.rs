/*! Indexes that no reader may take: one rule of the format broken in each. */

use schema::{
    Digest, MediaType, Platform,
    bundle::{Assumed, BundlePath, File, Index, ManifestRecord, Missing, ObjectRecord},
};

type Change = Box<dyn FnOnce(&mut Index)>;

/// Something that is missing, as a sound index may say.
fn gone(index: &Index) -> Missing {
    let image = &index.images[1];
    Missing {
        repository: image.repository.clone(),
        tags: image.tags.clone(),
        source: "registry.example/shop/gone:v1".to_owned(),
        reason: "not found: MANIFEST_UNKNOWN".to_owned(),
        releases: Vec::new(),
        blob: None,
    }
}

/// The golden index with each rule broken in turn: what is wrong, words of the refusal, and the change.
pub(super) fn rules() -> Vec<(&'static str, &'static str, Change)> {
    let other = Digest::of(b"other");
    vec![
        (
            "not UTC",
            "created is",
            Box::new(|index| index.created = "2026-01-01T00:00:00+01:00".to_owned()),
        ),
        (
            "no time",
            "created is",
            Box::new(|index| index.created = "2026-13-01T00:00:00Z".to_owned()),
        ),
        (
            "a file twice",
            "is listed twice",
            Box::new(|index| index.files.push(index.files[8].clone())),
        ),
        (
            "a digest that the name denies",
            "has digest",
            Box::new(move |index| index.files[1].digest = other),
        ),
        (
            "a link before its target",
            "not listed before it",
            Box::new(|index| index.files.swap(1, 2)),
        ),
        (
            "a link to other content",
            "has other content",
            Box::new(|index| index.files[4].hardlink = Some(index.files[1].path.clone())),
        ),
        (
            "a link that links nowhere",
            "not the kind of file",
            Box::new(|index| index.files[2].hardlink = Some(BundlePath::Sums)),
        ),
        (
            "a link to itself",
            "not listed before it",
            Box::new(|index| index.files[2].hardlink = Some(index.files[2].path.clone())),
        ),
        (
            "a link of another size",
            "has other content",
            Box::new(|index| index.files[2].size += 1),
        ),
        (
            "a tag to what is not there",
            "not listed before it",
            Box::new(move |index| {
                index.files[7].digest = other;
                index.files[7].symlink = Some(other);
            }),
        ),
        (
            "a tag that is a file",
            "not the kind of file",
            Box::new(|index| index.files[7].symlink = None),
        ),
        (
            "two kinds of link",
            "two kinds of link",
            Box::new(|index| index.files[7].hardlink = Some(index.files[1].path.clone())),
        ),
        (
            "a manifest that is no link",
            "not the kind of file",
            Box::new(|index| index.files[5].hardlink = None),
        ),
        (
            "a manifest before a blob",
            "stands before",
            Box::new(|index| index.files[1..7].rotate_left(2)),
        ),
        (
            "an endless file",
            "more than",
            Box::new(|index| index.files[1].size = u64::MAX),
        ),
        (
            "a manifest too large",
            "more than",
            Box::new(|index| {
                index.files[3..8]
                    .iter_mut()
                    .for_each(|file| file.size = 1 << 30)
            }),
        ),
        (
            "an empty file with a digest",
            "has 0 bytes and digest",
            Box::new(|index| index.files[1].size = 0),
        ),
        (
            "a file that is a directory",
            "also the directory of",
            Box::new(|index| {
                if let Ok(path) = "config/one.yaml/below".parse::<BundlePath>() {
                    index.files.push(File {
                        path: path.clone(),
                        ..index.files[8].clone()
                    });
                    index.objects.push(ObjectRecord {
                        path,
                        ..index.objects[0].clone()
                    });
                }
            }),
        ),
        (
            "an image without manifest",
            "which is not listed",
            Box::new(move |index| index.images[0].digest = other),
        ),
        (
            "an image with a tag that is not there",
            "not listed so",
            Box::new(|index| index.images[0].tags = index.images[1].tags.clone()),
        ),
        (
            "something attached that is not there",
            "which is not listed",
            Box::new(move |index| index.images[0].attached[0].digest = other),
        ),
        (
            "a media type of nothing",
            "a media type and no file",
            Box::new(move |index| {
                index.manifests.push(ManifestRecord {
                    digest: other,
                    media_type: MediaType::OciIndex,
                })
            }),
        ),
        (
            "two media types of one",
            "listed twice",
            Box::new(|index| {
                index.manifests.push(ManifestRecord {
                    media_type: MediaType::OciIndex,
                    ..index.manifests[0].clone()
                })
            }),
        ),
        (
            "no media type of a manifest",
            "not the kind of file",
            Box::new(|index| index.manifests.clear()),
        ),
        (
            "an object without file",
            "has no file",
            Box::new(|index| {
                index.files.pop();
            }),
        ),
        (
            "a file without object",
            "holds no Kubernetes object",
            Box::new(|index| index.objects.clear()),
        ),
        (
            "an object in an image",
            "has no file",
            Box::new(|index| index.objects[0].path = index.files[1].path.clone()),
        ),
        (
            "an endless text",
            "a text of",
            Box::new(|index| index.creator = "x".repeat(4097)),
        ),
        (
            "a year of five digits",
            "created is",
            Box::new(|index| index.created = "+010000-01-01T00:00:00Z".to_owned()),
        ),
        (
            "content that is stored twice",
            "not a hard link to the first file",
            Box::new(|index| index.files[2].hardlink = None),
        ),
        (
            "a manifest that is not linked beside its blob",
            "has a blob in",
            Box::new(|index| {
                index.files.remove(5);
            }),
        ),
        (
            "manifests for clusters in another order",
            "not the order of the format",
            Box::new(|index| {
                if let Ok(path) = "config/a.yaml".parse::<BundlePath>() {
                    let (file, object) = (index.files[8].clone(), index.objects[0].clone());
                    index.files.push(File {
                        path: path.clone(),
                        ..file
                    });
                    index.objects.push(ObjectRecord { path, ..object });
                }
            }),
        ),
        (
            "sizes that overflow together",
            "bytes in all",
            Box::new(|index| {
                index.assumes = (0..20_000u32)
                    .map(|number| Assumed {
                        digest: Digest::of(&number.to_be_bytes()),
                        size: 1 << 50,
                        repository: index.images[0].repository.clone(),
                    })
                    .collect();
                index.assumes.sort();
            }),
        ),
        (
            "blobs that are left out twice",
            "are not sorted",
            Box::new(move |index| {
                let assumed = Assumed {
                    digest: other,
                    size: 1,
                    repository: index.images[0].repository.clone(),
                };
                index.assumes = vec![assumed.clone(), assumed];
            }),
        ),
        (
            "images in another order",
            "images are not sorted",
            Box::new(|index| index.images.reverse()),
        ),
        (
            "an image twice",
            "is there twice",
            Box::new(|index| index.images.push(index.images[1].clone())),
        ),
        (
            "a tag twice",
            "tags of image",
            Box::new(|index| {
                let tag = index.images[1].tags[0].clone();
                index.images[1].tags.push(tag);
            }),
        ),
        (
            "platforms in another order",
            "platforms of image",
            Box::new(|index| {
                let arm = index.images[1].platforms[0].clone();
                let architecture = "amd64".to_owned();
                index.images[1].platforms.push(Platform {
                    architecture,
                    ..arm
                });
            }),
        ),
        (
            "something attached twice",
            "attached of image",
            Box::new(|index| {
                let other = index.images[1].attached[0].clone();
                index.images[1].attached.push(other);
            }),
        ),
        (
            "something missing twice",
            "what is missing is not sorted",
            Box::new(|index| index.missing = vec![gone(index), gone(index)]),
        ),
        (
            "something missing for a reason with colours",
            "not printable ASCII",
            Box::new(|index| {
                let reason = "\u{1b}[31mnot found".to_owned();
                index.missing = vec![Missing {
                    reason,
                    ..gone(index)
                }];
            }),
        ),
        (
            "something missing for no reason",
            "not printable ASCII",
            Box::new(|index| {
                let reason = String::new();
                index.missing = vec![Missing {
                    reason,
                    ..gone(index)
                }];
            }),
        ),
        (
            "something missing for a long reason",
            "not printable ASCII",
            Box::new(|index| {
                let reason = "x".repeat(513);
                index.missing = vec![Missing {
                    reason,
                    ..gone(index)
                }];
            }),
        ),
        (
            "something missing in a release that is not there",
            "which is not listed",
            Box::new(|index| {
                let releases = gone(index).tags;
                index.missing = vec![Missing {
                    releases,
                    ..gone(index)
                }];
            }),
        ),
    ]
}
