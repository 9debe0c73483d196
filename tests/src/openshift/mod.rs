/*!
Releases as OpenShift ships them, of any size and in any state of disrepair.

A release is one image whose top layer lists all the others by digest. Its digest is signed with OpenPGP and the
signatures lie in stores on the web. Here is all of that, made from a [`ReleaseSpec`]: same spec, same digests.

```no_run
# fn main() -> anyhow::Result<()> {
use tests::openshift::{ReleaseSpec, SignatureStore, Signer};
use fakes::{FakeRegistry, registry::Settings};

let registry = FakeRegistry::start(Settings::default())?;
let signer = Signer::new(1)?;
let release = ReleaseSpec::new("4.3.0")
    .components(5)
    .host(&registry.host())
    .key("throw-away", &signer.public_armored()?)
    .store("official", "http://127.0.0.1:1/signatures")
    .make()?;
release.images.place(&registry)?;
let store = SignatureStore::new(std::env::temp_dir().join("signatures"))?;
store.add(&release.digest(), &release.sign(&signer)?)?;
println!("bundler build --release {} --signature-store {} …", release.reference(), store.url());
# Ok(())
# }
```
*/

mod make;
mod mirror;
mod payload;
mod server;
mod sign;
mod spec;
mod store;

use std::collections::BTreeMap;

use anyhow::Result;
use schema::{Digest, Repository, Tag};

use crate::images::{Image, Set};

pub use mirror::{Quirk, signature_config_map};
pub use server::{Behaviour, StoreServer};
pub use sign::{Envelope, Signer, claim};
pub use spec::{Oddity, ReleaseSpec};
pub use store::SignatureStore;

/// A release, ready to be served.
#[derive(Debug, Clone)]
pub struct Release {
    /// What it calls itself: `4.3.0`.
    pub version: String,
    /// `4.3.0-x86_64`, the tag of the release image and the start of all component tags.
    pub tag: Tag,
    /// `HOST[:PORT]` of the registry that component references name.
    pub host: String,
    /// The release image, or the list of them.
    pub image: Image,
    /// Where components belong.
    pub component_repository: Repository,
    /// Components by name, as the payload lists them. A missing one is here, but not in `images`.
    pub components: BTreeMap<String, Digest>,
    /// Everything a registry is to hold: components, untagged, then the release image, then `.sig` tags.
    pub images: Set,
}

impl Release {
    /// What a cluster verifies: the digest of the release image, or of the list of several.
    pub fn digest(&self) -> Digest {
        self.image.root.digest
    }

    /// `HOST/REPOSITORY:TAG`, as `--release` takes it.
    pub fn reference(&self) -> String {
        self.image.reference(&self.host)
    }

    /// `HOST/REPOSITORY@sha256:…` of the release image.
    pub fn pinned(&self) -> String {
        format!("{}/{}@{}", self.host, self.image.repository, self.digest())
    }

    /// `HOST/REPOSITORY@sha256:…` of a component.
    pub fn component(&self, name: &str) -> Option<String> {
        let digest = self.components.get(name)?;
        Some(format!(
            "{}/{}@{digest}",
            self.host, self.component_repository
        ))
    }

    /// The name that real signatures give the release, wherever it is served.
    pub fn identity(&self) -> String {
        format!("quay.io/openshift-release-dev/ocp-release:{}", self.tag)
    }

    /// A signature for this release, as stores hold it.
    pub fn sign(&self, signer: &Signer) -> Result<Vec<u8>> {
        signer.sign(&self.digest(), &self.identity())
    }

    /// The image a digest stands for.
    pub fn image_of(&self, digest: &Digest) -> Option<&Image> {
        let mut images = self.images.images.iter();
        images.find(|image| image.root.digest == *digest)
    }
}
