use std::fs;

use schema::{Digest, MediaType, Reference};
use serde_json::{Value, json};

use super::{
    base::{Base, types},
    *,
};
use crate::resolve::Resolved;

fn config(architecture: &str) -> Value {
    json!({
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-02T03:04:05.678Z",
        "config": {"Entrypoint": ["/entry"], "Cmd": ["bash"], "Env": ["A=b"], "Labels": {"l": "m"}},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"diff")]},
        "history": [{"created_by": "base"}],
        "x-unknown": {"deep": [1, 2.5, null]},
    })
}

async fn made(base: Resolved) -> Result<Resolved, Box<dyn std::error::Error>> {
    Ok(super::image(base, &small()?, "openshift/graph-data".parse()?).await?)
}

/// A manifest, and the config it names, of what was made.
fn parts(made: &Resolved, digest: &Digest) -> Result<(Value, Value), Box<dyn std::error::Error>> {
    let manifest = made.manifests.get(digest).ok_or("no such manifest")?;
    let manifest: Value = serde_json::from_slice(&manifest.raw.bytes)?;
    let config: Digest = manifest["config"]["digest"]
        .as_str()
        .unwrap_or_default()
        .parse()?;
    let config = made.blobs_in_memory.get(&config).ok_or("no such config")?;
    assert_eq!(manifest["config"]["size"], config.len());
    Ok((manifest, serde_json::from_slice(config)?))
}

#[tokio::test]
async fn one_layer_and_the_command_are_added_and_nothing_is_lost() -> Outcome {
    for media_type in [MediaType::DockerManifest, MediaType::OciManifest] {
        let mut base = Base::new()?;
        let bottom = base.image(media_type, &config("amd64"))?;
        let made = made(base.resolved(bottom)?).await?;
        assert_eq!((made.manifests.len(), made.blobs_in_memory.len()), (1, 2));
        let (manifest, config) = parts(&made, &made.image.digest)?;
        let (config_type, layer_type) = types(media_type);
        assert_eq!(manifest["mediaType"], media_type.as_str());
        assert_eq!(manifest["config"]["mediaType"], config_type);
        assert_eq!(manifest["config"]["data"], Value::Null);
        assert_eq!(manifest["layers"][0]["digest"], json!(Digest::of(b"layer")));
        let added = &manifest["layers"][1];
        assert_eq!(added["mediaType"], layer_type);
        let layer: Digest = added["digest"].as_str().unwrap_or_default().parse()?;
        let bytes = made.blobs_in_memory.get(&layer).ok_or("no such layer")?;
        assert_eq!(
            (added["size"].clone(), Digest::of(bytes)),
            (bytes.len().into(), layer)
        );
        let mut plain = Vec::new();
        io::copy(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut plain)?;
        let command = "exec cp -rp /var/lib/cincinnati-graph-data/* /var/lib/cincinnati/graph-data";
        let mut expected = super::image::config("amd64");
        expected["config"] =
            json!({"Cmd": ["/bin/bash", "-c", command], "Env": ["A=b"], "Labels": {"l": "m"}});
        expected["rootfs"]["diff_ids"] = json!([Digest::of(b"diff"), Digest::of(&plain)]);
        expected["history"] = json!([
            {"created_by": "base"},
            {"created": "2026-01-02T03:04:05.678Z", "created_by": "update graph data 1.1.0"},
        ]);
        assert_eq!(config, expected);
        let annotations = match media_type {
            MediaType::DockerManifest => Value::Null,
            _ => json!({"org.opencontainers.image.base.digest": bottom}),
        };
        assert_eq!(manifest["annotations"], annotations);
    }
    Ok(())
}

#[tokio::test]
async fn the_index_shows_where_it_came_from_and_is_no_source_to_mirror() -> Outcome {
    let mut base = Base::new()?;
    let bottom = base.image(MediaType::OciManifest, &config("amd64"))?;
    let image = made(base.resolved(bottom)?).await?.image;
    let source = format!("update graph 1.1.0 on registry.example/ubi9:latest ({bottom})");
    assert_eq!(image.source, source);
    assert!(image.source.parse::<Reference>().is_err());
    assert_eq!(image.repository.as_str(), "openshift/graph-data");
    assert_eq!(
        image.tags,
        [format!("graph-{}", &image.digest.hex()[..12]).parse()?]
    );
    assert_eq!(image.platforms, ["linux/amd64".parse()?]);
    assert!(image.attached.is_empty());
    Ok(())
}

#[tokio::test]
async fn every_platform_is_kept_and_attestations_are_not() -> Outcome {
    for (list, single) in [
        (MediaType::DockerList, MediaType::DockerManifest),
        (MediaType::OciIndex, MediaType::OciManifest),
    ] {
        let mut base = Base::new()?;
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64", "unknown"] {
            let os = if architecture == "unknown" {
                "unknown"
            } else {
                "linux"
            };
            let child = base.image(single, &config(architecture))?;
            let size = base
                .manifests
                .get(&child)
                .map(|child| child.raw.bytes.len());
            entries.push(json!({
                "mediaType": single.as_str(), "digest": child, "size": size,
                "platform": {"architecture": architecture, "os": os, "os.version": "9"},
            }));
        }
        // One that --sparse-index left out.
        entries.push(json!({
            "mediaType": single.as_str(), "digest": Digest::of(b"elsewhere"), "size": 9,
            "platform": {"architecture": "s390x", "os": "linux"},
        }));
        let body = json!({"schemaVersion": 2, "mediaType": list.as_str(), "manifests": entries});
        let top = base.manifest(list, &body)?;
        let made = made(base.resolved(top)?).await?;
        let index = made.manifests.get(&made.image.digest).ok_or("no index")?;
        assert_eq!(index.raw.media_type, list);
        let index: Value = serde_json::from_slice(&index.raw.bytes)?;
        let listed = index["manifests"].as_array().ok_or("no list")?;
        assert_eq!(listed.len(), 2);
        for (entry, architecture) in listed.iter().zip(["amd64", "arm64"]) {
            let platform = json!({"architecture": architecture, "os": "linux", "os.version": "9"});
            assert_eq!(entry["platform"], platform);
            let digest: Digest = entry["digest"].as_str().unwrap_or_default().parse()?;
            let (manifest, config) = parts(&made, &digest)?;
            assert_eq!(config["architecture"], architecture);
            assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(2));
        }
        assert_eq!(made.manifests.len(), 3);
    }
    Ok(())
}

#[tokio::test]
async fn the_same_base_and_data_give_the_same_digest() -> Outcome {
    let mut base = Base::new()?;
    let bottom = base.image(MediaType::OciManifest, &config("amd64"))?;
    let first = made(base.resolved(bottom)?).await?;
    let mut renamed = base.resolved(bottom)?;
    renamed.image.source = "mirror.example/base:9".to_owned();
    let second = made(renamed).await?;
    assert_eq!(first.image.digest, second.image.digest);
    assert_eq!(first.blobs_in_memory, second.blobs_in_memory);
    // Known to registries inside: another digest here is another image there.
    assert_eq!(
        first.image.digest.to_string(),
        "sha256:035214ffb5744965aad625a46e2bfa623f0a8c54c1a0ec824409ea48dd7d1db1"
    );
    Ok(())
}

#[tokio::test]
async fn a_base_that_does_not_fit_is_named() -> Outcome {
    let mut base = Base::new()?;
    let mut refused = Vec::new();
    let mut changed = config("amd64");
    changed["rootfs"]["diff_ids"] = json!([]);
    refused.push((
        base.image(MediaType::OciManifest, &changed)?,
        "its config has 0 layers, its manifest 1",
    ));
    refused.push((
        base.image(MediaType::OciManifest, &json!([]))?,
        "its config has no rootfs.diff_ids",
    ));
    let good = base.image(MediaType::OciManifest, &config("amd64"))?;
    let already = made(base.resolved(good)?).await?;
    let (_, graph) = parts(&already, &already.image.digest)?;
    refused.push((
        base.image(MediaType::DockerManifest, &graph)?,
        "it brings an update graph already",
    ));
    let (empty, size) = base.blob(&json!({}))?;
    let chart = json!({
        "schemaVersion": 2, "layers": [],
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": empty, "size": size},
    });
    refused.push((
        base.manifest(MediaType::OciManifest, &chart)?,
        "its config is of type \"application/vnd.cncf",
    ));
    let huge = json!({
        "schemaVersion": 2, "layers": [],
        "config": {"mediaType": types(MediaType::OciManifest).0, "digest": empty, "size": 5 << 20},
    });
    refused.push((
        base.manifest(MediaType::OciManifest, &huge)?,
        "its config has more than 4 MiB",
    ));
    let entry = |digest: Digest| json!([{"mediaType": MediaType::OciIndex.as_str(), "digest": digest, "size": 2}]);
    let inner = json!({"schemaVersion": 2, "manifests": []});
    let inner = base.manifest(MediaType::OciIndex, &inner)?;
    refused.push((inner, "it lists no image"));
    let outer = json!({"schemaVersion": 2, "manifests": entry(inner)});
    refused.push((
        base.manifest(MediaType::OciIndex, &outer)?,
        "it lists another index",
    ));
    for (digest, expected) in refused {
        let error = made(base.resolved(digest)?)
            .await
            .map_or_else(|error| error.to_string(), |made| format!("{made:?}"));
        let image = format!("registry.example/ubi9:latest ({digest}): {expected}");
        assert!(
            error.starts_with(&image) && error.contains("--graph-base-image"),
            "expected {image}, found {error}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_altered_config_is_not_believed() -> Outcome {
    let mut base = Base::new()?;
    let bottom = base.image(MediaType::OciManifest, &config("amd64"))?;
    let (blob, _) = base.blob(&config("amd64"))?;
    fs::write(base.path(&blob), config("arm64").to_string())?;
    let error = made(base.resolved(bottom)?)
        .await
        .map_or_else(|error| error.to_string(), |made| format!("{made:?}"));
    assert!(
        error.contains(&blob.to_string()) && error.contains("the source gave bytes"),
        "{error}"
    );
    Ok(())
}
