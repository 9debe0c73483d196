/*! A release that is as it should be: complete, tagged as `oc` tags, with signatures that clusters find. */

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result};
use schema::{Platform, Repository, bundle::BundlePath};
use serde_json::Value;
use tests::{
    block_on,
    cluster::Cluster,
    images::Remote,
    needs,
    openshift::{
        Behaviour, Oddity, ReleaseSpec, SignatureStore, Signer, StoreServer, signature_config_map,
    },
    process::Program,
    real::{DockerRegistry, Options},
};

use super::{Outside, index};
use crate::desk::Desk;

#[test]
fn one_reference_brings_everything_from_a_real_registry() -> Result<()> {
    needs!("docker-registry");
    let skopeo = needs!("skopeo");
    let desk = Desk::new()?;
    let real = |name: &str| -> Result<DockerRegistry> {
        fs::create_dir(desk.at(name))?;
        DockerRegistry::start(&desk.at(name), &Options::default())
    };
    let (outside, inside) = (real("outside")?, real("inside")?);
    let signer = Signer::rsa(7)?;
    let store = SignatureStore::new(desk.at("signatures"))?;
    // The operator names the host; only the payload knows where on it the signature is.
    let server = StoreServer::start(&store, Behaviour::Good)?;
    let release = ReleaseSpec::new("4.3.0")
        .host(&outside.host())
        .signature_tags()
        .alias("same-as-cli", "cli")
        .previous(&["4.2.1", "4.2.2"])
        .key("harness", &signer.public_armored()?)
        .store("official", &server.url())
        .make()?;
    store.add(&release.digest(), &release.sign(&signer)?)?;
    block_on(release.images.push(&Remote::new(&outside.url())?))??;
    fs::write(desk.at("release.asc"), signer.public_armored()?)?;

    let bundle = desk.at("bundle.tar");
    let build = desk
        .build()?
        .args(["--release", &release.reference(), "--release-key"]);
    let said = build
        .args([desk.at("release.asc"), "-o".into(), bundle.clone()])
        .args(["--signature-store", &format!("{}/elsewhere", server.url())])
        .run()?
        .expect_code(0)?
        .text();
    let short = &release.digest().hex()[..16];
    let created = format!(
        "Configmap {}/config/signature/sha256/{short}.yaml created",
        bundle.display()
    );
    assert!(said.contains(&created), "{said}");
    assert!(
        said.contains(&signer.fingerprint().to_uppercase()),
        "{said}"
    );

    let index = index(&desk, &bundle)?;
    let [record] = index.releases.as_slice() else {
        anyhow::bail!("not one release: {:?}", index.releases);
    };
    assert_eq!(record.version, "4.3.0");
    assert_eq!(
        (record.repository.as_str(), record.tag.as_str()),
        ("openshift/release", "4.3.0-x86_64")
    );
    assert_eq!(record.digest, release.digest());
    assert_eq!(record.verified_by, [signer.fingerprint().to_uppercase()]);
    assert_eq!(record.previous, ["4.2.1", "4.2.2"]);
    let tags: BTreeSet<String> = index
        .files
        .iter()
        .filter_map(|file| match &file.path {
            BundlePath::Tag(at, tag) if at.as_str() == "openshift/release" => Some(tag.to_string()),
            _ => None,
        })
        .collect();
    let components = release.components.iter();
    let mut expected: BTreeSet<String> = components
        .clone()
        .map(|(name, _)| format!("4.3.0-x86_64-{name}"))
        .collect();
    expected.insert("4.3.0-x86_64".to_owned());
    let digests: BTreeSet<_> = components
        .map(|(_, digest)| *digest)
        .chain([release.digest()])
        .collect();
    expected.extend(
        digests
            .iter()
            .map(|digest| format!("sha256-{}.sig", digest.hex())),
    );
    assert_eq!(tags, expected);

    // Inside, a real client finds each of them, and signatures wherever the release image is.
    let import = desk
        .import("import", &bundle)?
        .args(["--plain-http", "--to"]);
    let said = import
        .args([format!("{}/ocp", inside.host())])
        .run()?
        .expect_code(0)?
        .text();
    let upgrade = format!(
        "oc adm upgrade --allow-explicit-upgrade --to-image {}/ocp/openshift/release-images@{}",
        inside.host(),
        release.digest()
    );
    assert!(said.contains(&upgrade), "{said}");
    let found = |name: &str| -> Result<Vec<u8>> {
        let reference = format!("docker://{}/ocp/openshift/{name}", inside.host());
        let inspect =
            Program::at(&skopeo)?.args(["inspect", "--raw", "--tls-verify=false", &reference]);
        Ok(inspect.run()?.expect_code(0)?.stdout)
    };
    for tag in &expected {
        found(&format!("release:{tag}"))?;
    }
    assert_eq!(
        found("release-images:4.3.0-x86_64")?,
        release.image.root.bytes
    );
    found(&format!(
        "release-images:sha256-{}.sig",
        release.digest().hex()
    ))?;
    Ok(())
}

#[test]
fn a_real_cluster_takes_the_configmap_and_it_is_what_oc_makes() -> Result<()> {
    needs!("kube-apiserver", "etcd", "kubectl");
    let outside = Outside::new(|spec| spec)?;
    // A second signature by the same key.
    let more = outside.release.sign(&outside.signer)?;
    outside.store.add(&outside.release.digest(), &more)?;
    let extracted = outside.desk.at("extracted");
    let extract = outside.desk.import("extract", &outside.bundle()?)?;
    extract
        .args(["--to-dir".as_ref(), extracted.as_os_str()])
        .run()?
        .expect_code(0)?;
    let cluster = Cluster::openshift("inside", "4.3.0")?;
    let apply = cluster.kubectl()?.args(["apply", "-Rf"]);
    apply
        .args([extracted.join("config")])
        .run()?
        .expect_code(0)?;
    let name = format!("sha256-{}", outside.release.digest().hex());
    let path = format!("/api/v1/namespaces/openshift-config-managed/configmaps/{name}");
    let mut taken = cluster.get(&path)?.context("it is not there")?;
    // One that is valid is enough.
    let signatures = &signatures(&outside)?[..1];
    let mut expected: Value =
        serde_json::from_str(&signature_config_map(&outside.release.digest(), signatures))?;
    // What the cluster and kubectl add.
    for object in [&mut taken, &mut expected] {
        let metadata = object["metadata"].as_object_mut().context("no metadata")?;
        metadata.retain(|key, _| ["name", "namespace", "labels"].contains(&key.as_str()));
    }
    assert_eq!(taken, expected);
    // In the file it stands as oc writes it.
    let short = &outside.release.digest().hex()[..16];
    let text = fs::read_to_string(extracted.join(format!("config/signature/sha256/{short}.yaml")))?;
    assert!(text.contains("  creationTimestamp: null\n"), "{text}");
    Ok(())
}

/// What the store holds.
fn signatures(outside: &Outside) -> Result<Vec<Vec<u8>>> {
    let mut paths: Vec<_> = fs::read_dir(outside.store.place(&outside.release.digest()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.sort();
    paths.into_iter().map(|path| Ok(fs::read(path)?)).collect()
}

#[test]
fn a_release_for_several_architectures_keeps_its_lists() -> Result<()> {
    let outside = Outside::new(|spec| spec.architectures(&["amd64", "arm64"]).components(3))?;
    // A platform for other images does not take a release apart: clusters ask for its lists by digest.
    let bundle = outside.desk.at("bundle.tar");
    let build = outside.build()?;
    let build = build.args(["--platform", "linux/arm64", "--sparse-index", "-o"]);
    build.args([&bundle]).run()?.expect_code(0)?;
    let index = outside.index(&bundle)?;
    assert_eq!(index.releases[0].tag.as_str(), "4.3.0-multi");
    assert_eq!(index.releases[0].digest, outside.release.digest());
    let machine = |name: &str| Platform {
        os: "linux".into(),
        architecture: name.into(),
        variant: None,
    };
    for image in &index.images {
        assert_eq!(
            image.platforms,
            [machine("amd64"), machine("arm64")],
            "{}",
            image.source
        );
        assert_eq!(image.selected_from, None);
    }
    assert_eq!(index.images.len(), 4);
    Ok(())
}

#[test]
fn releases_share_what_they_share() -> Result<()> {
    let outside = Outside::new(|spec| spec)?;
    let spec = ReleaseSpec::new("4.3.1")
        .host(&outside.registry.host())
        .key("harness", &outside.signer.public_armored()?)
        .store("official", "http://127.0.0.1:1/signatures");
    let second = spec.make()?;
    second.images.place(&outside.registry)?;
    outside
        .store
        .add(&second.digest(), &second.sign(&outside.signer)?)?;
    let bundle = outside.desk.at("two.tar");
    let build = outside.build()?.args([
        "--release",
        &second.pinned(),
        "--release-repository",
        "ocp/all",
        "-o",
    ]);
    build.args([&bundle]).run()?.expect_code(0)?;
    let index = outside.index(&bundle)?;
    let tags: Vec<&str> = index
        .releases
        .iter()
        .map(|release| release.tag.as_str())
        .collect();
    assert_eq!(tags, ["4.3.0-x86_64", "4.3.1-x86_64"]);
    assert!(!index.images.is_empty());
    assert!(
        index
            .images
            .iter()
            .all(|image| image.repository.as_str() == "ocp/all")
    );
    // A component that both name by one digest is one image with two tags.
    let shared = outside
        .release
        .components
        .iter()
        .filter(|(_, digest)| second.image_of(digest).is_some());
    let (name, digest) = shared
        .into_iter()
        .next()
        .context("the releases share nothing")?;
    let image = index
        .images
        .iter()
        .find(|image| image.digest == *digest)
        .context("not there")?;
    let tags: Vec<&str> = image.tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(
        tags,
        [
            format!("4.3.0-x86_64-{name}"),
            format!("4.3.1-x86_64-{name}")
        ]
    );
    let maps = index
        .objects
        .iter()
        .filter(|object| object.kind == "ConfigMap")
        .count();
    assert_eq!(maps, 2, "one ConfigMap a release");
    Ok(())
}

#[test]
fn odd_but_sound_payloads_are_read() -> Result<()> {
    for oddity in [
        Oddity::LowerLayer,
        Oddity::NoMetadata,
        Oddity::NoVerification,
        Oddity::StaleBelow,
    ] {
        let outside = Outside::new(|spec| spec.with(oddity.clone()))?;
        let index = outside.index(&outside.bundle()?)?;
        assert_eq!(index.releases[0].version, "4.3.0", "{oddity:?}");
        assert_eq!(index.images.len(), 6, "{oddity:?}");
    }
    Ok(())
}

#[test]
fn built_twice_a_release_is_the_same() -> Result<()> {
    let outside = Outside::new(|spec| spec.signature_tags())?;
    let first = fs::read(outside.bundle()?)?;
    fs::remove_file(outside.desk.at("bundle.tar"))?;
    assert!(first == fs::read(outside.bundle()?)?, "the bundles differ");
    Ok(())
}

#[test]
fn signatures_of_components_go_where_the_image_goes() -> Result<()> {
    let outside = Outside::new(|spec| spec.signature_tags())?;
    let bundle = outside.bundle()?;
    let inside = fakes::FakeRegistry::start(fakes::registry::Settings::default())?;
    outside.desk.pushed(&bundle, &inside.host(), &[])?;
    let (release, alone): (Repository, Repository) = (
        "openshift/release".parse()?,
        "openshift/release-images".parse()?,
    );
    for digest in outside
        .release
        .components
        .values()
        .chain([&outside.release.digest()])
    {
        let tag = format!("sha256-{}.sig", digest.hex()).parse()?;
        inside.check_complete(&release, &tag)?;
    }
    let tag = format!("sha256-{}.sig", outside.release.digest().hex()).parse()?;
    inside.check_complete(&alone, &tag)?;
    inside.check_complete(&alone, &outside.release.tag)?;
    Ok(())
}
