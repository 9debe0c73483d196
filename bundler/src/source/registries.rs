/*!
The registries of a build, one set of connections for each host: those named on the command line, and those that the
payload of a release names later.
*/

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use schema::{
    Reference,
    registry::{Error, Options, Registry, Remote},
};

/// Registries by host, opened when first asked for.
#[derive(Debug, Default)]
pub struct Registries {
    options: Options,
    opened: Mutex<HashMap<String, Registry>>,
}

impl Registries {
    /// None is opened yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            opened: Mutex::default(),
        }
    }

    /// The repository of a reference. Nothing is asked of the registry; only its certificate and credential files are read.
    pub fn repository(&self, reference: &Reference) -> Result<Remote, Error> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let registry = match opened.get(&reference.host) {
            Some(registry) => registry.clone(),
            None => {
                let registry = Registry::new(&reference.host, &self.options)?;
                opened.insert(reference.host.clone(), registry.clone());
                registry
            }
        };
        Ok(registry.repository(&reference.repository))
    }
}
