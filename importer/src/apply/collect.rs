/*! The manifests of a bundle, kept as they pass: clusters come after the last verified byte. */

use std::sync::{Arc, Mutex, PoisonError};

use schema::bundle::{self, BundlePath, Contents, Verified};

use super::manifest::Manifest;
use crate::{
    Error, audit,
    push::{ConfigSink, frame},
};

/// Manifests in the order of the bundle.
#[derive(Debug, Default)]
pub struct Collected(Mutex<Vec<Manifest>>);

impl Collected {
    /// Those of a bundle of which nothing else is wanted. From a pipe it is read to its verified end.
    pub fn of(bundle: Verified) -> Result<Vec<Manifest>, Error> {
        let collected = Self::default();
        match bundle.into_contents() {
            Contents::Random(random) => frame(&random, &collected)?,
            sequential @ Contents::Sequential(_) => {
                let index = sequential.tape().index().clone();
                sequential.visit(|entry| {
                    if audit::concerns(entry.file) {
                        let bytes = entry.body.read_whole()?;
                        audit::check(&index, &entry.file.path, &bytes)?;
                        collected.file(&entry.file.path, &bytes)?;
                    }
                    Ok::<_, Error>(())
                })?;
            }
        }
        Ok(collected.into_manifests())
    }

    /// What was kept.
    pub fn into_manifests(self) -> Vec<Manifest> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConfigSink for Collected {
    fn file(&self, path: &BundlePath, bytes: &[u8]) -> Result<(), bundle::Error> {
        let path = path.to_string();
        let manifests = Manifest::read(&path, bytes)
            .map_err(|error| bundle::Error::Invalid(format!("{path}: {error}")))?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(manifests);
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
