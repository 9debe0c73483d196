/*! What is made here must be what clusters, registries and `oc` know. */

use std::{collections::BTreeMap, error::Error, io::Read};

use schema::{Manifest, MediaType};
use serde_json::Value;

use super::*;
use crate::{
    block_on,
    images::{Blob, Compression, Content, Format, Made, Remote},
    needs,
    real::{DockerRegistry, Options},
    registry::{Embedded, Settings},
};

type Tested = Result<(), Box<dyn Error>>;

#[test]
fn same_spec_same_digests() -> Tested {
    let spec = ReleaseSpec::new("4.3.0").key("throw-away", &Signer::new(1)?.public_armored()?);
    let (one, same) = (spec.make()?, spec.make()?);
    assert_eq!(one.digest(), same.digest());
    // Known by heart: what differs from run to run would be seen nowhere else.
    assert_eq!(
        one.digest().to_string(),
        "sha256:0bd047196fcbf0eafdf557a149c9bc4e84878f1ae3153c775d54deb34038d536"
    );
    let next = ReleaseSpec::new("4.3.1").make()?;
    let shared = |name: &str| one.components.get(name) == next.components.get(name);
    assert!(shared("cli"), "an unchanged component has another digest");
    assert!(!shared("cluster-version-operator"), "nothing was rebuilt");
    Ok(())
}

#[test]
fn the_payload_is_what_oc_writes() -> Tested {
    let spec = ReleaseSpec::new("4.3.0")
        .previous(&["4.2.9"])
        .alias("thanos-twin", "cli")
        .host("registry.example:5000")
        .key("throw-away", "-----BEGIN\nKEY")
        .store("official", "https://example.com/signatures");
    let release = spec.make()?;
    let top = release.image.blobs.last().ok_or("no layers")?;
    let files = read(top, Compression::Gzip)?;
    let references: Value = serde_json::from_str(&files["release-manifests/image-references"])?;
    assert_eq!(references["kind"], "ImageStream");
    assert_eq!(references["apiVersion"], "image.openshift.io/v1");
    assert_eq!(references["metadata"]["name"], "4.3.0");
    let tags = references["spec"]["tags"].as_array().ok_or("no tags")?;
    assert_eq!(tags.len(), 6);
    for tag in tags {
        let name = tag["name"].as_str().ok_or("no name")?;
        assert_eq!(tag["from"]["kind"], "DockerImage");
        assert_eq!(
            tag["from"]["name"].as_str(),
            release.component(name).as_deref()
        );
    }
    assert_eq!(release.components["thanos-twin"], release.components["cli"]);
    let metadata: Value = serde_json::from_str(&files["release-manifests/release-metadata"])?;
    assert_eq!(metadata["kind"], "cincinnati-metadata-v0");
    assert_eq!(metadata["previous"], serde_json::json!(["4.2.9"]));
    let keys = &files["release-manifests/0000_90_cluster-update-keys_configmap.yaml"];
    assert!(keys.contains("  verifier-public-key-throw-away: |\n    -----BEGIN\n    KEY\n"));
    assert!(keys.contains("  store-official: https://example.com/signatures\n"));
    assert_eq!(
        release.reference(),
        "registry.example:5000/openshift-release-dev/ocp-release:4.3.0-x86_64"
    );
    Ok(())
}

#[test]
fn a_release_for_several_machines_is_lists_all_through() -> Tested {
    let spec = ReleaseSpec::new("4.3.0").architectures(&["amd64", "arm64"]);
    let release = spec.signature_tags().make()?;
    assert_eq!(release.tag.as_str(), "4.3.0-multi");
    let registry = Embedded::start(Settings::default())?;
    release.images.place(&registry)?;
    registry.check_complete(&release.image.repository, &release.tag)?;
    for digest in release.components.values().chain([&release.digest()]) {
        let image = release
            .image_of(digest)
            .ok_or("a component without image")?;
        assert_eq!(image.root.media_type, MediaType::DockerList);
        let machines = Manifest::parse(&image.root.bytes, image.root.media_type)?.children;
        let machines = machines.iter().filter_map(|child| child.platform.clone());
        let machines: Vec<String> = machines.map(|platform| platform.to_string()).collect();
        assert_eq!(machines, ["linux/amd64", "linux/arm64"]);
        let signature = format!("sha256-{}.sig", digest.hex()).parse()?;
        assert!(registry.has_tag(&image.repository, &signature));
    }
    // Both release images carry the same payload, which names the lists.
    let [amd64, arm64] = &release.image.children[..] else {
        return Err("not two release images".into());
    };
    let top = |made: &Made| -> Result<Digest, Box<dyn Error>> {
        let blobs = Manifest::parse(&made.bytes, made.media_type)?.blobs;
        Ok(blobs.last().ok_or("no layers")?.digest)
    };
    assert_eq!(top(amd64)?, top(arm64)?);
    Ok(())
}

#[test]
fn what_is_odd_is_odd_and_nothing_else() -> Tested {
    const REFERENCES: &str = "release-manifests/image-references";
    let with = |oddity| ReleaseSpec::new("4.3.0").with(oddity).make();
    let payload = |release: &Release| -> Result<BTreeMap<String, String>, Box<dyn Error>> {
        read(
            release.image.blobs.last().ok_or("no layers")?,
            Compression::Gzip,
        )
    };
    let sound = ReleaseSpec::new("4.3.0").make()?;

    let missing = with(Oddity::Missing("etcd".into()))?;
    assert_eq!(missing.digest(), sound.digest(), "the payload is the same");
    assert_eq!(missing.images.images.len() + 1, sound.images.images.len());
    assert!(missing.image_of(&missing.components["etcd"]).is_none());

    let by_tag = payload(&with(Oddity::ByTag("etcd".into()))?)?;
    assert!(by_tag[REFERENCES].contains("ocp-v4.0-art-dev:4.3.0-etcd"));
    let other = payload(&with(Oddity::OtherKind("etcd".into()))?)?;
    assert!(other[REFERENCES].contains("\"ImageStreamImage\""));
    let huge = payload(&with(Oddity::HugeReferences(1 << 20))?)?;
    assert!(serde_json::from_str::<Value>(&huge[REFERENCES])?.is_object());
    assert!(huge[REFERENCES].len() > 1 << 20);
    let malformed = payload(&with(Oddity::MalformedReferences)?)?;
    assert!(serde_json::from_str::<Value>(&malformed[REFERENCES]).is_err());
    for (oddity, file) in [
        (Oddity::NoReferences, REFERENCES),
        (Oddity::NoMetadata, "release-manifests/release-metadata"),
        (
            Oddity::NoVerification,
            "release-manifests/0000_90_cluster-update-keys_configmap.yaml",
        ),
    ] {
        let (files, all) = (payload(&with(oddity)?)?, payload(&sound)?);
        assert!(!files.contains_key(file) && files.len() + 1 == all.len());
    }

    let lower = with(Oddity::LowerLayer)?;
    assert!(!payload(&lower)?.contains_key(REFERENCES));
    let stale = with(Oddity::StaleBelow)?;
    let layers = stale.image.blobs.iter().skip(1);
    let holders: Vec<bool> = layers
        .map(|layer| Ok(read(layer, Compression::Gzip)?.contains_key(REFERENCES)))
        .collect::<Result<_, Box<dyn Error>>>()?;
    assert_eq!(holders, [false, false, true, true]);
    Ok(())
}

#[test]
fn a_zstd_payload_is_one() -> Tested {
    let spec = ReleaseSpec::new("4.3.0").payload_compression(Compression::Zstd);
    let release = spec.make()?;
    let text = String::from_utf8(release.image.root.bytes.to_vec())?;
    assert!(
        text.contains("application/vnd.oci.image.layer.v1.tar+zstd"),
        "{text}"
    );
    let top = release.image.blobs.last().ok_or("no layers")?;
    assert!(read(top, Compression::Zstd)?.contains_key("release-manifests/image-references"));
    Ok(())
}

#[test]
fn the_full_size_is_what_it_says() -> Tested {
    // The proportions are those of the 0.5 GB that the benchmark makes.
    let release = ReleaseSpec::new("4.3.0")
        .components(190)
        .size(20_000_000)
        .make()?;
    assert_eq!(release.components.len(), 190);
    let size = release.images.size();
    assert!((18_000_000..24_000_000).contains(&size), "{size}");
    Ok(())
}

#[test]
fn a_real_registry_takes_a_release() -> Tested {
    needs!("docker-registry");
    let directory = tempfile::tempdir()?;
    let registry = DockerRegistry::start(directory.path(), &Options::default())?;
    let remote = Remote::new(&registry.url())?;
    for (version, format, compression) in [
        ("4.3.0", Format::Docker, Compression::Gzip),
        ("4.3.1", Format::Oci, Compression::Zstd),
    ] {
        let spec = ReleaseSpec::new(version)
            .components(2)
            .architectures(&["amd64", "s390x"])
            .format(format)
            .payload_compression(compression);
        block_on(spec.signature_tags().make()?.images.push(&remote))??;
    }
    Ok(())
}

/// The files of a layer.
fn read(
    layer: &Blob,
    compression: Compression,
) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let Content::Memory(bytes) = &layer.content else {
        return Err("not in memory".into());
    };
    let tar: Box<dyn Read> = match compression {
        Compression::Gzip => Box::new(flate2::read::GzDecoder::new(bytes.as_ref())),
        Compression::None => Box::new(bytes.as_ref()),
        Compression::Zstd => Box::new(zstd::Decoder::new(bytes.as_ref())?),
    };
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let path = entry.path()?.display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(path, String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(files)
}
