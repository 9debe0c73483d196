/*!
The store under the API servers: one `etcd` for all clusters that live at a time, each below a prefix of its own.
*/

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::Result;
use serde_json::Value;
use tempfile::TempDir;

use super::daemon::Daemon;
use crate::real::tool;

/// A running `etcd`; ended, and its data gone, with the last cluster that uses it.
#[derive(Debug)]
pub(super) struct Etcd {
    addr: SocketAddr,
    prefixes: AtomicU32,
    // Ended before its directory goes.
    _daemon: Daemon,
    _directory: TempDir,
}

impl Etcd {
    /// The one that runs, or a new one.
    pub fn shared() -> Result<Arc<Self>> {
        static RUNNING: Mutex<Weak<Etcd>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(etcd) = running.upgrade() {
            return Ok(etcd);
        }
        let etcd = Arc::new(Self::start()?);
        *running = Arc::downgrade(&etcd);
        Ok(etcd)
    }

    fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let arguments = arguments(directory.path());
        let mut daemon = Daemon::start(&tool("etcd")?, &arguments, directory.path())?;
        Ok(Self {
            addr: daemon.wait_for(|log| log.lines().find_map(serving))?,
            prefixes: AtomicU32::new(0),
            _daemon: daemon,
            _directory: directory,
        })
    }

    /// For `--etcd-servers`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// For `--etcd-prefix`; each is given once.
    pub fn prefix(&self) -> String {
        format!("/{}", self.prefixes.fetch_add(1, Ordering::Relaxed))
    }
}

/// Port 0 makes the kernel choose, and the log tells what. The gateway would not learn it, and is not needed.
fn arguments(directory: &Path) -> Vec<String> {
    const ANY: &str = "http://127.0.0.1:0";
    vec![
        format!("--data-dir={}", directory.join("data").display()),
        format!("--listen-client-urls={ANY}"),
        format!("--advertise-client-urls={ANY}"),
        format!("--listen-peer-urls={ANY}"),
        format!("--initial-advertise-peer-urls={ANY}"),
        format!("--initial-cluster=default={ANY}"),
        "--enable-grpc-gateway=false".to_owned(),
        "--logger=zap".to_owned(),
        "--log-outputs=stderr".to_owned(),
    ]
}

/// The address in `{… "msg":"serving client traffic insecurely; …","address":"127.0.0.1:34567"}`.
fn serving(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line["msg"].as_str()?;
    let address = line["address"].as_str()?;
    message
        .starts_with("serving client traffic")
        .then(|| address.parse().ok())?
}
