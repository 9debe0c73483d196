/*!
The configuration directory: everything that clusters need, and nothing that `kubectl apply -Rf` would stumble over.

It fills as `DIR.partial` while the bundle passes and gets its name after the push: manifests for images that are not
there are not left lying about.
*/

use std::path::Path;

use schema::bundle::{self, BundlePath, Index, Unpacking};

use super::{ConfigSink, Configuration, below_config};
use crate::Error;

/// A directory that is being filled.
#[derive(Debug)]
pub struct ConfigDirectory(Unpacking);

impl ConfigDirectory {
    /// Makes sure that the directory is absent or empty, and touches nothing.
    pub fn check(directory: &Path) -> Result<(), Error> {
        Ok(Unpacking::check(directory)?)
    }

    /// Starts it with the files that the bundle does not bring.
    pub fn begin(
        directory: &Path,
        index: &Index,
        configuration: &Configuration,
    ) -> Result<Self, Error> {
        let objects = index.objects.iter().filter(|object| object.is_secret());
        let private = objects.filter_map(|object| below_config(&object.path));
        let target = Unpacking::into(directory)?.keeping_private(private.map(str::to_owned));
        target.clear()?;
        for (path, text) in configuration.made() {
            target.plain(path, text.as_bytes())?;
        }
        target.plain(bundle::CHECKSUMS, configuration.sums().as_bytes())?;
        Ok(Self(target))
    }

    /// Gives it its name. Call it when everything that was pushed is there.
    pub fn finish(self) -> Result<(), Error> {
        Ok(self.0.finish()?)
    }
}

impl ConfigSink for ConfigDirectory {
    fn file(&self, path: &BundlePath, bytes: &[u8]) -> Result<(), bundle::Error> {
        below_config(path).map_or(Ok(()), |path| self.0.plain(path, bytes))
    }
}
