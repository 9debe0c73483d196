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
use crate::rollout::{ClusterOutcome, Task};

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
        converge::apply(cluster, preflight, self.options, &progress, &say).await
    }
}
