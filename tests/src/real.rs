/*!
The real components: what operators run, to be believed over any imitation.

A machine may lack them, and then a test that needs one ends with [`skip`].
*/

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use fakes::{certificates::Identity, registry::Login};

pub use fakes::needs::skip;

/// Looks a tool up, or ends the test as skipped. For tests that return a `Result<(), _>`.
/// Of several, all are needed.
#[macro_export]
macro_rules! needs {
    ($tool:expr) => {
        match $crate::real::tool($tool) {
            Ok(path) => path,
            Err(missing) => {
                $crate::real::skip(&missing)?;
                return Ok(());
            }
        }
    };
    ($($tool:expr),+) => {
        $($crate::needs!($tool);)+
    };
}

/// A component that this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(String);

/// Where `tests/kube-apiserver` puts what it made, below `$XDG_CACHE_HOME`.
const CLUSTER_CACHE: &str = "offline-bundle-tests/kube-apiserver-1.20.2";

/// Finds a program: in `KUBEBUILDER_ASSETS`, which holds those of Kubernetes, in `PATH`, where Debian puts daemons, or where
/// `tests/kube-apiserver` puts what it made.
pub fn tool(name: &str) -> Result<PathBuf, Missing> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    places(set)
        .into_iter()
        .map(|place| place.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Missing(name.to_owned()))
}

/// Directories with programs, the first choice first.
fn places(set: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    places.extend(set("KUBEBUILDER_ASSETS").map(PathBuf::from));
    if let Some(path) = set("PATH") {
        places.extend(std::env::split_paths(&path));
    }
    places.extend(["/usr/bin".into(), "/usr/sbin".into()]);
    let home = || Some(PathBuf::from(set("HOME")?).join(".cache"));
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    places.extend(cache.map(|cache| cache.join(CLUSTER_CACHE)));
    places
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.0;
        match name.as_str() {
            "kube-apiserver" | "etcd" => {
                write!(f, "{name} is not installed (run tests/kube-apiserver once)")
            }
            _ => {
                let package = package(name);
                write!(
                    f,
                    "{name} is not installed (Debian: apt-get install {package})"
                )
            }
        }
    }
}

impl std::error::Error for Missing {}

/// The Debian package that brings a program; mostly they share a name.
fn package(program: &str) -> &str {
    match program {
        "kubectl" => "kubernetes-client",
        other => other,
    }
}

/// How a real registry is to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Demand Basic authentication as [`user`].
    pub basic: bool,
    /// Speak TLS.
    pub tls: Option<Identity>,
}

/// The user that [`Options::basic`] lets in.
pub fn user() -> Login {
    Login::new("operator", "correct-horse")
}

/// [`user`] as an htpasswd line: bcrypt, the one hash this registry takes.
const HTPASSWD: &str = "operator:$2y$05$abcdefghijklmnopqrstuuZ0Fx87Pb/Aqb0E90lfvCwzXnaFKUHpS\n";

/// Debian's `docker-registry`, running; ended when dropped.
#[derive(Debug)]
pub struct DockerRegistry {
    /// Where it listens.
    pub addr: SocketAddr,
    child: Child,
    tls: bool,
}

impl DockerRegistry {
    /// Starts it with its configuration, content and log in `directory`, which must exist.
    pub fn start(directory: &Path, options: &Options) -> Result<Self> {
        let program = tool("docker-registry")?;
        let config = directory.join("config.yml");
        fs::write(&config, configuration(directory, options)?)?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg(&config)
            .env_remove("REGISTRY_HTTP_ADDR");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child
            .stderr
            .take()
            .context("docker-registry has no stderr")?;
        let mut registry = Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            child,
            tls: options.tls.is_some(),
        };
        let (sender, receiver) = mpsc::channel();
        let mut copy = fs::File::create(directory.join("log"))?;
        // Port 0 makes the kernel choose, and the log tells what: no port can be taken by another in between.
        thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                listening(&line).and_then(|addr| sender.send(addr).ok());
                // The log is for people who look into a failure.
                writeln!(copy, "{line}").ok();
            }
        });
        let heard = receiver.recv_timeout(Duration::from_secs(30));
        let shown = || fs::read_to_string(directory.join("log")).unwrap_or_default();
        registry.addr = heard
            .ok()
            .with_context(|| format!("docker-registry did not start:\n{}", shown()))?;
        Ok(registry)
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// `http://127.0.0.1:PORT`, or `https://…`.
    pub fn url(&self) -> String {
        format!(
            "{}://{}",
            if self.tls { "https" } else { "http" },
            self.addr
        )
    }

    /// Its process, for measuring.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The address in `… msg="listening on 127.0.0.1:34567, tls" …`.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    let end = rest.find(['"', ',']).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn configuration(directory: &Path, options: &Options) -> Result<String> {
    let at = |name: &str| directory.join(name).display().to_string();
    let mut text = format!(
        "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {:?}}}\n  delete: {{enabled: true}}\n",
        at("content")
    );
    if options.basic {
        fs::write(at("htpasswd"), HTPASSWD)?;
        text += &format!(
            "auth:\n  htpasswd: {{realm: harness, path: {:?}}}\n",
            at("htpasswd")
        );
    }
    text += "http:\n  addr: 127.0.0.1:0\n  secret: harness\n";
    if let Some(identity) = &options.tls {
        fs::write(at("cert.pem"), &identity.certificate)?;
        fs::write(at("key.pem"), &identity.key)?;
        text += &format!(
            "  tls: {{certificate: {:?}, key: {:?}}}\n",
            at("cert.pem"),
            at("key.pem")
        );
    }
    Ok(text)
}
