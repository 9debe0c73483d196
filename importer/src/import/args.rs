/*! Flags of `import`, and the options that they become. */

use std::path::PathBuf;

use clap::Args;
use cli::{Format, RegistryArgs};

use super::ImportOptions;
use crate::{
    Error,
    apply::{
        args::{ObjectArgs, request},
        command::PreparedApply,
    },
    args::{BundleArgs, TargetArgs},
    configuration::trust::args::TrustPackArgs,
    options::{DryRun, MirrorConfig},
    prove_pull::args::ProofArgs,
    rollout::args::{ClusterArgs, RolloutArgs},
};

/// Flags of `import`.
#[derive(Debug, Args)]
#[command(mut_group("ClusterArgs", |group| group.requires("apply_config")))]
#[command(mut_group("RolloutArgs", |group| group.requires("apply_config")))]
#[command(mut_group("ObjectArgs", |group| group.requires("apply_config")))]
#[command(mut_group("ProofArgs", |group| group.requires("apply_config")))]
#[command(mut_arg("merge_pull_secret", |arg| arg.requires("apply_config")))]
pub struct ImportArgs {
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// An empty or new directory for everything that clusters need, as `kubectl apply -Rf` takes it: the bundle's
    /// manifests and the mirror configuration
    #[arg(long, value_name = "DIR")]
    pub config_to_dir: Option<PathBuf>,
    /// The kind of the mirror configuration, which makes clusters pull from the registry
    #[arg(long, value_enum, value_name = "KIND", default_value = "idms")]
    pub mirror_config: MirrorConfig,
    /// Mirror pulls by tag too; applying that drains nodes
    #[arg(long)]
    pub mirror_tags: bool,
    #[command(flatten)]
    pub(crate) trust: TrustPackArgs,
    /// Once the images are there, apply the bundle's manifests and the mirror configuration to clusters
    #[arg(long)]
    pub apply_config: bool,
    #[command(flatten)]
    pub(crate) clusters: ClusterArgs,
    #[command(flatten)]
    pub(crate) rollout: RolloutArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
    /// Show what would be done, and touch nothing; `server` also asks clusters what they would do
    #[arg(
        long,
        value_enum,
        value_name = "WHERE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "client"
    )]
    pub dry_run: Option<DryRun>,
    /// How the report is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

impl ImportArgs {
    /// What they ask for. Reads the files that they name, so that nothing is pushed where one of them is wrong.
    pub(crate) fn options(&self) -> Result<ImportOptions, Error> {
        let push = self
            .target
            .options(&self.registry, self.dry_run.is_some())?;
        let apply = self.apply_config.then(|| {
            let mut request = request(
                &self.bundle,
                &self.clusters,
                &self.rollout,
                &self.objects,
                self.dry_run,
            )?;
            request.proof = self.proof.proof();
            request.inputs.extend(self.trust.inputs().cloned());
            PreparedApply::new(request)
        });
        Ok(ImportOptions {
            push,
            mirror_config: self.mirror_config,
            mirror_tags: self.mirror_tags,
            trust: self.trust.pack()?,
            config_to_dir: self.config_to_dir.clone(),
            apply: apply.transpose()?,
            format: self.format,
        })
    }
}
