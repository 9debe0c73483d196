/*! The manifests of a bundle, kept as they pass: clusters come after the last verified byte. */

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use schema::bundle::{self, BundlePath, Verified};

use super::manifest::Manifest;
use crate::{
    Error,
    configuration::{ConfigSink, passing},
};

/// Takes the configuration of a bundle as it passes.
#[derive(Debug, Default)]
pub struct Collected(Mutex<Config>);

/// The configuration of a bundle.
#[derive(Debug, Default)]
pub struct Config {
    /// Its objects, in its order.
    pub manifests: Vec<Manifest>,
    /// The files they stand in, by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Collected {
    /// Those of a bundle of which nothing else is wanted. From a pipe it is read to its verified end.
    pub fn of(bundle: Verified) -> Result<Self, Error> {
        let collected = Self::default();
        passing::all(bundle, &collected)?;
        Ok(collected)
    }

    /// What was kept.
    pub fn into_config(self) -> Config {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConfigSink for Collected {
    fn file(&self, path: &BundlePath, bytes: &[u8]) -> Result<(), bundle::Error> {
        let path = path.to_string();
        let manifests = Manifest::read(&path, bytes)
            .map_err(|error| bundle::Error::Invalid(format!("{path}: {error}")))?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.manifests.extend(manifests);
        all.files.insert(path, bytes.to_vec());
        Ok(())
    }
}

/// Two that both want the configuration.
#[derive(Debug)]
pub struct Both(pub Arc<dyn ConfigSink>, pub Arc<dyn ConfigSink>);

impl ConfigSink for Both {
    fn file(&self, path: &BundlePath, bytes: &[u8]) -> Result<(), bundle::Error> {
        self.0.file(path, bytes)?;
        self.1.file(path, bytes)
    }
}
