/*! Rolling back as something that is done to clusters of a fleet: a look at who they are, and a turn. */

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use cli::Line;
use cluster::{Cluster, ClusterError, Connection, Served, Session, connect, in_time};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{
    args::RollbackArgs,
    report::{ObjectRollback, RollbackAction, RolledBack},
    restore::{Restore, Rules},
};
use crate::{
    Error,
    apply::{manifests::Phase, preflight::AT_ONCE},
    backup::{ClusterBackup, SavedObject},
    fleet::Fleet,
    rollout::{ClusterOutcome, Forecast, Site, State, Task, args::ClusterArgs},
};

/// A rollback of the clusters of a fleet.
#[derive(Debug)]
pub struct RollbackTask {
    directory: PathBuf,
    /// By the cluster's name; those that are not there were not changed.
    backups: BTreeMap<String, ClusterBackup>,
    rules: Rules,
    request_timeout: Duration,
    cluster_timeout: Duration,
}

/// Who a cluster is, and what it serves of what was saved.
#[derive(Debug)]
pub struct Look {
    site: Site,
    connection: Connection,
    serves: Served,
}

impl Forecast for Look {
    fn site(&self) -> &Site {
        &self.site
    }

    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn summary(&self) -> String {
        String::new()
    }

    fn objection(&self) -> Option<String> {
        None
    }
}

impl RollbackTask {
    /// Reads the lists of what was saved of these clusters.
    pub fn new(args: &RollbackArgs, clusters: &ClusterArgs, fleet: &Fleet) -> Result<Self, Error> {
        let directory = args.directory.clone();
        let mut backups = BTreeMap::new();
        for cluster in fleet.members() {
            if let Some(backup) = ClusterBackup::read(&directory, &cluster.name)? {
                backups.insert(cluster.name.clone(), backup);
            }
        }
        if backups.is_empty() && fleet.members().next().is_some() {
            return Err(Error::Usage(format!(
                "{}: there is no backup of any of the clusters that are named; expected a directory that --backup wrote, and the cluster names of that run",
                directory.display()
            )));
        }
        Ok(Self {
            directory,
            backups,
            rules: Rules {
                dry_run: args.dry_run,
                delete_foundations: args.delete_foundations,
            },
            request_timeout: clusters.request_timeout,
            cluster_timeout: clusters.cluster_timeout,
        })
    }

    /// A look over a connection that is there.
    pub(super) async fn look_over(
        &self,
        cluster: &Cluster,
        connection: Connection,
    ) -> Result<Look, ClusterError> {
        let session = Session::new(cluster, &connection, self.request_timeout);
        let identity = session.identify().await?;
        let cluster_id = identity.cluster_id();
        let mut serves = Served::default();
        let mut warnings = Vec::new();
        match self.backups.get(&cluster.name) {
            None => {
                warnings.push("there is no backup of it, because it was not changed".to_owned())
            }
            Some(backup) => {
                let server = connection.server.clone();
                match &backup.cluster_id {
                    // Without ids the address is all that there is to tell clusters apart.
                    None if backup.server != server => {
                        return Err(ClusterError::Moved {
                            server: backup.server.clone(),
                            now: server,
                        });
                    }
                    Some(expected) if cluster_id.as_ref() != Some(expected) => {
                        return Err(ClusterError::Identity {
                            server,
                            expected: expected.clone(),
                            found: match &cluster_id {
                                Some(found) => format!("found {found}"),
                                None => "found none".to_owned(),
                            },
                        });
                    }
                    _ => {}
                }
                let versions = backup.objects.iter();
                let versions = versions.map(|object| object.api_version.clone());
                let versions: BTreeSet<String> = versions.collect();
                serves.ask(&session, versions, AT_ONCE).await?;
            }
        }
        Ok(Look {
            site: Site {
                server: connection.server.clone(),
                cluster_id,
                version: None,
                warnings,
            },
            connection: connection.at_rest()?,
            serves,
        })
    }

    /// Brings everything back, the last phase first; what was refused is tried once more when all else is done.
    pub(super) async fn roll_back(
        &self,
        cluster: &Cluster,
        backup: &ClusterBackup,
        look: &Look,
        line: &Line,
    ) -> Vec<ObjectRollback> {
        let deadline = Instant::now() + self.cluster_timeout;
        let id = look.site.cluster_id.as_ref();
        let session = Session::again(cluster, &look.connection, self.request_timeout, id);
        let session = session.until(deadline);
        let restore = Restore {
            session: &session,
            serves: &look.serves,
            default_namespace: session.default_namespace(),
            rules: self.rules,
        };
        let one = |object: &SavedObject| {
            let (object, restore) = (object.clone(), &restore);
            async move {
                let done = match backup.object(&self.directory, &object) {
                    Ok(saved) => timeout_at(deadline, restore.object(&object, saved)).await,
                    Err(reason) => Ok(Err(reason)),
                };
                let time = self.cluster_timeout.as_secs();
                let late = || format!("the {time} s for this cluster were over; run again");
                let done = done.unwrap_or_else(|_| Err(late()));
                let (action, reason) = match done {
                    Ok((action, reason)) => (action, reason),
                    Err(reason) => (RollbackAction::Failed, Some(reason)),
                };
                (ObjectRollback::of(&object, action, reason), object)
            }
        };
        let (mut outcomes, mut failed) = (Vec::new(), Vec::new());
        let phase = |object: &SavedObject| object.manifest(Value::Null).phase();
        let phases: BTreeSet<Phase> = backup.objects.iter().map(phase).collect();
        for turn in phases.into_iter().rev() {
            let objects = backup.objects.iter().rev();
            let objects = objects.filter(|object| phase(object) == turn);
            let mut done = stream::iter(objects).map(one).buffered(AT_ONCE);
            while let Some((outcome, object)) = done.next().await {
                line.say(&format!("{} {}", outcome.kind, outcome.name));
                match outcome.action {
                    RollbackAction::Failed => failed.push(object),
                    _ => outcomes.push(outcome),
                }
            }
        }
        for object in &failed {
            outcomes.push(one(object).await.0);
        }
        outcomes
    }
}

impl Task for RollbackTask {
    type Forecast = Look;
    type Detail = RolledBack;

    async fn look(&self, cluster: &Cluster) -> Result<Look, ClusterError> {
        let connection = connect(cluster, self.request_timeout).await?;
        let server = connection.server.clone();
        let look = self.look_over(cluster, connection);
        in_time(&server, self.cluster_timeout, look).await
    }

    async fn run(&self, cluster: &Cluster, look: &Look, line: Line) -> ClusterOutcome<RolledBack> {
        let objects = match self.backups.get(&cluster.name) {
            Some(backup) => self.roll_back(cluster, backup, look, &line).await,
            None => Vec::new(),
        };
        outcome(cluster, &look.site, objects)
    }
}

fn outcome(
    cluster: &Cluster,
    site: &Site,
    objects: Vec<ObjectRollback>,
) -> ClusterOutcome<RolledBack> {
    let failed = objects.iter();
    let failed = failed.filter(|object| object.action == RollbackAction::Failed);
    let failed: Vec<_> = failed.collect();
    let reason = failed.first().map(|first| {
        let (count, total) = (failed.len(), objects.len());
        let (kind, name) = (&first.kind, &first.name);
        let reason = first.reason.as_deref().unwrap_or("no reason given");
        format!("{count} of {total} objects not brought back; first {kind} {name}: {reason}")
    });
    let state = match failed.is_empty() {
        true => State::Done,
        false => State::Failed,
    };
    ClusterOutcome {
        warnings: site.warnings.clone(),
        detail: RolledBack { objects },
        ..ClusterOutcome::at(cluster, site, state, reason)
    }
}
