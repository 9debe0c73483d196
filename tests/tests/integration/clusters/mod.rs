/*!
Configuration on clusters: what is there afterwards, what is said, and what happens when some of them fail.

What servers take and refuse is tried on real API servers; what needs many of them, or a fault at the right moment, on
stand-ins.
*/

mod check;
mod choices;
mod failures;
mod fleet;
mod gates;
mod health;
mod input;
mod interrupted;
mod kinds;
mod login;
mod prove_pull;
mod recreate;
mod release;
mod reports;
mod resume;
mod rollback;
mod story;
mod trust;
mod upgrade;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use fakes::{FakeFleet, Faults, kubeconfig::Access, kubeconfig::Kubeconfig};
use serde_json::Value;
use tests::{
    cluster::Cluster,
    process::{Output, Program},
};

use crate::{desk::Desk, outcome::says};

/// The manager that everything is applied as.
const MANAGER: &str = "offline-bundle";

/// A bundle of manifests.
struct Site {
    desk: Desk,
    bundle: PathBuf,
}

impl Site {
    /// With these files in `config/`.
    fn new(files: &[(&str, &str)]) -> Result<Self> {
        let desk = Desk::new()?;
        let config = desk.at("config");
        for (name, content) in files {
            let path = config.join(name);
            fs::create_dir_all(path.parent().context("no directory")?)?;
            fs::write(path, content)?;
        }
        let bundle = desk.at("bundle.tar");
        let build = desk
            .build()?
            .args(["--config".as_ref(), config.as_os_str()]);
        let build = build.args(["-o".as_ref(), bundle.as_os_str()]);
        let build = build.args(["--allow-secrets"]);
        build.run()?.expect_code(0)?;
        Ok(Self { desk, bundle })
    }

    /// `importer apply BUNDLE --key …`
    fn apply(&self, flags: &[&str]) -> Result<Program> {
        Ok(self.desk.import("apply", &self.bundle)?.args(flags))
    }

    /// The same to contexts of `kubeconfig`, with its report as JSON.
    fn to(&self, contexts: &[&str], flags: &[&str]) -> Result<Program> {
        let apply = self.apply(&["--format", "json", "--kubeconfig"])?;
        let apply = apply.args([self.desk.at("kubeconfig")]).args(flags);
        Ok(apply.args(contexts.iter().flat_map(|context| ["--context", context])))
    }

    /// The same, run.
    fn applied(&self, contexts: &[&str], flags: &[&str], code: i32) -> Result<Report> {
        let output = self.to(contexts, flags)?.run()?;
        let said = output.text();
        Report::of(&output.expect_code(code).context(said)?)
    }

    /// The same to everything in `CLUSTERS.yaml`.
    fn to_all(&self, flags: &[&str]) -> Result<Program> {
        let apply = self.apply(&["--format", "json", "--clusters"])?;
        Ok(apply.args([self.desk.at("CLUSTERS.yaml")]).args(flags))
    }

    /// Writes `kubeconfig` with these contexts, none of them current.
    fn contexts(&self, contexts: impl IntoIterator<Item = Access>) -> Result<()> {
        let all: Kubeconfig = contexts.into_iter().collect();
        all.write(&self.desk.at("kubeconfig"))?;
        Ok(())
    }

    /// Writes `CLUSTERS.yaml`.
    fn clusters(&self, text: &str) -> Result<PathBuf> {
        let path = self.desk.at("CLUSTERS.yaml");
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// The report of a run, as JSON.
#[derive(Debug)]
struct Report(Value);

impl Report {
    /// What stands on standard output.
    fn of(output: &Output) -> Result<Self> {
        let outcome: serde_json::Result<Value> = serde_json::from_slice(&output.stdout);
        let outcome = outcome
            .with_context(|| format!("stdout is not JSON: {}\n{}", output.text(), output.stderr))?;
        let format = outcome["format"].as_str().unwrap_or_default();
        if ["apply", "upgrade", "rollback"]
            .iter()
            .any(|kind| format == format!("offline-bundle-{kind}/v1"))
        {
            reports::schema::check(&outcome)?;
        }
        Ok(Self(outcome))
    }

    fn cluster(&self, name: &str) -> Result<&Value> {
        let clusters = self.0["clusters"].as_array().into_iter().flatten();
        let found = clusters
            .into_iter()
            .find(|cluster| cluster["cluster"] == name);
        found.with_context(|| format!("no cluster {name} in {:#}", self.0))
    }

    fn state(&self, name: &str) -> Result<&str> {
        self.cluster(name)?["state"].as_str().context("no state")
    }

    fn reason(&self, name: &str) -> Result<&str> {
        Ok(self.cluster(name)?["reason"].as_str().unwrap_or_default())
    }

    /// `shop created`, sorted.
    fn actions(&self, name: &str) -> Result<Vec<String>> {
        let objects = self.cluster(name)?["objects"]
            .as_array()
            .context("no objects")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut actions: Vec<String> = objects
            .iter()
            .map(|object| format!("{} {}", text(&object["name"]), text(&object["action"])))
            .collect();
        actions.sort();
        Ok(actions)
    }

    /// Why an object is as it is.
    fn why(&self, cluster: &str, object: &str) -> Result<&str> {
        let objects = self.cluster(cluster)?["objects"]
            .as_array()
            .context("no objects")?;
        let found = objects.iter().find(|one| one["name"] == object);
        let found = found.with_context(|| format!("no object {object}"))?;
        Ok(found["reason"].as_str().unwrap_or_default())
    }
}

/// A bundle of one ConfigMap, and two stand-ins with their kubeconfig.
fn small_site() -> Result<(Site, FakeFleet)> {
    let site = Site::new(&[("a.yaml", &map("default", "a", "1"))])?;
    let fleet = FakeFleet::start(2, Faults::default())?;
    fleet.kubeconfig(&site.desk.at("kubeconfig"))?;
    Ok((site, fleet))
}

/// A ConfigMap.
fn map(namespace: &str, name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {{a: {value:?}}}\n"
    )
}

/// Where it lies.
fn map_at(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps/{name}")
}

/// Starts real clusters, for one test at a time: several of them fill a machine.
fn real(names: &[&str]) -> Result<(MutexGuard<'static, ()>, Vec<Cluster>)> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let clusters = Cluster::fleet(names, |name| Cluster::openshift(name, "4.16.3"))?;
    Ok((turn, clusters))
}

/// What a path leads to, as text for people.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
