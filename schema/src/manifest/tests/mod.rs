/*! What manifests say, and what is refused of them. */

use super::*;

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn image(extra: &str) -> String {
    let config = format!(
        r#"{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{D}","size":2}}"#
    );
    let layer = format!(
        r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{D}","size":7}}"#
    );
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]{extra}}}"#)
}

#[test]
fn an_image_lists_config_then_layers() {
    let manifest = Manifest::parse(image("").as_bytes(), MediaType::OciManifest);
    let sizes = manifest.map(|m| m.blobs.iter().map(|b| b.size).collect::<Vec<_>>());
    assert_eq!(sizes, Ok(vec![2, 7]));
}

#[test]
fn layers_from_elsewhere_are_known_by_their_type_or_their_addresses() {
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    let foreign = |text: String| {
        let manifest = Manifest::parse(text.as_bytes(), MediaType::OciManifest);
        manifest.map(|m| {
            let foreign = m.foreign.into_iter();
            foreign
                .map(|layer| (layer.blob.size, layer.urls))
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(foreign(image("")), Ok(Vec::new()));
    for kind in [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    ] {
        assert_eq!(
            foreign(image("").replace(layer, kind)),
            Ok(vec![(7, Vec::new())])
        );
    }
    let urls = image("").replace(r#""size":7"#, r#""size":7,"urls":["https://h/l"]"#);
    assert_eq!(foreign(urls), Ok(vec![(7, vec!["https://h/l".to_owned()])]));
}

#[test]
fn a_body_with_two_readings_is_refused() {
    let mixed = image(r#","manifests":[]"#);
    for declared in MediaType::ALL {
        assert_eq!(
            Manifest::parse(mixed.as_bytes(), declared),
            Err(ManifestError::Ambiguous)
        );
    }
    let other = image(r#","mediaType":"application/vnd.oci.image.index.v1+json""#);
    let refused = Manifest::parse(other.as_bytes(), MediaType::OciManifest);
    assert!(
        matches!(refused, Err(ManifestError::Disagrees { .. })),
        "{refused:?}"
    );
    let layers = |key: &str| image(&format!(r#","{key}":[]"#));
    let shouted = r#","mediaType":"application/VND.oci.image.manifest.v1+json""#;
    for body in [
        image(r#","config":null"#),
        layers("Layers"),
        layers("layer\u{17f}"),
        layers("Manifests"),
        image(shouted),
        image("").replace(r#""size":7"#, r#""size":7,"Size":9"#),
        image("").replace(r#""size":7"#, r#""size":7,"annotations":{"a":"","a":""}"#),
    ] {
        let refused = Manifest::parse(body.as_bytes(), MediaType::OciManifest);
        assert!(
            matches!(refused, Err(ManifestError::TwoReadings(_))),
            "{body}: {refused:?}"
        );
    }
}

#[test]
fn undeclared_types_are_found_as_oc_finds_them() {
    let guessed = |text: &str| Manifest::parse_undeclared(text.as_bytes()).map(|m| m.media_type);
    assert_eq!(guessed(&image("")), Ok(MediaType::OciManifest));
    let docker = image("").replace("oci.image.config.v1", "docker.container.image.v1");
    assert_eq!(guessed(&docker), Ok(MediaType::DockerManifest));
    let entry = format!(
        r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{D}","size":7}}"#
    );
    assert_eq!(
        guessed(&format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#)),
        Ok(MediaType::OciIndex)
    );
    assert_eq!(
        guessed(r#"{"schemaVersion":1}"#),
        Err(ManifestError::SchemaOne)
    );
}
