/*!
Throw-away certificates.

Made anew in every run, so none can expire in the repository. They serve fakes and real servers, and hold
the two cases operators meet most: a private authority that the client must be told of, and a certificate that has expired.
*/

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// TLS of a server.
#[derive(Debug, Clone)]
pub struct Tls {
    /// What the server shows.
    pub identity: Identity,
    /// Demand a client certificate issued by this authority (PEM).
    pub client_authority: Option<String>,
}

/// A private certificate authority.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, both as PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS#8).
    pub key: String,
}

impl Authority {
    /// A new authority with a new key.
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = params("harness authority", &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let pem = params.self_signed(&key)?.pem();
        Ok(Self {
            pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// A server's certificate that is its own authority, as `openssl req -x509` makes it; of the years given.
    pub fn of_itself(hosts: &[&str], years: std::ops::Range<i32>) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let mut params = params("of itself", hosts)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        Ok(Identity {
            certificate: params.self_signed(&key)?.pem(),
            key: key.serialize_pem(),
        })
    }

    /// What `--ca-file` takes.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server on this machine: `127.0.0.1` and `localhost`.
    pub fn server(&self) -> Result<Identity> {
        self.issue(
            params("server", &["127.0.0.1", "localhost"])?,
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// The same, but expired since the year 2001.
    pub fn expired_server(&self) -> Result<Identity> {
        let mut params = params("expired server", &["127.0.0.1", "localhost"])?;
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a server that is named in its Common Name alone, as was usual once.
    pub fn nameless_server(&self) -> Result<Identity> {
        self.issue(
            params("127.0.0.1", &[])?,
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// A certificate for a server at these names.
    pub fn server_at(&self, hosts: &[&str]) -> Result<Identity> {
        self.issue(
            params("server", hosts)?,
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// A certificate that a client shows.
    pub fn client(&self) -> Result<Identity> {
        self.user("client", None)
    }

    /// The same for a named user, in a group if given, as Kubernetes reads them: common name and organisation.
    pub fn user(&self, name: &str, group: Option<&str>) -> Result<Identity> {
        let mut params = params(name, &[])?;
        if let Some(group) = group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Identity> {
        params.extended_key_usages = vec![purpose];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .context("cannot sign a certificate")?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn params(name: &str, hosts: &[&str]) -> Result<CertificateParams> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(certificate, key)")
    }
}
