/*!
The whole import: images into the registry, and what clusters must be told into a directory and the report.

```text
render → push → write → report
```

Configuration is rendered, and its directory looked at, before anything is pushed. The clusters themselves are not
touched here: the report says what comes next.
*/

mod report;

use std::{path::Path, sync::Arc};

use schema::{Progress, bundle::Verified};

pub use report::{ImportReport, Written};

use crate::{
    Error,
    args::ImportArgs,
    configuration::{ConfigDirectory, Configuration},
    push::{self, ConfigSink, Target},
};

/// Imports a bundle, or with `--dry-run` finds out what that would do.
pub async fn bundle(
    bundle: Verified,
    args: &ImportArgs,
    progress: &Arc<dyn Progress>,
) -> Result<ImportReport, Error> {
    let target = Target::from_args(&args.target)?;
    let index = bundle.index().clone();
    let configuration = Configuration::new(&index, &target, args.mirror_config, args.mirror_tags)?;
    let (options, place) = (args.registry.options(), args.config_to_dir.as_deref());
    let dry_run = args.dry_run.is_some();
    place.map_or(Ok(()), ConfigDirectory::check)?;
    let directory = begin(place.filter(|_| !dry_run), &configuration)?;
    let sink: Arc<dyn ConfigSink> = match directory.clone() {
        Some(directory) => directory,
        None => Arc::new(()),
    };
    let pushed = push::bundle(bundle, target, &options, dry_run, sink, progress).await?;
    let written = match (place, directory.and_then(Arc::into_inner)) {
        (None, _) => Written::NotAsked,
        (Some(_), _) if dry_run => Written::DryRun,
        (Some(_), Some(directory)) if pushed.verdict().is_ok() => {
            directory.finish()?;
            Written::Done
        }
        (Some(_), _) => Written::Withheld,
    };
    Ok(ImportReport::new(
        pushed,
        &index,
        configuration,
        place,
        written,
    ))
}

fn begin(
    place: Option<&Path>,
    configuration: &Configuration,
) -> Result<Option<Arc<ConfigDirectory>>, Error> {
    let directory = place.map(|place| ConfigDirectory::begin(place, configuration));
    Ok(directory.transpose()?.map(Arc::new))
}
