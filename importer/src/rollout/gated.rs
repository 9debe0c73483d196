/*! A task behind the gates of each cluster's wave: what must hold before it is begun, and what runs before and after. */

use cli::Line;
use cluster::{Cluster, ClusterError, Connection};
use jiff::Timestamp;

use super::{
    outcome::{ClusterOutcome, State},
    site::Site,
    task::{Forecast, Task},
};
use crate::{
    fleet::Fleet,
    gates::{Gate, Limits, RunId, Stage},
};

/// A task of which each turn begins only if the gates of its wave let it.
pub(super) struct Gated<'g, T> {
    pub task: &'g T,
    pub fleet: &'g Fleet,
    pub run: RunId,
    pub limits: Limits,
    /// What changes nothing is held up by nothing.
    pub dry_run: bool,
}

/// What a look has shown, and what was not met then.
pub(super) struct Looked<F> {
    pub forecast: F,
    pub unmet: Vec<String>,
}

impl<F: Forecast> Forecast for Looked<F> {
    fn site(&self) -> &Site {
        self.forecast.site()
    }

    fn connection(&self) -> &Connection {
        self.forecast.connection()
    }

    fn summary(&self) -> String {
        self.forecast.summary()
    }

    fn objection(&self) -> Option<String> {
        match self.unmet.is_empty() {
            true => self.forecast.objection(),
            false => Some(self.unmet.join("; ")),
        }
    }
}

impl<T: Task> Gated<'_, T> {
    /// The gates of a cluster, if its wave has any that it is to be asked about.
    fn gate<'s>(&'s self, cluster: &'s Cluster, forecast: &impl Forecast) -> Option<Gate<'s>> {
        let wave = self.fleet.wave_of(cluster)?;
        let gates = Some(&wave.gates).filter(|gates| gates.ask())?;
        let id = forecast.site().cluster_id.as_ref();
        let way = (cluster, forecast.connection(), id);
        Some(Gate::new(gates, way, &self.run, self.limits))
    }

    /// Why a cluster must not be begun now.
    async fn closed(&self, gate: &Gate<'_>) -> Option<String> {
        let unmet = gate.unmet().await;
        if !unmet.is_empty() {
            return Some(format!("not begun: {}", unmet.join("; ")));
        }
        let window = gate.window()?;
        let closed = window.closes(Timestamp::now()).is_none();
        closed.then(|| "not begun: the window closed while it was looked at".to_owned())
    }
}

impl<T: Task> Task for Gated<'_, T> {
    type Forecast = Looked<T::Forecast>;
    type Detail = T::Detail;

    async fn look(&self, cluster: &Cluster) -> Result<Self::Forecast, ClusterError> {
        let forecast = self.task.look(cluster).await?;
        let unmet = match self.gate(cluster, &forecast) {
            Some(gate) => gate.foreseen().await,
            None => Vec::new(),
        };
        for unmet in &unmet {
            tracing::warn!("{}: {unmet}", cluster.name);
        }
        Ok(Looked { forecast, unmet })
    }

    async fn run(
        &self,
        cluster: &Cluster,
        looked: &Self::Forecast,
        line: Line,
    ) -> ClusterOutcome<T::Detail> {
        let forecast = &looked.forecast;
        let gate = self.gate(cluster, forecast);
        let Some(gate) = gate.filter(|_| !self.dry_run) else {
            return self.task.run(cluster, forecast, line).await;
        };
        // What was not begun counts as failed, and `maxFailures` decides about the rest.
        let failed =
            |reason: String| ClusterOutcome::at(cluster, forecast.site(), State::Failed, reason);
        line.say("require");
        if let Some(reason) = self.closed(&gate).await {
            return failed(reason);
        }
        line.say("hooks before");
        if let Err(reason) = gate.hooks(Stage::Before).await {
            return failed(format!("not begun: {reason}"));
        }
        let mut outcome = self.task.run(cluster, forecast, line).await;
        if outcome.is_done()
            && let Err(reason) = gate.hooks(Stage::After).await
        {
            outcome.state = State::Failed;
            outcome.reason = Some(reason);
        }
        outcome
    }
}
