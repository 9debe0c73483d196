/*! Clusters whose turn is the same, and what comes between two such turns. */

use std::{sync::Arc, time::Duration};

use cluster::Cluster;

use crate::{gates::Gates, health::Wait};

/// Clusters whose turn is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// As people count them, from 1.
    pub number: usize,
    /// Which, in order.
    pub clusters: Vec<Arc<Cluster>>,
    /// How many at once; `usize::MAX` where the wave sets no limit of its own.
    pub max_concurrent: usize,
    /// How many may fail before the rest is stopped; where not given none in a wave that another follows, any number in
    /// the last.
    pub max_failures: Option<usize>,
    /// What is waited for on each of its clusters; where not given, what the command line says.
    pub wait: Option<Wait>,
    /// The most time for each of its clusters to become healthy; where not given, what the command line says.
    pub health_timeout: Option<Duration>,
    /// What comes between this wave and the next.
    pub pause: Option<Pause>,
    /// What must hold before each of them is begun, and what runs before and after.
    pub gates: Arc<Gates>,
}

impl Wave {
    /// A wave without rules of its own.
    pub fn of(number: usize, clusters: Vec<Arc<Cluster>>) -> Self {
        Self {
            number,
            clusters,
            max_concurrent: usize::MAX,
            max_failures: None,
            wait: None,
            health_timeout: None,
            pause: None,
            gates: Arc::default(),
        }
    }
}

/// A wait between waves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// This long.
    For(Duration),
    /// Until somebody approves.
    Approval,
}
