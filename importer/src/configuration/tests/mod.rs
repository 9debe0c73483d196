/*! What is rendered, field by field, and that it stays what it was when more comes. */

use schema::{
    Digest, Repository,
    bundle::{FORMAT, File, Image, ObjectRecord, UpdateGraph},
    name::NameError,
};
use serde_json::json;

use super::*;
use crate::target::ReleaseImage;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn image(repository: &str, tags: &[&str], source: &str) -> Result<Image, NameError> {
    Ok(Image {
        repository: repository.parse()?,
        digest: Digest::of(source.as_bytes()),
        tags: tags
            .iter()
            .map(|tag| tag.parse())
            .collect::<Result<_, _>>()?,
        source: source.to_owned(),
        platforms: Vec::new(),
        selected_from: None,
        attached: Vec::new(),
    })
}

fn index(images: Vec<Image>) -> Index {
    Index {
        format: FORMAT.to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        creator: "a test".to_owned(),
        files: Vec::new(),
        images,
        manifests: Vec::new(),
        objects: Vec::<ObjectRecord>::new(),
        assumes: Vec::new(),
        releases: Vec::new(),
        update_graph: None,
        missing: Vec::new(),
    }
}

/// A release, a component and two other images.
fn release() -> Result<Index, NameError> {
    let digest = Digest::of(b"x");
    let art = format!("quay.io/openshift-release-dev/ocp-v4.0-art-dev@{digest}");
    Ok(index(vec![
        image("openshift/release", &["4.3.1-x86_64-a"], &art)?,
        image("openshift/release", &["4.3.1-x86_64-b"], &art)?,
        image(
            "openshift/release",
            &["4.3.1-x86_64"],
            "quay.io/openshift-release-dev/ocp-release:4.3.1-x86_64",
        )?,
        image("library/nginx", &["1"], "docker.io/library/nginx:1")?,
    ]))
}

fn target(map: &[(&str, &str)]) -> Result<Target, NameError> {
    let map = map
        .iter()
        .map(|(from, to)| Ok((from.parse()?, to.parse()?)));
    Ok(Target {
        host: "reg:5000".to_owned(),
        prefix: Some("mirror".parse()?),
        map: map.collect::<Result<Vec<(Repository, Repository)>, _>>()?,
        max_nested_paths: None,
        release_image: None,
    })
}

fn rendered(
    index: &Index,
    map: &[(&str, &str)],
) -> Result<Configuration, Box<dyn std::error::Error>> {
    Ok(Configuration::new(
        index,
        &target(map)?,
        MirrorConfig::Idms,
        false,
        &TrustPack::default(),
    )?)
}

#[test]
fn there_is_one_object_for_each_source_with_every_field_as_clusters_read_it() -> Outcome {
    let configuration = rendered(&release()?, &[])?;
    let sources = [
        "docker.io/library/nginx",
        "quay.io/openshift-release-dev/ocp-release",
        "quay.io/openshift-release-dev/ocp-v4.0-art-dev",
    ];
    let mirrors = ["library/nginx", "openshift/release", "openshift/release"];
    assert_eq!(configuration.mirror.len(), sources.len());
    for ((made, source), mirror) in configuration.mirror.iter().zip(sources).zip(mirrors) {
        let name = made.object["metadata"]["name"].clone();
        let expected = json!({
            "apiVersion": "config.openshift.io/v1", "kind": "ImageDigestMirrorSet", "metadata": {"name": name},
            "spec": {"imageDigestMirrors": [{"mirrors": [format!("reg:5000/mirror/{mirror}")], "source": source}]},
        });
        assert_eq!(made.object, expected);
        // The text says the same to the reader that stands in for kubectl's.
        let read = manifests::read(made.text.as_bytes())?;
        assert_eq!(
            read.iter().map(|object| &object.value).collect::<Vec<_>>(),
            [&expected]
        );
        assert_eq!(made.path, format!("mirror/{}.yaml", read[0].name));
    }
    assert_eq!(
        configuration.mirror[2].path,
        "mirror/idms-quay-io-openshift-release-dev-ocp-v4-0-art-dev-8d66aca980.yaml"
    );
    assert_eq!(
        configuration
            .install_config
            .as_deref()
            .map(|text| text.lines().take(4).collect::<Vec<_>>()),
        Some(vec![
            "imageDigestSources:",
            "- mirrors:",
            "  - reg:5000/mirror/library/nginx",
            "  source: docker.io/library/nginx"
        ])
    );
    Ok(())
}

#[test]
fn a_new_source_adds_an_object_and_changes_none() -> Outcome {
    let before = rendered(&release()?, &[])?;
    let mut more = release()?;
    more.images
        .insert(0, image("a/b", &["v"], "aaa.example/a/b:v")?);
    // From the same source, but to another place: an object of its own too.
    more.images
        .push(image("other/nginx", &["1"], "docker.io/library/nginx:1")?);
    let after = rendered(&more, &[])?;
    assert_eq!(after.mirror.len(), before.mirror.len() + 2);
    for made in &before.mirror {
        assert!(after.mirror.contains(made), "{} changed", made.path);
    }
    let sources = |configuration: &Configuration| -> Vec<String> {
        let made = configuration.mirror.iter();
        made.map(|made| made.object["spec"]["imageDigestMirrors"][0].to_string())
            .collect()
    };
    let mut sorted = more.clone();
    sorted.images.reverse();
    assert_eq!(
        rendered(&sorted, &[])?,
        after,
        "the order of the index does not matter"
    );
    assert!(sources(&after)[0].contains("aaa.example"));
    // New clusters know each source once, with both places.
    let snippet = after.install_config.unwrap_or_default();
    assert_eq!(
        snippet.matches("source: docker.io/library/nginx").count(),
        1
    );
    assert!(
        snippet.contains("  - reg:5000/mirror/library/nginx\n  - reg:5000/mirror/other/nginx\n"),
        "{snippet}"
    );
    Ok(())
}

#[test]
fn names_and_mirrors_follow_map_and_are_valid() -> Outcome {
    let (plain, mapped) = (
        rendered(&release()?, &[])?,
        rendered(&release()?, &[("openshift", "ocp")])?,
    );
    assert_eq!(
        plain.mirror[0], mapped.mirror[0],
        "what is not mapped stays"
    );
    assert_ne!(plain.mirror[1].path, mapped.mirror[1].path);
    assert!(
        mapped.mirror[1]
            .text
            .contains("- reg:5000/mirror/ocp/release\n")
    );
    let long = format!("UPPER.example:5000/{}a_b", "deep/".repeat(45));
    let odd = rendered(&index(vec![image("a", &["v"], &format!("{long}:v"))?]), &[])?;
    let name = odd.mirror[0].object["metadata"]["name"]
        .as_str()
        .unwrap_or_default();
    assert!(name.starts_with("idms-upper-example-5000-deep-"), "{name}");
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(
        name.len() <= 253 && name.chars().all(valid) && !name.contains("--"),
        "{name}"
    );
    Ok(())
}

#[test]
fn what_no_cluster_could_pull_from_has_no_mirror() -> Outcome {
    let images = vec![
        image("a", &["v"], "file://a:v")?,
        image("b", &["v"], "oci:layout:v")?,
        image("c", &["v"], "oci:/media/layout")?,
        image("d", &["v"], "reg:5000/mirror/d:v")?,
    ];
    let configuration = rendered(&index(images), &[])?;
    assert_eq!(
        (configuration.mirror, configuration.install_config),
        (Vec::new(), None)
    );
    Ok(())
}

#[test]
fn older_clusters_get_a_policy_and_tags_are_mirrored_only_on_request() -> Outcome {
    let (index, target) = (release()?, target(&[])?);
    let policies = Configuration::new(
        &index,
        &target,
        MirrorConfig::Icsp,
        false,
        &TrustPack::default(),
    )?;
    let policy = &policies.mirror[1];
    assert!(
        policy
            .path
            .starts_with("mirror/icsp-quay-io-openshift-release-dev-ocp-release-"),
        "{}",
        policy.path
    );
    assert_eq!(
        policy.object["apiVersion"],
        "operator.openshift.io/v1alpha1"
    );
    assert_eq!(policy.object["kind"], "ImageContentSourcePolicy");
    assert_eq!(
        policy.object["spec"],
        json!({"repositoryDigestMirrors": [{"mirrors": ["reg:5000/mirror/openshift/release"], "source": "quay.io/openshift-release-dev/ocp-release"}]})
    );
    assert!(
        policies
            .install_config
            .is_some_and(|text| text.starts_with("imageContentSources:\n"))
    );

    let tagged = Configuration::new(
        &index,
        &target,
        MirrorConfig::Idms,
        true,
        &TrustPack::default(),
    )?;
    let by_tag = &tagged.mirror[3..];
    let sources: Vec<_> = by_tag
        .iter()
        .map(|made| made.object["spec"]["imageTagMirrors"][0]["source"].clone())
        .collect();
    assert_eq!(
        sources,
        [
            "docker.io/library/nginx",
            "quay.io/openshift-release-dev/ocp-release"
        ],
        "sources named by digest have no tags"
    );
    assert_eq!(by_tag[0].object["kind"], "ImageTagMirrorSet");
    assert!(
        tagged.warnings[0].contains(&by_tag[0].path) && tagged.warnings[0].contains("drains"),
        "{:?}",
        tagged.warnings
    );
    assert!(rendered(&index, &[])?.warnings.is_empty());

    let nothing = Configuration::new(
        &index,
        &target,
        MirrorConfig::None,
        false,
        &TrustPack::default(),
    )?;
    assert_eq!(
        (
            nothing.mirror.len(),
            nothing.install_config.clone(),
            nothing.has_objects()
        ),
        (0, None, false)
    );
    let refused = Configuration::new(
        &index,
        &target,
        MirrorConfig::Icsp,
        true,
        &TrustPack::default(),
    );
    assert!(refused.is_err_and(|error| error.to_string().contains("--mirror-config idms")));
    Ok(())
}

#[test]
fn an_update_service_comes_with_its_graph_and_asks_where_releases_are_alone() -> Outcome {
    let (mut index, mut target) = (release()?, target(&[("openshift/graph-data", "graph")])?);
    assert_eq!(
        Configuration::new(
            &index,
            &target,
            MirrorConfig::None,
            false,
            &TrustPack::default()
        )?
        .update_service,
        None
    );
    let digest = Digest::of(b"graph");
    index.update_graph = Some(UpdateGraph {
        repository: "openshift/graph-data".parse()?,
        digest,
    });
    let spec = |target: &Target| -> Result<Value, Error> {
        let made = Configuration::new(
            &index,
            target,
            MirrorConfig::None,
            false,
            &TrustPack::default(),
        )?
        .update_service;
        Ok(made.map(|made| made.object).unwrap_or_default())
    };
    let expected = json!({
        "apiVersion": "updateservice.operator.openshift.io/v1", "kind": "UpdateService",
        "metadata": {"name": "update-service", "namespace": "openshift-update-service"},
        "spec": {"replicas": 2, "releases": "reg:5000/mirror/openshift/release-images", "graphDataImage": format!("reg:5000/mirror/graph@{digest}")},
    });
    assert_eq!(spec(&target)?, expected);
    target.release_image = Some(ReleaseImage {
        repository: "alone".parse()?,
        tag: None,
    });
    assert_eq!(spec(&target)?["spec"]["releases"], "reg:5000/alone");
    Ok(())
}

#[test]
fn files_of_the_bundle_keep_their_names_or_nothing_is_done() -> Outcome {
    let with = |paths: &[&str]| -> Result<Index, Box<dyn std::error::Error>> {
        let mut index = release()?;
        for path in paths {
            index
                .files
                .push(File::regular(path.parse()?, 1, Digest::of(b"1")));
        }
        Ok(index)
    };
    let fine = rendered(
        &with(&["config/signature/sha256/0.yaml", "config/mirror/own.yaml"])?,
        &[],
    )?;
    let paths: Vec<&str> = fine.paths().collect();
    assert_eq!(paths.len(), 7, "{paths:?}");
    assert_eq!((paths[0], paths[6]), ("install-config.txt", "SHA256SUMS"));
    assert_eq!(fine.sums().lines().count(), 6);
    let idms = format!("config/{}", fine.mirror[0].path);
    for path in [
        &idms,
        "config/SHA256SUMS",
        "config/install-config.txt",
        "config/mirror",
        "config/install-config.txt/a.yaml",
    ] {
        let refused = rendered(&with(&[path])?, &[]);
        let message = refused.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(
            message.starts_with(&format!("{path} of the bundle stands where")),
            "{path}: {message}"
        );
    }
    Ok(())
}
