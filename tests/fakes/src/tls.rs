/*!
TLS for fakes, with a client certificate demanded on request.
*/

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Tls;

/// Reads the settings into what accepts connections.
pub(crate) fn acceptor(tls: &Tls) -> Result<TlsAcceptor> {
    let certificate = CertificateDer::from_pem_slice(tls.identity.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(tls.identity.key.as_bytes())?;
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier(tls.client_authority.as_deref())?);
    let config = builder
        .with_single_cert(vec![certificate], key)
        .context("cannot use the server certificate")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn verifier(authority: Option<&str>) -> Result<Arc<dyn ClientCertVerifier>> {
    let Some(authority) = authority else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
    let builder = WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::new(aws_lc_rs::default_provider()),
    );
    Ok(builder.build()?)
}
