/*! Flags about clusters: which ones, what of the bundle, and how carefully. */

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use schema::text::counted;

use super::fleet::Fleet;
use crate::{
    Error,
    args::{BundleArgs, NameArgs},
    options::{DryRun, Format, MirrorConfig},
};

/// Which clusters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster options")]
pub struct ClusterArgs {
    /// A context of the kubeconfig; repeatable. The current context is never taken by itself
    #[arg(long = "context", value_name = "CONTEXT", conflicts_with = "clusters")]
    pub contexts: Vec<String>,
    /// The kubeconfig of these contexts [default: $KUBECONFIG, which may list several, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Clusters with labels, waves and overlays; see docs/clusters.md
    #[arg(long, value_name = "CLUSTERS.yaml")]
    pub clusters: Option<PathBuf>,
    /// Only this wave of CLUSTERS.yaml, counted from 1; repeatable
    #[arg(long = "wave", value_name = "N", requires = "clusters", value_parser = clap::value_parser!(u32).range(1..))]
    pub waves: Vec<u32>,
    /// Do not wait for approval between waves that ask for it
    #[arg(long)]
    pub auto_approve: bool,
    /// Clusters worked on at once, where their wave sets no lower number
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub max_parallel: u16,
    /// The most time for one request, such as 30s or 1m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,
    /// The most time for one cluster, waits included
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub cluster_timeout: Duration,
}

impl ClusterArgs {
    /// The first flag that says something about clusters, if any was given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--context", !self.contexts.is_empty()),
            ("--kubeconfig", self.kubeconfig.is_some()),
            ("--clusters", self.clusters.is_some()),
            ("--wave", !self.waves.is_empty()),
            ("--auto-approve", self.auto_approve),
        ];
        first(flags)
    }

    /// The clusters that are named, without those of other waves. `needed` is false where no cluster will be asked, so that none need be named.
    pub fn fleet(&self, needed: bool) -> Result<Fleet, Error> {
        let mut fleet = match &self.clusters {
            Some(path) => Fleet::load(path)?,
            None if !needed && self.contexts.is_empty() => Fleet::default(),
            None => Fleet::from_contexts(&self.contexts, self.kubeconfig.as_deref())?,
        };
        for number in &self.waves {
            if *number as usize > fleet.waves.len() {
                return Err(Error::Usage(format!(
                    "--wave {number}: the clusters file has {}",
                    counted(fleet.waves.len(), "wave")
                )));
            }
        }
        if !self.waves.is_empty() {
            for (number, wave) in (1..).zip(&mut fleet.waves) {
                if !self.waves.contains(&number) {
                    wave.clusters.clear();
                }
            }
        }
        Ok(fleet)
    }
}

/// What is applied, and how carefully.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Apply options")]
pub struct RolloutArgs {
    /// Only objects that match one of these: path=GLOB (of the file), kind=KIND[.GROUP] or namespace=NAME; repeatable
    #[arg(long, value_name = "TERM")]
    pub only: Vec<String>,
    /// No objects that match any of these; repeatable
    #[arg(long, value_name = "TERM")]
    pub exclude: Vec<String>,
    /// Take over fields that another manager holds; else such an object is left alone and its cluster counts as failed
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub overwrite: bool,
    /// Begin only if the preflight finds nothing wrong on any cluster
    #[arg(long)]
    pub all_or_nothing: bool,
    /// Show how objects on the clusters would change; Secret data is not shown
    #[arg(long)]
    pub diff: bool,
    /// Write what each cluster would get into DIR, and contact none
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    pub render_to_dir: Option<PathBuf>,
    /// Go on where an earlier run ended: only clusters that are not done in the file that it wrote with --report
    #[arg(long, value_name = "REPORT")]
    pub retry_failed: Option<PathBuf>,
    /// Write the account as JSON, for --retry-failed
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl RolloutArgs {
    /// The first flag that says something about applying, if any was given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--only", !self.only.is_empty()),
            ("--exclude", !self.exclude.is_empty()),
            ("--overwrite", self.overwrite),
            ("--all-or-nothing", self.all_or_nothing),
            ("--diff", self.diff),
            ("--render-to-dir", self.render_to_dir.is_some()),
            ("--retry-failed", self.retry_failed.is_some()),
            ("--report", self.report.is_some()),
        ];
        first(flags)
    }
}

fn first<const N: usize>(flags: [(&'static str, bool); N]) -> Option<&'static str> {
    let mut given = flags.into_iter().filter(|(_, given)| *given);
    given.next().map(|(flag, _)| flag)
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
    /// The registry that the bundle was imported into, with the same prefix; with it, the mirror configuration is applied too
    #[arg(long, value_name = "REGISTRY[/PREFIX]")]
    pub to: Option<String>,
    #[command(flatten)]
    pub(crate) names: NameArgs,
    /// How clusters are told where the images are now; needs --to
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

/// `30s`, `10m`, `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let parsed = parsed.and_then(|duration| Duration::try_from(duration).ok());
    parsed
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a duration such as 30s, 10m or 1h".to_owned())
}
