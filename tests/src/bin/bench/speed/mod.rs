/*!
Build, push and verify of the set of images that the promises are stated for.
*/

mod commands;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use schema::text::human_bytes;
use tests::{
    block_on,
    images::{Content, Remote, Set},
    process::Program,
    real::{DockerRegistry, Options},
};

use super::{
    Images,
    measure::{Contender, Report, Target, clear, itself, run, tool},
};

/// The images in a registry, and what is made of them.
pub struct Bench {
    work: PathBuf,
    set: Set,
    pub source: DockerRegistry,
    pub rounds: usize,
    /// Where another pair of programs is.
    pub against: Option<PathBuf>,
}

impl Bench {
    /// Makes the images and pushes them into the source registry.
    pub fn new(work: &Path, options: &super::Options) -> Result<Self> {
        let layers = work.join("layers");
        fs::create_dir(&layers)?;
        let mut set = match options.set {
            Images::Light => Set::light(&layers)?,
            Images::Heavy => Set::forty(&layers)?,
        };
        set.images.truncate(options.images);
        let content = work.join("source");
        fs::create_dir(&content)?;
        let source = DockerRegistry::start(&content, &Options::default())?;
        block_on(set.push(&Remote::new(&source.url())?))??;
        println!(
            "{} images, {} of different blobs, in {}",
            set.images.len(),
            human_bytes(set.size()),
            source.url()
        );
        let bench = Self {
            work: work.to_owned(),
            set,
            source,
            rounds: options.rounds,
            against: options.against.clone(),
        };
        let key = bench.path("key.pem");
        run(Program::bundler()?.args(["keygen", "--out"]).args([key]))?;
        Ok(bench)
    }

    /// From the registry to a file.
    pub fn build(&self, report: &mut Report) -> Result<()> {
        println!("\nbuild");
        let mut ours = Contender::new("bundler build");
        let mut before = Contender::new("bundler build, before");
        let mut skopeo = Contender::new("skopeo sync docker -> dir");
        let mut roofline = Contender::new("roofline: six GETs, hashed, written, synced");
        self.list_for_fetch()?;
        for _ in 0..self.rounds {
            let host = self.source.host();
            ours.add(run(self.build_with(Program::bundler()?, &host)?)?);
            if let Some(bundler) = self.older("bundler")? {
                before.add(run(self.build_with(bundler, &host)?)?);
            }
            clear(&self.path("skopeo"))?;
            skopeo.add(run(self.sync_to_directory(&host)?)?);
            clear(&self.path("raw"))?;
            let fetch = itself()?.args(["roofline-fetch"]);
            roofline.add(run(fetch.args([self.path("fetch.list"), self.path("raw")]))?);
        }
        clear(&self.path("raw"))?;
        report.compare("build", &ours, &skopeo, Target::Faster(8.0));
        report.compare("build", &ours, &roofline, Target::Within(1.25));
        self.before_and_after("build", &ours, &before, report);
        let peak = ours.peak();
        let said = human_bytes(peak);
        report.bound("build, memory", &said, "<= 64.0 MiB", peak <= 64 << 20);
        report.contenders("build", [ours, before, skopeo, roofline]);
        Ok(())
    }

    /// From the file into an empty registry, a new one each time.
    pub fn push(&self, report: &mut Report) -> Result<()> {
        self.prepare()?;
        println!("\npush");
        let mut ours = Contender::new("importer push");
        let mut before = Contender::new("importer push, before");
        let mut again = Contender::new("importer push, second time");
        let mut again_before = Contender::new("importer push, second time, before");
        let mut sync = Contender::new("skopeo sync dir -> docker");
        let mut copy = Contender::new("skopeo copy dir -> docker, each image");
        let mut roofline = Contender::new("roofline: six raw PUTs");
        for _ in 0..self.rounds {
            self.with_empty_registry(|host| {
                ours.add(run(self.push_with(Program::importer()?, host))?);
                again.add(run(self.push_with(Program::importer()?, host))?);
                Ok(())
            })?;
            if self.against.is_some() {
                self.with_empty_registry(|host| {
                    for contender in [&mut before, &mut again_before] {
                        if let Some(importer) = self.older("importer")? {
                            contender.add(run(self.push_with(importer, host))?);
                        }
                    }
                    Ok(())
                })?;
            }
            self.with_empty_registry(|host| {
                sync.add(run(self.sync_to_registry(host)?)?);
                Ok(())
            })?;
            self.with_empty_registry(|host| {
                copy.add(run(self.copy_to_registry(host)?)?);
                Ok(())
            })?;
            self.with_empty_registry(|host| {
                self.list_for_put(host)?;
                let put = itself()?
                    .args(["roofline-put"])
                    .args([self.path("put.list")]);
                roofline.add(run(put)?);
                Ok(())
            })?;
        }
        report.compare("push", &ours, &sync, Target::Faster(1.7));
        report.compare("push", &ours, &copy, Target::Shown);
        report.compare("push", &ours, &roofline, Target::Within(1.2));
        self.before_and_after("push", &ours, &before, report);
        self.before_and_after("second push", &again, &again_before, report);
        let peak = ours.peak();
        report.bound(
            "push, memory",
            &human_bytes(peak),
            "<= 64.0 MiB",
            peak <= 64 << 20,
        );
        let (median, length) = (again.median(), fs::metadata(self.path("bundle.tar"))?.len());
        let read = again
            .runs
            .iter()
            .map(|run| run.read)
            .max()
            .unwrap_or_default();
        report.bound(
            "second push",
            &format!("{median:.2} s"),
            "< 1 s",
            median < 1.0,
        );
        let said = format!("read {} of {}", human_bytes(read), human_bytes(length));
        report.bound(
            "second push",
            &said,
            "<= 1 % of the file",
            read <= length / 100,
        );
        report.contenders(
            "push",
            [ours, before, again, again_before, sync, copy, roofline],
        );
        Ok(())
    }

    /// Every byte of the file.
    pub fn verify(&self, report: &mut Report) -> Result<()> {
        self.prepare()?;
        println!("\nverify");
        let mut one = Contender::new("importer verify, one core");
        let mut before = Contender::new("importer verify, one core, before");
        let mut sum_one = Contender::new("sha256sum, one core");
        let mut all = Contender::new("importer verify, all cores");
        let mut sum_all = Contender::new("sha256sum, all cores");
        let bundle = self.path("bundle.tar");
        for _ in 0..self.rounds {
            let pinned = || -> Result<Program> { Ok(tool("taskset")?.args(["-c", "0"])) };
            let importer = tests::process::binaries()?.join("importer");
            one.add(run(self.verify_args(pinned()?.args([importer])))?);
            if let Some(against) = &self.against {
                let importer = against.join("importer");
                before.add(run(self.verify_args(pinned()?.args([importer])))?);
            }
            sum_one.add(run(pinned()?.args(["sha256sum"]).args([&bundle]))?);
            all.add(run(self.verify_args(Program::importer()?))?);
            sum_all.add(run(tool("sha256sum")?.args([&bundle]))?);
        }
        report.compare("verify", &one, &sum_one, Target::Within(1.2));
        report.compare("verify", &all, &sum_all, Target::Faster(1.0));
        self.before_and_after("verify", &one, &before, report);
        report.contenders("verify", [one, before, sum_one, all, sum_all]);
        Ok(())
    }

    pub fn before_and_after(
        &self,
        job: &str,
        after: &Contender,
        before: &Contender,
        report: &mut Report,
    ) {
        if self.against.is_some() {
            report.compare(job, after, before, Target::Shown);
        }
    }

    /// A program of the other pair, if there is one.
    pub fn older(&self, name: &str) -> Result<Option<Program>> {
        let against = self.against.as_ref();
        against
            .map(|pair| Program::at(&pair.join(name)))
            .transpose()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// The bundle and skopeo's directory, unless they are there.
    pub fn prepare(&self) -> Result<()> {
        let host = self.source.host();
        if !self.path("bundle.tar").exists() {
            run(self.build_with(Program::bundler()?, &host)?)?;
        }
        if !self.path("skopeo").exists() {
            run(self.sync_to_directory(&host)?)?;
        }
        Ok(())
    }

    fn with_empty_registry(&self, job: impl FnOnce(&str) -> Result<()>) -> Result<()> {
        self.with_registry(|registry| job(&registry.host()))
    }

    /// Does something to a registry that holds nothing, which is gone afterwards.
    pub fn with_registry(&self, job: impl FnOnce(&DockerRegistry) -> Result<()>) -> Result<()> {
        let content = self.path("target");
        clear(&content)?;
        fs::create_dir(&content)?;
        let registry = DockerRegistry::start(&content, &Options::default())?;
        let done = job(&registry);
        drop(registry);
        clear(&content)?;
        done
    }

    /// Each different blob once, with a repository that has it.
    fn blobs(&self) -> impl Iterator<Item = (&str, &tests::images::Blob)> {
        let blobs = self.set.images.iter().flat_map(|image| {
            image
                .blobs
                .iter()
                .map(|blob| (blob.digest, (image.repository.as_str(), blob)))
        });
        blobs.collect::<BTreeMap<_, _>>().into_values()
    }

    fn list_for_fetch(&self) -> Result<()> {
        let (mut list, mut offset) = (String::new(), 0);
        for (repository, blob) in self.blobs() {
            list.push_str(&format!(
                "{} {repository} {} {} {offset}\n",
                self.source.host(),
                blob.digest,
                blob.size
            ));
            offset += blob.size;
        }
        Ok(fs::write(self.path("fetch.list"), list)?)
    }

    fn list_for_put(&self, host: &str) -> Result<()> {
        let mut list = String::new();
        for (repository, blob) in self.blobs() {
            let file = match &blob.content {
                Content::File(path) => path.to_path_buf(),
                Content::Memory(bytes) => {
                    let path = self.path("layers").join(blob.digest.hex());
                    fs::write(&path, bytes)?;
                    path
                }
            };
            list.push_str(&format!(
                "{host} {repository} {} {}\n",
                blob.digest,
                file.display()
            ));
        }
        Ok(fs::write(self.path("put.list"), list)?)
    }
}
