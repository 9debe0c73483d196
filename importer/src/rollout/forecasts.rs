/*!
What a look at each cluster has shown, before the first is changed: a forecast, which is made anew where it has grown old.

One that hangs must not cost the others their time: when nearly all have answered, the last few get a moment more, and
after that the others begin. Whoever is late is looked at all the same, and has its turn when that is done.
*/

use std::{collections::BTreeMap, future::Future, pin::pin, time::Duration};

use cluster::{Cluster, ClusterError};
use futures_util::{StreamExt, stream};
use tokio::{
    sync::{SetOnce, watch},
    time::{Instant, sleep},
};

use super::task::Forecast;
use crate::fleet::Fleet;

/// How long the last few are waited for when all others have answered.
const GRACE: Duration = Duration::from_secs(1);

/// One in so many, and at least one, may be late.
const LATE: usize = 20;

/// What a look came to, and when.
pub(super) struct Look<F> {
    pub found: Result<F, ClusterError>,
    at: Instant,
}

/// How long a cluster that did not answer is taken to be away, and one that did to be as it was: a pause may come in between.
const AWAY: Duration = Duration::from_secs(5);
const FRESH: Duration = Duration::from_secs(60);

impl<F> Look<F> {
    /// Whether it may still be true.
    pub(super) fn is_fresh(&self) -> bool {
        let limit = match self.found {
            Ok(_) => FRESH,
            Err(_) => AWAY,
        };
        self.at.elapsed() < limit
    }
}

/// The looks at all clusters that have a turn, by name.
pub(super) struct Forecasts<F> {
    each: BTreeMap<String, SetOnce<Look<F>>>,
    looked: watch::Sender<usize>,
}

impl<F: Forecast> Forecasts<F> {
    /// None has answered yet.
    pub(super) fn of(fleet: &Fleet) -> Self {
        let members = fleet.members();
        Self {
            each: members
                .map(|cluster| (cluster.name.clone(), SetOnce::new()))
                .collect(),
            looked: watch::Sender::new(0),
        }
    }

    /// Looks at all of them, so many at once.
    pub(super) async fn look<L>(&self, fleet: &Fleet, at_once: usize, look: impl Fn(&Cluster) -> L)
    where
        L: Future<Output = Result<F, ClusterError>>,
    {
        let looks = stream::iter(fleet.members());
        let looks = looks
            .map(|cluster| {
                let looking = look(cluster);
                async move { (cluster, looking.await) }
            })
            .buffer_unordered(at_once);
        let mut looks = pin!(looks);
        while let Some((cluster, found)) = looks.next().await {
            if let Some(slot) = self.each.get(&cluster.name) {
                let at = Instant::now();
                drop(slot.set(Look { found, at }));
            }
            self.looked.send_modify(|count| *count += 1);
        }
    }

    /// Waits until so many have answered that the others need not wait for the rest.
    pub(super) async fn nearly_all(&self) {
        let total = self.each.len();
        let late = (total / LATE).max(1);
        let mut looked = self.looked.subscribe();
        let enough = looked.wait_for(|count| total > late && total - count <= late);
        if enough.await.is_err() {
            // The sender lives as long as we do.
            std::future::pending::<()>().await;
        }
        sleep(GRACE).await;
    }

    /// What the look at a cluster has shown, once that is over.
    pub(super) async fn wait(&self, cluster: &Cluster) -> Option<&Look<F>> {
        match self.each.get(&cluster.name) {
            Some(slot) => Some(slot.wait().await),
            None => None,
        }
    }

    /// The same as it is now.
    pub(super) fn get(&self, cluster: &Cluster) -> Option<&Look<F>> {
        self.each.get(&cluster.name)?.get()
    }

    /// What is wrong with a cluster.
    pub(super) fn objection(&self, cluster: &Cluster) -> Option<String> {
        match &self.get(cluster)?.found {
            Ok(forecast) => forecast.objection(),
            Err(error) => Some(error.to_string()),
        }
    }
}
