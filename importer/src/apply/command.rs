/*!
`apply`, and the second half of `import --apply-config`: from flags and manifests to an account of every cluster.
*/

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use cli::{Exit, StatusTable};
use schema::{
    bundle::{Index, Verified},
    text::{Align, Page, Table, counted},
};
use serde::Serialize;
use serde_json::{Value, json};

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
    args::BundleArgs,
    configuration::Configuration,
    options::{DryRun, Format, MirrorConfig},
    report,
    target::Target,
};

/// What is said at the end, and the exit code.
#[derive(Debug)]
pub struct Said {
    /// For standard output.
    pub text: Page,
    /// The same for programs, where it is to be part of a larger account.
    pub account: Option<Account>,
    /// With which code the program ends.
    pub exit: Exit,
}

/// What came of an apply, or would.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Account {
    /// Clusters were asked.
    Asked(ApplyReport),
    /// None was: a list of objects, or of what was written.
    Listed(Value),
}

/// `importer apply`.
pub async fn apply(bundle: Verified, args: &ApplyArgs, status: StatusTable) -> Result<Said, Error> {
    let index = bundle.index().clone();
    let rendered = match &args.to {
        Some(to) => {
            let target = Target::named_by(to, &args.names)?;
            let wanted = Configuration::new(&index, &target, args.mirror_config, args.mirror_tags)?;
            every_form(&index, &target, args.mirror_config, wanted)?
        }
        None => Vec::new(),
    };
    let job = Job::prepare(&args.bundle, &args.clusters, &args.rollout, args.dry_run)?;
    let collected = Collected::of(bundle)?;
    job.run(&index, collected, &rendered, args.format, status)
        .await
}

/// The configuration in the wanted form, first, and in the other, for clusters that do not take that.
pub fn every_form(
    index: &Index,
    target: &Target,
    kind: MirrorConfig,
    wanted: Configuration,
) -> Result<Vec<(MirrorConfig, Configuration)>, Error> {
    let other = match kind {
        MirrorConfig::Idms => Some(MirrorConfig::Icsp),
        MirrorConfig::Icsp => Some(MirrorConfig::Idms),
        MirrorConfig::None => None,
    };
    let mut forms = vec![(kind, wanted)];
    if let Some(other) = other {
        forms.push((other, Configuration::new(index, target, other, false)?));
    }
    Ok(forms)
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
}

impl Job {
    /// Reads the files that the flags name, before anything is pushed or applied.
    pub fn prepare(
        bundle: &BundleArgs,
        clusters: &ClusterArgs,
        rollout: &RolloutArgs,
        dry_run: Option<DryRun>,
    ) -> Result<Self, Error> {
        // What asks no cluster needs none.
        let mut fleet = clusters.fleet(dry_run != Some(DryRun::Client))?;
        for warning in &fleet.warnings {
            tracing::warn!("{warning}");
        }
        if let Some(path) = &rollout.retry_failed {
            keep_left(&mut fleet, path)?;
        }
        if dry_run.is_some() {
            fleet.without_gates();
        }
        let asks = dry_run != Some(DryRun::Client) && rollout.render_to_dir.is_none();
        match &rollout.report {
            Some(path) if asks => {
                let inputs = bundle.trust.keys.iter().chain([&bundle.bundle]);
                let inputs = inputs.chain(&clusters.clusters).chain(&clusters.kubeconfig);
                ApplyReport::check(path, inputs)?;
            }
            Some(_) => tracing::warn!("--report: no cluster is asked, so no report is written"),
            None => {}
        }
        Ok(Self {
            approval: Approval::new(&fleet.waves, clusters.auto_approve)?,
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
            at_once: usize::from(clusters.max_parallel),
            dry_run,
        })
    }

    /// Applies what was collected from a bundle and rendered for it.
    pub async fn run(
        self,
        index: &Index,
        collected: Collected,
        rendered: &[(MirrorConfig, Configuration)],
        format: Format,
        status: StatusTable,
    ) -> Result<Said, Error> {
        let Config {
            manifests: own,
            files,
        } = collected.into_config();
        let selection = match &self.rollout.render_to_dir {
            // It tells itself which files stay whole.
            Some(_) => &Selection::default(),
            None => &self.selection,
        };
        let manifests = Manifests::new(&own, rendered, selection)?;
        if !manifests
            .all()
            .iter()
            .any(|manifest| self.selection.keeps(manifest))
        {
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
            let clusters = self.fleet.clusters.len();
            let mut text = Page::new();
            text.line(format_args!(
                "Wrote {} for {} to {}",
                counted(count, "file"),
                counted(clusters, "cluster"),
                directory.display()
            ));
            let account = json!({"render_to_dir": directory, "clusters": clusters, "files": count});
            return listed(account, text, format);
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
            // What changes nothing has nothing to hold back.
            all_or_nothing: self.rollout.all_or_nothing && self.dry_run.is_none(),
            approval: self.approval,
        };
        let report = ApplyReport::new(self.dry_run.is_some(), plan.run(status).await);
        let mut exit = report.exit();
        let written = self
            .rollout
            .report
            .as_deref()
            .map(|path| report.write(path));
        if let Some(Err(error)) = written {
            // Clusters may be changed: what became of them is told all the same.
            tracing::error!("--report {error}");
            if exit == Exit::Done {
                exit = Exit::Failed;
            }
        }
        Ok(Said {
            text: report.shown(format)?,
            exit,
            account: Some(Account::Asked(report)),
        })
    }

    /// What a bare `--dry-run` says: every object in the order in which it would be applied.
    fn listed(&self, manifests: &[Manifest], format: Format) -> Result<Said, Error> {
        let clusters: Vec<&str> = self
            .fleet
            .members()
            .map(|cluster| cluster.name.as_str())
            .collect();
        let would_be = manifests
            .iter()
            .map(|manifest| ObjectOutcome::of(manifest, Action::Skipped, None));
        let account = json!({
            "dry_run": "client",
            "clusters": clusters,
            "objects": would_be.collect::<Vec<_>>(),
        });
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
        let mut text = Page::new();
        text.table(&table);
        text.gap();
        text.line(format_args!(
            "Would apply {objects} to {to}; no cluster was asked"
        ));
        listed(account, text, format)
    }
}

fn listed(account: Value, text: Page, format: Format) -> Result<Said, Error> {
    Ok(Said {
        text: match format {
            Format::Json => report::json(&account)?,
            Format::Table => text,
        },
        account: Some(Account::Listed(account)),
        exit: Exit::Done,
    })
}

/// Leaves those clusters their turn that are not done in the report of an earlier run.
fn keep_left(fleet: &mut Fleet, path: &Path) -> Result<(), Error> {
    let place = path.display();
    let last = ApplyReport::read(path)?;
    let known: BTreeSet<&str> = last
        .clusters
        .iter()
        .map(|one| one.cluster.as_str())
        .collect();
    let others: Vec<_> = fleet
        .members()
        .filter(|one| !known.contains(one.name.as_str()))
        .collect();
    if let Some(first) = others.first() {
        let count = others.len();
        if !known.is_empty() && count == fleet.members().count() {
            return Err(Error::Usage(format!(
                "--retry-failed {place}: none of the clusters that are named is in that report; name those of the earlier run"
            )));
        }
        tracing::warn!(
            "--retry-failed {place}: {} not in that report, first {}; what is not in it is left alone",
            if count == 1 {
                "1 cluster is".to_owned()
            } else {
                format!("{count} clusters are")
            },
            first.name
        );
    }
    let left = last.clusters.iter().filter(|one| one.state != State::Done);
    let left: BTreeSet<&str> = left.map(|one| one.cluster.as_str()).collect();
    if let Some(gone) = left
        .iter()
        .find(|name| fleet.members().all(|one| one.name != **name))
    {
        return Err(Error::Usage(format!(
            "--retry-failed {place}: cluster {} is not done, and is not among the clusters that are named now; name it too",
            gone
        )));
    }
    fleet.keep(|cluster| left.contains(cluster.name.as_str()));
    Ok(())
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
