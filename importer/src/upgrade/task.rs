/*! An upgrade as something that is done to clusters of a fleet: a look, a request, and what follows it. */

use std::time::Duration;

use cli::Line;
use cluster::{Cluster, ClusterError, Connection, Identity, Session, connect, in_time, openshift};

use super::{
    Before, Limits, UpgradeError, UpgradeRequest, UpgradeState,
    patch::{Decision, patch},
    report::UpgradeDetail,
    show,
    start::{Started, start},
    watch::watch,
};
use crate::prove_pull::{self, Patience, Proof};
use crate::rollout::{ClusterOutcome, Forecast, Site, State, Task};

/// Reported of a cluster that took a release on trust.
const UNVERIFIED: &str = "the cluster has not verified the signature of the release";

/// What clusters are asked for, and how they are watched.
#[derive(Debug)]
pub struct UpgradeTask {
    /// What each cluster is asked for.
    pub request: UpgradeRequest,
    /// What nodes are to pull before it is asked.
    pub proof: Option<Proof>,
    /// How long to wait for what, if each is watched to its end.
    pub wait: Option<Limits>,
    /// The most time for one request.
    pub request_timeout: Duration,
    /// The most time for the look at a cluster.
    pub look_timeout: Duration,
}

/// A cluster as it was before the first was asked.
#[derive(Debug)]
pub struct Look {
    site: Site,
    connection: Connection,
    refusal: Option<String>,
    /// Whether there is anything to ask it for.
    due: bool,
}

impl Forecast for Look {
    fn site(&self) -> &Site {
        &self.site
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn summary(&self) -> String {
        match self.site.version.as_deref() {
            Some(version) => format!("at {version}"),
            None => "at an unknown version".to_owned(),
        }
    }

    fn objection(&self) -> Option<String> {
        self.refusal.clone()
    }
}

impl UpgradeTask {
    async fn look_over(
        &self,
        cluster: &Cluster,
        connection: Connection,
    ) -> Result<Look, ClusterError> {
        let session = Session::new(cluster, &connection, self.request_timeout);
        let identity = session.identify().await?;
        let (warnings, refusal) = match &identity {
            Identity::OpenShift(version) => (
                Before::new(version, &self.request).warnings(&self.request),
                patch(version, &self.request)
                    .err()
                    .map(|error| error.to_string()),
            ),
            Identity::NotOpenShift => (Vec::new(), Some(UpgradeError::NotOpenShift.to_string())),
            Identity::Forbidden(words) => {
                let error = UpgradeError::Forbidden(words.clone());
                (Vec::new(), Some(error.to_string()))
            }
        };
        let decision = identity.cluster_version();
        let decision = decision.map(|version| patch(version, &self.request));
        let due = matches!(decision, Some(Ok(Decision::Patch { .. })));
        let version = identity.cluster_version().and_then(openshift::version);
        Ok(Look {
            site: Site {
                server: connection.server.clone(),
                cluster_id: identity.cluster_id(),
                version: version.map(str::to_owned),
                warnings,
            },
            connection: connection.at_rest()?,
            refusal,
            due,
        })
    }

    /// Upgrades the cluster of a session, watches it to its end where that is wanted, and writes down what came of it.
    pub(super) async fn upgrade(
        &self,
        session: &Session,
        show: &(dyn Fn(String) + Send + Sync),
        mut outcome: ClusterOutcome<UpgradeDetail>,
    ) -> ClusterOutcome<UpgradeDetail> {
        if let Err(error) = self.try_upgrade(session, show, &mut outcome).await {
            outcome.state = match error {
                UpgradeError::Cluster(_) => State::Unreachable,
                _ => State::Failed,
            };
            if matches!(error, UpgradeError::Refused(_)) {
                outcome.detail.upgrade = Some(UpgradeState::Refused);
            }
            outcome.reason = Some(error.to_string());
        }
        outcome
    }

    async fn try_upgrade(
        &self,
        session: &Session,
        show: &(dyn Fn(String) + Send + Sync),
        outcome: &mut ClusterOutcome<UpgradeDetail>,
    ) -> Result<(), UpgradeError> {
        let detail = &mut outcome.detail;
        let started = start(session, &self.request, |before| {
            show(before.line(&self.request));
            detail.before = Some(before);
        });
        detail.upgrade = Some(match started.await? {
            Started::AlreadyThere => UpgradeState::AlreadyThere,
            Started::Requested { warnings } => {
                outcome.warnings.extend(warnings);
                match self.request.dry_run {
                    true => UpgradeState::WouldRequest,
                    false => UpgradeState::Requested,
                }
            }
        });
        let Some(limits) = self.wait.as_ref().filter(|_| !self.request.dry_run) else {
            return Ok(());
        };
        let progress = |progress| show(show::progress(&progress));
        let finished = watch(session, &self.request.image, &progress, limits).await?;
        if outcome.detail.upgrade == Some(UpgradeState::Requested) {
            outcome.detail.upgrade = Some(UpgradeState::Upgraded);
            if !finished.verified {
                outcome.warnings.push(UNVERIFIED.to_owned());
            }
        }
        outcome.detail.version = finished.version;
        outcome.warnings.extend(finished.warnings);
        Ok(())
    }
}

impl Task for UpgradeTask {
    type Forecast = Look;
    type Detail = UpgradeDetail;

    async fn look(&self, cluster: &Cluster) -> Result<Look, ClusterError> {
        let connection = connect(cluster, self.request_timeout).await?;
        let server = connection.server.clone();
        let look = self.look_over(cluster, connection);
        in_time(&server, self.look_timeout, look).await
    }

    async fn run(
        &self,
        cluster: &Cluster,
        look: &Look,
        line: Line,
    ) -> ClusterOutcome<UpgradeDetail> {
        let id = look.site.cluster_id.as_ref();
        let session = Session::again(cluster, &look.connection, self.request_timeout, id).patient();
        let show = |text: String| {
            line.say(&text);
            tracing::info!("{}: {text}", cluster.name);
        };
        let mut outcome: ClusterOutcome<UpgradeDetail> =
            ClusterOutcome::at(cluster, &look.site, State::Done, None);
        let proof = self.proof.as_ref();
        if let Some(proof) = proof.filter(|_| look.due && !self.request.dry_run) {
            let say = |text: &str| line.say(text);
            let proved = prove_pull::prove(&session, proof, Patience::None, &say).await;
            let (pulls, reason) = prove_pull::parts(proved);
            outcome.detail.pulls = pulls;
            if let Some(reason) = reason {
                outcome.state = State::Failed;
                outcome.reason = Some(format!("nothing was asked, because {reason}"));
                return outcome;
            }
        }
        self.upgrade(&session, &show, outcome).await
    }
}
