/*!
Foreign layers: their manifest says where they are, and the image's registry need not hold them. Images for Windows have
them; a list that has one of those beside the Linux images must not fail for it.
*/

use anyhow::{Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use schema::{Digest, MediaType, Repository, Tag};
use serde_json::{Value, json};

use crate::desk::Desk;

const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// A source with a list of a Linux and a Windows image, and a server that has the layer of the latter.
struct Site {
    desk: Desk,
    source: FakeRegistry,
    web: FakeRegistry,
    layer: Digest,
    repository: Repository,
    tag: Tag,
}

impl Site {
    fn new() -> Result<Self> {
        let (source, web) = (
            FakeRegistry::start(Settings::default())?,
            FakeRegistry::start(Settings::default())?,
        );
        let (repository, tag): (Repository, Tag) = ("team/app".parse()?, "v1".parse()?);
        let bytes = vec![7; 300_000];
        let layer = web.put_blob(&"files".parse()?, bytes.clone());
        let urls = [
            format!("http://{}/nothing/here", web.host()),
            format!("http://{}/v2/files/blobs/{layer}", web.host()),
        ];
        let foreign =
            json!({"mediaType": FOREIGN, "digest": layer, "size": bytes.len(), "urls": urls});
        let image = |os: &str, layers: Vec<Value>| {
            let config = format!(r#"{{"os":"{os}","architecture":"amd64"}}"#);
            let size = config.len();
            let config = source.put_blob(&repository, config);
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MediaType::DockerManifest.as_str(),
                "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": config, "size": size},
                "layers": layers,
            });
            let bytes = manifest.to_string();
            let size = bytes.len();
            let digest = source.put_manifest(&repository, None, MediaType::DockerManifest, bytes);
            json!({
                "mediaType": MediaType::DockerManifest.as_str(), "digest": digest, "size": size,
                "platform": {"os": os, "architecture": "amd64"},
            })
        };
        let list = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::DockerList.as_str(),
            "manifests": [image("linux", vec![]), image("windows", vec![foreign])],
        });
        let list = list.to_string();
        source.put_manifest(&repository, Some(&tag), MediaType::DockerList, list);
        Ok(Self {
            desk: Desk::new()?,
            source,
            web,
            layer,
            repository,
            tag,
        })
    }

    /// Builds, and gives what was said.
    fn build(&self, flags: &[&str]) -> Result<String> {
        let reference = format!("{}/team/app:v1", self.source.host());
        let build = self.desk.build()?.args(["--image", &reference, "-o"]);
        let built = build.args([self.desk.at("a.tar")]).args(flags);
        Ok(built.run()?.expect_code(0)?.stderr)
    }

    fn missing(&self) -> Result<Value> {
        let inspect = self.desk.import("inspect", &self.desk.at("a.tar"))?;
        let output = inspect.args(["--format", "json"]).run()?.expect_code(0)?;
        let shown: Value = serde_json::from_slice(&output.stdout)?;
        Ok(shown["index"]["missing"].clone())
    }
}

/// An address inside that a manifest names is asked only where the user names its host too.
#[test]
fn a_foreign_layer_comes_from_its_address_where_that_may_be_asked() -> Result<()> {
    let site = Site::new()?;
    let host = site.web.host();
    let said = site.build(&["--allow-foreign-host", &host])?;
    ensure!(said.contains("foreign layer"), "{said}");
    assert_eq!(site.missing()?, Value::Null);
    let target = FakeRegistry::start(Settings::default())?;
    site.desk
        .pushed(&site.desk.at("a.tar"), &target.host(), &[])?;
    target.check_complete(&site.repository, &site.tag)
}

#[test]
fn a_foreign_layer_that_cannot_be_had_is_left_out_and_said_ever_after() -> Result<()> {
    let site = Site::new()?;
    for flags in [&[][..], &["--foreign-layers", "skip"][..]] {
        let said = site.build(flags)?;
        ensure!(
            said.contains(&site.layer.to_string()) && said.contains("is left out"),
            "{said}"
        );
        ensure!(site.web.requests().is_empty(), "{:?}", site.web.requests());
        let missing = site.missing()?;
        assert_eq!(missing[0]["blob"], site.layer.to_string(), "{missing}");
        // Registries take such a manifest without the blob, from a file as from a pipe.
        for pipe in [false, true] {
            let target = FakeRegistry::start(Settings::default())?;
            let bundle = site.desk.at("a.tar");
            let push = match pipe {
                true => site
                    .desk
                    .push("-".as_ref(), &target.host())?
                    .stdin_file(&bundle)?,
                false => site.desk.push(&bundle, &target.host())?,
            };
            push.run()?.expect_code(0)?;
            ensure!(target.has_tag(&site.repository, &site.tag));
            ensure!(!target.has_blob(&site.repository, &site.layer));
        }
    }
    Ok(())
}

#[test]
fn what_the_registry_holds_of_a_foreign_layer_is_taken_from_there() -> Result<()> {
    let site = Site::new()?;
    site.source.put_blob(&site.repository, vec![7; 300_000]);
    site.build(&[])?;
    assert_eq!(site.missing()?, Value::Null);
    ensure!(site.web.requests().is_empty());
    Ok(())
}

/// docker-registry calls it an unknown blob and a server error; nobody would guess what to change there.
#[test]
fn a_registry_that_takes_no_foreign_layers_is_told_with_its_setting() -> Result<()> {
    let site = Site::new()?;
    site.build(&[])?;
    let target = FakeRegistry::start(Settings {
        foreign_layers: false,
        ..Settings::default()
    })?;
    let push = site.desk.push(&site.desk.at("a.tar"), &target.host())?;
    let refused = push.args(["--retries", "0"]).run()?.expect_code(30)?;
    let said = &refused.stderr;
    ensure!(said.contains("validation.manifests.urls.allow"), "{said}");
    ensure!(!target.has_tags());
    Ok(())
}
