/*!
The clusters that are meant, each by name: from `--context` flags, or from a file that also says in which order and what
differs.

Nothing is ever applied to a cluster only because somebody's `current-context` happens to point to it.
*/

mod contexts;
mod error;
mod file;
mod hooks;
pub mod overlay;
mod require;
pub mod selector;
#[cfg(test)]
mod tests;
mod typed;
mod wave;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use cluster::Cluster;

pub use error::FleetError;
pub use overlay::Overlays;
pub use wave::{Pause, Wave};

use contexts::Kubeconfigs;
pub(crate) use contexts::bounded;

/// Clusters, and the order they come in.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// Each by a name of its own, in the order of the file or of the flags.
    pub clusters: Vec<Arc<Cluster>>,
    /// Every cluster stands in one of them.
    pub waves: Vec<Wave>,
    /// What differs from cluster to cluster.
    pub overlays: Overlays,
    /// What to know before anything is begun.
    pub warnings: Vec<String>,
}

impl Fleet {
    /// The clusters of `--context` flags, all in one wave. Contexts are looked for in `kubeconfig`, else in the files that
    /// `KUBECONFIG` lists, else in `~/.kube/config`.
    pub fn from_contexts(
        contexts: &[String],
        kubeconfig: Option<&Path>,
    ) -> Result<Self, FleetError> {
        let kubeconfigs = match kubeconfig {
            Some(file) => Kubeconfigs::named(vec![file.to_owned()]),
            None => Kubeconfigs::of_environment()?,
        };
        Self::of(contexts, &kubeconfigs)
    }

    /// The clusters of a CLUSTERS.yaml.
    pub fn load(path: &Path) -> Result<Self, FleetError> {
        file::load(path)
    }

    fn of(contexts: &[String], kubeconfigs: &Kubeconfigs) -> Result<Self, FleetError> {
        let known = kubeconfigs.contexts()?;
        if contexts.is_empty() {
            return Err(FleetError::NoContext {
                known: known.to_string(),
            });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = contexts.iter().find(|context| !seen.insert(*context)) {
            return Err(FleetError::Twice(twice.clone()));
        }
        for context in contexts {
            known.check(context)?;
        }
        let clusters = contexts.iter().map(|context| {
            Arc::new(Cluster {
                name: context.clone(),
                kubeconfig: kubeconfigs.files().to_vec(),
                context: context.clone(),
                labels: Default::default(),
                cluster_id: None,
            })
        });
        let clusters: Vec<_> = clusters.collect();
        Ok(Self {
            waves: vec![Wave::of(1, clusters.clone())],
            clusters,
            ..Self::default()
        })
    }

    /// Takes pauses and limits on failures out of the waves: a dry run need not wait, nor stop.
    pub fn without_stops(&mut self) {
        for wave in &mut self.waves {
            wave.pause = None;
            wave.max_failures = Some(usize::MAX);
        }
    }

    /// Takes windows, requirements and hooks out as well, for what never begins anything.
    pub fn without_gates(&mut self) {
        self.without_stops();
        for wave in &mut self.waves {
            wave.gates = Arc::default();
        }
    }

    /// The clusters that have a turn.
    pub fn members(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.waves.iter().flat_map(|wave| &wave.clusters)
    }

    /// The wave that a cluster is in.
    pub fn wave_of(&self, cluster: &Cluster) -> Option<&Wave> {
        let in_it = |other: &Arc<Cluster>| other.name == cluster.name;
        self.waves
            .iter()
            .find(|wave| wave.clusters.iter().any(in_it))
    }

    /// Leaves out of the waves what is not wanted, for a second run. Waves keep their numbers, and may be empty.
    pub fn retain(&mut self, wanted: impl Fn(&Cluster) -> bool) {
        for wave in &mut self.waves {
            wave.clusters.retain(|cluster| wanted(cluster));
        }
    }
}
