/*! The OCI distribution client. */

use std::path::PathBuf;

/// How to reach registries.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Credentials file.
    pub authfile: Option<PathBuf>,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Directory in the layout of `/etc/containers/certs.d`.
    pub cert_dir: Option<PathBuf>,
    /// Client certificate, PEM.
    pub client_cert: Option<PathBuf>,
    /// Its key, PEM.
    pub client_key: Option<PathBuf>,
    /// Talk HTTP.
    pub plain_http: bool,
    /// Accept any certificate.
    pub insecure_skip_tls_verify: bool,
    /// Transfers at a time.
    pub concurrency: usize,
    /// Attempts after the first.
    pub retries: u32,
}
