/*! What comes across the gap, and what images are made of: the index under a good signature, and manifests of images. */

use std::{io::Cursor, sync::LazyLock};

use anyhow::{Context, Result};
use proptest::prelude::*;
use schema::{
    Manifest, MediaType,
    bundle::{Blame, Opened, TrustedKeys},
};
use serde_json::json;
use tests::{
    heads::signed,
    images::{Format, Image, Layer},
};

use super::{JSON, edited, edits, ready};
use crate::tamper::small::Small;

/// A bundle, the text of its index, and who is trusted.
struct Sample {
    small: Small,
    index: Vec<u8>,
    trusted: TrustedKeys,
}

static SAMPLE: LazyLock<Result<Sample, String>> =
    LazyLock::new(|| sample().map_err(|error| format!("{error:#}")));

fn sample() -> Result<Sample> {
    let small = Small::new()?;
    let trusted = TrustedKeys::new(vec![small.key.public()])?;
    let bytes = small.bytes.to_vec();
    let opened = Opened::pipe(Box::new(Cursor::new(bytes)), "pipe")?.verify(&trusted)?;
    let index = opened.index().to_bytes()?;
    Ok(Sample {
        small,
        index,
        trusted,
    })
}

static MANIFESTS: LazyLock<Result<[Vec<u8>; 2], String>> =
    LazyLock::new(|| manifests().map_err(|error| format!("{error:#}")));

fn manifests() -> Result<[Vec<u8>; 2]> {
    let image = Image::single("a/b", "v1", Format::Oci, &[Layer::new(1, 100)?])?;
    let digest = image.root.digest;
    let child = |architecture: &str| {
        json!({
            "mediaType": image.root.media_type.as_str(), "digest": digest, "size": image.root.bytes.len(),
            "platform": {"os": "linux", "architecture": architecture},
        })
    };
    let index = json!({
        "schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(),
        "manifests": [child("amd64"), child("arm64")], "annotations": {"a": "b"},
    });
    Ok([image.root.bytes.to_vec(), index.to_string().into_bytes()])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whoever signs it: an index is refused as altered, or it is exactly the text that this program would write.
    #[test]
    fn an_index_is_refused_or_its_own_text(edits in edits(JSON)) {
        let sample = ready(&SAMPLE)?;
        let index = edited(&sample.index, edits);
        let head = signed(&sample.small.bytes, &index, &sample.small.key)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let opened = Opened::pipe(Box::new(Cursor::new(head)), "pipe");
        match opened.and_then(|opened| opened.verify(&sample.trusted)) {
            Ok(verified) => {
                let written = verified.index().to_bytes();
                let written = written.map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(written, index);
            }
            Err(error) => prop_assert_eq!(error.blame(), Blame::Integrity, "{}", error),
        }
    }

    /// Only what is an index has children; everything else is blobs.
    #[test]
    fn a_manifest_is_refused_or_of_its_type(number in 0..2_usize, edits in edits(JSON), declared in prop::sample::select(&MediaType::ALL[..])) {
        let bytes = edited(&ready(&MANIFESTS)?[number], edits);
        let read = [Manifest::parse(&bytes, declared), Manifest::parse_undeclared(&bytes)];
        for manifest in read.into_iter().flatten() {
            prop_assert!(manifest.media_type.is_index() || manifest.children.is_empty());
        }
    }
}

/// The samples are taken as they are: each refusal above is of an edit.
#[test]
fn the_samples_are_sound() -> Result<()> {
    let text = |error: &String| anyhow::anyhow!(error.clone());
    let sample = SAMPLE.as_ref().map_err(text)?;
    let head = signed(&sample.small.bytes, &sample.index, &sample.small.key)?;
    Opened::pipe(Box::new(Cursor::new(head)), "pipe")?.verify(&sample.trusted)?;
    let [image, index] = MANIFESTS.as_ref().map_err(text)?;
    let image = Manifest::parse(image, MediaType::OciManifest)?;
    let index = Manifest::parse(index, MediaType::OciIndex)?;
    assert_eq!((image.blobs.len(), index.children.len()), (2, 2));
    image.blobs.first().context("no config")?;
    Ok(())
}
