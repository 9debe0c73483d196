/*!
The whole import: images into the registry, and configuration into a directory, onto clusters and into the report.

```text
render → push → write → apply → report
```

Configuration is rendered, and its directory and the list of clusters looked at, before anything is pushed. Clusters are
touched only with `--apply-config`, and only after the last image is there; else the report says what comes next.
*/

pub mod args;
mod report;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use cli::{Format, StatusTable};
use schema::{
    Progress,
    bundle::{Index, Verified},
};

pub use args::ImportArgs;
pub use report::{ImportReport, Written};

use crate::{
    Error,
    apply::{
        command::{self, Brought, PreparedApply},
        manifests::collect::{Both, Collected},
    },
    configuration::{ConfigDirectory, ConfigSink, Configuration, trust::TrustPack},
    options::MirrorConfig,
    push::{self, PushOptions},
};

/// How a bundle is imported.
#[derive(Debug)]
pub struct ImportOptions {
    /// How its images are pushed; with `dry_run` nothing else is done either.
    pub push: PushOptions,
    /// How clusters learn where the images are now.
    pub mirror_config: MirrorConfig,
    /// Mirror pulls by tag too.
    pub mirror_tags: bool,
    /// What makes clusters trust the registry.
    pub trust: TrustPack,
    /// An empty or new directory for everything that clusters need.
    pub config_to_dir: Option<PathBuf>,
    /// What becomes of clusters once the images are there.
    pub apply: Option<PreparedApply>,
    /// How the report on clusters is shown.
    pub format: Format,
}

/// Imports a bundle, or with `dry_run` finds out what that would do.
pub async fn bundle(
    bundle: Verified,
    options: ImportOptions,
    progress: &Arc<dyn Progress>,
    status: StatusTable,
) -> Result<ImportReport, Error> {
    let ImportOptions {
        push: ref pushing,
        mirror_config,
        mirror_tags,
        ref trust,
        ..
    } = options;
    let (index, id) = (bundle.index().clone(), bundle.id());
    let target = &pushing.target;
    let configuration = Configuration::new(&index, target, mirror_config, mirror_tags, trust)?;
    let applied = options.apply.is_some();
    let rendered = match applied {
        true => {
            let wanted = configuration.clone();
            command::with_fallback(&index, target, mirror_config, wanted, trust)?
        }
        false => Vec::new(),
    };
    let path = options.config_to_dir.as_deref();
    path.map_or(Ok(()), ConfigDirectory::check)?;
    let directory = begin(path.filter(|_| !pushing.dry_run), &index, &configuration)?;
    let collected = Arc::new(Collected::default());
    let sink = sink(directory.clone(), applied.then(|| Arc::clone(&collected)));
    let pushed = push::bundle(bundle, pushing, sink, progress).await?;
    let complete = pushed.verdict().is_ok();
    let written = match (path, directory.and_then(Arc::into_inner)) {
        (None, _) => Written::NotAsked,
        (Some(_), _) if pushing.dry_run => Written::DryRun,
        // Its images are there, whatever else failed; clusters are left alone until all is there.
        (Some(_), Some(directory)) if pushed.images_arrived() => {
            directory.finish()?;
            Written::Done
        }
        (Some(_), _) => Written::Withheld,
    };
    let report = ImportReport::new(pushed, &index, configuration, path, written, applied);
    match (options.apply, Arc::into_inner(collected)) {
        (Some(job), Some(collected)) if complete => {
            let brought = Brought {
                index: &index,
                bundle: id,
                collected,
                rendered: &rendered,
            };
            let outcome = job.run(brought, options.format, status).await;
            Ok(report.with_clusters(outcome))
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
    path: Option<&Path>,
    index: &Index,
    configuration: &Configuration,
) -> Result<Option<Arc<ConfigDirectory>>, Error> {
    let directory = path.map(|path| ConfigDirectory::begin(path, index, configuration));
    Ok(directory.transpose()?.map(Arc::new))
}
