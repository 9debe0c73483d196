/*!
Which certificates count: the system's, `--ca-file`, and the `certs.d` directories that podman, skopeo and docker use.

The layout is containers-certs.d(5): in the directory of a `HOST[:PORT]`, `NAME.crt` is a CA, and `NAME.cert` with `NAME.key` a
client certificate.
*/

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Certificate, Client, ClientBuilder, Identity, redirect};

use super::{Error, Options};

/// Seconds without a byte after which a connection counts as dead.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// The connections to one registry, by what they carry.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    /// Small requests; HTTP/2 where the registry has it.
    pub api: Client,
    /// Blob downloads: HTTP/1.1, since one HTTP/2 connection would be shared by all of them.
    pub bulk: Client,
    /// Blob uploads: as `bulk`, but without a read timeout, which would end any upload that takes longer than it.
    pub upload: Client,
}

impl Clients {
    /// Reads the certificates for `host` and sets up the connections.
    pub(super) fn new(host: &str, options: &Options) -> Result<Self, Error> {
        let trust = Trust::read(host, options)?;
        let bulk = |builder: ClientBuilder| {
            builder
                .http1_only()
                .pool_max_idle_per_host(options.concurrency.max(1))
        };
        Ok(Self {
            api: trust.build(|builder| builder.read_timeout(IDLE))?,
            bulk: trust.build(|builder| bulk(builder).read_timeout(IDLE))?,
            upload: trust.build(bulk)?,
        })
    }
}

/// A client for other servers than registries (signature stores, downloads): the same proxies and certificates (`ca_file`
/// besides the system's), but no client certificate and no credentials. It follows no redirects unless `adjust` says so.
pub fn anonymous_client(
    ca_file: Option<&Path>,
    adjust: impl Fn(ClientBuilder) -> ClientBuilder,
) -> Result<Client, Error> {
    let trust = Trust {
        authorities: ca_file.map_or(Ok(Vec::new()), authorities)?,
        identity: None,
        skip_verify: false,
    };
    trust.build(adjust)
}

struct Trust {
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
    skip_verify: bool,
}

impl Trust {
    fn read(host: &str, options: &Options) -> Result<Self, Error> {
        let mut trust = Self {
            authorities: Vec::new(),
            identity: None,
            skip_verify: options.insecure_skip_tls_verify,
        };
        if let Some(file) = &options.ca_file {
            trust.authorities = authorities(file)?;
        }
        for directory in directories(host, options)? {
            trust.add(&directory)?;
        }
        match (&options.client_cert, &options.client_key) {
            (Some(cert), key) => trust.identity = Some(identity(cert, key.as_deref())?),
            (None, Some(_)) => {
                return Err(Error::Config("--client-key needs --client-cert".to_owned()));
            }
            (None, None) => {}
        }
        Ok(trust)
    }

    fn add(&mut self, directory: &Path) -> Result<(), Error> {
        let problem = |error: io::Error| unreadable("certificate directory", directory, &error);
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(directory).map_err(problem)? {
            files.push(entry.map_err(problem)?.path());
        }
        files.sort();
        for file in files {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => self.authorities.extend(authorities(&file)?),
                Some("cert") if self.identity.is_none() => {
                    self.identity = Some(identity(&file, Some(&file.with_extension("key")))?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn build(&self, adjust: impl Fn(ClientBuilder) -> ClientBuilder) -> Result<Client, Error> {
        let builder = || {
            let mut builder = Client::builder()
                .user_agent(concat!("airgap-bundle/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(20))
                .tcp_nodelay(true)
                .redirect(redirect::Policy::none())
                .referer(false)
                .tls_danger_accept_invalid_certs(self.skip_verify);
            if let Some(identity) = &self.identity {
                builder = builder.identity(identity.clone());
            }
            adjust(builder)
        };
        let merged = builder().tls_certs_merge(self.authorities.clone()).build();
        // A machine without ca-certificates has no system roots; what was given explicitly must still work there.
        merged
            .or_else(|_| builder().tls_certs_only(self.authorities.clone()).build())
            .map_err(|error| {
                Error::Config(format!(
                    "the certificates cannot be used: {}",
                    super::error::clean(&error.to_string())
                ))
            })
    }
}

/// The directories that hold files for this host.
fn directories(host: &str, options: &Options) -> Result<Vec<PathBuf>, Error> {
    if let Some(given) = &options.cert_dir {
        if !given.is_dir() {
            return Err(Error::Config(format!(
                "--cert-dir {}: not a directory",
                given.display()
            )));
        }
        let nested = given.join(host);
        return Ok(if nested.is_dir() {
            vec![nested]
        } else {
            vec![given.clone()]
        });
    }
    let home =
        std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config/containers/certs.d"));
    let roots = home
        .into_iter()
        .chain(["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from));
    Ok(roots
        .map(|root| root.join(host))
        .filter(|directory| directory.is_dir())
        .collect())
}

fn authorities(file: &Path) -> Result<Vec<Certificate>, Error> {
    let pem = fs::read(file).map_err(|error| unreadable("CA file", file, &error))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(Error::Config(format!(
            "CA file {}: holds no PEM certificate",
            file.display()
        ))),
    }
}

fn identity(cert: &Path, key: Option<&Path>) -> Result<Identity, Error> {
    let mut pem = fs::read(cert).map_err(|error| unreadable("client certificate", cert, &error))?;
    if let Some(key) = key {
        pem.push(b'\n');
        pem.extend(fs::read(key).map_err(|error| unreadable("client key", key, &error))?);
    }
    Identity::from_pem(&pem).map_err(|_| {
        let file = cert.display();
        Error::Config(format!(
            "client certificate {file}: expected a PEM certificate and its unencrypted PEM key"
        ))
    })
}

fn unreadable(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::Config(format!(
        "{what} {}: cannot be read: {error}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cert_dir_holds_files_or_hosts() -> Result<(), Box<dyn std::error::Error>> {
        let root = tempfile::tempdir()?;
        let options = Options {
            cert_dir: Some(root.path().to_owned()),
            ..Options::default()
        };
        assert_eq!(directories("a:5000", &options)?, [root.path()]);
        fs::create_dir(root.path().join("a:5000"))?;
        assert_eq!(
            directories("a:5000", &options)?,
            [root.path().join("a:5000")]
        );
        let missing = Options {
            cert_dir: Some(root.path().join("none")),
            ..Options::default()
        };
        assert!(matches!(directories("a", &missing), Err(Error::Config(_))));
        Ok(())
    }

    #[test]
    fn a_file_without_certificates_is_named() -> Result<(), Box<dyn std::error::Error>> {
        let file = tempfile::NamedTempFile::new()?;
        let options = Options {
            ca_file: Some(file.path().to_owned()),
            ..Options::default()
        };
        let told = Clients::new("a", &options)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            told.contains(&file.path().display().to_string())
                && told.contains("no PEM certificate"),
            "{told}"
        );
        Ok(())
    }
}
