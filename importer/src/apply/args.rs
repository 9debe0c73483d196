/*! Flags of `apply`: what of the bundle, and how carefully. */

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use cli::Format;

use super::{
    ApplyOptions,
    manifests::Selection,
    object::{Recreate, RecreateKind},
    request::{ApplyRequest, Mode},
};
use crate::{
    Error,
    args::{BundleArgs, NameArgs},
    backup::BackupOptions,
    configuration::trust::args::TrustPackArgs,
    health::Wait,
    inventory::{InventoryOptions, Series},
    options::{DryRun, MirrorConfig},
    prove_pull::args::ProofArgs,
    rollout::args::{ClusterArgs, RolloutArgs, duration},
};

/// What is applied, and how carefully.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Apply options")]
pub struct ObjectArgs {
    /// Only objects that match one of these: path=GLOB (of the file), kind=KIND[.GROUP] or namespace=NAME; repeatable
    #[arg(long, value_name = "TERM")]
    pub only: Vec<String>,
    /// No objects that match any of these; repeatable
    #[arg(long, value_name = "TERM")]
    pub exclude: Vec<String>,
    /// Take over fields that another manager holds; else such an object is left alone and its cluster counts as failed
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub overwrite: bool,
    /// Delete objects of this kind, and create them anew, where the server refuses to change them because a field is immutable;
    /// what they own goes with them. Repeatable; `all` is every kind but Namespace, CustomResourceDefinition, PersistentVolume
    /// and PersistentVolumeClaim
    #[arg(long, value_name = "KIND[.GROUP]", value_parser = RecreateKind::parse)]
    pub recreate: Vec<RecreateKind>,
    /// Show how objects on the clusters would change; Secret data is not shown
    #[arg(long)]
    pub diff: bool,
    /// Before a cluster is changed, save the objects that will change or be removed there into DIR, which is new or empty; for `rollback`
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dry_run", "render_to_dir"])]
    pub backup: Option<PathBuf>,
    /// Save Secrets too; else those that will change are left out, and a rollback leaves them alone
    #[arg(long, requires = "backup")]
    pub backup_secrets: bool,
    /// Label every object with this series of bundles, and list them on each cluster, so that a later bundle of it can remove
    /// what it no longer has
    #[arg(long, value_name = "NAME", conflicts_with = "render_to_dir")]
    pub series: Option<Series>,
    /// The namespace of that list, which must be there. `default` is on every cluster, and nobody deletes it
    #[arg(long, value_name = "NAMESPACE", default_value = "default")]
    pub inventory_namespace: String,
    /// Remove what earlier bundles of the series brought and this one no longer has, after asking; never Namespaces,
    /// CustomResourceDefinitions, or what others manage too
    #[arg(long, requires = "series", conflicts_with_all = ["only", "exclude"])]
    pub prune: bool,
    /// Remove it without asking, on all clusters; --auto-approve approves waves, and nothing that is removed
    #[arg(long, requires = "prune")]
    pub auto_prune: bool,
    /// When a cluster counts as done; a wave of CLUSTERS.yaml may say otherwise
    #[arg(long, value_enum, value_name = "STATE", default_value = "applied")]
    pub wait: Wait,
    /// The most time for objects and nodes to become healthy, where that is waited for
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub health_timeout: Duration,
    /// Write what each cluster would get into DIR, and contact none
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    pub render_to_dir: Option<PathBuf>,
}

/// What all these flags ask for together.
pub(crate) fn request(
    bundle: &BundleArgs,
    clusters: &ClusterArgs,
    rollout: &RolloutArgs,
    objects: &ObjectArgs,
    dry_run: Option<DryRun>,
) -> Result<ApplyRequest, Error> {
    let mode = match (&objects.render_to_dir, dry_run) {
        (_, Some(DryRun::Client)) => Mode::List,
        (Some(directory), _) => Mode::Render(directory.clone()),
        (None, _) => Mode::Apply,
    };
    // What asks no cluster needs none.
    let fleet = clusters.fleet(mode != Mode::List)?;
    let inputs = bundle.trust.keys.iter().chain(&bundle.bundle);
    Ok(ApplyRequest {
        rollout: rollout.options(clusters, fleet),
        selection: Selection::parse(&objects.only, &objects.exclude)?,
        options: ApplyOptions {
            dry_run: dry_run.is_some(),
            overwrite: objects.overwrite,
            backed_up: objects.backup.is_some(),
            recreate: Recreate {
                kinds: objects.recreate.clone(),
                keeps_secrets: objects.backup.is_some() && !objects.backup_secrets,
            },
            diff: objects.diff,
            request_timeout: clusters.request_timeout,
            cluster_timeout: clusters.cluster_timeout,
            wait: objects.wait,
            health_timeout: objects.health_timeout,
        },
        inventory: objects.series.clone().map(|series| InventoryOptions {
            series,
            namespace: objects.inventory_namespace.clone(),
            prune: objects.prune,
            auto_prune: objects.auto_prune,
        }),
        backup: objects.backup.clone().map(|directory| BackupOptions {
            directory,
            secrets: objects.backup_secrets,
        }),
        proof: None,
        mode,
        inputs: inputs.chain(clusters.inputs()).cloned().collect(),
    })
}

/// Flags of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    #[command(flatten)]
    pub(crate) clusters: ClusterArgs,
    #[command(flatten)]
    pub(crate) rollout: RolloutArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
    /// The registry that the bundle was imported into, with the same prefix; with it, the mirror configuration is applied too
    #[arg(long, value_name = "REGISTRY[/PREFIX]")]
    pub to: Option<String>,
    #[command(flatten)]
    pub(crate) names: NameArgs,
    #[command(flatten)]
    pub(crate) trust: TrustPackArgs,
    /// The kind of the mirror configuration, which makes clusters pull from the registry; needs --to
    #[arg(long, value_enum, value_name = "KIND", default_value = "idms")]
    pub mirror_config: MirrorConfig,
    /// Mirror pulls by tag too; applying that drains nodes
    #[arg(long)]
    pub mirror_tags: bool,
    /// Show what would be done, and change nothing: `client` asks no cluster, `server` asks each what it would do
    #[arg(long, value_enum, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: Option<DryRun>,
    /// How the report is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

impl ApplyArgs {
    pub(crate) fn request(&self) -> Result<ApplyRequest, Error> {
        let mut request = request(
            &self.bundle,
            &self.clusters,
            &self.rollout,
            &self.objects,
            self.dry_run,
        )?;
        request.proof = self.proof.proof();
        request.inputs.extend(self.trust.inputs().cloned());
        Ok(request)
    }
}
