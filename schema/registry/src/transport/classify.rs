/*!
What the HTTP and TLS libraries report, sorted into errors that say what to do: their own types nest deep, and the cause
that a user can act on is at the bottom.
*/

use std::{error::Error as StdError, io};

use net::{causes, proxy};
use rustls::{AlertDescription, CertificateError};

use crate::{
    Error,
    error::clean,
    transport::{origin, verify::Explained},
};

impl Error {
    /// Sorts out what the transport reports for a request about `target` at `host`.
    pub(crate) fn transport(error: reqwest::Error, host: &str, target: &str) -> Self {
        let proxy = error.url().and_then(proxy::of);
        let host = error
            .url()
            .map_or_else(|| host.to_owned(), origin::authority);
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
        if let Some(detail) = proxy.and_then(|proxy| proxy.refusal(&error)) {
            return Self::Unreachable {
                host,
                detail,
                transient: false,
            };
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
            let detail = match proxy {
                Some(proxy) => format!(
                    "through the proxy {proxy}: {detail}; check the proxy, or name the host in NO_PROXY"
                ),
                None => format!("{detail}; check the address, the firewall and the proxy settings"),
            };
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
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                "its certificate names no host in a subjectAltName (a Common Name alone no longer counts); have it made anew with one".to_owned()
            }
            CertificateError::NotValidForNameContext { presented, .. } => {
                format!("its certificate is for another name; use one that stands in it: {}", listed(presented))
            }
            CertificateError::NotValidForName => {
                "its certificate is for another name; use the name that stands in the certificate"
                    .to_owned()
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "its certificate is not for servers (extendedKeyUsage); have it made anew with serverAuth".to_owned()
            }
            CertificateError::BadEncoding => {
                "its certificate is malformed; have it made anew".to_owned()
            }
            CertificateError::Other(other) if other.0.is::<Explained>() => other.0.to_string(),
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

/// The names of a certificate, which the library writes `DnsName("a")` and `IpAddress(…)`; at most five of them.
fn listed(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inside = name
            .split_once('(')
            .map_or(name.as_str(), |(_, inside)| inside);
        clean(inside.trim_matches(['"', ')']))
    };
    let names: Vec<_> = presented.iter().take(5).map(bare).collect();
    let more = if presented.len() > names.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", names.join(", "))
}

/// The text of what is at the bottom.
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    clean(&causes::root(error).to_string())
}
