/*!
An OpenShift release by one reference, beside the very same images listed one by one.

Reading the payload and checking its signature is what `--release` adds; it must not cost more than that.
*/

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use schema::text::human_bytes;
use tests::{
    block_on,
    images::Remote,
    openshift::{Release, ReleaseSpec, SignatureStore, Signer},
    process::Program,
    real::{DockerRegistry, Options},
};

use super::measure::{Contender, Report, Target, clear, run};

/// The release in a registry, signed, and where it goes.
struct Bench<'a> {
    work: &'a Path,
    release: Release,
    store: SignatureStore,
    /// Serves the release for as long as this lives.
    _source: DockerRegistry,
}

/// 190 components of 0.5 GB from a registry to a file, both ways in turn.
pub fn compare(work: &Path, rounds: usize, report: &mut Report) -> Result<()> {
    let bench = Bench::new(work)?;
    println!("\nrelease");
    let mut release = Contender::new("bundler build --release");
    let mut images = Contender::new("bundler build --image, each component");
    let (one, listed) = (bench.path("release.tar"), bench.path("listed.tar"));
    for _ in 0..rounds {
        clear(&one)?;
        release.add(run(bench.by_release(&one)?)?);
        clear(&listed)?;
        images.add(run(bench.by_images(&listed)?)?);
    }
    let (size, other) = (fs::metadata(&one)?.len(), fs::metadata(&listed)?.len());
    ensure!(
        size.abs_diff(other) < 1 << 20,
        "one bundle has {size} bytes, the other {other}: they cannot hold the same images"
    );
    report.compare("release", &release, &images, Target::Within(1.3));
    report.contenders("release", [release, images]);
    Ok(())
}

impl<'a> Bench<'a> {
    fn new(work: &'a Path) -> Result<Self> {
        let (layers, content) = (work.join("release-layers"), work.join("release-source"));
        fs::create_dir(&layers)?;
        fs::create_dir(&content)?;
        let source = DockerRegistry::start(&content, &Options::default())?;
        let store = SignatureStore::new(work.join("signatures"))?;
        let signer = Signer::new(1)?;
        let key = signer.public_armored()?;
        let release = ReleaseSpec::full("4.3.0", &layers)
            .host(&source.host())
            .key("throw-away", &key)
            .store("official", &store.url())
            .make()?;
        block_on(release.images.push(&Remote::new(&source.url())?))??;
        store.add(&release.digest(), &release.sign(&signer)?)?;
        println!(
            "a release of {} components, {} of different blobs, in {}",
            release.components.len(),
            human_bytes(release.images.size()),
            source.url()
        );
        let bench = Self {
            work,
            release,
            store,
            _source: source,
        };
        fs::write(bench.path("release-key.asc"), key)?;
        let keygen = Program::bundler()?.args(["keygen", "--out"]);
        run(keygen.args([bench.path("release-signing.pem")]))?;
        Ok(bench)
    }

    fn by_release(&self, to: &Path) -> Result<Program> {
        let program = self
            .build(to)?
            .args(["--release", &self.release.reference()]);
        Ok(program
            .args(["--release-key".into(), self.path("release-key.asc")])
            .args(["--signature-store".as_ref(), self.store.path()]))
    }

    /// Each image under the name that `--release` gives it.
    fn by_images(&self, to: &Path) -> Result<Program> {
        let tag = &self.release.tag;
        let own = format!("{}=openshift/release:{tag}", self.release.reference());
        let mut images = vec!["--image".to_owned(), own];
        for name in self.release.components.keys() {
            let pinned = self.release.component(name);
            let pinned = pinned.with_context(|| format!("no component {name}"))?;
            let image = format!("{pinned}=openshift/release:{tag}-{name}");
            images.extend(["--image".to_owned(), image]);
        }
        Ok(self.build(to)?.args(images))
    }

    fn build(&self, to: &Path) -> Result<Program> {
        let program = Program::bundler()?.args(["build", "--plain-http", "--signing-key"]);
        Ok(program
            .args([self.path("release-signing.pem")])
            .args(["-o".as_ref(), to]))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }
}
