/*!
Which certificates count at a registry: the system's, `--ca-file`, and the `certs.d` directories that podman, skopeo and docker use.

The layout is containers-certs.d(5): in the directory of a `HOST[:PORT]`, `NAME.crt` is a CA or the server's own certificate, and
`NAME.cert` with `NAME.key` a client certificate. What is in there is for that registry alone; `--ca-file` is for every server.
*/

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use net::verify::Verifier;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{Error, Options};

/// Whom to trust, and who we are.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    given: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
    anyone: bool,
}

/// A client certificate.
#[derive(Debug)]
struct Identity {
    file: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Trust {
    /// For a registry itself: all that is configured for it.
    pub(crate) fn of_registry(host: &str, options: &Options) -> Result<Self, Error> {
        let mut trust = Self::of_others(
            options.ca_file.as_deref(),
            options.insecure_skip_tls_verify.covers(host),
        )?;
        for directory in directories(host, options)? {
            trust.add(&directory)?;
        }
        match (&options.client_cert, &options.client_key) {
            (Some(cert), key) => trust.identity = Some(Identity::read(cert, key.as_deref())?),
            (None, Some(_)) => {
                return Err(Error::Config("--client-key needs --client-cert".to_owned()));
            }
            (None, None) => {}
        }
        Ok(trust)
    }

    /// For any other server: no identity, and no certificates but `--ca-file`'s besides the system's.
    pub(crate) fn of_others(ca_file: Option<&Path>, anyone: bool) -> Result<Self, Error> {
        Ok(Self {
            given: ca_file.map_or(Ok(Vec::new()), certificates)?,
            identity: None,
            anyone,
        })
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
                Some("crt") => self.given.extend(certificates(&file)?),
                Some("cert") if self.identity.is_none() => {
                    self.identity = Some(Identity::read(&file, Some(&file.with_extension("key")))?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// As the TLS library wants it. Nothing is read of the system's certificates before the first handshake.
    pub(crate) fn config(self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new(self.given, true, self.anyone, Arc::clone(&provider));
        let unusable =
            |error: rustls::Error| Error::Config(format!("TLS cannot be set up: {error}"));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        match self.identity {
            Some(Identity { file, chain, key }) => config.with_client_auth_cert(chain, key).map_err(|error| {
                let file = file.display();
                Error::Config(match error {
                    rustls::Error::InconsistentKeys(_) => {
                        format!("client certificate {file}: the key is not the one of this certificate")
                    }
                    _ => format!("client certificate {file}: the key cannot be used; expected RSA, ECDSA or Ed25519"),
                })
            }),
            None => Ok(config.with_no_client_auth()),
        }
    }
}

impl Identity {
    fn read(cert: &Path, key: Option<&Path>) -> Result<Self, Error> {
        let pem = fs::read(cert).map_err(|error| unreadable("client certificate", cert, &error))?;
        let key_pem = match key {
            Some(key) => &fs::read(key).map_err(|error| unreadable("client key", key, &error))?,
            None => &pem,
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match (chain, PrivateKeyDer::from_pem_slice(key_pem)) {
            (Ok(chain), Ok(key)) if !chain.is_empty() => Ok(Self {
                file: cert.to_owned(),
                chain,
                key,
            }),
            _ => {
                let file = cert.display();
                Err(Error::Config(format!(
                    "client certificate {file}: expected a PEM certificate and its unencrypted PEM key"
                )))
            }
        }
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

/// A file of PEM certificates, to be handed to others: with one certificate at least, and no private key.
pub fn ca_text(file: &Path) -> Result<String, Error> {
    certificates(file)?;
    let read = fs::read_to_string(file);
    let pem = read.map_err(|error| unreadable("CA file", file, &error))?;
    match pem.contains("PRIVATE KEY-----") {
        true => Err(Error::Config(format!(
            "CA file {}: holds a private key, which must not leave its owner; expected certificates alone",
            file.display()
        ))),
        false => Ok(pem),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = fs::read(file).map_err(|error| unreadable("CA file", file, &error))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let name = file.display();
    match read {
        Ok(list) if !list.is_empty() => Ok(list),
        // A SEQUENCE with a length of two bytes: what `openssl x509 -outform DER` writes.
        _ if pem.starts_with(&[0x30, 0x82]) => Err(Error::Config(format!(
            "CA file {name}: holds DER, expected PEM; convert it with `openssl x509 -inform DER -in FILE -out FILE.pem`"
        ))),
        _ => Err(Error::Config(format!(
            "CA file {name}: holds no PEM certificate"
        ))),
    }
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

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_cert_dir_holds_files_or_hosts() -> Outcome {
        let root = tempfile::tempdir()?;
        let options = Options {
            cert_dir: Some(root.path().to_owned()),
            ..Options::default()
        };
        for host in ["a:5000", "[::1]:5000"] {
            assert_eq!(directories(host, &options)?, [root.path()]);
            fs::create_dir(root.path().join(host))?;
            assert_eq!(directories(host, &options)?, [root.path().join(host)]);
        }
        let missing = Options {
            cert_dir: Some(root.path().join("none")),
            ..Options::default()
        };
        assert!(matches!(directories("a", &missing), Err(Error::Config(_))));
        Ok(())
    }

    #[test]
    fn a_file_without_certificates_is_named() -> Outcome {
        let file = tempfile::NamedTempFile::new()?;
        for (bytes, words) in [
            (b"".as_slice(), "no PEM certificate"),
            (&[0x30, 0x82, 1], "-inform DER"),
        ] {
            fs::write(file.path(), bytes)?;
            let options = Options {
                ca_file: Some(file.path().to_owned()),
                ..Options::default()
            };
            let told = Trust::of_registry("a", &options)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(
                told.contains(&file.path().display().to_string()) && told.contains(words),
                "{told}"
            );
        }
        Ok(())
    }
}
