/*!
The stack below a client: connections, proxies, TLS, credentials. kube's own layers, but for whom to trust: kube refuses a server's
own certificate as its authority, which `kubectl` takes.
*/

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client as HttpClient,
        connect::{
            Connection, HttpConnector,
            proxy::{SocksV5, Tunnel},
        },
    },
    rt::TokioExecutor,
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt as _},
};
use net::verify::Verifier;
use rustls::{ClientConfig, crypto::aws_lc_rs, pki_types::ServerName};
use tower::{BoxError, Service, ServiceBuilder};

use crate::{ClusterError, classify::classify};

/// A client for an API server, through the proxy that is configured.
pub(crate) fn client(config: &Config, server: &str) -> Result<Client, ClusterError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(config.connect_timeout);
    let tls = tls(config, server)?;
    let Some(proxy) = config.proxy_url.clone() else {
        return over(tcp, &tls, config, server);
    };
    match proxy.scheme_str() {
        Some("socks5") => over(SocksV5::new(proxy, tcp), &tls, config, server),
        Some("http") => over(tunnel(proxy, tcp), &tls, config, server),
        Some("https") => {
            let to_proxy = HttpsConnectorBuilder::new().with_tls_config(tls.clone());
            let to_proxy = to_proxy.https_or_http().enable_http1().wrap_connector(tcp);
            over(tunnel(proxy, to_proxy), &tls, config, server)
        }
        _ => {
            let proxy_url = Box::new(proxy);
            let error = kube::Error::ProxyProtocolUnsupported { proxy_url };
            Err(classify(&error, server))
        }
    }
}

/// Whom to trust, and who we are.
fn tls(config: &Config, server: &str) -> Result<ClientConfig, ClusterError> {
    let mut tls = config
        .rustls_client_config()
        .map_err(|error| classify(&error, server))?;
    let given: Vec<_> = config
        .root_cert
        .iter()
        .flatten()
        .cloned()
        .map(Into::into)
        .collect();
    let verifier = Verifier::new(
        given,
        config.root_cert.is_none(),
        config.accept_invalid_certs,
        Arc::new(aws_lc_rs::default_provider()),
    );
    tls.dangerous().set_certificate_verifier(Arc::new(verifier));
    Ok(tls)
}

fn over<C>(
    connector: C,
    tls: &ClientConfig,
    config: &Config,
    server: &str,
) -> Result<Client, ClusterError>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
    HttpsConnector<C>: Clone,
{
    let wrong = |error: kube::Error| classify(&error, server);
    let mut https = HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone()).map_err(|_| {
            ClusterError::Kubeconfig(format!("tls-server-name of {server} is no name: {name:?}"))
        })?;
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let https = https.enable_http1().wrap_connector(connector);
    let client = HttpClient::builder(TokioExecutor::new()).build::<_, Body>(https);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(wrong)?)
        .layer(config.extra_headers_layer().map_err(wrong)?)
        .map_err(BoxError::from)
        .service(client);
    Ok(Client::new(service, config.default_namespace.clone()))
}

/// A way through a proxy, with the name and password of its address.
fn tunnel<C>(proxy: Uri, connector: C) -> Tunnel<C> {
    let credentials = url::Url::parse(&proxy.to_string())
        .ok()
        .filter(|url| !url.username().is_empty());
    let header = credentials.and_then(|url| {
        let plain = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let mut pair = plain(url.username());
        pair.push(b':');
        pair.extend(plain(url.password().unwrap_or_default()));
        let mut header = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?;
        header.set_sensitive(true);
        Some(header)
    });
    let tunnel = Tunnel::new(proxy, connector);
    match header {
        Some(header) => tunnel.with_auth(header),
        None => tunnel,
    }
}
