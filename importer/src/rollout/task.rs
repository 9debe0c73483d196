/*! What is done to the clusters of a fleet: applying manifests, upgrading, rolling back, a look. */

use std::future::Future;

use cli::Line;
use cluster::{Cluster, ClusterError, Connection};

use super::{outcome::ClusterOutcome, report::Detail, site::Site};

/// What is done to every cluster of a fleet. [`super::Rollout`] says when.
pub trait Task {
    /// What a look at a cluster shows.
    type Forecast: Forecast;
    /// What is reported of it in the end.
    type Detail: Detail;

    /// Looks at a cluster, and changes nothing.
    fn look(&self, cluster: &Cluster)
    -> impl Future<Output = Result<Self::Forecast, ClusterError>>;

    /// Does it. It never fails: what came of it is a value. `line` shows how far it is.
    fn run(
        &self,
        cluster: &Cluster,
        forecast: &Self::Forecast,
        line: Line,
    ) -> impl Future<Output = ClusterOutcome<Self::Detail>>;
}

/// What a look at a cluster has shown.
pub trait Forecast {
    /// Who it is.
    fn site(&self) -> &Site;

    /// The way to it, for the gates of its wave.
    fn connection(&self) -> &Connection;

    /// What will be done to it, in a few words: `3 will change, 1 waits`. Clusters with the same words are shown together.
    fn summary(&self) -> String;

    /// What makes it pointless to begin, if all clusters are to be right or none is to be changed.
    fn objection(&self) -> Option<String>;
}
