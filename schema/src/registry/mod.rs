/*!
The OCI distribution client of both programs: the bundler pulls with it, the importer pushes with it.

It is ours because what this product rests on (ranges and resume, mounts, one token for many transfers, client
certificates, secrets that stay with their host) is in no crate. One [`Registry`] per host holds the connections and
tokens; a [`Remote`] is one repository there; every error is an [`Error`] that says whose fault it is.
*/

mod access;
mod authfile;
mod buffers;
mod challenge;
mod client;
mod credentials;
mod error;
mod helper;
mod location;
mod manifests;
mod pull;
mod push;
mod referrers;
mod reply;
mod retry;
mod send;
mod source;
mod tls;
mod token;
mod transport;
mod upload;

#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod pull_tests;
#[cfg(test)]
mod push_tests;
#[cfg(test)]
mod scripted;

use std::path::PathBuf;

pub use client::{Registry, Remote};
pub use error::Error;
pub use manifests::{PutManifest, RawManifest};
pub use pull::Slice;
pub use push::Mount;
pub use referrers::REFERRERS_LIMIT;
pub use source::BlobSource;
pub use tls::anonymous_client;
pub use upload::Upload;

/// What the user's flags say about talking to registries.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--authfile`: the only file credentials are then taken from; it must exist.
    pub authfile: Option<PathBuf>,
    /// `--ca-file`: PEM certificates trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// `--cert-dir`: `*.crt`, `*.cert` and `*.key` files, or a `certs.d` directory of `HOST[:PORT]` directories of them.
    pub cert_dir: Option<PathBuf>,
    /// `--client-cert`: PEM certificate shown to registries that ask for one.
    pub client_cert: Option<PathBuf>,
    /// `--client-key`: the PEM key of `client_cert`; not needed where that file holds both.
    pub client_key: Option<PathBuf>,
    /// `--plain-http`: no TLS at all.
    pub plain_http: bool,
    /// `--insecure-skip-tls-verify`: TLS with whoever answers.
    pub insecure_skip_tls_verify: bool,
    /// `--concurrency`: connections kept open for blobs.
    pub concurrency: usize,
    /// `--retries`: further attempts after a failure that may pass.
    pub retries: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            authfile: None,
            ca_file: None,
            cert_dir: None,
            client_cert: None,
            client_key: None,
            plain_http: false,
            insecure_skip_tls_verify: false,
            concurrency: 6,
            retries: 5,
        }
    }
}
