/*! Why a cluster does not get to a release. */

use std::time::Duration;

use super::patch::Refusal;

/// Why a cluster does not get to a release.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// There is no ClusterVersion.
    #[error("the cluster is not OpenShift 4: it has no ClusterVersion named version")]
    NotOpenShift,
    /// It is another cluster than it should be; it was not asked.
    #[error(
        "this is not the cluster that was meant: expected clusterID {expected}, found {found}; check the context, or the clusterID in the list of clusters"
    )]
    Identity {
        /// `clusterID` of the list of clusters.
        expected: String,
        /// `spec.clusterID`.
        found: String,
    },
    /// It was not asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The API server does not let us.
    #[error("cannot {what} ClusterVersion version: {said}")]
    Api {
        /// `read` or `patch`.
        what: &'static str,
        /// The server's words.
        said: String,
    },
    /// The cluster does not take the release.
    #[error("the cluster has not accepted the release for {}: {said}", minutes(.after))]
    NotAccepted {
        /// For how long.
        after: Duration,
        /// The cluster's words.
        said: String,
    },
    /// The cluster or its nodes are in trouble.
    #[error("the upgrade has been failing for {}: {said}; the cluster goes on trying", minutes(.after))]
    Failing {
        /// For how long.
        after: Duration,
        /// The cluster's words.
        said: String,
    },
    /// Somebody else has asked for another release.
    #[error("the cluster was meanwhile asked for another release, {0}")]
    Superseded(String),
    /// The API server does not answer.
    #[error("the API server has not answered for {}: {said}; the upgrade may go on, run the same command again to watch it", minutes(.after))]
    Unreachable {
        /// For how long.
        after: Duration,
        /// Why the last request failed.
        said: String,
    },
    /// It takes too long.
    #[error("the upgrade is not done after {}: {said}; it goes on, run the same command again to watch it", minutes(.after))]
    Timeout {
        /// The limit.
        after: Duration,
        /// What was last seen.
        said: String,
    },
}

fn minutes(duration: &Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
