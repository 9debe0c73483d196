/*! Applying as something that is done to clusters of a fleet: a look, and a turn. */

use std::sync::{Mutex, PoisonError};

use cli::Line;
use cluster::{Cluster, ClusterError};

use super::{
    converge,
    outcome::{Applied, ObjectOutcome},
    plan::ApplyPlan,
    preflight::Preflight,
};
use crate::{
    backup::save,
    inventory::Known,
    prove_pull::{self, Patience},
    rollout::{Clock, ClusterOutcome, State, Task},
};

impl<'p> Task for ApplyPlan<'p> {
    type Forecast = Preflight<'p>;
    type Detail = Applied;

    async fn look(&self, cluster: &Cluster) -> Result<Preflight<'p>, ClusterError> {
        self.preflight(cluster).await
    }

    async fn run(
        &self,
        cluster: &Cluster,
        preflight: &Preflight<'p>,
        line: Line,
    ) -> ClusterOutcome<Applied> {
        let mut clock = Clock::start(self.options.cluster_timeout);
        let known = match self.begin(cluster, preflight, &clock).await {
            Ok(known) => known,
            Err(reason) => {
                let reason = format!("nothing was changed, because {reason}");
                return ClusterOutcome::at(cluster, &preflight.site, State::Failed, reason);
            }
        };
        let total = preflight.manifests.len();
        let line = Mutex::new((line, 0));
        let progress = |outcome: &ObjectOutcome| {
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            line.1 += 1;
            line.0.say(&format!(
                "{} of {total}: {} {}",
                line.1, outcome.kind, outcome.name
            ));
        };
        let say = |text: &str| {
            let line = line.lock().unwrap_or_else(PoisonError::into_inner);
            line.0.say(text);
        };
        let options = self.options_for(cluster);
        let applied = converge::apply(cluster, preflight, &options, &mut clock, &progress, &say);
        let mut outcome = applied.await;
        // What a cluster still lacks may need what it is to lose.
        if let (Some(inventory), Some(mut known)) = (self.inventory, known)
            && outcome.is_done()
        {
            let session = preflight.session(cluster, self.options, clock.deadline());
            let dropped = inventory.prune(&session, &cluster.name, &mut known, &mut clock);
            let dropped = dropped.await;
            if let Some(failed) = dropped.iter().find(|one| !one.is_right()) {
                outcome.state = State::Failed;
                outcome.reason = failed.reason.clone();
            }
            outcome.detail.objects.extend(dropped);
        }
        if let Some(proof) = self.proof
            && outcome.is_done()
        {
            let session = preflight.session(cluster, self.options, clock.deadline());
            let session = session.patient();
            let proved = prove_pull::prove(&session, proof, Patience::UntilLimit, &say).await;
            let (pulls, reason) = prove_pull::parts(proved);
            if reason.is_some() {
                outcome.state = State::Failed;
                outcome.reason = reason.map(|reason| format!("all is applied, but {reason}"));
            }
            outcome.detail.pulls = pulls;
        }
        outcome
    }
}

impl ApplyPlan<'_> {
    /// What must be done before the first change: what changes or goes is saved, then the series' list has what is new.
    async fn begin(
        &self,
        cluster: &Cluster,
        preflight: &Preflight<'_>,
        clock: &Clock,
    ) -> Result<Option<Known>, String> {
        let session = preflight.session(cluster, self.options, clock.deadline());
        let unkept = |reason| format!("the inventory cannot be kept: {reason}");
        let mut known = match self.inventory {
            Some(inventory) => {
                let look = inventory.look(&session, preflight, self.options.dry_run);
                Some(clock.bound(look).await.map_err(unkept)?)
            }
            None => None,
        };
        if let Some(backup) = self.backup {
            let saved = async {
                let others = match (self.inventory, &mut known) {
                    (Some(inventory), Some(known)) => {
                        inventory.to_save(&session, known, backup.secrets).await?
                    }
                    _ => Vec::new(),
                };
                save(backup, cluster, &session, preflight, others).await
            };
            let failed = |reason| format!("the backup failed: {reason}");
            clock.bound(saved).await.map_err(failed)?;
        }
        if let (Some(inventory), Some(known)) = (self.inventory, &known) {
            let listed = inventory.list(&session, known);
            clock.bound(listed).await.map_err(unkept)?;
        }
        Ok(known)
    }
}
