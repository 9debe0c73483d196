/*! Flags of the trust pack. */

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::{Gate, PullSecret, TrustPack};
use crate::Error;

/// What clusters need to reach the registry, and to believe it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Trust options")]
pub struct TrustPackArgs {
    /// Certificates of the authority that signed the registry's, PEM: clusters are made to trust it for that registry
    #[arg(long, value_name = "FILE", requires = "to")]
    pub registry_ca: Option<PathBuf>,
    /// Credentials for the global pull secret of clusters, as `podman login` writes them; what they have for other registries stays
    #[arg(long, value_name = "AUTH.json", requires = "to")]
    pub merge_pull_secret: Option<PathBuf>,
    /// The update service that clusters ask for updates, `https://…/api/upgrades_info/v1/graph`
    #[arg(long, value_name = "URL", requires = "to", value_parser = url)]
    pub update_service: Option<String>,
    /// A store of release signatures, for clusters with the feature gate SignatureStores; repeatable, replaces their own
    #[arg(long = "signature-store", value_name = "URL", requires = "to", value_parser = url)]
    pub signature_stores: Vec<String>,
    /// Acknowledge what a release asks for before the next minor version, by the name that the cluster shows; repeatable
    #[arg(long = "acknowledge", value_name = "ack-VERSION-…", requires = "to")]
    pub acknowledged: Vec<Gate>,
}

impl TrustPackArgs {
    /// Reads the files that are named.
    pub(crate) fn pack(&self) -> Result<TrustPack, Error> {
        let registry_ca = self.registry_ca.as_deref().map(registry::ca_text);
        let pull_secret = self.merge_pull_secret.as_deref().map(PullSecret::read);
        Ok(TrustPack {
            registry_ca: registry_ca.transpose()?,
            pull_secret: pull_secret.transpose()?.map(Arc::new),
            update_service: self.update_service.clone(),
            signature_stores: self.signature_stores.clone(),
            acknowledged: self.acknowledged.clone(),
        })
    }

    /// Files that are read: nothing may be written over one.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &PathBuf> {
        self.registry_ca.iter().chain(&self.merge_pull_secret)
    }
}

/// An absolute URL of a web server.
fn url(text: &str) -> Result<String, String> {
    let mut host = ["https://", "http://"].iter();
    let host = host.find_map(|scheme| text.strip_prefix(scheme));
    let right = host.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':', '?'])
            && !text.contains(char::is_whitespace)
    });
    match right {
        true => Ok(text.to_owned()),
        false => Err("expected an absolute URL, https://HOST/PATH".to_owned()),
    }
}
