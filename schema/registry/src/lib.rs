/*!
The OCI distribution client of both programs: the bundler pulls with it, the importer pushes with it.

It is ours because what this product rests on (ranges and resume, mounts, one token for many transfers, client
certificates, secrets that stay with their host) is in no crate. One [`Registry`] per host holds the connections and
tokens; a [`Remote`] is one repository there; every error is an [`Error`] that says whose fault it is.

```no_run
use registry::{Options, Registry};
use schema::{Manifest, Reference};

/// The size of an image, in bytes of its blobs.
async fn size(name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let reference: Reference = name.parse()?;
    let registry = Registry::new(&reference.host, &Options::default())?;
    let remote = registry.repository(&reference.repository);
    // Logged in where the registry asks for it, retried where that can help.
    let found = remote.manifest(&reference.selector()).await?;
    let manifest = Manifest::parse(&found.bytes, found.media_type)?;
    Ok(manifest.blobs.iter().map(|blob| blob.size).sum())
}
```
*/

mod auth;
mod capabilities;
mod client;
mod conf;
mod error;
mod hosts;
mod listing;
mod manifests;
mod options;
mod pull;
mod push;
mod transport;
pub mod web;

#[cfg(test)]
mod testing;

pub use client::{Registry, Remote};
pub use conf::{Endpoint, RegistriesConf};
pub use error::Error;
pub use hosts::{HostName, Hosts};
pub use listing::{REFERRERS_LIMIT, TagList};
pub use manifests::{PutManifest, RawManifest};
pub use options::Options;
pub use pull::Slice;
pub use push::{BlobSource, Mount, Upload};
pub use transport::trust::ca_text;
