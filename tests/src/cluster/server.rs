/*!
One `kube-apiserver`: the files it reads, the flags it gets, and when it is ready.

It gets what a cluster under test needs and nothing that costs its start or writes by itself: no endpoints of its own to
renew, no admission that waits for controllers which are not there.
*/

use std::{fs, net::SocketAddr, os::fd::OwnedFd, path::Path};

use anyhow::Result;
use rcgen::KeyPair;
use reqwest::{
    Client,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use super::{Cluster, audit, daemon::Daemon, etcd::Etcd};
use crate::{block_on, real::tool};
use fakes::certificates::Authority;

/// Of the user `harness`, who may do everything and leaves no trace in the audit log.
const HARNESS_TOKEN: &str = "harness-itself";

/// Writes what the server reads: certificates, keys, users, and what to log.
pub(super) fn prepare(directory: &Path, authority: &Authority) -> Result<()> {
    let serving = authority.server()?;
    let accounts = KeyPair::generate()?;
    // Token, user, user id, groups.
    let users = format!(
        "{HARNESS_TOKEN},{},0,system:masters\n{},admin,1,system:masters\n{},plain,2\n",
        audit::HARNESS,
        Cluster::ADMIN_TOKEN,
        Cluster::PLAIN_TOKEN
    );
    for (name, content) in [
        ("ca.pem", authority.pem()),
        ("serving.pem", &serving.certificate),
        ("serving.key", &serving.key),
        ("accounts.pem", &accounts.public_key_pem()),
        ("accounts.key", &accounts.serialize_pem()),
        ("tokens.csv", &users),
        ("audit.yaml", audit::POLICY),
        ("audit.log", ""),
    ] {
        fs::write(directory.join(name), content)?;
    }
    Ok(())
}

/// Starts it on a reserved address and waits until it serves.
pub(super) fn start(
    directory: &Path,
    addr: SocketAddr,
    etcd: &Etcd,
    prefix: &str,
    client: &Client,
) -> Result<Daemon> {
    let arguments = arguments(addr, &etcd.url(), prefix);
    let mut daemon = Daemon::start(&tool("kube-apiserver")?, &arguments, directory)?;
    // The namespace that objects without one go to is made after the server calls itself ready.
    for path in ["readyz", "api/v1/namespaces/default"] {
        let url = format!("https://{addr}/{path}");
        daemon.wait_for(|_| succeeds(client, &url).then_some(()))?;
    }
    Ok(daemon)
}

/// Speaks for the harness, to servers of this authority only.
pub(super) fn client(authority: &Authority) -> Result<Client> {
    let mut headers = HeaderMap::new();
    let token = format!("Bearer {HARNESS_TOKEN}");
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&token)?);
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes())?;
    Ok(Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .default_headers(headers)
        // Each question has a runtime of its own, which a kept connection would not survive.
        .pool_max_idle_per_host(0)
        .build()?)
}

/// Paths are relative: the server runs in its directory.
fn arguments(addr: SocketAddr, etcd: &str, prefix: &str) -> Vec<String> {
    [
        &format!("--bind-address={}", addr.ip()),
        &format!("--secure-port={}", addr.port()),
        "--permit-port-sharing",
        &format!("--etcd-servers={etcd}"),
        &format!("--etcd-prefix={prefix}"),
        "--tls-cert-file=serving.pem",
        "--tls-private-key-file=serving.key",
        "--client-ca-file=ca.pem",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=accounts.pem",
        "--service-account-signing-key-file=accounts.key",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        "--audit-policy-file=audit.yaml",
        "--audit-log-path=audit.log",
        "--cert-dir=certificates",
        // A third of its memory goes into kinds that nobody here asks for; fair queues are one of them.
        "--runtime-config=api/alpha=false,api/beta=false",
        "--enable-priority-and-fairness=false",
        "--profiling=false",
    ]
    .map(str::to_owned)
    .into()
}

fn succeeds(client: &Client, url: &str) -> bool {
    let answer = block_on(async { client.get(url).send().await });
    matches!(answer, Ok(Ok(answer)) if answer.status().is_success())
}

/// A port of the loopback interface that nobody else gets; free again when dropped.
///
/// Looking for a free port and passing its number on would race with every other test. Here the port stays bound by this
/// process, and the server binds it too (`SO_REUSEPORT`). This socket never listens, so all connections are the
/// server's, and while there is none they are refused. A server can be stopped and started again at the same address.
#[derive(Debug)]
pub(super) struct Port {
    addr: SocketAddr,
    _socket: OwnedFd,
}

impl Port {
    /// One that the kernel chooses.
    pub fn reserve() -> Result<Self> {
        let socket = net::socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        sockopt::set_socket_reuseport(&socket, true)?;
        net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self {
            addr: net::getsockname(&socket)?.try_into()?,
            _socket: socket,
        })
    }

    /// `127.0.0.1` and the port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
