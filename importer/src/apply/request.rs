/*! What is asked of `apply`, once flags are values. */

use std::path::PathBuf;

use super::{ApplyOptions, manifests::Selection};
use crate::{
    backup::BackupOptions, inventory::InventoryOptions, prove_pull::Proof, rollout::RolloutOptions,
};

/// What is asked for.
#[derive(Debug)]
pub struct ApplyRequest {
    /// Which clusters, and when.
    pub rollout: RolloutOptions,
    /// Which objects.
    pub selection: Selection,
    /// How they are applied.
    pub options: ApplyOptions,
    /// The series whose objects are listed on each cluster.
    pub inventory: Option<InventoryOptions>,
    /// Where what will change is saved before.
    pub backup: Option<BackupOptions>,
    /// Whether nodes are to prove that they can pull.
    pub proof: Option<Proof>,
    /// What is to be done with them.
    pub mode: Mode,
    /// Files that are read: nothing may be written over one.
    pub inputs: Vec<PathBuf>,
}

/// What is to be done with the objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// They are listed, and no cluster is asked.
    List,
    /// They are written into a directory, a tree for each cluster, and no cluster is asked.
    Render(PathBuf),
    /// They are applied, or tried on a dry run.
    Apply,
}
