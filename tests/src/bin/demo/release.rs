/*!
An OpenShift release, small but of the real shape: from one reference to what a cluster inside has to be told.
*/

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use schema::{Digest, Repository, Tag};
use tests::openshift::{Release, ReleaseSpec, SignatureStore, Signer};

use super::stage::{Stage, shown, step};

/// Where releases and release images alone end up inside.
const RELEASE: &str = "mirror/openshift/release";
const IMAGES: &str = "mirror/openshift/release-images";

/// Tells it all. The key pair is that of the shop.
pub fn tell(stage: &Stage) -> Result<()> {
    let vendor = Vendor::open(stage)?;
    vendor.build()?;
    let inside = FakeRegistry::start(Settings::default())?;
    vendor.import(&inside)?;
    vendor.check_registry(&inside)?;
    vendor.check_config(&inside)
}

/// Who makes and signs releases.
struct Vendor<'a> {
    stage: &'a Stage,
    release: Release,
    store: SignatureStore,
    /// Serves the release for as long as this lives.
    _outside: FakeRegistry,
}

impl<'a> Vendor<'a> {
    fn open(stage: &'a Stage) -> Result<Self> {
        step("Outside: an OpenShift release, and a store with signatures of releases");
        let outside = FakeRegistry::start(Settings::default())?;
        let signer = Signer::new(1)?;
        let key = signer.public_armored()?;
        let store = SignatureStore::new(stage.dir.join("signatures"))?;
        let release = ReleaseSpec::new("4.3.0")
            .components(5)
            .size(20_000_000)
            .host(&outside.host())
            .previous(&["4.2.9"])
            .signature_tags()
            .key("vendor", &key)
            .store("vendor", &store.url())
            .make()?;
        release.images.place(&outside)?;
        store.add(&release.digest(), &release.sign(&signer)?)?;
        fs::write(stage.dir.join("vendor.asc"), key)?;
        println!("  {}   and five components", release.reference());
        println!(
            "  {}   whose releases are trusted",
            shown(&stage.dir.join("vendor.asc"))
        );
        println!(
            "  {}   the signature",
            shown(&store.place(&release.digest()))
        );
        Ok(Self {
            stage,
            release,
            store,
            _outside: outside,
        })
    }

    fn build(&self) -> Result<()> {
        step(
            "Outside: one reference becomes one signed file, once the release's own signature is verified",
        );
        let (reference, store) = (self.release.reference(), shown(self.store.path()));
        let (vendor, key, out) = (
            self.stage.at("vendor.asc"),
            self.stage.at("key.pem"),
            self.stage.at("release.tar"),
        );
        let args = [
            "build",
            "--plain-http",
            "--release",
            &reference,
            "--release-key",
            &vendor,
            "--signature-store",
            &store,
            "--signing-key",
            &key,
            "-o",
            &out,
        ];
        let said = self.stage.run("bundler", &args, 0)?;
        let config_map = format!("config/signature/sha256/{}", self.short());
        ensure!(
            said.contains(&config_map),
            "the signature ConfigMap, {config_map}, is not named"
        );
        Ok(())
    }

    fn import(&self, inside: &FakeRegistry) -> Result<()> {
        step(
            "Inside: the release into the site's registry, and for clusters, what they have to be told",
        );
        let to = format!("{}/mirror", inside.host());
        let (bundle, key, config) = (
            self.stage.at("release.tar"),
            self.stage.at("key.pub.pem"),
            self.stage.at("for-clusters"),
        );
        let args = [
            "import",
            &bundle,
            "--key",
            &key,
            "--to",
            &to,
            "--plain-http",
            "--config-to-dir",
            &config,
        ];
        let said = self.stage.run("importer", &args, 0)?;
        let upgrade = said.lines().find(|line| line.contains("oc adm upgrade"));
        let upgrade = upgrade.context("the upgrade command is not shown")?;
        let digest = self.release.digest().to_string();
        ensure!(
            upgrade.contains(&to) && upgrade.contains(&digest),
            "the upgrade command does not name {digest} at {to}"
        );
        Ok(())
    }

    fn check_registry(&self, inside: &FakeRegistry) -> Result<()> {
        let (release, alone): (Repository, Repository) = (RELEASE.parse()?, IMAGES.parse()?);
        let tag = &self.release.tag;
        let own = self.release.digest();
        let mut expected = Vec::new();
        for repository in [&release, &alone] {
            expected.push((repository, tag.clone(), own));
            expected.push((repository, signature_tag(&own)?, self.signature_of(&own)?));
        }
        for (name, digest) in &self.release.components {
            expected.push((&release, format!("{tag}-{name}").parse()?, *digest));
            expected.push((&release, signature_tag(digest)?, self.signature_of(digest)?));
        }
        for (repository, tag, digest) in &expected {
            let there = inside.tags(repository).get(tag).copied();
            ensure!(
                there == Some(*digest),
                "{repository}:{tag} is {there:?} inside, expected {digest}"
            );
            inside.check_complete(repository, tag)?;
        }
        println!(
            "  checked: the release, its components and their signatures are all inside, and nothing is missing"
        );
        Ok(())
    }

    fn check_config(&self, inside: &FakeRegistry) -> Result<()> {
        let files = files(&self.stage.dir.join("for-clusters"))?;
        let with = |text: &str| {
            let mut holders = files.iter().filter(|(_, held)| held.contains(text));
            let holder = holders.next();
            holder.with_context(|| format!("no file for clusters holds {text}"))
        };
        let signature = with("release.openshift.io/verification-signatures")?;
        let mirrors = with("kind: ImageDigestMirrorSet")?;
        ensure!(
            mirrors.1.contains(&inside.host()) && mirrors.1.contains(&self.release.host),
            "the mirror configuration does not lead inside:\n{}",
            mirrors.1
        );
        println!("  {}   vouches for the release", shown(&signature.0));
        println!("  {}   says where its images are now", shown(&mirrors.0));
        Ok(())
    }

    fn signature_of(&self, digest: &Digest) -> Result<Digest> {
        let image = self.release.image_of(digest);
        let image = image.with_context(|| format!("no image {digest}"))?;
        Ok(image.signature()?.root.digest)
    }

    /// As much of the digest as file names have.
    fn short(&self) -> String {
        self.release.digest().hex().chars().take(16).collect()
    }
}

fn signature_tag(digest: &Digest) -> Result<Tag> {
    Ok(format!("sha256-{}.sig", digest.hex()).parse()?)
}

/// All files below a directory with their text, by name.
fn files(directory: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            let text = fs::read_to_string(&path)?;
            found.push((path, text));
        }
    }
    found.sort();
    Ok(found)
}
