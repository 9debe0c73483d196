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
    time::SystemTime,
};

use hyper_util::client::proxy::matcher::Matcher;
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError},
};

use super::{Rules, cluster::Cluster, connect::ConnectError, plugin, transport::clean};

/// What the files say of a cluster's context, with the credentials of its exec plugin where it has one.
pub(super) async fn resolve(cluster: &Cluster, rules: &Rules) -> Result<Config, ConnectError> {
    let wrong = |detail: String| ConnectError::Kubeconfig(format!("{}: {detail}", names(cluster)));
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
        plugin::log_in(user, about_cluster.as_ref(), rules).await?;
    }
    let options = KubeConfigOptions {
        context: Some(cluster.context.clone()),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(one, &options).await;
    let mut config = config
        .map_err(|error| wrong(format!("context {:?}: {}", cluster.context, told(&error))))?;
    if config.cluster_url.host().is_none() {
        return Err(wrong(format!(
            "the server of context {:?} is no address; expected https://HOST:PORT",
            cluster.context
        )));
    }
    if config.default_namespace.is_empty() {
        config.default_namespace = "default".to_owned();
    }
    match proxy {
        Some(proxy) => {
            let parsed = proxy.parse();
            config.proxy_url = Some(parsed.map_err(|_| {
                wrong(
                    "proxy-url is no URL; expected http://HOST:PORT or socks5://HOST:PORT"
                        .to_owned(),
                )
            })?);
        }
        // kube looks the proxy itself up in NO_PROXY, where it should look the server up.
        None if Matcher::from_env().intercept(&config.cluster_url).is_none() => {
            config.proxy_url = None
        }
        None => {}
    }
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

fn read(cluster: &Cluster) -> Result<Arc<Kubeconfig>, ConnectError> {
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
fn merged(cluster: &Cluster) -> Result<Kubeconfig, ConnectError> {
    let mut whole = None;
    for path in &cluster.kubeconfig {
        let wrong = |error: &KubeconfigError| {
            ConnectError::Kubeconfig(format!("{}: {}", path.display(), told(error)))
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
        ConnectError::Kubeconfig(format!(
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
pub(super) fn told(error: &KubeconfigError) -> String {
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
        KubeconfigError::ParseProxyUrl(_) => {
            "the proxy (proxy-url or HTTPS_PROXY) is no URL".to_owned()
        }
        KubeconfigError::LoadCertificateAuthority(error) => {
            format!("certificate-authority {}", data(error))
        }
        KubeconfigError::ParseCertificates(_) => {
            "certificate-authority holds no PEM certificate".to_owned()
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
