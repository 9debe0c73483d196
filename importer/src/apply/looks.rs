/*!
What came of looking at each cluster, kept from the look until its turn.

All clusters are looked at before the first is changed. One that hangs must not cost the others their time, though: when
nearly all have answered, the last few get a moment more, and after that the others begin. Whoever is late is looked at
all the same, and has its turn when that is done.
*/

use std::{
    borrow::Cow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::{dry_run::DryRunResult, manifest::Manifest, preflight::Preflight};

/// How long the last few are waited for when all others have answered.
const GRACE: Duration = Duration::from_secs(1);

/// One in so many, and at least one, may be late.
const LATE: usize = 20;

/// A cluster that answered, and what it is to get.
pub(super) struct Ready<'p> {
    /// The objects, in order.
    pub manifests: Cow<'p, [Manifest]>,
    /// What it said to them.
    pub preflight: Preflight,
}

/// What came of looking at a cluster.
pub(super) enum Look<'p> {
    /// It has not answered yet.
    Pending,
    /// It answered.
    Ready(Box<Ready<'p>>),
    /// It had its turn, or has none.
    Taken,
    /// It cannot be reached, or is not the one it should be.
    Unreachable(String),
}

impl Look<'_> {
    fn objection(&self) -> Option<String> {
        match self {
            Self::Pending | Self::Taken => None,
            Self::Unreachable(reason) => Some(reason.clone()),
            Self::Ready(ready) => {
                let mut objects = ready.manifests.iter().zip(&ready.preflight.objects);
                objects.find_map(|(manifest, foreseen)| match foreseen {
                    DryRunResult::Create
                    | DryRunResult::Configure
                    | DryRunResult::Unchanged
                    | DryRunResult::Waits { .. } => None,
                    DryRunResult::Conflict { reason }
                    | DryRunResult::Refused { reason }
                    | DryRunResult::Impossible { reason } => {
                        Some(format!("{} {}: {reason}", manifest.kind, manifest.name))
                    }
                })
            }
        }
    }
}

/// The looks of all clusters of a fleet, by their place in it.
pub(super) struct Looks<'p> {
    each: Mutex<Vec<Look<'p>>>,
    changed: Notify,
}

impl<'p> Looks<'p> {
    /// None has answered yet.
    pub(super) fn of(clusters: usize) -> Self {
        let mut each = Vec::new();
        each.resize_with(clusters, || Look::Pending);
        Self {
            each: Mutex::new(each),
            changed: Notify::new(),
        }
    }

    /// Keeps the look of a cluster.
    pub(super) fn put(&self, index: usize, look: Look<'p>) {
        if let Some(place) = self.each().get_mut(index) {
            *place = look;
        }
        self.changed.notify_waiters();
    }

    /// The look of a cluster, once there is one; it is gone from here then.
    pub(super) async fn take(&self, index: usize) -> Look<'p> {
        loop {
            // Before looking, so that nothing that comes in between is missed.
            let changed = self.changed.notified();
            match self.take_now(index) {
                Look::Pending => changed.await,
                look => return look,
            }
        }
    }

    /// The same as it is now.
    pub(super) fn take_now(&self, index: usize) -> Look<'p> {
        match self.each().get_mut(index) {
            Some(Look::Pending) => Look::Pending,
            Some(look) => std::mem::replace(look, Look::Taken),
            None => Look::Taken,
        }
    }

    /// Waits until so many have answered that the others need not wait for the rest. `total` is how many are looked at.
    pub(super) async fn enough(&self, total: usize) {
        let late = (total / LATE).max(1);
        loop {
            let changed = self.changed.notified();
            let pending = self
                .each()
                .iter()
                .filter(|look| matches!(look, Look::Pending))
                .count();
            // Those without a turn are never looked at, and stay pending.
            let pending = pending.saturating_sub(self.each().len() - total);
            if pending <= late && total > late {
                break;
            }
            changed.await;
        }
        sleep(GRACE).await;
    }

    /// The first cluster with which something is wrong, and what.
    pub(super) fn objection(&self) -> Option<(usize, String)> {
        let each = self.each();
        let mut looks = each.iter().enumerate();
        looks.find_map(|(index, look)| Some((index, look.objection()?)))
    }

    /// What is wrong with a cluster.
    pub(super) fn objection_of(&self, index: usize) -> Option<String> {
        self.each().get(index)?.objection()
    }

    fn each(&self) -> MutexGuard<'_, Vec<Look<'p>>> {
        self.each.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
