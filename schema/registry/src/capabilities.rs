/*!
What a registry turned out to be unable to do, so that it is asked for it once and not for every image.

Nothing here changes what is found, only how often the same refusal is asked for. The answers of one host may differ: a proxy
puts several registries behind one name, each below a first path component of its own. So a missing referrers API counts
for the repositories below one such component, and for the whole host once a second component lacks it too and none has
it.
*/

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use schema::Repository;

/// First path components that must lack the referrers API before the host is taken to lack it.
const CONFIRMED: usize = 2;

/// What is known of one registry.
#[derive(Debug, Default)]
pub(crate) struct Capabilities {
    whole_blobs_only: AtomicBool,
    refuses_own_mounts: AtomicBool,
    pub referrers: Referrers,
}

impl Capabilities {
    /// Whether blobs come in ranges, as far as is known.
    pub(crate) fn ranges(&self) -> bool {
        !self.whole_blobs_only.load(Ordering::Relaxed)
    }

    /// A range was answered with the whole blob.
    pub(crate) fn no_ranges(&self) {
        self.whole_blobs_only.store(true, Ordering::Relaxed);
    }

    /// Whether an upload may be opened with a mount from the very repository, as far as is known.
    pub(crate) fn own_mounts(&self) -> bool {
        !self.refuses_own_mounts.load(Ordering::Relaxed)
    }

    /// Such a mount was answered with an error.
    pub(crate) fn no_own_mounts(&self) {
        self.refuses_own_mounts.store(true, Ordering::Relaxed);
    }
}

/// Where the referrers API is missing.
#[derive(Debug, Default)]
pub(crate) struct Referrers {
    known: Mutex<Known>,
    /// Held while the first questions are asked, so that many images do not get the same refusal at once.
    first: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    lists: bool,
    lacking: HashSet<String>,
    asked: usize,
}

impl Known {
    fn settled(&self) -> bool {
        self.lists || self.lacking.len() >= CONFIRMED || self.asked > 2 * CONFIRMED
    }

    fn lacks(&self, repository: &Repository) -> bool {
        self.lacking.contains(root(repository)) || (!self.lists && self.lacking.len() >= CONFIRMED)
    }
}

impl Referrers {
    /// Whether it is worth asking about a manifest of this repository. Until the registry has shown what it can, one
    /// question waits for the answer to the one before: it is to be held until [`Self::lists`] or [`Self::lacks`].
    pub(crate) async fn turn(
        &self,
        repository: &Repository,
    ) -> Option<Option<tokio::sync::MutexGuard<'_, ()>>> {
        if self.known().settled() {
            return (!self.known().lacks(repository)).then_some(None);
        }
        let turn = self.first.lock().await;
        let mut known = self.known();
        if known.lacks(repository) {
            return None;
        }
        known.asked += 1;
        // Whoever waited for the deciding answer need not hold up the others.
        Some((!known.settled()).then_some(turn))
    }

    /// The registry gave a list.
    pub(crate) fn lists(&self) {
        self.known().lists = true;
    }

    /// The registry does not know the path, for any manifest of that repository.
    pub(crate) fn lacks(&self, repository: &Repository) {
        self.known().lacking.insert(root(repository).to_owned());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first path component.
fn root(repository: &Repository) -> &str {
    let name = repository.as_str();
    name.split_once('/').map_or(name, |(root, _)| root)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asks(referrers: &Referrers, name: &str) -> Result<bool, schema::name::NameError> {
        Ok(referrers.turn(&name.parse()?).await.is_some())
    }

    /// One refusal speaks for its neighbours, a second elsewhere for the host; a list from anywhere takes that back.
    #[tokio::test]
    async fn a_refusal_counts_for_neighbours_and_a_second_one_for_all()
    -> Result<(), Box<dyn std::error::Error>> {
        let referrers = Referrers::default();
        assert!(asks(&referrers, "team/app").await?);
        referrers.lacks(&"team/app".parse()?);
        assert!(!asks(&referrers, "team/other").await?);
        assert!(asks(&referrers, "shop/app").await?);
        referrers.lacks(&"shop/app".parse()?);
        assert!(!asks(&referrers, "third").await?);
        referrers.lists();
        assert!(asks(&referrers, "third").await?);
        assert!(!asks(&referrers, "team/other").await?);
        Ok(())
    }
}
