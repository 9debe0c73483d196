/*! Many stand-ins for clusters in a process of their own, and what is said to it and by it. */

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use fakes::{Action, FakeFleet, Fault, Faults};
use serde_json::{Value, json};

/// The stand-ins, in their own process; ended when dropped.
pub struct Clusters {
    pub directory: PathBuf,
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

/// What they counted.
pub struct Summary {
    pub writes: u64,
    whole: Value,
}

impl Summary {
    /// When the last answer went to any cluster but this one, in seconds since the first request to any.
    pub fn end_without(&self, cluster: usize) -> f64 {
        let spans = || self.whole["spans"].as_object().into_iter().flatten();
        let at = |span: &Value, place: usize| span[place].as_f64().unwrap_or_default();
        let first = spans()
            .map(|(_, span)| at(span, 0))
            .fold(f64::INFINITY, f64::min);
        let others = spans().filter(|(name, _)| **name != cluster.to_string());
        others.map(|(_, span)| at(span, 1)).fold(0.0, f64::max) - first
    }

    pub fn line(&self) -> String {
        let number = |key: &str| self.whole[key].as_u64().unwrap_or_default();
        format!(
            "{} requests, {} writes, {} at a time over {} connections, answered {}",
            number("requests"),
            self.writes,
            number("peak"),
            number("connections"),
            self.whole["statuses"]
        )
    }
}

impl Clusters {
    pub fn start(directory: &Path, count: usize, hanging: Option<usize>) -> Result<Self> {
        fs::create_dir(directory)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("fake-fleet")
            .arg(directory)
            .arg(count.to_string())
            .args(hanging.map(|cluster| cluster.to_string()));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let from = child.stdout.take().context("no stdout")?;
        let mut clusters = Self {
            directory: directory.to_owned(),
            to: child.stdin.take(),
            from: BufReader::new(from),
            child,
        };
        let ready = clusters.line()?;
        ensure!(ready == "ready", "the stand-ins said {ready:?}");
        Ok(clusters)
    }

    /// What was counted since the last time.
    pub fn summary(&mut self) -> Result<Summary> {
        writeln!(self.to.as_mut().context("no stdin")?, "summary")?;
        let whole: Value = serde_json::from_str(&self.line()?)?;
        let writes = whole["writes"].as_u64().context("no writes")?;
        Ok(Summary { writes, whole })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            bail!("the stand-ins ended");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Clusters {
    fn drop(&mut self) {
        // Without its input it ends; both fail only when it has ended already.
        self.to = None;
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The other process: says `ready`, answers each line with what was counted since the last, and ends with its input.
pub fn stand_in(directory: &Path, count: usize, hanging: Option<usize>) -> Result<()> {
    let third = 0.01 / 3.0;
    let mut faults = Faults::default().latency(Duration::from_millis(20)).seed(4);
    if let Some(cluster) = hanging {
        faults = faults.with(Fault::of(Action::hang()).clusters([cluster]));
    }
    for action in [
        Action::retry_after(429, 1),
        Action::status(500),
        Action::Break,
    ] {
        faults = faults.with(Fault::of(action).share(third));
    }
    let fleet = FakeFleet::start(count, faults)?;
    let kubeconfig = directory.join("kubeconfig");
    fleet.kubeconfig(&kubeconfig)?;
    fleet.clusters_yaml(&directory.join("CLUSTERS.yaml"), &kubeconfig, 1, json!({}))?;
    println!("ready");
    for line in std::io::stdin().lines() {
        line?;
        let summary = fleet.summary();
        fleet.forget();
        let spans = summary.spans.iter().map(|(cluster, span)| {
            let times = json!([span.first.as_secs_f64(), span.last.as_secs_f64()]);
            (cluster.to_string(), times)
        });
        let statuses = summary
            .statuses
            .iter()
            .map(|(status, count)| (status.to_string(), json!(count)));
        let told = json!({
            "requests": summary.requests, "writes": summary.writes, "peak": summary.peak, "connections": summary.connections,
            "spans": spans.collect::<serde_json::Map<_, _>>(), "statuses": statuses.collect::<serde_json::Map<_, _>>(),
        });
        println!("{told}");
    }
    Ok(())
}
