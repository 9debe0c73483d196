/*!
What clusters need besides the bundle's own manifests: where images are now, where updates are offered, and whom to trust.

Only the importer knows the target registry, so it is rendered here. Pure: the signed index and the operator's wishes in,
files out.
*/

mod directory;
mod mirror;
pub mod passing;
mod share;
#[cfg(test)]
mod tests;
pub mod trust;
mod update_service;

use std::{collections::BTreeMap, sync::Arc};

use manifests::write;
use schema::{
    Digest,
    bundle::{BundlePath, CHECKSUMS, Index, checksums},
};
use serde_json::Value;

pub use directory::ConfigDirectory;
pub use passing::ConfigSink;
pub use share::Share;
use trust::{PullSecret, TrustPack};

use crate::{Error, options::MirrorConfig, target::Target};

/// The snippet for `install-config.yaml`, beside the manifests; `kubectl` passes over it.
const INSTALL_CONFIG: &str = "install-config.txt";

/// A manifest made here.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Below the configuration directory.
    pub path: String,
    /// YAML of one document.
    pub text: String,
    /// The same as a value.
    pub object: Value,
    /// How much of the object that is.
    pub share: Share,
}

impl Rendered {
    fn new(path: String, comment: &str, object: Value) -> Self {
        Self {
            text: format!("{comment}{}", write::document(&object)),
            object,
            path,
            share: Share::Whole,
        }
    }
}

/// Everything that an import adds to the bundle's own manifests.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// The mirror objects, sorted by source; those for pulls by tag last.
    pub mirror: Vec<Rendered>,
    /// The UpdateService, where the bundle brings an update graph.
    pub update_service: Option<Rendered>,
    /// Fields of the cluster's own objects that make it trust the registry.
    pub trust: Vec<Rendered>,
    /// Credentials that clusters are to have, and that no file of a configuration directory holds.
    pub pull_secret: Option<Arc<PullSecret>>,
    /// The snippet for `install-config.yaml` of new clusters.
    pub install_config: Option<String>,
    /// What to know before it is applied.
    pub warnings: Vec<String>,
    /// Every file of a configuration directory but its SHA256SUMS, the bundle's own included.
    files: BTreeMap<String, Digest>,
}

impl Configuration {
    /// Renders everything. An error if a file of the bundle has the name of one made here.
    pub fn new(
        index: &Index,
        target: &Target,
        choice: MirrorConfig,
        mirror_tags: bool,
        trust: &TrustPack,
    ) -> Result<Self, Error> {
        if mirror_tags && choice != MirrorConfig::Idms {
            return Err(Error::Usage(
                "--mirror-tags goes with --mirror-config idms alone: clusters that need something else do not know ImageTagMirrorSet".to_owned(),
            ));
        }
        let pairs = mirror::by_digest(index, target)?;
        let mut mirror = mirror::digest_objects(&pairs, choice);
        let mut warnings = Vec::new();
        if mirror_tags {
            let objects = mirror::tag_objects(&mirror::by_tag(index, target)?);
            warnings.extend(
                objects.iter().map(|object| {
                    format!("applying {} drains the nodes of a cluster", object.path)
                }),
            );
            mirror.extend(objects);
        }
        let update_service = update_service::object(index, target)?;
        if update_service.is_some() {
            warnings.push("the UpdateService needs the OpenShift Update Service operator: clusters without it refuse the object, and take it once the operator is installed".to_owned());
        }
        let mut configuration = Self {
            install_config: mirror::install_config(&pairs, choice),
            mirror,
            update_service,
            trust: trust.objects(target)?,
            pull_secret: trust.pull_secret.clone(),
            warnings,
            files: BTreeMap::new(),
        };
        configuration.files = configuration.listing(index)?;
        Ok(configuration)
    }

    /// The manifests made here, in the order of [`Self::mirror`], then the update service and what makes clusters trust.
    pub fn manifests(&self) -> impl Iterator<Item = &Rendered> {
        let update_service = self.update_service.iter();
        self.mirror.iter().chain(update_service).chain(&self.trust)
    }

    /// The files made here, with their text.
    fn made(&self) -> impl Iterator<Item = (&str, &str)> {
        let manifests = self
            .manifests()
            .map(|made| (made.path.as_str(), made.text.as_str()));
        let snippet = self.install_config.as_deref();
        manifests.chain(snippet.map(|text| (INSTALL_CONFIG, text)))
    }

    /// Every file of a configuration directory, sorted, SHA256SUMS last.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str).chain([CHECKSUMS])
    }

    /// Whether there is anything for `kubectl apply`.
    pub fn has_objects(&self) -> bool {
        self.files.keys().any(|path| path != INSTALL_CONFIG)
    }

    /// In coreutils' format.
    fn sums(&self) -> String {
        checksums(self.files.iter().map(|(path, digest)| (path, *digest)))
    }

    fn listing(&self, index: &Index) -> Result<BTreeMap<String, Digest>, Error> {
        let own: BTreeMap<String, Digest> = index
            .files
            .iter()
            .filter_map(|file| Some((below_config(&file.path)?.to_owned(), file.digest)))
            .collect();
        let made = self.made().map(|(path, _)| path).chain([CHECKSUMS]);
        for made in made {
            let clash = |path: &&String| *path == made || above(path, made) || above(made, path);
            if let Some(path) = own.keys().find(clash) {
                return Err(Error::Usage(format!(
                    "config/{path} of the bundle stands where the import puts {made}; build the bundle with that file under another name"
                )));
            }
        }
        let made = self.made();
        let made = made.map(|(path, text)| (path.to_owned(), Digest::of(text.as_bytes())));
        Ok(own.into_iter().chain(made).collect())
    }
}

/// Whether a path would have to be a directory for the other to be a file.
fn above(directory: &str, path: &str) -> bool {
    let rest = path.strip_prefix(directory);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Where a file of the bundle stands in a configuration directory.
fn below_config(path: &BundlePath) -> Option<&str> {
    match path {
        BundlePath::Config(path) => Some(path.as_str()),
        _ => None,
    }
}
