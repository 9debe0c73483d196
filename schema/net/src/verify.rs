/*!
Who a server must be: signed by a trusted CA, or, as for Go's programs, in possession of a certificate that was itself given.

A certificate made by `openssl req -x509` is its own CA, and people put that very file into certs.d, `--ca-file`, a
kubeconfig or the system's store. WebPKI refuses it as a server's certificate whatever is trusted. Here a certificate that equals a given one byte for byte
needs no signature above it; its dates, its name and its use are still checked, and the handshake proves the key.
*/

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, LazyLock, OnceLock},
};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use x509_cert::{
    Certificate,
    der::{Decode, oid::db::rfc5280},
    ext::pkix::ExtendedKeyUsage,
};

use crate::tls::Explained;

/// What this machine trusts, read when the first certificate is to be checked, and once.
static SYSTEM: LazyLock<HashSet<CertificateDer<'static>>> = LazyLock::new(|| {
    rustls_native_certs::load_native_certs()
        .certs
        .into_iter()
        .collect()
});

/// Checks servers' certificates.
pub struct Verifier {
    given: Vec<CertificateDer<'static>>,
    system: bool,
    anyone: bool,
    provider: Arc<CryptoProvider>,
    authorities: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
}

impl Verifier {
    /// Trusts the given certificates; with `system` also those of this machine; with `anyone` whoever answers.
    pub fn new(
        given: Vec<CertificateDer<'static>>,
        system: bool,
        anyone: bool,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self {
            given,
            system,
            anyone,
            provider,
            authorities: OnceLock::new(),
        }
    }

    /// `None` where nothing at all is trusted.
    fn authorities(&self) -> Option<&Arc<WebPkiServerVerifier>> {
        let build = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self.given.iter().cloned());
            if self.system {
                roots.add_parsable_certificates(SYSTEM.iter().cloned());
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                .build()
                .ok()
        };
        self.authorities.get_or_init(build).as_ref()
    }

    /// The check of a handshake's signature; none is made where whoever answers is trusted.
    fn signed(
        &self,
        check: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.anyone {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => check(&self.provider.signature_verification_algorithms),
        }
    }

    fn was_given(&self, certificate: &CertificateDer<'_>) -> bool {
        let same = |own: &CertificateDer<'_>| own.as_ref() == certificate.as_ref();
        self.given.iter().any(same) || (self.system && SYSTEM.iter().any(same))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.anyone {
            return Ok(ServerCertVerified::assertion());
        }
        if self.was_given(leaf) {
            return own(leaf, name, now).map(|()| ServerCertVerified::assertion());
        }
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let checked = match self.authorities() {
            Some(authorities) => {
                authorities.verify_server_cert(leaf, intermediates, name, ocsp, now)
            }
            None => Err(unknown),
        };
        checked.map_err(|error| reason(leaf, error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(|algorithms| verify_tls12_signature(message, leaf, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(|algorithms| verify_tls13_signature(message, leaf, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Verifier");
        shown
            .field("given", &self.given.len())
            .field("anyone", &self.anyone)
            .finish_non_exhaustive()
    }
}

/// What is left to check of a certificate that was given as it is: dates, use and name.
fn own(leaf: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    let certificate = read(leaf).ok_or(CertificateError::BadEncoding)?;
    let validity = certificate.tbs_certificate().validity();
    let from = UnixTime::since_unix_epoch(validity.not_before.to_unix_duration());
    let until = UnixTime::since_unix_epoch(validity.not_after.to_unix_duration());
    if now < from {
        return Err(CertificateError::NotValidYetContext {
            time: now,
            not_before: from,
        }
        .into());
    }
    if now > until {
        return Err(CertificateError::ExpiredContext {
            time: now,
            not_after: until,
        }
        .into());
    }
    let uses = certificate
        .tbs_certificate()
        .get_extension::<ExtendedKeyUsage>();
    let uses = uses.map_err(|_| CertificateError::BadEncoding)?;
    let serves = [rfc5280::ID_KP_SERVER_AUTH, rfc5280::ANY_EXTENDED_KEY_USAGE];
    if uses.is_some_and(|(_, uses)| !uses.0.iter().any(|one| serves.contains(one))) {
        return Err(CertificateError::InvalidPurpose.into());
    }
    let parsed = ParsedCertificate::try_from(leaf).map_err(|error| reason(leaf, error))?;
    verify_server_name(&parsed, name)
}

/// A better reason than the library's, where the certificate itself shows one.
fn reason(leaf: &CertificateDer<'_>, error: Error) -> Error {
    let vague = matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer
                | CertificateError::BadEncoding
                | CertificateError::Other(_)
        )
    );
    let Some(certificate) = read(leaf).filter(|_| vague) else {
        return error;
    };
    let tbs = certificate.tbs_certificate();
    let explained = if tbs.version() != x509_cert::Version::V3 {
        "its certificate is of X.509 version 1, which has no subjectAltName to name a host; have it made anew with one"
    } else if tbs.subject() == tbs.issuer() {
        "its certificate is self-signed and was not given; to trust it, give that very certificate with --ca-file, or put it in certs.d"
    } else {
        return error;
    };
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Explained(
        explained,
    )))))
}

fn read(certificate: &CertificateDer<'_>) -> Option<Certificate> {
    Certificate::from_der(certificate.as_ref()).ok()
}
