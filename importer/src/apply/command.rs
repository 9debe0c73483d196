/*!
`apply`, and the second half of `import --apply-config`: from flags and manifests to an account of every cluster.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use schema::{
    bundle::{Index, Verified},
    cli::{Align, Board, Exit, Table, counted, escape},
};
use serde_json::json;

use super::{
    Rules,
    args::{ApplyArgs, ClusterArgs, RolloutArgs},
    collect::{Collected, Config},
    fleet::Fleet,
    manifest::Manifest,
    manifests::Manifests,
    outcome::{Action, ObjectOutcome, State},
    render,
    report::ApplyReport,
    rollout::Plan,
    select::Selection,
    waves::Approval,
};
use crate::{
    Error,
    args::{DryRun, Format, MirrorConfig},
    configuration::Configuration,
    push::Target,
    report,
};

/// What is said at the end, and the exit code.
#[derive(Debug)]
pub struct Said {
    /// For standard output.
    pub text: String,
    /// The account, where clusters were asked.
    pub report: Option<ApplyReport>,
    /// With which code the program ends.
    pub exit: Exit,
}

/// `importer apply`.
pub async fn apply(bundle: Verified, args: &ApplyArgs, board: Board) -> Result<Said, Error> {
    let index = bundle.index().clone();
    let rendered = match &args.to {
        Some(to) => {
            let target = Target::named_by(to, &args.names)?;
            rendered(&index, &target, args.mirror_config, args.mirror_tags)?
        }
        None => Vec::new(),
    };
    let job = Job::prepare(&args.clusters, &args.rollout, args.dry_run)?;
    let collected = Collected::of(bundle)?;
    job.run(&index, collected, &rendered, args.format, board)
        .await
}

/// The mirror configuration in the wanted form and, for clusters that do not take that, in the other.
pub fn rendered(
    index: &Index,
    target: &Target,
    wanted: MirrorConfig,
    mirror_tags: bool,
) -> Result<Vec<(MirrorConfig, Configuration)>, Error> {
    let others = match wanted {
        MirrorConfig::Idms => vec![MirrorConfig::Icsp],
        MirrorConfig::Icsp => vec![MirrorConfig::Idms],
        MirrorConfig::None => Vec::new(),
    };
    let mut rendered = vec![(
        wanted,
        Configuration::new(index, target, wanted, mirror_tags)?,
    )];
    for other in others {
        rendered.push((other, Configuration::new(index, target, other, false)?));
    }
    Ok(rendered)
}

/// Everything that can be wrong with flags and files about clusters has been found out.
#[derive(Debug)]
pub struct Job {
    fleet: Fleet,
    selection: Selection,
    approval: Approval,
    rules: Rules,
    rollout: RolloutArgs,
    at_once: usize,
    dry_run: Option<DryRun>,
    /// An earlier run has left nothing to do.
    done: bool,
}

impl Job {
    /// Reads the files that the flags name, before anything is pushed or applied.
    pub fn prepare(
        clusters: &ClusterArgs,
        rollout: &RolloutArgs,
        dry_run: Option<DryRun>,
    ) -> Result<Self, Error> {
        // What asks no cluster needs none.
        let mut fleet = clusters.fleet(dry_run != Some(DryRun::Client))?;
        let mut done = false;
        if let Some(path) = &clusters.retry_failed {
            done = !keep_unfinished(&mut fleet, path)?;
        }
        rollout
            .report
            .as_deref()
            .map_or(Ok(()), ApplyReport::check)?;
        for warning in &fleet.warnings {
            tracing::warn!("{warning}");
        }
        Ok(Self {
            approval: Approval::new(&fleet.waves, clusters.approve || dry_run.is_some())?,
            fleet,
            selection: Selection::parse(&rollout.only, &rollout.exclude)?,
            rules: Rules {
                dry_run: dry_run.is_some(),
                overwrite: rollout.overwrite,
                diff: rollout.diff,
                request_timeout: clusters.request_timeout,
                cluster_timeout: clusters.cluster_timeout,
            },
            rollout: rollout.clone(),
            at_once: usize::from(clusters.clusters_at_once),
            dry_run,
            done,
        })
    }

    /// Applies what was collected from a bundle and rendered for it.
    pub async fn run(
        self,
        index: &Index,
        collected: Collected,
        rendered: &[(MirrorConfig, Configuration)],
        format: Format,
        board: Board,
    ) -> Result<Said, Error> {
        if self.done {
            return Ok(Said {
                text: ApplyReport::new(false, Vec::new()).shown(format)?,
                report: None,
                exit: Exit::Done,
            });
        }
        let Config {
            manifests: own,
            files,
        } = collected.into_config();
        let manifests = Manifests::new(&own, rendered, &self.selection)?;
        if manifests.all().is_empty() {
            let text = match self.selection.is_everything() {
                true => "the bundle holds nothing to apply",
                false => {
                    "--only and --exclude leave nothing to apply; `importer inspect` lists the objects"
                }
            };
            return Err(Error::Usage(text.to_owned()));
        }
        for warning in self.fleet.overlays.idle(manifests.all()) {
            tracing::warn!("{warning}");
        }
        if let Some(directory) = &self.rollout.render_to_dir {
            let files = with_rendered(files, rendered);
            let count = render::render(
                directory,
                &self.fleet,
                &files,
                manifests.all(),
                &self.selection,
            )?;
            return Ok(Said {
                report: None,
                text: format!(
                    "Wrote {} for {} to {}\n",
                    counted(count, "file"),
                    counted(self.fleet.clusters.len(), "cluster"),
                    directory.display()
                ),
                exit: Exit::Done,
            });
        }
        if self.dry_run == Some(DryRun::Client) {
            return self.listed(manifests.all(), format);
        }
        let plan = Plan {
            fleet: self.fleet,
            manifests,
            releases: index.releases.clone(),
            rules: self.rules,
            at_once: self.at_once,
            all_or_nothing: self.rollout.all_or_nothing,
            approval: self.approval,
        };
        let report = ApplyReport::new(self.dry_run.is_some(), plan.run(board).await);
        if let Some(path) = &self.rollout.report {
            report.write(path)?;
        }
        Ok(Said {
            text: report.shown(format)?,
            exit: report.exit(),
            report: Some(report),
        })
    }

    /// What a bare `--dry-run` says: every object in the order in which it would be applied.
    fn listed(&self, manifests: &[Manifest], format: Format) -> Result<Said, Error> {
        let clusters: Vec<&str> = self
            .fleet
            .clusters
            .iter()
            .map(|cluster| cluster.name.as_str())
            .collect();
        let would_be = manifests
            .iter()
            .map(|manifest| ObjectOutcome::of(manifest, Action::Skipped, None));
        let text = match format {
            Format::Json => report::json(&json!({
                "dry_run": "client",
                "clusters": clusters,
                "objects": would_be.collect::<Vec<_>>(),
            }))?,
            Format::Table => {
                let columns = ["FILE", "KIND", "NAMESPACE", "NAME"];
                let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
                for manifest in manifests {
                    let namespace = manifest.namespace.as_deref().unwrap_or("-");
                    table.row([
                        manifest.path.as_str(),
                        &manifest.kind,
                        namespace,
                        &manifest.name,
                    ]);
                }
                let to = match clusters.as_slice() {
                    [] => "clusters (none is named)".to_owned(),
                    names => names.join(", "),
                };
                let objects = counted(manifests.len(), "object");
                format!(
                    "{table}\nWould apply {objects} to {}; no cluster was asked\n",
                    escape(&to)
                )
            }
        };
        Ok(Said {
            text,
            report: None,
            exit: Exit::Done,
        })
    }
}

/// Leaves out the clusters that an earlier run was done with; false if that were all.
fn keep_unfinished(fleet: &mut Fleet, path: &Path) -> Result<bool, Error> {
    let last = ApplyReport::read(path)?;
    let left = last
        .clusters
        .into_iter()
        .filter(|one| one.state != State::Done);
    let left: BTreeSet<String> = left.map(|one| one.cluster).collect();
    let named = |name: &String| fleet.clusters.iter().any(|cluster| cluster.name == *name);
    if let Some(missing) = left.iter().find(|name| !named(name)) {
        return Err(Error::Usage(format!(
            "--retry-failed {}: cluster {missing} is not done, and is not among the clusters that are named now; name it too",
            path.display()
        )));
    }
    fleet.keep(|cluster| left.contains(&cluster.name));
    Ok(!left.is_empty())
}

fn with_rendered(
    mut files: BTreeMap<String, Vec<u8>>,
    rendered: &[(MirrorConfig, Configuration)],
) -> BTreeMap<String, Vec<u8>> {
    let wanted = rendered
        .iter()
        .take(1)
        .flat_map(|(_, configuration)| configuration.manifests());
    files.extend(wanted.map(|made| (made.path.clone(), made.text.clone().into_bytes())));
    files
}
