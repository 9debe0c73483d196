/*! Flags about clusters: which ones, when their turn is, and what is reported of them. */

use std::{path::PathBuf, time::Duration};

use clap::Args;
use schema::text::counted;

use super::RolloutOptions;
use crate::{Error, fleet::Fleet, gates::Limits};

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
    /// The clusters that are named, without those of other waves. `needed` is false where no cluster will be asked, so that
    /// none need be named.
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

    /// Files that are read.
    pub fn inputs(&self) -> impl Iterator<Item = &PathBuf> {
        self.clusters.iter().chain(&self.kubeconfig)
    }
}

/// How carefully, and what is reported.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster options")]
pub struct RolloutArgs {
    /// Begin only if a look at all clusters finds nothing wrong on any
    #[arg(long)]
    pub all_or_nothing: bool,
    /// Continue an earlier run: only clusters that are not done in the file that it wrote with --report
    #[arg(long, value_name = "REPORT")]
    pub retry_failed: Option<PathBuf>,
    /// Write the report as JSON, for --retry-failed
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write the report as a page for a browser, in one file
    #[arg(long, value_name = "FILE")]
    pub report_html: Option<PathBuf>,
    /// Show only clusters that are not done, by reason, and count the others; --format json shows all
    #[arg(long)]
    pub summary: bool,
}

impl RolloutArgs {
    /// With the clusters that are meant.
    pub fn options(&self, clusters: &ClusterArgs, fleet: Fleet) -> RolloutOptions {
        RolloutOptions {
            fleet,
            max_parallel: usize::from(clusters.max_parallel),
            limits: Limits {
                request: clusters.request_timeout,
                hook: clusters.cluster_timeout,
            },
            auto_approve: clusters.auto_approve,
            all_or_nothing: self.all_or_nothing,
            retry_failed: self.retry_failed.clone(),
            report: self.report.clone(),
            report_html: self.report_html.clone(),
            summary: self.summary,
        }
    }
}

/// `30s`, `10m`, `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let parsed = parsed.and_then(|duration| Duration::try_from(duration).ok());
    parsed
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a duration such as 30s, 10m or 1h".to_owned())
}
