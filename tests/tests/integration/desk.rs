/*!
What every module needs: a desk with a pair of keys, a registry to take images from, and the two programs as they are
called there.
*/

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use fakes::{FakeRegistry, registry::Settings};
use schema::bundle::SigningKey;
use tempfile::TempDir;
use tests::{
    images::{Format, Image, Layer},
    process::Program,
};

/// A manifest that any cluster takes.
pub const CONFIG_MAP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {a: b}\n";

/// A directory with `key.pem` and `key.pub.pem`, and room for what a test makes.
#[derive(Debug)]
pub struct Desk {
    directory: TempDir,
    /// The registry that images come from.
    pub source: FakeRegistry,
    /// The key that `key.pem` holds.
    pub signing_key: SigningKey,
}

impl Desk {
    /// With a fresh pair of keys and an open registry.
    pub fn new() -> Result<Self> {
        Self::with(SigningKey::generate()?, Settings::default())
    }

    /// With the given key.
    pub fn with_key(key: &SigningKey) -> Result<Self> {
        let key = SigningKey::from_pem(&key.to_pem(None)?, || None)?;
        Self::with(key, Settings::default())
    }

    /// With a registry of its own kind.
    pub fn with_source(settings: Settings) -> Result<Self> {
        Self::with(SigningKey::generate()?, settings)
    }

    fn with(signing_key: SigningKey, settings: Settings) -> Result<Self> {
        let desk = Self {
            directory: tempfile::tempdir()?,
            source: FakeRegistry::start(settings)?,
            signing_key,
        };
        fs::write(desk.key(), desk.signing_key.to_pem(None)?)?;
        fs::set_permissions(desk.key(), fs::Permissions::from_mode(0o600))?;
        fs::write(desk.public(), desk.signing_key.public().to_pem()?)?;
        Ok(desk)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A path in the directory.
    pub fn at(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// The private key.
    pub fn key(&self) -> PathBuf {
        self.at("key.pem")
    }

    /// The public key.
    pub fn public(&self) -> PathBuf {
        self.at("key.pub.pem")
    }

    /// Writes a file, with the directories on its way, and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.at(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content)?;
        Ok(path)
    }

    /// A manifest of one object, for `--config`.
    pub fn config_map(&self, name: &str) -> Result<PathBuf> {
        let text =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata: {{}}\n");
        self.file(&format!("{name}.yaml"), text)
    }

    /// Places an image of one layer of so many bytes in the source, and gives it.
    pub fn image(&self, repository: &str, tag: &str, seed: u64, size: usize) -> Result<Image> {
        let image = Image::single(repository, tag, Format::Oci, &[Layer::new(seed, size)?])?;
        image.place(&self.source)?;
        Ok(image)
    }

    /// `bundler build` with the key, over plain HTTP, on a fixed day, with one retry.
    pub fn build(&self) -> Result<Program> {
        let program = Program::bundler()?
            .args(["build", "--plain-http", "--signing-key"])
            .args([self.key()]);
        let program = program.env("SOURCE_DATE_EPOCH", "1700000000");
        Ok(program.env("BUNDLER_RETRIES", "1"))
    }

    /// `bundler build --image REFERENCE -o NAME`.
    pub fn build_image(&self, image: &Image, name: &str) -> Result<Program> {
        let reference = image.reference(&self.source.host());
        let build = self.build()?.args(["--image", &reference, "-o"]);
        Ok(build.args([self.at(name)]))
    }

    /// A small bundle with an image and a manifest, `small.tar`, and its image.
    pub fn small(&self) -> Result<(Image, PathBuf)> {
        let image = self.image("shop/app", "v1", 1, 50_000)?;
        let config = self.file("config/aaaaaaaaaaa.yaml", CONFIG_MAP)?;
        let build = self.build_image(&image, "small.tar")?.args(["--config"]);
        build.args([config]).run()?.expect_code(0)?;
        Ok((image, self.at("small.tar")))
    }

    /// `importer VERB BUNDLE` with the public key.
    pub fn import(&self, verb: &str, bundle: &Path) -> Result<Program> {
        let program = Program::importer()?.args([verb.as_ref(), bundle, "--key".as_ref()]);
        Ok(program.args([self.public()]))
    }

    /// `importer push BUNDLE --to TARGET`, over plain HTTP, with one retry.
    pub fn push(&self, bundle: &Path, to: &str) -> Result<Program> {
        let push = self.import("push", bundle)?.env("IMPORTER_RETRIES", "1");
        Ok(push.args(["--plain-http", "--to", to]))
    }

    /// The same, run, and its report.
    pub fn pushed(&self, bundle: &Path, to: &str, flags: &[&str]) -> Result<serde_json::Value> {
        let push = self.push(bundle, to)?.args(["--format", "json"]);
        let output = push.args(flags).run()?.expect_code(0)?;
        serde_json::from_slice(&output.stdout).context("the report is not JSON")
    }
}
