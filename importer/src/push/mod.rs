/*!
Brings the images of a verified bundle into a registry.

```text
plan → inventory → blobs → manifests → releases → lists of referrers → tags
```

The registry is asked first what it has; blobs go in parallel; a manifest follows what it refers to; tags come last,
after every byte they rest on was verified. Configuration is handed on as it passes. What fails leaves unreferenced blobs behind, never
a tag, and keeps nothing from its tag that does not rest on it.
*/

mod inventory;
mod plan;
mod referrers;
mod releases;
mod report;
mod tag_change;
mod tags;
mod transfer;
mod upload;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use registry::{RegistriesConf, Registry};
use schema::{
    Progress,
    bundle::{Contents, Verified},
};

pub use plan::{BlobStep, ManifestStep, Plan, ReleaseStep, TagStep};
pub use report::{ReleaseReport, Report};
pub use tag_change::TagChange;

use referrers::{Referrer, ReferrerScan, lists::ReferrerLists};
use transfer::{file, pipe};

use crate::{
    Error,
    configuration::{ConfigSink, passing},
    target::Target,
};

/// How a bundle is pushed.
#[derive(Debug, Clone)]
pub struct PushOptions {
    /// Where images go, and what they are called there.
    pub target: Target,
    /// How the registry is reached.
    pub registry: registry::Options,
    /// Refuse to push at all if a tag that exists would get other content.
    pub keep_tags: bool,
    /// Find out what a push would do, and push nothing.
    pub dry_run: bool,
}

/// Pushes a bundle, or with `dry_run` finds out what that would do. What single images or tags fail for stands in the report;
/// an error is what ends the push of all.
pub async fn bundle(
    bundle: Verified,
    options: &PushOptions,
    config: Arc<dyn ConfigSink>,
    progress: &Arc<dyn Progress>,
) -> Result<Report, Error> {
    let (target, keep_tags) = (&options.target, options.keep_tags);
    let concurrency = options.registry.concurrency;
    let plan = Plan::new(bundle.index(), target)?;
    let registry = connect(&plan, options).await?;
    if !options.dry_run {
        registry.will_write();
    }
    let tags::CurrentTags { changes, absent } =
        tags::current(&plan, &registry, concurrency).await?;
    let predict = |referrers| ReferrerLists::predict(&plan, &registry, referrers, concurrency);
    let keep = |lists: &ReferrerLists, so_far| match keep_tags {
        true => tags::refuse_moves(changes.iter().chain(&lists.changes), so_far),
        false => Ok(()),
    };
    keep(&ReferrerLists::default(), "nothing was pushed")?;
    let contents = bundle.into_contents();
    if options.dry_run {
        // Everything is asked for, so that what an interrupted push left is counted too.
        let unasked = HashSet::new();
        let inventory = inventory::query(&plan, &registry, &unasked, concurrency).await?;
        let lists = predict(read_only(&plan, contents, config.as_ref())?).await;
        keep(&lists, "nothing was pushed")?;
        return Ok(Report::of_dry_run(
            &plan, target, &inventory, changes, lists,
        ));
    }
    if let Contents::Random(random) = &contents
        && keep_tags
    {
        let lists = predict(ReferrerScan::of_bundle(&plan, random)?).await;
        keep(&lists, "nothing was pushed")?;
    }
    let inventory = inventory::query(&plan, &registry, &absent, concurrency).await?;
    progress.begin("Pushing", inventory.bytes_missing(&plan));
    let upload = Arc::new(upload::Upload::new(
        plan,
        registry,
        inventory,
        &changes,
        concurrency,
    ));
    let result = match contents {
        Contents::Random(random) => file::push(&upload, random, config.as_ref(), progress).await,
        Contents::Sequential(sequential) => pipe::push(&upload, sequential, config, progress).await,
    };
    progress.end();
    result?;
    releases::publish(&upload).await;
    if keep_tags {
        // Only now is it known what the referrers from a pipe are about, and somebody else may have moved a list meanwhile.
        let lists = ReferrerLists::predict_pushed(&upload).await;
        tags::refuse_moves(&lists.changes, "no tag was set")?;
    }
    let lists = ReferrerLists::publish(&upload).await;
    let changes = tags::publish(&upload, changes).await;
    Ok(Report::of_push(&upload, target, changes, lists))
}

/// The target registry, as `registries.conf` says: blocked repositories are refused, and an insecure registry need not have TLS.
async fn connect(plan: &Plan, options: &PushOptions) -> Result<Registry, Error> {
    let (target, options) = (&options.target, &options.registry);
    let conf = RegistriesConf::read(options.registries_conf.as_deref())?;
    let mut insecure = false;
    for step in &plan.tags {
        insecure |= conf.target(&target.host, &step.repository)?;
    }
    Ok(match insecure {
        true => Registry::insecure(&target.host, options).await?,
        false => Registry::new(&target.host, options)?,
    })
}

/// The configuration of a bundle of which nothing is pushed, and the referrers that a push would bring.
fn read_only(
    plan: &Plan,
    bundle: Contents,
    config: &dyn ConfigSink,
) -> Result<Vec<Referrer>, Error> {
    if let Contents::Random(random) = &bundle {
        passing::beside_images(random, config)?;
        return ReferrerScan::of_bundle(plan, random);
    }
    let steps = plan.manifests.iter().map(|step| (step.position, step));
    let steps: HashMap<usize, &ManifestStep> = steps.collect();
    let mut scan = ReferrerScan::default();
    passing::with_images(bundle, config, |entry| match steps.get(&entry.position) {
        Some(step) => scan.add(step, entry.body.read_whole()?),
        None => Ok(()),
    })?;
    Ok(scan.finish(plan))
}
