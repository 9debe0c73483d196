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
    prove_pull::{self, Patience},
    rollout::{ClusterOutcome, State, Task},
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
        if let Some(backup) = self.backup
            && let Err(reason) = save(backup, cluster, preflight, self.options).await
        {
            let reason = format!("nothing was changed, because the backup failed: {reason}");
            return ClusterOutcome::at(cluster, &preflight.site, State::Failed, reason);
        }
        let listed = match self.inventory {
            Some(inventory) => Some((
                inventory,
                inventory.begin(cluster, preflight, self.options).await,
            )),
            None => None,
        };
        if let Some((_, Err(reason))) = &listed {
            let reason =
                format!("nothing was changed, because the inventory cannot be kept: {reason}");
            return ClusterOutcome::at(cluster, &preflight.site, State::Failed, reason);
        }
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
        let mut outcome = converge::apply(cluster, preflight, &options, &progress, &say).await;
        // What a cluster still lacks may need what it is to lose.
        if let Some((inventory, Ok(mut known))) = listed
            && outcome.is_done()
        {
            let dropped = inventory.prune(&cluster.name, &mut known).await;
            if let Some(failed) = dropped.iter().find(|one| !one.is_right()) {
                outcome.state = State::Failed;
                outcome.reason = failed.reason.clone();
            }
            outcome.detail.objects.extend(dropped);
        }
        if let Some(proof) = self.proof
            && outcome.is_done()
        {
            let session = preflight.session(cluster, self.options).patient();
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
