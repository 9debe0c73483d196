/*! Flags of `rollback`. */

use std::path::PathBuf;

use clap::Args;
use cli::Format;

/// Flags of `rollback`.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The directory that `--backup` wrote
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Also delete Namespaces and CustomResourceDefinitions that were not there before, with everything in them
    #[arg(long)]
    pub delete_foundations: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How the report is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}
