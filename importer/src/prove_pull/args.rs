/*! Flags of the pull proof. */

use std::time::Duration;

use clap::Args;
use schema::bundle::Index;

use super::{Proof, images, pools::Pool};
use crate::{Error, rollout::args::duration, upgrade::request::PinnedImage};

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
    /// The proof of a bundle's images, pulled from where they came from, so that mirrors are put to use.
    pub(crate) fn of_bundle(&self, index: &Index) -> Result<Option<Proof>, Error> {
        self.proof(|| images::of_bundle(index))
    }

    /// The proof of a release at the registry inside, and of a component where the bundle tells one.
    pub(crate) fn of_release(
        &self,
        release: &PinnedImage,
        component: Option<String>,
    ) -> Option<Proof> {
        let images = || Ok([release.to_string()].into_iter().chain(component).collect());
        self.proof(images).ok().flatten()
    }

    fn proof(
        &self,
        images: impl FnOnce() -> Result<Vec<String>, Error>,
    ) -> Result<Option<Proof>, Error> {
        if !self.prove_pull {
            return Ok(None);
        }
        let named = self.prove_images.iter().map(ToString::to_string);
        let named: Vec<String> = named.collect();
        Ok(Some(Proof {
            namespace: self.prove_namespace.clone(),
            images: if named.is_empty() { images()? } else { named },
            pools: self.prove_selectors.clone(),
            limit: self.prove_timeout,
        }))
    }
}
