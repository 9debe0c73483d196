/*! Flags of `drift`: those of `apply`, and how often. */

use std::time::Duration;

use clap::Args;

use crate::{apply::args::ApplyArgs, rollout::args::duration};

/// Flags of `drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    #[command(flatten)]
    pub(crate) apply: ApplyArgs,
    /// Look again and again, INTERVAL after each look, and show only what has changed since the last; --format json gives a
    /// line of JSON for each change. Ends at Ctrl-C, with the exit code of the last look
    #[arg(
        long,
        value_name = "INTERVAL",
        value_parser = duration,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1m"
    )]
    pub watch: Option<Duration>,
}
