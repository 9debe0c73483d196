/*!
OpenShift releases: one reference in, everything a disconnected cluster needs out, and nothing that nobody vouches for.
*/

mod directory;
mod flows;
mod graph;
mod hostile;
mod incomplete;
mod refused;
mod release;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use fakes::{FakeRegistry, registry::Settings};
use schema::bundle::Index;
use serde_json::Value;
use tests::{
    openshift::{Release, ReleaseSpec, SignatureStore, Signer},
    process::Program,
};

use crate::desk::Desk;

/// A desk, a registry with a signed release, and the store with its signature.
pub struct Outside {
    /// With `release.asc`, the key that signatures must come from.
    pub desk: Desk,
    registry: FakeRegistry,
    signer: Signer,
    store: SignatureStore,
    /// What the registry holds.
    pub release: Release,
}

impl Outside {
    /// A release of five components whose payload trusts the signer's key and knows no reachable store.
    pub fn new(shape: impl FnOnce(ReleaseSpec) -> ReleaseSpec) -> Result<Self> {
        let (desk, registry) = (Desk::new()?, FakeRegistry::start(Settings::default())?);
        let signer = Signer::new(1)?;
        let spec = ReleaseSpec::new("4.3.0")
            .host(&registry.host())
            .key("harness", &signer.public_armored()?)
            .store("official", "http://127.0.0.1:1/signatures");
        let release = shape(spec).make()?;
        release.images.place(&registry)?;
        let store = SignatureStore::new(desk.at("signatures"))?;
        store.add(&release.digest(), &release.sign(&signer)?)?;
        fs::write(desk.at("release.asc"), signer.public_armored()?)?;
        Ok(Self {
            desk,
            registry,
            signer,
            store,
            release,
        })
    }

    /// The key file of the operator.
    fn key(&self) -> PathBuf {
        self.desk.at("release.asc")
    }

    /// `bundler build --release … --release-key … --signature-store …`, without an output.
    fn build(&self) -> Result<Program> {
        let build = self
            .desk
            .build()?
            .args(["--release", &self.release.reference()]);
        let build = build.args(["--release-key".as_ref(), self.key().as_os_str()]);
        Ok(build.args(["--signature-store".as_ref(), self.store.path().as_os_str()]))
    }

    /// The same into `bundle.tar`, which must succeed.
    pub fn bundle(&self) -> Result<PathBuf> {
        let bundle = self.desk.at("bundle.tar");
        self.build()?
            .args(["-o".as_ref(), bundle.as_os_str()])
            .run()?
            .expect_code(0)?;
        Ok(bundle)
    }

    /// What the bundle says of itself.
    fn index(&self, bundle: &std::path::Path) -> Result<Index> {
        index(&self.desk, bundle)
    }
}

/// The index of a bundle, verified.
fn index(desk: &Desk, bundle: &std::path::Path) -> Result<Index> {
    let inspect = desk.import("inspect", bundle)?.args(["--format", "json"]);
    let shown: Value = serde_json::from_slice(&inspect.run()?.expect_code(0)?.stdout)?;
    let index = shown.get("index").context("no index")?;
    Ok(serde_json::from_value(index.clone())?)
}
