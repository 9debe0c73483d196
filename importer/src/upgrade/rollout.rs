/*! `upgrade`: the same request to every cluster, wave by wave, each wave healthy before the next. */

use std::time::Duration;

use cluster::{Session, connect};
use serde::Serialize;
use serde_json::json;

use super::{ClusterUpgrade, Event, UpgradeArgs, UpgradeRequest, UpgradeState, exit, one, show};
use crate::{
    Error,
    apply::{
        args::ClusterArgs,
        command::Said,
        fleet::Fleet,
        waves::{self, Approval, Rollout, Turn},
    },
    options::Format,
    report,
};

/// Upgrades clusters, and says what became of each.
pub async fn fleet(args: &UpgradeArgs, clusters: &ClusterArgs) -> Result<Said, Error> {
    let request = UpgradeRequest::from_args(args)?;
    let mut fleet = clusters.fleet(true)?;
    for warning in &fleet.warnings {
        tracing::warn!("{warning}");
    }
    if args.dry_run {
        fleet.without_gates();
    }
    let run = Run {
        approval: Approval::new(&fleet.waves, clusters.auto_approve)?,
        request_timeout: clusters.request_timeout,
        fleet,
        request,
        args,
    };
    let interrupt = std::pin::pin!(crate::apply::interrupted());
    let driven = waves::run(
        &run.fleet.waves,
        usize::from(clusters.max_parallel),
        &run,
        interrupt,
    )
    .await;
    let upgrades: Vec<(String, ClusterUpgrade)> = driven
        .into_iter()
        .filter_map(|driven| {
            let name = run.fleet.clusters.get(driven.cluster)?.name.clone();
            Some((
                name,
                match driven.turn {
                    Turn::Ran(upgrade) => upgrade,
                    Turn::Stopped(stop) => ClusterUpgrade {
                        state: UpgradeState::Stopped,
                        ..failed(stop.reason(&run.fleet.clusters))
                    },
                },
            ))
        })
        .collect();
    Ok(Said {
        text: match args.format {
            Format::Json => report::json(&json!({
                "clusters": upgrades.iter().map(account).collect::<Vec<_>>(),
            }))?,
            Format::Table => show::table(&upgrades),
        },
        account: None,
        exit: exit(upgrades.iter().map(|(_, upgrade)| upgrade)),
    })
}

/// A cluster for programs: its name beside what became of it.
fn account((cluster, upgrade): &(String, ClusterUpgrade)) -> impl Serialize {
    #[derive(Serialize)]
    struct Named<'a> {
        cluster: &'a str,
        #[serde(flatten)]
        upgrade: &'a ClusterUpgrade,
    }
    Named { cluster, upgrade }
}

fn failed(reason: String) -> ClusterUpgrade {
    ClusterUpgrade {
        state: UpgradeState::Failed,
        before: None,
        version: None,
        reason: Some(reason),
        warnings: Vec::new(),
    }
}

/// An upgrade of many clusters on its way.
struct Run<'a> {
    fleet: Fleet,
    request: UpgradeRequest,
    request_timeout: Duration,
    approval: Approval,
    args: &'a UpgradeArgs,
}

impl Rollout for Run<'_> {
    type Outcome = ClusterUpgrade;

    async fn apply(&self, _wave: usize, index: usize) -> ClusterUpgrade {
        let Some(cluster) = self.fleet.clusters.get(index) else {
            return failed("it is not in the list".to_owned());
        };
        let connection = match connect(cluster, self.request_timeout).await {
            Ok(connection) => connection,
            Err(error) => return failed(error.to_string()),
        };
        tracing::info!("{}: {}", cluster.name, connection.server);
        let session = Session::new(cluster, &connection, self.request_timeout).patient();
        let tell = |event: Event| match event {
            Event::Before(before) => told(&show::before(&cluster.name, &before, &self.request)),
            Event::Asked { warnings } => warnings
                .iter()
                .for_each(|warning| tracing::warn!("{}: {warning}", cluster.name)),
            Event::Progress(progress) => told(&show::progress(&cluster.name, &progress)),
        };
        one(
            &session,
            &self.request,
            cluster.cluster_id.as_deref(),
            self.args.limits().as_ref(),
            &tell,
        )
        .await
    }

    fn failed(&self, outcome: &ClusterUpgrade) -> bool {
        !outcome.is_right()
    }

    async fn approve(&self, wave: usize) -> Result<(), String> {
        self.approval
            .wait(&format!("Wave {} comes next. Begin it?", wave + 1))
            .await
    }
}

/// Line by line, as they come.
fn told(text: &str) {
    text.lines().for_each(|line| tracing::info!("{line}"));
}
