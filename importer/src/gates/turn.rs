/*! The gates of one cluster, at its turn: what is not met, and the hooks before and after. */

use std::{collections::BTreeSet, time::Duration};

use cluster::{Cluster, ClusterId, Connection, Session};

use super::{
    Gates, Window,
    hook::{Hook, RunId, Stage},
    job::{self, Running},
};

/// How long things may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// One request.
    pub request: Duration,
    /// One hook.
    pub hook: Duration,
}

/// The gates of a wave on one cluster.
#[derive(Debug)]
pub struct Gate<'g> {
    gates: &'g Gates,
    cluster: &'g Cluster,
    session: Session,
    run: &'g RunId,
    limits: Limits,
}

impl<'g> Gate<'g> {
    /// Over the way to a cluster that was looked at, and had this id.
    pub fn new(
        gates: &'g Gates,
        (cluster, connection, id): (&'g Cluster, &Connection, Option<&ClusterId>),
        run: &'g RunId,
        limits: Limits,
    ) -> Self {
        Self {
            gates,
            cluster,
            session: Session::again(cluster, connection, limits.request, id).patient(),
            run,
            limits,
        }
    }

    /// When clusters of this wave may be begun, if not always.
    pub fn window(&self) -> Option<&Window> {
        self.gates.window.as_ref()
    }

    /// What of the requirements is not met: what, expected, found.
    pub async fn unmet(&self) -> Vec<String> {
        let mut unmet = Vec::new();
        for requirement in &self.gates.require {
            let found = requirement.unmet(&self.session).await;
            unmet.extend(found.into_iter().map(|found| format!("require: {found}")));
        }
        unmet
    }

    /// What of it would keep the cluster from being begun, if nothing changes until its turn.
    pub async fn foreseen(&self) -> Vec<String> {
        let mut foreseen = self.unmet().await;
        let default = self.session.default_namespace();
        let hooks = self.gates.before.iter();
        let namespaces: BTreeSet<_> = hooks
            .map(|hook| hook.namespace().unwrap_or(&default))
            .collect();
        for namespace in namespaces {
            let lacks = job::lacks(&self.session, namespace).await;
            foreseen.extend(lacks.map(|what| format!("hook {}: {what}", Stage::Before)));
        }
        foreseen
    }

    /// Runs the hooks of a stage, one after the other, until one fails; why.
    pub async fn hooks(&self, stage: Stage) -> Result<(), String> {
        let hooks: &[Hook] = match stage {
            Stage::Before => &self.gates.before,
            Stage::After => &self.gates.after,
        };
        for (number, hook) in (1..).zip(hooks) {
            let running = Running {
                session: &self.session,
                cluster: &self.cluster.name,
                hook,
                run: self.run,
                stage,
                number,
                limit: self.limits.hook,
            };
            running.run().await?;
        }
        Ok(())
    }
}
