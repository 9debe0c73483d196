/*!
The air-gapped side of an OpenShift release: published alone for update services, announced to clusters, never by halves.

The bundles are made of plain images whose index is then signed again with a release in it, so that nothing here rests
on how releases are gathered.
*/

mod attachments;
mod configuration;
mod releases;
mod said;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use fakes::FakeRegistry;
use schema::{
    Repository, Tag,
    bundle::{self, Index, Opened, Release, Tape, TrustedKeys, UpdateGraph},
};
use serde_json::Value;
use tests::{
    images::{Format, Image, Layer},
    process::{Output, Program},
};

use crate::{desk::Desk, tape::written};

/// The tag of the release, and of its components before their names.
const TAG: &str = "4.3.1-x86_64";

/// A key as an index names it.
const FINGERPRINT: &str = "567E347AD0044ADE55BA8A5F199E2F91FD431D51";

/// A producer with a release of one component, both signed, and a graph image beside them.
struct Site {
    desk: Desk,
    bundle: PathBuf,
    release: Image,
    component: Image,
    signature: Image,
    referrer: Image,
}

impl Site {
    fn new() -> Result<Self> {
        Self::with(|_| {})
    }

    /// With an index that is changed once more before it is signed.
    fn with(change: impl FnOnce(&mut Index)) -> Result<Self> {
        let desk = Desk::new()?;
        let (base, own) = (Layer::new(1, 40_000)?, Layer::new(2, 20_000)?);
        let machines = [
            ("amd64", vec![base.clone(), own.clone()]),
            ("arm64", vec![own]),
        ];
        let release = Image::multi("openshift/release", TAG, Format::Docker, &machines)?;
        let name = format!("{TAG}-thanos");
        let layers = [base, Layer::new(3, 30_000)?];
        let component = Image::single("openshift/release", &name, Format::Docker, &layers)?;
        let graph = desk.image("openshift/graph-data", "latest", 4, 5_000)?;
        let signature = release.signature()?;
        let referrer = release.referrer("application/vnd.example.report", b"no findings");
        let of_component = component.signature()?;
        for image in [&release, &component, &signature, &referrer, &of_component] {
            image.place(&desk.source)?;
        }
        let config = desk.file("config/signature/sha256/0123.yaml", CONFIG_MAP)?;
        let flags =
            [&release, &component, &graph].map(|image| image.reference(&desk.source.host()));
        let flags = flags.iter().flat_map(|reference| ["--image", reference]);
        let (plain, bundle) = (desk.at("plain.tar"), desk.at("bundle.tar"));
        let build = desk
            .build()?
            .args(flags)
            .args(["--config".as_ref(), desk.at("config").as_os_str()]);
        build
            .args(["-o".as_ref(), plain.as_os_str()])
            .run()?
            .expect_code(0)?;
        assert!(config.exists());
        let announce = |index: &mut Index| -> Result<()> {
            for image in &mut index.images {
                image.source = match image.digest {
                    digest if digest == release.root.digest => {
                        format!("quay.io/openshift-release-dev/ocp-release:{TAG}")
                    }
                    digest if digest == component.root.digest => {
                        format!("quay.io/openshift-release-dev/ocp-v4.0-art-dev@{digest}")
                    }
                    _ => "oci:graph-data".to_owned(),
                };
            }
            index.releases = vec![Release {
                repository: "openshift/release".parse()?,
                tag: TAG.parse()?,
                digest: release.root.digest,
                version: "4.3.1".to_owned(),
                verified_by: vec![FINGERPRINT.to_owned()],
                previous: vec!["4.3.0".to_owned()],
            }];
            index.update_graph = Some(UpdateGraph {
                repository: "openshift/graph-data".parse()?,
                digest: graph.root.digest,
            });
            change(index);
            Ok(())
        };
        sign_again(&desk, &plain, &bundle, announce)?;
        Ok(Self {
            desk,
            bundle,
            release,
            component,
            signature,
            referrer,
        })
    }

    /// `importer COMMAND BUNDLE --to HOST/mirror --format json` with one retry.
    fn run(&self, command: &str, bundle: &Path, host: &str) -> Result<Program> {
        let program = self
            .desk
            .import(command, bundle)?
            .env("IMPORTER_RETRIES", "1");
        let to = format!("{host}/mirror");
        Ok(program.args(["--plain-http", "--format", "json", "--to", &to]))
    }

    /// The same with the bundle on a pipe.
    fn piped(&self, command: &str, host: &str) -> Result<Output> {
        let cat = Program::at(Path::new("/bin/cat"))?.args([&self.bundle]);
        Ok(cat.pipe_into(self.run(command, Path::new("-"), host)?)?.1)
    }

    /// Everything that belongs to the release alone is there, and nothing else has a tag there.
    fn is_published(&self, registry: &FakeRegistry, repository: &str, tag: &str) -> Result<()> {
        let repository: Repository = repository.parse()?;
        let signature = self
            .signature
            .tag
            .clone()
            .context("a signature without tag")?;
        let mut expected: Vec<(Tag, _)> = vec![
            (tag.parse()?, self.release.root.digest),
            (signature, self.signature.root.digest),
        ];
        expected.sort();
        let lists = format!("sha256-{}", self.release.root.digest.hex());
        let found = registry.tags(&repository).into_iter();
        let found: Vec<_> = found.filter(|(tag, _)| tag.as_str() != lists).collect();
        assert_eq!(found, expected, "in {repository}");
        for (tag, _) in &expected {
            registry.check_complete(&repository, tag)?;
        }
        let referrer = registry.manifest(&repository, self.referrer.root.digest);
        assert_eq!(
            referrer.map(|found| found.bytes),
            Some(self.referrer.root.bytes.clone())
        );
        Ok(())
    }
}

/// A manifest of a release's signature, in all but its content.
const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: sha256-0123\n  namespace: openshift-config-managed\n";

/// Writes a bundle again, with another index over the same files.
fn sign_again(
    desk: &Desk,
    from: &Path,
    to: &Path,
    change: impl FnOnce(&mut Index) -> Result<()>,
) -> Result<()> {
    let trusted = TrustedKeys::new(vec![desk.signing_key.public()])?;
    let verified = Opened::path(from)?.verify(&trusted)?;
    let mut index = verified.index().clone();
    change(&mut index)?;
    let mut contents = Vec::new();
    verified.into_contents().visit(|entry| {
        contents.push(entry.body.read_whole()?);
        Ok::<_, bundle::Error>(())
    })?;
    let tape = Tape::sign(index, &desk.signing_key)?;
    Ok(fs::write(to, written(&tape, &contents)?)?)
}

/// The requests since the `from`th that change something.
fn changes(registry: &FakeRegistry, from: usize) -> Vec<String> {
    let requests = registry.requests().into_iter().skip(from);
    let changing = requests.filter(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
    changing
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}

/// What a report says was sent: blobs, mounts, manifests, lists.
fn sent(report: &Value) -> [u64; 4] {
    [
        "blobs_uploaded",
        "blobs_mounted",
        "manifests_pushed",
        "referrers_lists",
    ]
    .map(|field| report[field].as_u64().unwrap_or(u64::MAX))
}
