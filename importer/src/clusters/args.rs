/*! Flags of `clusters`. */

use clap::{Args, Subcommand};
use cli::Format;

use crate::rollout::args::ClusterArgs;

/// What is done with a list of clusters.
#[derive(Debug, Subcommand)]
pub enum ClustersCommand {
    /// Connect to all clusters, and show what each is: address, id, versions, machine config pools, and what this user may
    /// not write there. No cluster is changed
    Check(Box<CheckArgs>),
}

/// Flags of `clusters check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub(super) clusters: ClusterArgs,
    /// Write the clusterID of each cluster that has none in CLUSTERS.yaml into that file; everything else in it stays as it
    /// is, and so does an id that is there already
    #[arg(long, requires = "clusters")]
    pub write_ids: bool,
    /// How the report is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}
