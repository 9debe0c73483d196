/*!
From kubeconfig files and a context's name to what a client needs: as `kubectl` merges them, but for the context that was
named and no other.

A list of files is parsed once for all clusters that use it: hundreds of contexts in one file are common, and parsing it
hundreds of times takes longer than everything else.
*/

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::{
    Config,
    config::{AuthInfo, Kubeconfig, KubeconfigError, LoadDataError},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::plugin;
use crate::{Cluster, ClusterError, classify::clean};

/// What the files say of a cluster's context, with the credentials of its exec plugin where it has one.
pub(crate) async fn resolve(
    cluster: &Cluster,
    request_timeout: Duration,
) -> Result<Config, ClusterError> {
    let wrong = |detail: String| ClusterError::Kubeconfig(format!("{}: {detail}", names(cluster)));
    let whole = read(cluster)?;
    let mut one = only(&whole, &cluster.context).map_err(wrong)?;
    let about_cluster = one.clusters.first().and_then(|named| named.cluster.clone());
    let proxy = about_cluster
        .as_ref()
        .and_then(|about| about.proxy_url.clone())
        .filter(|proxy| !proxy.is_empty());
    if let Some(user) = one
        .auth_infos
        .first_mut()
        .and_then(|named| named.auth_info.as_mut())
    {
        read_token_file(user).map_err(wrong)?;
        plugin::log_in(user, about_cluster.as_ref(), request_timeout).await?;
    }
    let mut config =
        plain(one).map_err(|detail| wrong(format!("context {:?}: {detail}", cluster.context)))?;
    if config.cluster_url.host().is_none() {
        return Err(wrong(format!(
            "the server of context {:?} is no address; expected https://HOST:PORT",
            cluster.context
        )));
    }
    if config.default_namespace.is_empty() {
        config.default_namespace = "default".to_owned();
    }
    config.proxy_url = match proxy {
        Some(proxy) => {
            let parsed = proxy.parse();
            Some(parsed.map_err(|_| {
                wrong(
                    "proxy-url is no URL; expected http://HOST:PORT or socks5://HOST:PORT"
                        .to_owned(),
                )
            })?)
        }
        None => of_environment(&config.cluster_url)?,
    };
    Ok(config)
}

/// Puts the token of a file into its place, without the newline that editors leave there. A new login reads it again.
fn read_token_file(user: &mut AuthInfo) -> Result<(), String> {
    let Some(file) = user.token_file.as_ref().filter(|_| user.token.is_none()) else {
        return Ok(());
    };
    let text = fs::read_to_string(file)
        .map_err(|error| format!("tokenFile {file} cannot be read: {error}"))?;
    user.token = Some(text.trim().to_owned().into());
    user.token_file = None;
    Ok(())
}

/// The proxy that the environment names for a server.
fn of_environment(server: &http::Uri) -> Result<Option<http::Uri>, ClusterError> {
    let wrong = |error: &dyn std::fmt::Display| ClusterError::Kubeconfig(error.to_string());
    let proxies = net::proxy::environment().map_err(|error| wrong(&error))?;
    let Some(proxy) = server
        .to_string()
        .parse()
        .ok()
        .and_then(|url| proxies.of(&url))
    else {
        return Ok(None);
    };
    // kube knows SOCKS by one name only, and lets the proxy look names up.
    let url = proxy.url().as_str().replacen("socks5h://", "socks5://", 1);
    let parsed = url
        .parse()
        .map_err(|_| wrong(&format!("the proxy {proxy} cannot be used for clusters")))?;
    Ok(Some(parsed))
}

/// What a client needs, from a kubeconfig of one context. kube's own way also reads the environment's proxies, by rules of its own,
/// and fails where it does not understand them.
fn plain(one: Kubeconfig) -> Result<Config, String> {
    let about = one
        .clusters
        .into_iter()
        .next()
        .and_then(|named| named.cluster)
        .unwrap_or_default();
    let server = about
        .server
        .ok_or_else(|| kubeconfig_error(&KubeconfigError::MissingClusterUrl))?;
    // As client-go's DefaultServerURL: without a scheme it is TLS where anything about TLS is configured.
    let tls = about.certificate_authority.is_some()
        || about.certificate_authority_data.is_some()
        || about.insecure_skip_tls_verify == Some(true);
    let server = match (server.contains("://"), tls) {
        (true, _) => server,
        (false, true) => format!("https://{server}"),
        (false, false) => format!("http://{server}"),
    };
    let server = server
        .parse()
        .map_err(|error| kubeconfig_error(&KubeconfigError::ParseClusterUrl(error)))?;
    // As for kubectl, an empty text says nothing.
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let authority = match (
        filled(about.certificate_authority_data),
        filled(about.certificate_authority),
    ) {
        (Some(text), _) => {
            let decoded = STANDARD.decode(text.trim_ascii());
            Some(decoded.map_err(|_| "certificate-authority-data is not base64")?)
        }
        (None, Some(path)) => Some(fs::read(&path).map_err(|error| {
            kubeconfig_error(&KubeconfigError::LoadCertificateAuthority(
                LoadDataError::ReadFile(error, path.into()),
            ))
        })?),
        (None, None) => None,
    };
    if authority.is_some() && about.insecure_skip_tls_verify == Some(true) {
        return Err("insecure-skip-tls-verify stands beside a certificate-authority, which kubectl refuses; leave one of them out".to_owned());
    }
    let mut config = Config::new(server);
    if let Some(pem) = authority {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let list = read.ok().filter(|list| !list.is_empty());
        let list = list.ok_or("certificate-authority holds no PEM certificate")?;
        config.root_cert = Some(list.iter().map(|one| one.to_vec()).collect());
    }
    let context = one
        .contexts
        .into_iter()
        .next()
        .and_then(|named| named.context);
    config.default_namespace = context
        .and_then(|context| context.namespace)
        .unwrap_or_default();
    config.auth_info = one
        .auth_infos
        .into_iter()
        .next()
        .and_then(|named| named.auth_info)
        .unwrap_or_default();
    config.accept_invalid_certs = about.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = about.disable_compression.unwrap_or(false);
    config.tls_server_name = about.tls_server_name;
    Ok(config)
}

/// The named context with its cluster and its user, and nothing else.
fn only(whole: &Kubeconfig, name: &str) -> Result<Kubeconfig, String> {
    let Some(context) = whole.contexts.iter().find(|context| context.name == name) else {
        let there_are: Vec<_> = whole
            .contexts
            .iter()
            .map(|context| context.name.as_str())
            .collect();
        return Err(format!("no context {name:?}; {}", listed(&there_are)));
    };
    let Some(body) = &context.context else {
        return Err(format!(
            "context {name:?} is empty; it must name a cluster and a user"
        ));
    };
    let cluster = whole
        .clusters
        .iter()
        .find(|cluster| cluster.name == body.cluster);
    let Some(cluster) = cluster.filter(|cluster| cluster.cluster.is_some()) else {
        return Err(format!(
            "context {name:?} names the cluster {:?}, which is not there",
            body.cluster
        ));
    };
    let mut users = Vec::new();
    if let Some(wanted) = body.user.as_ref().filter(|user| !user.is_empty()) {
        let user = whole.auth_infos.iter().find(|user| &user.name == wanted);
        users.push(user.cloned().ok_or_else(|| {
            format!("context {name:?} names the user {wanted:?}, which is not there")
        })?);
    }
    Ok(Kubeconfig {
        clusters: vec![cluster.clone()],
        auth_infos: users,
        contexts: vec![context.clone()],
        ..Kubeconfig::default()
    })
}

/// How many contexts a message lists.
const LISTED: usize = 10;

fn listed(contexts: &[&str]) -> String {
    if contexts.is_empty() {
        return "there are no contexts in it".to_owned();
    }
    let shown = contexts
        .iter()
        .take(LISTED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match contexts.len().checked_sub(LISTED) {
        None | Some(0) => format!("there are: {shown}"),
        Some(more) => format!("there are: {shown}, and {more} more"),
    }
}

/// A file as it was when it was read.
type Stamp = (PathBuf, Option<(SystemTime, u64)>);

/// What lists of files say, parsed.
static PARSED: LazyLock<Mutex<HashMap<Vec<Stamp>, Arc<Kubeconfig>>>> =
    LazyLock::new(Mutex::default);

fn read(cluster: &Cluster) -> Result<Arc<Kubeconfig>, ClusterError> {
    let stamp = |path: &PathBuf| {
        let about = fs::metadata(path).ok();
        let seen = about.and_then(|about| Some((about.modified().ok()?, about.len())));
        (path.clone(), seen)
    };
    let key: Vec<Stamp> = cluster.kubeconfig.iter().map(stamp).collect();
    let mut parsed = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = parsed.get(&key) {
        return Ok(Arc::clone(known));
    }
    let read = Arc::new(merged(cluster)?);
    parsed.insert(key, Arc::clone(&read));
    Ok(read)
}

/// The files in their order; what one says, the later ones cannot change. Of several files some may be missing, as for `kubectl`.
fn merged(cluster: &Cluster) -> Result<Kubeconfig, ClusterError> {
    let mut whole = None;
    for path in &cluster.kubeconfig {
        let wrong = |error: &KubeconfigError| {
            ClusterError::Kubeconfig(format!("{}: {}", path.display(), kubeconfig_error(error)))
        };
        let next = match Kubeconfig::read_from(path) {
            Ok(next) => next,
            Err(KubeconfigError::ReadConfig(error, _))
                if error.kind() == std::io::ErrorKind::NotFound && cluster.kubeconfig.len() > 1 =>
            {
                continue;
            }
            Err(error) => return Err(wrong(&error)),
        };
        whole = Some(match whole {
            None => next,
            Some(whole) => Kubeconfig::merge(whole, next).map_err(|error| wrong(&error))?,
        });
    }
    whole.ok_or_else(|| {
        ClusterError::Kubeconfig(format!(
            "no kubeconfig: none of {} is there",
            names(cluster)
        ))
    })
}

fn names(cluster: &Cluster) -> String {
    let names: Vec<_> = cluster
        .kubeconfig
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(", ")
}

/// In our words, without what a file holds: it may be a secret.
pub(crate) fn kubeconfig_error(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, _) => format!("cannot be read: {error}"),
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!(
                "not a kubeconfig: wrong at line {}, column {}",
                at.line(),
                at.column()
            ),
            None => "not a kubeconfig".to_owned(),
        },
        KubeconfigError::MissingClusterUrl => {
            "its cluster has no server; expected https://HOST:PORT".to_owned()
        }
        KubeconfigError::ParseClusterUrl(_) => {
            "its server is no address; expected https://HOST:PORT".to_owned()
        }
        KubeconfigError::LoadCertificateAuthority(error) => {
            format!("certificate-authority {}", data(error))
        }
        KubeconfigError::LoadClientCertificate(error) => {
            format!("client-certificate {}", data(error))
        }
        KubeconfigError::LoadClientKey(error) => format!("client-key {}", data(error)),
        other => clean(&other.to_string()),
    }
}

fn data(error: &LoadDataError) -> String {
    match error {
        LoadDataError::DecodeBase64(_) => "is not base64".to_owned(),
        LoadDataError::ReadFile(error, path) => {
            format!("{} cannot be read: {error}", path.display())
        }
        LoadDataError::NoBase64DataOrFile => "is not given".to_owned(),
    }
}
