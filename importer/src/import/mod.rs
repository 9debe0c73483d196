/*!
The whole import: images into the registry, and what clusters must be told into a directory, onto clusters and into the report.

```text
render → push → write → apply → report
```

Configuration is rendered, and its directory and the list of clusters looked at, before anything is pushed. Clusters are
touched only with `--apply-config`, and only after the last image is there; else the report says what comes next.
*/

pub mod args;
mod report;

use std::{path::Path, sync::Arc};

use cli::StatusTable;
use schema::{
    Progress,
    bundle::{Index, Verified},
};

pub use args::ImportArgs;
pub use report::{ImportReport, Written};

use crate::{
    Error,
    apply::{
        command::{self, PreparedApply},
        manifests::collect::{Both, Collected},
    },
    configuration::{ConfigDirectory, Configuration},
    push::{self, ConfigSink, Target},
};

/// Imports a bundle, or with `--dry-run` finds out what that would do.
pub async fn bundle(
    bundle: Verified,
    args: &ImportArgs,
    progress: &Arc<dyn Progress>,
    status: StatusTable,
) -> Result<ImportReport, Error> {
    let target = Target::from_args(&args.target)?;
    let index = bundle.index().clone();
    let configuration = Configuration::new(&index, &target, args.mirror_config, args.mirror_tags)?;
    let job = args
        .apply_config
        .then(|| PreparedApply::new(args.request()?))
        .transpose()?;
    let rendered = match &job {
        Some(_) => {
            command::with_fallback(&index, &target, args.mirror_config, configuration.clone())?
        }
        None => Vec::new(),
    };
    let (options, place) = (
        args.target.options(&args.registry),
        args.config_to_dir.as_deref(),
    );
    let dry_run = args.dry_run.is_some();
    place.map_or(Ok(()), ConfigDirectory::check)?;
    let directory = begin(place.filter(|_| !dry_run), &index, &configuration)?;
    let collected = Arc::new(Collected::default());
    let sink = sink(
        directory.clone(),
        job.is_some().then(|| Arc::clone(&collected)),
    );
    let pushed = push::bundle(bundle, target, &options, dry_run, sink, progress).await?;
    let (whole, arrived) = (pushed.verdict().is_ok(), pushed.images_arrived());
    let written = match (place, directory.and_then(Arc::into_inner)) {
        (None, _) => Written::NotAsked,
        (Some(_), _) if dry_run => Written::DryRun,
        // What it says of images is true; clusters are left alone until all is there.
        (Some(_), Some(directory)) if arrived => {
            directory.finish()?;
            Written::Done
        }
        (Some(_), _) => Written::Withheld,
    };
    let report = ImportReport::new(pushed, &index, configuration, place, written, job.is_some());
    match (job, Arc::into_inner(collected)) {
        (Some(job), Some(collected)) if whole => {
            let said = job
                .run(&index, collected, &rendered, args.format, status)
                .await;
            Ok(report.with_clusters(said))
        }
        _ => Ok(report),
    }
}

/// Whoever wants the configuration as it passes.
fn sink(
    directory: Option<Arc<ConfigDirectory>>,
    collected: Option<Arc<Collected>>,
) -> Arc<dyn ConfigSink> {
    match (directory, collected) {
        (None, None) => Arc::new(()),
        (Some(directory), None) => directory,
        (None, Some(collected)) => collected,
        (Some(directory), Some(collected)) => Arc::new(Both(directory, collected)),
    }
}

fn begin(
    place: Option<&Path>,
    index: &Index,
    configuration: &Configuration,
) -> Result<Option<Arc<ConfigDirectory>>, Error> {
    let directory = place.map(|place| ConfigDirectory::begin(place, index, configuration));
    Ok(directory.transpose()?.map(Arc::new))
}
