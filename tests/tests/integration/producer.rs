/*! A producer and what stands on their desk: a source registry that is watched from within, a pair of keys, the two command lines. */

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use schema::bundle::SigningKey;
use tempfile::TempDir;
use tests::{
    images::{Format, Image, Layer},
    process::{Output, Program},
    registry::{Embedded, Settings},
};

/// A producer's desk: `key.pem`, `key.pub.pem`, and a registry to take images from.
pub struct Desk {
    /// Where everything is written.
    pub directory: TempDir,
    /// The registry that images come from.
    pub source: Embedded,
    /// The key that `key.pem` holds.
    pub key: SigningKey,
}

impl Desk {
    /// With an open registry.
    pub fn new() -> Result<Self> {
        Self::with(Settings::default())
    }

    /// With a registry of its own kind.
    pub fn with(settings: Settings) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let key = SigningKey::generate()?;
        let private = directory.path().join("key.pem");
        fs::write(&private, key.to_pem(None)?)?;
        fs::set_permissions(private, fs::Permissions::from_mode(0o600))?;
        fs::write(directory.path().join("key.pub.pem"), key.public().to_pem()?)?;
        Ok(Self {
            directory,
            source: Embedded::start(settings)?,
            key,
        })
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content)?;
        Ok(path)
    }

    /// Places an image of one layer of so many bytes in the source, and gives it.
    pub fn image(&self, repository: &str, tag: &str, seed: u64, size: usize) -> Result<Image> {
        let image = Image::single(repository, tag, Format::Oci, &[Layer::new(seed, size)?])?;
        image.place(&self.source)?;
        Ok(image)
    }

    /// `bundler build` with the key, over HTTP, with one retry and a fixed time.
    pub fn build(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Program> {
        let key = self.path("key.pem");
        Ok(Program::bundler()?
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("BUNDLER_RETRIES", "1")
            .args(["build", "--plain-http", "--signing-key"])
            .args([key.as_os_str()])
            .args(args))
    }

    /// `bundler build --image REFERENCE -o NAME`.
    pub fn build_image(&self, image: &Image, name: &str) -> Result<Program> {
        let (reference, output) = (image.reference(&self.source.host()), self.path(name));
        self.build([
            OsStr::new("--image"),
            OsStr::new(&reference),
            OsStr::new("-o"),
            output.as_os_str(),
        ])
    }

    /// A small bundle with an image and a manifest, `small.tar`, and its image.
    pub fn small(&self) -> Result<(Image, PathBuf)> {
        let image = self.image("shop/app", "v1", 1, 50_000)?;
        let config = self.file("config/aaaaaaaaaaa.yaml", CONFIG_MAP)?;
        let built = self.build_image(&image, "small.tar")?;
        built
            .args([OsStr::new("--config"), config.as_os_str()])
            .run()?
            .expect_code(0)?;
        Ok((image, self.path("small.tar")))
    }

    /// `importer COMMAND BUNDLE --key key.pub.pem`.
    pub fn import(&self, command: &str, bundle: &Path) -> Result<Program> {
        Ok(Program::importer()?
            .args([OsStr::new(command), bundle.as_os_str()])
            .args([OsStr::new("--key"), self.path("key.pub.pem").as_os_str()]))
    }

    /// `importer push BUNDLE --to TARGET`, over HTTP, with one retry.
    pub fn push(&self, bundle: &Path, target: &Embedded) -> Result<Program> {
        let push = self.import("push", bundle)?;
        let push = push.env("IMPORTER_RETRIES", "1");
        Ok(push.args(["--plain-http", "--to", &target.host()]))
    }
}

/// A manifest that any cluster takes.
pub const CONFIG_MAP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {a: b}\n";

/// A failure told in one sentence that holds each of these words, with nothing on stdout that looks like a result.
#[track_caller]
pub fn told(output: &Output, code: i32, words: &[&str]) {
    let errors: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(
        (output.code, output.signal),
        (Some(code), None),
        "{}",
        output.stderr
    );
    assert_eq!(errors.len(), 1, "one sentence expected:\n{}", output.stderr);
    assert!(
        output.stderr.trim_end().ends_with(errors[0]),
        "the sentence stands last:\n{}",
        output.stderr
    );
    for word in words {
        assert!(
            errors[0].contains(word),
            "{word:?} is missing in: {}",
            errors[0]
        );
    }
    for clutter in ["panicked", "reqwest", "hyper", "Os {"] {
        assert!(!output.stderr.contains(clutter), "{}", output.stderr);
    }
}

/// The peak of a run, held against a limit in MiB.
pub fn within(output: &Output, mebibytes: u64) -> Result<()> {
    ensure!(
        output.peak_rss <= mebibytes << 20,
        "{} MiB at the peak, allowed are {mebibytes}",
        output.peak_rss >> 20
    );
    Ok(())
}

/// Bytes of blobs that a registry gave since its `from`th request.
pub fn blob_bytes(registry: &Embedded, from: usize) -> u64 {
    let requests = registry.requests();
    let blobs = requests.iter().skip(from);
    blobs
        .filter(|request| request.method == "GET" && request.path.contains("/blobs/"))
        .map(|request| request.sent)
        .sum()
}

/// The one JSON value on stdout.
pub fn json(output: &Output) -> Result<serde_json::Value> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("stdout is not JSON: {}", output.text()))
}
