/*! Why a cluster does not get to a release. */

use std::time::Duration;

use cluster::{ClusterError, Unanswered};

use super::patch::Refusal;

/// Why a cluster does not get to a release.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// There is no ClusterVersion.
    #[error("the cluster is not OpenShift 4: it has no ClusterVersion named version")]
    NotOpenShift,
    /// This user may not read the ClusterVersion.
    #[error(
        "this user may not read the ClusterVersion: {0}; grant get on clusterversions.config.openshift.io"
    )]
    Forbidden(String),
    /// It cannot be asked, or is another cluster than it should be.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// It was not asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The API server does not take the patch.
    #[error("cannot patch ClusterVersion version: {0}")]
    Patch(Unanswered),
    /// The cluster does not take the release.
    #[error("the cluster has not accepted the release for {}: {detail}", minutes(.after))]
    NotAccepted {
        /// For how long.
        after: Duration,
        /// The cluster's words.
        detail: String,
    },
    /// The cluster or its nodes are in trouble.
    #[error("the upgrade has been failing for {}: {detail}; the cluster goes on trying", minutes(.after))]
    Failing {
        /// For how long.
        after: Duration,
        /// The cluster's words.
        detail: String,
    },
    /// Somebody else has asked for another release.
    #[error("the cluster was meanwhile asked for another release, {0}")]
    Superseded(String),
    /// The API server does not answer.
    #[error("the API server has not answered for {}: {detail}; the upgrade may go on, run the same command again to watch it", minutes(.after))]
    Unreachable {
        /// For how long.
        after: Duration,
        /// Why the last request failed.
        detail: String,
    },
    /// It takes too long.
    #[error("the upgrade is not done after {}: {detail}; it goes on, run the same command again to watch it", minutes(.after))]
    Timeout {
        /// The limit.
        after: Duration,
        /// What was last seen.
        detail: String,
    },
}

fn minutes(duration: &Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
