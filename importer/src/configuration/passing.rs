/*!
The configuration of a bundle on its way to whoever wants it: from a pipe it can be had only while the images pass.

Each file is whole, verified and [audited](crate::audit) when it is handed on.
*/

use std::fmt;

use schema::bundle::{self, BundlePath, Contents, Entry, Index, Random, Verified};

use crate::{Error, audit};

/// Takes the configuration of a bundle, file by file.
pub trait ConfigSink: fmt::Debug + Send + Sync {
    /// The next file. The bundle may still turn out altered after it.
    fn file(&self, path: &BundlePath, bytes: &[u8]) -> Result<(), bundle::Error>;
}

/// For those who want none of it.
impl ConfigSink for () {
    fn file(&self, _: &BundlePath, _: &[u8]) -> Result<(), bundle::Error> {
        Ok(())
    }
}

/// The configuration of a bundle of which nothing else is wanted. A pipe is read to its verified end.
pub fn all(bundle: Verified, sink: &dyn ConfigSink) -> Result<(), Error> {
    match bundle.into_contents() {
        Contents::Random(random) => beside_images(&random, sink),
        sequential @ Contents::Sequential(_) => with_images(sequential, sink, |_| Ok(())),
    }
}

/// The configuration of a pipe; `other` gets every entry.
pub fn with_images(
    bundle: Contents,
    sink: &dyn ConfigSink,
    mut other: impl FnMut(&mut Entry<'_>) -> Result<(), bundle::Error>,
) -> Result<(), Error> {
    let tape = bundle.share();
    bundle.visit(|entry| {
        entry_of(tape.index(), entry, sink)?;
        Ok(other(entry)?)
    })
}

/// One entry, if it is configuration.
pub fn entry_of(
    index: &Index,
    entry: &mut Entry<'_>,
    sink: &dyn ConfigSink,
) -> Result<(), bundle::Error> {
    if audit::concerns(entry.file) {
        let bytes = entry.body.read_whole()?;
        audit::check(index, &entry.file.path, &bytes)?;
        sink.file(&entry.file.path, &bytes)?;
    }
    Ok(())
}

/// Everything but blobs and manifests: headers, links, checksums, configuration. Nothing is pushed from a bundle in
/// which any of it is wrong.
pub fn beside_images(bundle: &Random, sink: &dyn ConfigSink) -> Result<(), Error> {
    bundle.check_frame()?;
    for (position, file) in bundle.index().files.iter().enumerate() {
        if audit::concerns(file) {
            let bytes = bundle.open(position)?.read_whole()?;
            audit::check(bundle.index(), &file.path, &bytes)?;
            sink.file(&file.path, &bytes)?;
        } else if file.path.repository().is_none() {
            bundle.open(position)?.drain()?;
        }
    }
    Ok(())
}
