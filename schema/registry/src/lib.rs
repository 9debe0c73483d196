/*!
The OCI distribution client of both programs: the bundler pulls with it, the importer pushes with it.

It is ours because what this product rests on (ranges and resume, mounts, one token for many transfers, client
certificates, secrets that stay with their host) is in no crate. One [`Registry`] per host holds the connections and
tokens; a [`Remote`] is one repository there; every error is an [`Error`] that says whose fault it is.
*/

mod abilities;
mod access;
mod authfile;
mod buffers;
mod challenge;
mod client;
mod closed;
mod commit;
mod conf;
mod credentials;
mod error;
mod exists;
mod helper;
mod hosts;
mod location;
mod manifests;
mod pull;
mod push;
mod referrers;
mod reply;
mod retry;
mod send;
mod source;
mod tags;
mod tls;
mod token;
mod transfer;
mod transport;
mod trust;
mod upload;
mod verify;
mod way;
pub mod web;

#[cfg(test)]
mod exists_tests;
#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod origin_tests;
#[cfg(test)]
mod pull_tests;
#[cfg(test)]
mod push_tests;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod upload_tests;

use std::path::PathBuf;

pub use client::{Registry, Remote};
pub use conf::{Endpoint, RegistriesConf};
pub use error::Error;
pub use hosts::{HostName, Hosts};
pub use manifests::{PutManifest, RawManifest};
pub use pull::Slice;
pub use push::Mount;
pub use referrers::REFERRERS_LIMIT;
pub use source::BlobSource;
pub use tags::TagList;
pub use tls::anonymous_client;
pub use upload::Upload;

/// What the user's flags say about talking to registries.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--authfile`: the only file credentials are then taken from; it must exist.
    pub authfile: Option<PathBuf>,
    /// `--ca-file`: PEM certificates trusted besides the system's, wherever a request goes.
    pub ca_file: Option<PathBuf>,
    /// `--cert-dir`: `*.crt`, `*.cert` and `*.key` files, or a `certs.d` directory of `HOST[:PORT]` directories of them.
    pub cert_dir: Option<PathBuf>,
    /// `--client-cert`: PEM certificate shown to registries themselves that ask for one, never where they lead.
    pub client_cert: Option<PathBuf>,
    /// `--client-key`: the PEM key of `client_cert`; not needed where that file holds both.
    pub client_key: Option<PathBuf>,
    /// `--registries-conf`: the only `registries.conf` that is then read; it must exist.
    pub registries_conf: Option<PathBuf>,
    /// `--plain-http`: registries that are talked to without TLS.
    pub plain_http: Hosts,
    /// `--insecure-skip-tls-verify`: registries that get TLS with whoever answers.
    pub insecure_skip_tls_verify: Hosts,
    /// `--allow-upload-host`: other hosts to which a registry may send uploads.
    pub allow_upload_host: Hosts,
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
            registries_conf: None,
            plain_http: Hosts::default(),
            insecure_skip_tls_verify: Hosts::default(),
            allow_upload_host: Hosts::default(),
            concurrency: 6,
            retries: 5,
        }
    }
}
