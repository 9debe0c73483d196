/*!
Brings the images of a verified bundle into a registry.

```text
plan → survey → blobs → manifests → releases → tags
```

The registry is asked first what it has; blobs go in parallel; a manifest follows what it refers to; tags come last,
after every byte they rest on was verified. Configuration is handed on as it passes. What fails leaves unreferenced blobs behind, never a tag.
*/

mod file;
mod pipe;
mod plan;
mod referrers;
mod releases;
mod report;
mod source;
mod survey;
mod tags;
mod target;
mod upload;
mod window;

use std::{fmt, sync::Arc};

use schema::{
    Progress,
    bundle::{self, BundlePath, Contents, Verified},
    registry::{Options, Registry},
};

pub use plan::{BlobStep, ManifestStep, Plan, TagStep};
pub use releases::ReleaseStep;
pub use report::{ReleaseReport, Report, TagChange};
pub use target::{ReleaseImage, Target};

use crate::{Error, audit};

/// Takes the configuration of a bundle while its images are pushed; from a pipe it can be had only then.
pub trait ConfigSink: fmt::Debug + Send + Sync {
    /// The next file, whole, verified and [audited](crate::audit). The bundle may still turn out altered after it.
    fn file(&self, path: &BundlePath, bytes: &[u8]) -> Result<(), bundle::Error>;
}

/// For those who want none of it.
impl ConfigSink for () {
    fn file(&self, _: &BundlePath, _: &[u8]) -> Result<(), bundle::Error> {
        Ok(())
    }
}

/// Hands on the configuration of a bundle of which nothing else is wanted. A pipe is read to its verified end.
pub fn configuration(bundle: Verified, config: &dyn ConfigSink) -> Result<(), Error> {
    match bundle.into_contents() {
        Contents::Random(random) => file::frame(&random, config),
        sequential @ Contents::Sequential(_) => {
            let index = sequential.tape().index().clone();
            sequential.visit(|entry| {
                if audit::concerns(entry.file) {
                    let bytes = entry.body.read_whole()?;
                    audit::check(&index, &entry.file.path, &bytes)?;
                    config.file(&entry.file.path, &bytes)?;
                }
                Ok(())
            })
        }
    }
}

/// Pushes a bundle, or with `dry_run` finds out what that would do.
pub async fn bundle(
    bundle: Verified,
    target: Target,
    options: &Options,
    dry_run: bool,
    config: Arc<dyn ConfigSink>,
    progress: &Arc<dyn Progress>,
) -> Result<Report, Error> {
    let plan = Plan::new(bundle.index(), &target)?;
    let registry = Registry::new(&target.host, options)?;
    let changes = tags::changes(&plan, &registry, options.concurrency).await?;
    if target.keep_tags {
        tags::refuse_moves(&changes)?;
    }
    let survey = survey::ask(&plan, &registry, options.concurrency).await?;
    if dry_run {
        let report = Report::of_dry_run(&plan, &target, &survey, changes);
        configuration(bundle, config.as_ref())?;
        return Ok(report);
    }
    progress.begin("Pushing", survey.bytes_missing(&plan));
    let upload = Arc::new(upload::Upload::new(
        plan,
        registry,
        survey,
        options.concurrency,
    ));
    let result = match bundle.into_contents() {
        Contents::Random(random) => file::push(&upload, random, config.as_ref(), progress).await,
        Contents::Sequential(sequential) => pipe::push(&upload, sequential, config, progress).await,
    };
    progress.end();
    result?;
    releases::publish(&upload).await;
    let fallbacks = referrers::publish(&upload).await?;
    let changes = tags::publish(&upload, changes).await?;
    Ok(Report::of_push(&upload, &target, changes, fallbacks))
}
