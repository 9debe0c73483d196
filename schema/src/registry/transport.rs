/*!
What the HTTP and TLS libraries report, sorted into errors that say what to do: their own types nest deep, and the cause
that a user can act on is at the bottom.
*/

use std::{error::Error as StdError, io};

use rustls::{AlertDescription, CertificateError};

use super::{Error, error::clean};
use crate::causes;

impl Error {
    /// Sorts out what the transport reports for a request about `target` at `host`.
    pub(super) fn transport(error: reqwest::Error, host: &str, target: &str) -> Self {
        let host = error
            .url()
            .and_then(authority)
            .unwrap_or_else(|| host.to_owned());
        let error = error.without_url();
        let detail = root_cause(&error);
        if let Some(tls) = causes::find::<rustls::Error>(&error) {
            return tls_error(tls, host);
        }
        // HTTP/2 keeps no more of a TLS error than its kind and text.
        if causes::of_kind(&error, io::ErrorKind::InvalidData) {
            let detail = format!("the TLS connection failed ({detail}); {CLIENT_CERT}");
            return Self::Tls { host, detail };
        }
        if error.is_dns() {
            let transient = detail.contains("emporary");
            let detail = format!(
                "its name cannot be resolved ({detail}); check the spelling, DNS and the proxy settings"
            );
            return Self::Unreachable {
                host,
                detail,
                transient,
            };
        }
        if error.is_connect() {
            let ended = causes::of_kind(&error, io::ErrorKind::UnexpectedEof);
            if ended {
                let detail = "it ended the TLS handshake; if it is meant to serve plain HTTP, give --plain-http";
                return Self::Unreachable {
                    host,
                    detail: detail.to_owned(),
                    transient: true,
                };
            }
            let detail =
                format!("{detail}; check the address, the firewall and the proxy settings");
            return Self::Unreachable {
                host,
                detail,
                transient: true,
            };
        }
        if error.is_builder() {
            return Self::Config(format!("a request to {host} cannot be made: {detail}"));
        }
        Self::Cut {
            host,
            target: target.to_owned(),
            detail,
        }
    }
}

const CLIENT_CERT: &str = "it may want a client certificate: --client-cert and --client-key";

fn authority(url: &url::Url) -> Option<String> {
    let host = url.host_str()?;
    Some(
        url.port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    )
}

fn tls_error(error: &rustls::Error, host: String) -> Error {
    let ca = "give the issuing CA with --ca-file, or put it in certs.d";
    let detail = match error {
        rustls::Error::InvalidMessage(_) => {
            let detail = "it does not speak TLS on that port; if it is meant to serve plain HTTP, give --plain-http";
            return Error::Unreachable {
                host,
                detail: detail.to_owned(),
                transient: false,
            };
        }
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired; renew it there, and check this machine's clock"
                    .to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; check this machine's clock".to_owned()
            }
            CertificateError::UnknownIssuer => {
                format!("its certificate is signed by an unknown CA; {ca}")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name; use the name that stands in the certificate"
                    .to_owned()
            }
            other => format!("its certificate is refused ({other}); {ca}"),
        },
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateUnknown
            | AlertDescription::HandshakeFailure),
        ) => format!("it refused the handshake ({alert:?}); {CLIENT_CERT}"),
        other => format!("the TLS handshake failed ({other})"),
    };
    Error::Tls { host, detail }
}

/// The text of what is at the bottom.
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    clean(&causes::root(error).to_string())
}
