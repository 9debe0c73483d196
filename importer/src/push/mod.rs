/*!
Brings the images of a verified bundle into a registry.

```text
plan → survey → blobs → manifests → tags
```

The registry is asked first what it has; blobs go in parallel; a manifest follows what it refers to; tags come last,
after every byte they rest on was verified. What fails leaves unreferenced blobs behind, never a tag.
*/

mod file;
mod pipe;
mod plan;
mod referrers;
mod report;
mod source;
mod survey;
mod tags;
mod upload;
mod window;

use std::sync::Arc;

use schema::{
    Progress,
    bundle::{Contents, Verified},
    registry::{Options, Registry},
};

pub use plan::{BlobStep, ManifestStep, Plan, TagStep, Target};
pub use report::{Report, TagChange};

use crate::Error;

/// Pushes a bundle, or with `dry_run` finds out what that would do.
pub async fn bundle(
    bundle: Verified,
    target: Target,
    options: &Options,
    dry_run: bool,
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
        return Ok(Report::of_dry_run(&plan, &target, &survey, changes));
    }
    progress.begin("Pushing", survey.bytes_missing(&plan));
    let upload = Arc::new(upload::Upload::new(
        plan,
        registry,
        survey,
        options.concurrency,
    ));
    let result = match bundle.into_contents() {
        Contents::Random(random) => file::push(&upload, random, progress).await,
        Contents::Sequential(sequential) => pipe::push(&upload, sequential, progress).await,
    };
    progress.end();
    result?;
    let fallbacks = referrers::publish(&upload).await?;
    let changes = tags::publish(&upload, changes).await?;
    Ok(Report::of_push(&upload, &target, changes, fallbacks))
}
