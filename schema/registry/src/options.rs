/*! What the user's flags say about talking to registries, as a value. */

use std::path::PathBuf;

use crate::Hosts;

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
