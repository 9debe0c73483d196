/*!
What the HTTP and TLS libraries report, sorted into errors that say what to do: the libraries' types nest deep, and the cause
that a user can act on is at the bottom.
*/

use std::io;

use net::{
    causes, proxy,
    tls::{self, Remedies},
};

use crate::{Error, error::clean, transport::origin};

impl Error {
    /// Sorts out what the transport reports for a request about `target` at `host`.
    pub(crate) fn transport(error: reqwest::Error, host: &str, target: &str) -> Self {
        let proxy = error.url().and_then(proxy::of);
        let host = error
            .url()
            .map_or_else(|| host.to_owned(), origin::authority);
        let error = error.without_url();
        let detail = clean(&causes::root(&error).to_string());
        if let Some(error) = causes::find::<rustls::Error>(&error) {
            return match tls::explain(error, &REMEDIES) {
                Some(detail) => Self::Tls { host, detail },
                None => Self::Unreachable {
                    host,
                    detail: "it does not speak TLS on that port; if it is meant to serve plain HTTP, give --plain-http".to_owned(),
                    transient: false,
                },
            };
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
        // In TLS 1.3 a server refuses who shows no certificate after the handshake; whether that is still read is a race.
        let detail = match detail.as_str() {
            "connection was not ready" => format!("{detail}; {CLIENT_CERT}"),
            _ => detail,
        };
        Self::Cut {
            host,
            target: target.to_owned(),
            detail,
        }
    }
}

const CLIENT_CERT: &str = "it may want a client certificate: --client-cert and --client-key";

const REMEDIES: Remedies = Remedies {
    issuer: "give the issuing CA with --ca-file, or put it in certs.d",
    name: "",
    client_certificate: CLIENT_CERT,
};
