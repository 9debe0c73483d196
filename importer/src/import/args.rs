/*! Flags of `import`. */

use std::path::PathBuf;

use clap::Args;
use cli::RegistryArgs;

use crate::{
    Error,
    apply::{
        args::{ObjectArgs, request},
        request::ApplyRequest,
    },
    args::{BundleArgs, DryRun, Format, MirrorConfig, TargetArgs},
    rollout::args::{ClusterArgs, RolloutArgs},
};

/// Flags of `import`.
#[derive(Debug, Args)]
#[command(mut_group("ClusterArgs", |group| group.requires("apply_config")))]
#[command(mut_group("RolloutArgs", |group| group.requires("apply_config")))]
#[command(mut_group("ObjectArgs", |group| group.requires("apply_config")))]
pub struct ImportArgs {
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// An empty or new directory for everything a cluster needs to be told, as `kubectl apply -Rf` takes it: the
    /// bundle's manifests and the mirror configuration
    #[arg(long, value_name = "DIR")]
    pub config_to_dir: Option<PathBuf>,
    /// How clusters are told where the images are now
    #[arg(long, value_enum, value_name = "KIND", default_value = "idms")]
    pub mirror_config: MirrorConfig,
    /// Mirror pulls by tag too; applying that drains nodes
    #[arg(long)]
    pub mirror_tags: bool,
    /// Once the images are there, apply the bundle's manifests and the mirror configuration to clusters
    #[arg(long)]
    pub apply_config: bool,
    #[command(flatten)]
    pub(crate) clusters: ClusterArgs,
    #[command(flatten)]
    pub(crate) rollout: RolloutArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
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
    pub(super) fn request(&self) -> Result<ApplyRequest, Error> {
        request(
            &self.bundle,
            &self.clusters,
            &self.rollout,
            &self.objects,
            self.dry_run,
        )
    }
}
