/*!
One run over all clusters: each is looked at before the first is changed, then they are changed wave by wave.

What is known of a cluster at the look is kept until its turn; what came of it is a value, whether it was done, failed,
could not be reached, or never had its turn.
*/

use std::{
    pin::pin,
    sync::{Mutex, PoisonError},
};

use cli::{Line, StatusTable};
use cluster::{Cluster, ClusterError};
use futures_util::{StreamExt, stream};
use schema::bundle::Release;

use super::{
    Rules, converge,
    fleet::Fleet,
    interrupted,
    looks::{Look, Looks, Ready},
    manifests::Manifests,
    outcome::{ClusterOutcome, ObjectOutcome, State},
    preflight::{self, Preflight},
    skew::{self, Seen},
    waves::{self, Approval, Driven, Event, Pause, Rollout, Turn},
};
use crate::options::MirrorConfig;

/// What is brought to which clusters, and how.
#[derive(Debug)]
pub struct Plan {
    /// The clusters and their waves.
    pub fleet: Fleet,
    /// The objects.
    pub manifests: Manifests,
    /// The releases of the bundle, for what is to be said of versions.
    pub releases: Vec<Release>,
    /// How objects are applied.
    pub rules: Rules,
    /// Clusters worked on at once.
    pub at_once: usize,
    /// Begin only if nothing is wrong anywhere.
    pub all_or_nothing: bool,
    /// Where approval between waves comes from.
    pub approval: Approval,
}

impl Plan {
    /// Carries it out, and says what came of each cluster that has a turn, in the order of the fleet.
    pub async fn run(&self, status: StatusTable) -> Vec<ClusterOutcome> {
        let looks = Looks::of(self.fleet.clusters.len());
        let run = Run {
            plan: self,
            status,
            looks: &looks,
        };
        let mut interrupt = pin!(interrupted());
        let mut looking = pin!(self.look_at_all(&looks, status));
        let mut looked = false;
        tokio::select! {
            biased;
            () = &mut interrupt => {
                let reason = "interrupted before anything was changed; run the same command again";
                let stopped = self.wave_of_each();
                return stopped
                    .map(|(wave, index)| run.untouched(index, wave, reason))
                    .collect();
            }
            () = &mut looking => looked = true,
            () = looks.enough(self.wave_of_each().count()), if !self.all_or_nothing => {}
        }
        if let Some(reason) = self.objection(&looks) {
            let nothing = self.wave_of_each().map(|(wave, index)| {
                // Each cluster says what is wrong with it; the others, with whom it began.
                let own = looks.objection_of(index).unwrap_or_else(|| reason.clone());
                run.untouched(index, wave, &format!("--all-or-nothing: {own}"))
            });
            return nothing.collect();
        }
        let mut waves = pin!(waves::run(&self.fleet.waves, self.at_once, &run, interrupt));
        let driven = loop {
            tokio::select! {
                driven = &mut waves => break driven,
                () = &mut looking, if !looked => looked = true,
            }
        };
        driven
            .into_iter()
            .map(|driven| run.outcome(driven))
            .collect()
    }

    /// The preflight of every cluster that has a turn, several at once.
    async fn look_at_all<'a>(&'a self, looks: &Looks<'a>, status: StatusTable) {
        let looked = stream::iter(self.wave_of_each())
            .map(|(_, index)| async move { (index, self.look(index, status).await) })
            .buffer_unordered(self.at_once);
        let mut looked = pin!(looked);
        while let Some((index, look)) = looked.next().await {
            looks.put(index, look);
        }
    }

    async fn look(&self, index: usize, status: StatusTable) -> Look<'_> {
        let Some(cluster) = self.fleet.clusters.get(index) else {
            return Look::Taken;
        };
        let line = status.line(&cluster.name);
        line.say("looking");
        match self.ready(cluster).await {
            Ok(ready) => {
                let Preflight {
                    connection,
                    cluster_id,
                    version,
                    warnings,
                    ..
                } = &ready.preflight;
                let id = cluster_id.as_deref().unwrap_or("none");
                let version = version.as_deref().unwrap_or("unknown");
                tracing::info!(
                    "{}: {}, cluster id {id}, version {version}",
                    cluster.name,
                    connection.server
                );
                for warning in warnings {
                    tracing::warn!("{}: {warning}", cluster.name);
                }
                Look::Ready(Box::new(ready))
            }
            Err(error) => {
                tracing::warn!("{}: {error}", cluster.name);
                Look::Unreachable(error.to_string())
            }
        }
    }

    /// Looks with the mirror configuration that is wanted, and again with what the cluster takes, where that differs.
    async fn ready(&self, cluster: &Cluster) -> Result<Ready<'_>, ClusterError> {
        let wanted = self.manifests.mirror_config();
        let mut manifests = self
            .manifests
            .for_cluster(&self.fleet.overlays, cluster, wanted);
        let mut preflight = preflight::preflight(cluster, &manifests, &self.rules).await?;
        let cluster_version = preflight.cluster_version.clone();
        let seen = Seen {
            cluster_version: cluster_version.as_ref(),
            serves_idms: preflight
                .serves
                .has("config.openshift.io/v1", "ImageDigestMirrorSet"),
            serves_icsp: preflight
                .serves
                .has("operator.openshift.io/v1alpha1", "ImageContentSourcePolicy"),
            icsp_objects: preflight.icsp_objects,
        };
        let taken = skew::mirror_kind(wanted, &seen);
        let mut lost = None;
        if taken != wanted {
            let by_tag = manifests
                .iter()
                .filter(|manifest| manifest.kind == "ImageTagMirrorSet");
            lost = (taken == MirrorConfig::Icsp && by_tag.count() > 0).then(|| {
                "ImageContentSourcePolicy cannot mirror pulls by tag, so the cluster gets no mirrors by tag"
                    .to_owned()
            });
            manifests = self
                .manifests
                .for_cluster(&self.fleet.overlays, cluster, taken);
            preflight = preflight::preflight(cluster, &manifests, &self.rules).await?;
        }
        let warnings = skew::warnings(&seen, wanted, &self.releases, &manifests);
        preflight
            .warnings
            .splice(0..0, warnings.into_iter().chain(lost));
        Ok(Ready {
            manifests,
            preflight,
        })
    }

    /// The first thing that is wrong anywhere, if that matters.
    fn objection(&self, looks: &Looks<'_>) -> Option<String> {
        let (index, reason) = looks.objection().filter(|_| self.all_or_nothing)?;
        Some(format!("{}: {reason}", self.name(index)))
    }

    fn name(&self, index: usize) -> &str {
        let cluster = self.fleet.clusters.get(index);
        cluster.map_or("", |cluster| &cluster.name)
    }

    /// Every cluster that has a turn, with its wave.
    fn wave_of_each(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let waves = self.fleet.waves.iter().enumerate();
        waves.flat_map(|(wave, members)| members.clusters.iter().map(move |index| (wave, *index)))
    }
}

/// A run on its way.
struct Run<'a> {
    plan: &'a Plan,
    status: StatusTable,
    looks: &'a Looks<'a>,
}

impl Run<'_> {
    fn outcome(&self, driven: Driven<ClusterOutcome>) -> ClusterOutcome {
        match driven.turn {
            Turn::Ran(outcome) => ClusterOutcome {
                wave: driven.wave,
                ..outcome
            },
            Turn::Stopped(stop) => {
                let reason = stop.reason(&self.plan.fleet.clusters);
                self.untouched(driven.cluster, driven.wave, &reason)
            }
        }
    }

    /// A cluster whose turn never came.
    fn untouched(&self, index: usize, wave: usize, reason: &str) -> ClusterOutcome {
        let name = self.plan.name(index);
        match self.looks.take_now(index) {
            Look::Ready(ready) => ClusterOutcome {
                server: Some(ready.preflight.connection.server.clone()),
                cluster_id: ready.preflight.cluster_id.clone(),
                ..bare(name, wave, State::Stopped, reason.to_owned())
            },
            Look::Unreachable(reason) => bare(name, wave, State::Unreachable, reason),
            Look::Taken | Look::Pending => bare(name, wave, State::Stopped, reason.to_owned()),
        }
    }
}

fn bare(name: &str, wave: usize, state: State, reason: String) -> ClusterOutcome {
    ClusterOutcome {
        cluster: name.to_owned(),
        wave,
        server: None,
        cluster_id: None,
        state,
        reason: Some(reason),
        warnings: Vec::new(),
        diffs: Vec::new(),
        objects: Vec::new(),
    }
}

impl Rollout for Run<'_> {
    type Outcome = ClusterOutcome;

    async fn apply(&self, wave: usize, index: usize) -> ClusterOutcome {
        let ready = match self.looks.take(index).await {
            Look::Ready(ready) => ready,
            Look::Unreachable(reason) => {
                return bare(self.plan.name(index), wave, State::Unreachable, reason);
            }
            Look::Taken | Look::Pending => {
                return bare(
                    "",
                    wave,
                    State::Stopped,
                    "it was never looked at".to_owned(),
                );
            }
        };
        let Some(cluster) = self.plan.fleet.clusters.get(index) else {
            return bare("", wave, State::Stopped, "it is not in the list".to_owned());
        };
        let line = Mutex::new((self.status.line(&cluster.name), 0));
        let total = ready.manifests.len();
        let progress = |outcome: ObjectOutcome| tell(&line, total, &outcome);
        converge::apply(
            cluster,
            ready.preflight,
            &ready.manifests,
            &self.plan.rules,
            &progress,
        )
        .await
    }

    fn failed(&self, outcome: &ClusterOutcome) -> bool {
        outcome.state != State::Done
    }

    async fn approve(&self, wave: usize) -> Result<(), String> {
        let question = format!("Wave {} comes next. Begin it?", wave + 1);
        self.plan.approval.wait(&question).await
    }

    fn event(&self, event: Event) {
        match event {
            Event::Begins { wave } if self.plan.fleet.waves.len() > 1 => {
                tracing::info!("wave {} begins", wave + 1)
            }
            Event::Begins { .. } => {}
            Event::Pause { wave, pause } => match pause {
                Pause::For(time) => tracing::info!("wave {} begins in {time:?}", wave + 1),
                Pause::Approval => tracing::info!("wave {} waits for approval", wave + 1),
            },
            Event::Interrupted => tracing::warn!(
                "interrupted: no further cluster is begun; those under way have a moment to end"
            ),
        }
    }
}

fn tell(line: &Mutex<(Line, usize)>, total: usize, outcome: &ObjectOutcome) {
    let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
    line.1 += 1;
    line.0.say(&format!(
        "{} of {total}: {} {}",
        line.1, outcome.kind, outcome.name
    ));
}
