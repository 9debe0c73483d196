/*!
What the libraries below kube report, sorted into errors that say what to do; the cause that a user can act on is at the
bottom of a deep nest.
*/

use std::io;

use kube::client::AuthError;
use net::{
    causes,
    tls::{self, Remedies},
};
use schema::text::excerpt;

use crate::{ClusterError, login::kubeconfig_error};

const REMEDIES: Remedies = Remedies {
    issuer: "put the issuing CA in the kubeconfig (certificate-authority)",
    name: ", or give it in the kubeconfig (tls-server-name)",
    client_certificate: "check the client certificate of the kubeconfig, and renew it",
};

/// Sorts out why a client could not be made, or why a request got no answer.
pub(crate) fn classify(error: &kube::Error, server: &str) -> ClusterError {
    let server = server.to_owned();
    let detail = clean(&causes::root(error).to_string());
    if let Some(error) = causes::find::<rustls::Error>(error) {
        return match tls::explain(error, &REMEDIES) {
            Some(detail) => ClusterError::Tls { server, detail },
            None => ClusterError::Unreachable {
                server,
                detail: "it does not speak TLS on that port; check the address".to_owned(),
                transient: false,
            },
        };
    }
    if let Some(auth) = causes::find::<AuthError>(error) {
        return login(auth, &server);
    }
    match error {
        kube::Error::RustlsTls(_) => {
            return unusable(&server, &format!("its certificates: {detail}"));
        }
        kube::Error::InferKubeconfig(error) => return unusable(&server, &kubeconfig_error(error)),
        kube::Error::ProxyProtocolUnsupported { .. } => {
            return unusable(&server, "its proxy is none of http, https and socks5");
        }
        kube::Error::HttpError(_) => return unusable(&server, &detail),
        _ => {}
    }
    if let Some(detail) = through_proxy(error, &server) {
        return ClusterError::Unreachable {
            server,
            detail,
            transient: false,
        };
    }
    let connecting = causes::find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect);
    if !connecting {
        return ClusterError::Cut { server, detail };
    }
    let unreachable = |detail: String, transient| ClusterError::Unreachable {
        server: server.clone(),
        detail,
        transient,
    };
    let resolving = causes::chain(error).any(|error| error.to_string().contains("dns error"));
    if resolving {
        let transient = detail.contains("emporary");
        return unreachable(
            format!(
                "its name cannot be resolved ({detail}); check the spelling, DNS and the proxy settings"
            ),
            transient,
        );
    }
    if causes::of_kind(error, io::ErrorKind::TimedOut) {
        let detail =
            "no connection in time; check the address, the firewall and the proxy settings";
        return unreachable(detail.to_owned(), false);
    }
    if causes::of_kind(error, io::ErrorKind::UnexpectedEof) {
        let detail = "it ended the TLS handshake; check that the address is that of an API server";
        return unreachable(detail.to_owned(), true);
    }
    unreachable(
        format!("{detail}; check the address, the firewall and the proxy settings"),
        true,
    )
}

/// What a proxy of the environment made of the request for a tunnel.
fn through_proxy(error: &kube::Error, server: &str) -> Option<String> {
    net::proxy::of(&server.parse().ok()?)?.refusal(error)
}

fn unusable(server: &str, detail: &str) -> ClusterError {
    ClusterError::Kubeconfig(format!(
        "what the kubeconfig says of {server} cannot be used: {detail}"
    ))
}

/// Without the error's own text, which may show what a program printed.
fn login(error: &AuthError, server: &str) -> ClusterError {
    let detail = match error {
        AuthError::ReadTokenFile(error, path) => {
            format!("{} cannot be read: {error}", path.display())
        }
        AuthError::InvalidBearerToken(_) => {
            "the token holds characters that no header can carry".to_owned()
        }
        AuthError::InvalidBasicAuth(_) => {
            "the password holds characters that no header can carry".to_owned()
        }
        _ => "its auth-provider gives none; use a token, a client certificate or an exec plugin"
            .to_owned(),
    };
    ClusterError::Kubeconfig(format!("no credentials for {server}: {detail}"))
}

/// Text from elsewhere, made fit for a message: one line of at most 400 characters.
pub fn clean(text: &str) -> String {
    excerpt(text, 400)
}
