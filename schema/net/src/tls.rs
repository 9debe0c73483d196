/*!
Why two sides do not trust each other, in words that say what to mend there or here.

Who asks names what mends it on this side ([`Remedies`]): a flag of a registry's client, a field of a kubeconfig.
*/

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error};
use schema::text::excerpt;

/// What mends a connection on this side, each to be read on from a semicolon.
#[derive(Debug, Clone, Copy)]
pub struct Remedies {
    /// To trust whoever issued the server's certificate.
    pub issuer: &'static str,
    /// To go by a name that stands in the server's certificate; empty, or opening with `, or `.
    pub name: &'static str,
    /// To show the server another client certificate.
    pub client_certificate: &'static str,
}

/// A refusal in words that the TLS library has no error for: put it into a [`CertificateError::Other`].
#[derive(Debug)]
pub struct Explained(pub &'static str);

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Explained {}

/// What went wrong, to be read on from the server's name. `None` where it does not speak TLS on that port at all.
pub fn explain(error: &Error, remedies: &Remedies) -> Option<String> {
    Some(match error {
        Error::InvalidMessage(_) => return None,
        Error::InvalidCertificate(problem) => certificate(problem, remedies),
        Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::HandshakeFailure),
        ) => format!(
            "it refused the handshake ({alert:?}); {}",
            remedies.client_certificate
        ),
        other => format!("the TLS handshake failed ({other})"),
    })
}

fn certificate(problem: &CertificateError, Remedies { issuer, name, .. }: &Remedies) -> String {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew it there, and check this machine's clock".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; check this machine's clock".to_owned()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("its certificate is signed by an unknown CA; {issuer}")
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "its certificate names no host in a subjectAltName (a Common Name alone no longer counts); have it made anew with one".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "its certificate is for another name; use one that stands in it: {}{name}",
            listed(presented)
        ),
        CertificateError::NotValidForName => format!(
            "its certificate is for another name; use the name that stands in the certificate{name}"
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers (extendedKeyUsage); have it made anew with serverAuth".to_owned()
        }
        CertificateError::BadEncoding => {
            "its certificate is malformed; have it made anew".to_owned()
        }
        CertificateError::Other(other) if other.0.is::<Explained>() => other.0.to_string(),
        other => format!("its certificate is refused ({other}); {issuer}"),
    }
}

/// The names of a certificate, which the library writes `DnsName("a")` and `IpAddress(…)`; at most five of them.
fn listed(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inside = name
            .split_once('(')
            .map_or(name.as_str(), |(_, inside)| inside);
        excerpt(inside.trim_matches(['"', ')']), 200)
    };
    let names: Vec<_> = presented.iter().take(5).map(bare).collect();
    let more = if presented.len() > names.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMEDIES: Remedies = Remedies {
        issuer: "give the CA",
        name: ", or give the name",
        client_certificate: "give a certificate",
    };

    #[test]
    fn each_failure_says_what_mends_it_on_this_side() {
        let name = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::IpAddress(
                std::net::Ipv4Addr::LOCALHOST.into(),
            ),
            presented: (0..7)
                .map(|n| format!("DnsName(\"h{n}\\u{{1b}}\")"))
                .collect(),
        };
        let table = [
            (CertificateError::UnknownIssuer.into(), "; give the CA"),
            (name.into(), "h4\\u{1b}, …, or give the name"),
            (
                Error::AlertReceived(AlertDescription::CertificateRequired),
                "(CertificateRequired); give a certificate",
            ),
            (
                CertificateError::Other(rustls::OtherError(std::sync::Arc::new(Explained("odd"))))
                    .into(),
                "odd",
            ),
        ];
        for (error, end) in table {
            let text = explain(&error, &REMEDIES).unwrap_or_default();
            assert!(text.ends_with(end), "{text}");
        }
        let plain = Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert_eq!(explain(&plain, &REMEDIES), None);
    }
}
