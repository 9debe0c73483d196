/*! Flags of the pull proof. */

use std::time::Duration;

use clap::Args;

use super::{Proof, pools::Pool};
use crate::{rollout::args::duration, upgrade::request::PinnedImage};

/// Whether nodes can pull, tried with a pod on each pool.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pull proof options")]
pub struct ProofArgs {
    /// Let one short-lived pod on each machine config pool pull the release and one component by digest; a cluster where that
    /// fails has failed
    #[arg(long)]
    pub prove_pull: bool,
    /// The namespace of these pods
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "default",
        requires = "prove_pull"
    )]
    pub prove_namespace: String,
    /// Pull this image instead; repeatable
    #[arg(
        long = "prove-image",
        value_name = "REGISTRY/REPOSITORY@sha256:DIGEST",
        requires = "prove_pull"
    )]
    pub prove_images: Vec<PinnedImage>,
    /// Nodes with these labels, instead of machine config pools; repeatable, a pod for each
    #[arg(
        long = "prove-selector",
        value_name = "LABEL=VALUE[,…]",
        requires = "prove_pull"
    )]
    pub prove_selectors: Vec<Pool>,
    /// The most time for all pods of a cluster
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration, requires = "prove_pull")]
    pub prove_timeout: Duration,
}

impl ProofArgs {
    /// What is to be proved, if anything; without images where none is named.
    pub(crate) fn proof(&self) -> Option<Proof> {
        let images = self.prove_images.iter().map(ToString::to_string);
        self.prove_pull.then(|| Proof {
            namespace: self.prove_namespace.clone(),
            images: images.collect(),
            pools: self.prove_selectors.clone(),
            limit: self.prove_timeout,
        })
    }
}
