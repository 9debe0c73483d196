/*! What OpenShift's servers send: OpenPGP keys and signatures, the files of a release payload, graph data. */

use std::{io::Write, sync::LazyLock};

use anyhow::Result;
use bundler::{
    graph::GraphData,
    release::{
        openpgp::Keyring,
        payload::references::{self, ImageReferences},
        trust::PayloadTrust,
    },
};
use jiff::Timestamp;
use proptest::prelude::*;
use schema::Digest;
use serde_json::{Value, json};
use tests::openshift::Signer;

use super::{JSON, edited, edits, ready};

/// Beginnings of OpenPGP packets, and of the lines of an armor.
const PACKETS: &[&str] = &[
    "\u{0}",
    "\u{1}\u{2}\u{3}",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
    "-----END PGP PUBLIC KEY BLOCK-----",
    "=AAAA",
    "\n\n",
];

struct Sample {
    armored: String,
    keyring: Keyring,
    message: Vec<u8>,
    body: Vec<u8>,
    tarball: Vec<u8>,
}

static SAMPLE: LazyLock<Result<Sample, String>> =
    LazyLock::new(|| sample().map_err(|error| format!("{error:#}")));

fn sample() -> Result<Sample> {
    let signer = Signer::new(1)?;
    let (digest, name) = (Digest::of(b"a release"), "quay.io/ocp/release:4.3.0");
    let armored = signer.public_armored()?;
    Ok(Sample {
        keyring: Keyring::from_bytes(armored.as_bytes())?,
        armored,
        message: signer.sign(&digest, name)?,
        body: tests::openshift::claim(&digest, name).into_bytes(),
        tarball: tarball()?,
    })
}

/// Graph data as it is published.
fn tarball() -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in [
        ("graph-data/version", "1.1.0\n"),
        (
            "graph-data/channels/stable-4.3.yaml",
            "name: stable-4.3\nversions: [4.3.0]\n",
        ),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, path, text.as_bytes())?;
    }
    Ok(archive.into_inner()?)
}

fn references_file() -> Value {
    let image = |name: &str| {
        json!({
            "name": name,
            "from": {"kind": "DockerImage", "name": format!("quay.io/ocp/{name}@{}", Digest::of(name.as_bytes()))},
        })
    };
    json!({
        "kind": "ImageStream", "apiVersion": "image.openshift.io/v1", "metadata": {"name": "4.3.0"},
        "spec": {"tags": [image("cli"), image("etcd")]},
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No edit of a signature makes it one of anything else.
    #[test]
    fn a_signature_is_refused_or_of_the_same_text(edits in edits(PACKETS)) {
        let sample = ready(&SAMPLE)?;
        if let Ok(signed) = sample.keyring.verify(&edited(&sample.message, edits), Timestamp::now()) {
            prop_assert_eq!(signed.body, sample.body.clone());
        }
    }

    /// A file of keys is refused, or holds a key; and whatever that is, it does not verify what it did not sign but by being the signer's.
    #[test]
    fn keys_are_refused_or_there(edits in edits(PACKETS)) {
        let sample = ready(&SAMPLE)?;
        if let Ok(keyring) = Keyring::from_bytes(&edited(sample.armored.as_bytes(), edits)) {
            prop_assert!(!keyring.fingerprints().is_empty());
            if let Ok(signed) = keyring.verify(&sample.message, Timestamp::now()) {
                prop_assert_eq!(vec![signed.fingerprint], sample.keyring.fingerprints());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Every component of a payload is named by digest, and once.
    #[test]
    fn references_are_refused_or_digests(edits in edits(JSON)) {
        let bytes = edited(references_file().to_string().as_bytes(), edits);
        if let Ok(references) = ImageReferences::parse(&bytes) {
            let mut names: Vec<_> = references.components.iter().map(|one| one.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), references.components.len());
            for component in &references.components {
                let text = component.reference.to_string();
                prop_assert!(text.ends_with(&component.digest.to_string()), "{}", text);
            }
        }
    }

    /// Versions before a release are versions, as far as anything is made of them.
    #[test]
    fn metadata_is_refused_or_versions(edits in edits(JSON)) {
        let metadata = r#"{"kind":"cincinnati-metadata-v0","version":"4.3.0","previous":["4.2.8","4.2.9"],"metadata":{}}"#;
        for version in references::previous(&edited(metadata.as_bytes(), edits)).unwrap_or_default() {
            prop_assert!(!version.is_empty() && !version.contains(['/', '\n', '\0']), "{:?}", version);
        }
    }

    /// What a payload says of keys and stores is refused, or has both.
    #[test]
    fn trust_is_refused_or_whole(edits in edits(JSON)) {
        let sample = ready(&SAMPLE)?;
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "keys", "annotations": {"release.openshift.io/verification-config-map": ""}},
            "data": {"verifier-public-key-a": sample.armored, "store-a": "https://example.com/signatures"},
        });
        let bytes = edited(object.to_string().as_bytes(), edits);
        let object: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Ok(trust) = PayloadTrust::from_config_map(&object) {
            prop_assert!(!trust.keyrings.is_empty() && !trust.stores.is_empty());
        }
    }

    /// Graph data is refused, or files at paths that stay where they are put; packed or not.
    #[test]
    fn graph_data_is_refused_or_stays_inside(edits in edits(PACKETS), packed in any::<bool>()) {
        let sample = ready(&SAMPLE)?;
        let mut bytes = edited(&sample.tarball, edits);
        if packed {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&bytes)?;
            bytes = gzip.finish()?;
        }
        if let Ok(data) = GraphData::from_tarball("graph.tar", bytes.as_slice()) {
            for (path, _) in data.files() {
                let inside = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
                prop_assert!(inside, "{:?}", path);
            }
        }
    }
}

/// The samples are taken as they are: each refusal above is of an edit.
#[test]
fn the_samples_are_sound() -> Result<()> {
    let sample = SAMPLE
        .as_ref()
        .map_err(|error| anyhow::anyhow!(error.clone()))?;
    let signed = sample.keyring.verify(&sample.message, Timestamp::now())?;
    assert_eq!(signed.body, sample.body);
    let references = ImageReferences::parse(references_file().to_string().as_bytes());
    assert_eq!(references.map(|all| all.components.len()), Ok(2));
    let data = GraphData::from_tarball("graph.tar", sample.tarball.as_slice())?;
    assert_eq!((data.version(), data.files().count()), ("1.1.0", 2));
    Ok(())
}
