/*!
Two hundred clusters at once, and one of them dead.

The clusters are stand-ins in a process of their own, which is this program again: what they cost is not the importer's.
They answer after 20 ms, and one request in a hundred meets 429, 500 or a connection that breaks.
*/

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use fakes::{Action, FakeFleet, Fault, Faults};
use schema::text::human_bytes;
use serde_json::{Value, json};
use tests::process::Program;

use super::measure::{Contender, Report, Run, timed};

/// How many clusters.
const CLUSTERS: usize = 200;
/// What each of them gets: a namespace, ConfigMaps in it and elsewhere, and mirror sets.
const OBJECTS: usize = 10;
/// The most time for all of them, seconds.
const SECONDS: f64 = 10.0;
/// The most memory: 128 MiB.
const MEMORY: u64 = 128 << 20;
/// What a request may take where one cluster hangs; all that cluster costs.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The cluster that hangs.
const HANGING: usize = 7;

/// Applies a bundle to all of them, again, and with a cluster that hangs.
pub fn run(work: &Path, rounds: usize, report: &mut Report) -> Result<()> {
    println!("\nclusters: {CLUSTERS} of {OBJECTS} objects");
    let bench = Bench::new(work)?;
    let (mut first, mut again) = (
        Contender::new("importer apply"),
        Contender::new("importer apply, again"),
    );
    let mut ends = Vec::new();
    for round in 0..rounds {
        let mut clusters = Clusters::start(&bench.work.join(format!("clusters-{round}")), None)?;
        let (run, _) = bench.apply(&clusters, 0)?;
        first.add(run);
        let summary = clusters.summary()?;
        ends.push(summary.end_without(HANGING));
        println!("    {}", summary.line());
        let (run, outcome) = bench.apply(&clusters, 0)?;
        again.add(run);
        let summary = clusters.summary()?;
        ensure!(
            summary.writes == 0,
            "the second run wrote {} objects",
            summary.writes
        );
        ensure!(
            outcome.count("unchanged") == CLUSTERS * OBJECTS,
            "not everything was unchanged"
        );
    }
    let seconds = first.median();
    report.bound(
        "200 clusters",
        &format!("{seconds:.2} s"),
        "< 10 s",
        seconds < SECONDS,
    );
    let peak = first.peak().max(again.peak());
    report.bound(
        "200 clusters, memory",
        &human_bytes(peak),
        "<= 128.0 MiB",
        peak <= MEMORY,
    );
    report.bound("200 clusters, again: writes", "0", "0", true);
    let mut clusters = Clusters::start(&bench.work.join("clusters-hanging"), Some(HANGING))?;
    let (run, outcome) = bench.apply(&clusters, 40)?;
    let summary = clusters.summary()?;
    ensure!(
        outcome.count_states("done") == CLUSTERS - 1,
        "the others are not done"
    );
    println!("    one hangs: {:.2} s; {}", run.seconds, summary.line());
    let limit = seconds + TIMEOUT.as_secs_f64() + 1.0;
    report.bound(
        "one hangs: all",
        &format!("{:.2} s", run.seconds),
        &format!("<= {limit:.2} s"),
        run.seconds <= limit,
    );
    ends.sort_by(f64::total_cmp);
    let usual = ends.get(ends.len() / 2).copied().unwrap_or_default();
    let others = summary.end_without(HANGING);
    let bound = format!("<= {:.2} s", usual + 1.0);
    report.bound(
        "one hangs: the others",
        &format!("{others:.2} s"),
        &bound,
        others <= usual + 1.0,
    );
    report.contenders("200 clusters", [first, again]);
    Ok(())
}

/// A bundle and its key.
struct Bench {
    work: PathBuf,
    bundle: PathBuf,
    public: PathBuf,
}

impl Bench {
    fn new(work: &Path) -> Result<Self> {
        let (config, key) = (work.join("clusters-config"), work.join("clusters.pem"));
        fs::create_dir(&config)?;
        for (number, object) in objects().iter().enumerate() {
            fs::write(config.join(format!("{number:02}.json")), object.to_string())?;
        }
        let keygen = Program::bundler()?.args(["keygen", "--out"]).args([&key]);
        keygen.run()?.expect_code(0)?;
        let bundle = work.join("clusters.tar");
        let build = Program::bundler()?
            .args(["build", "--signing-key"])
            .args([&key]);
        let build = build.args(["--config".as_ref(), config.as_os_str()]);
        build
            .args(["-o".as_ref(), bundle.as_os_str()])
            .run()?
            .expect_code(0)?;
        Ok(Self {
            work: work.to_owned(),
            bundle,
            public: work.join("clusters.pub.pem"),
        })
    }

    /// Applies it to all of them.
    fn apply(&self, clusters: &Clusters, code: i32) -> Result<(Run, Outcome)> {
        let file = clusters.directory.join("report.json");
        let timeout = format!("{}s", TIMEOUT.as_secs());
        let apply = Program::importer()?.args(["apply".as_ref(), self.bundle.as_os_str()]);
        let apply = apply.args(["--key".as_ref(), self.public.as_os_str()]);
        let apply = apply
            .args(["--request-timeout", &timeout, "--report"])
            .args([&file]);
        let apply = apply
            .args(["--clusters"])
            .args([clusters.directory.join("CLUSTERS.yaml")]);
        let (run, _) = timed(apply, code)?;
        Ok((run, Outcome(serde_json::from_slice(&fs::read(file)?)?)))
    }
}

fn objects() -> Vec<Value> {
    let map = |namespace: &str, name: String, labels: Value| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "data": {"settings": "x".repeat(2_000)},
        })
    };
    let signature = json!({"release.openshift.io/verification-signatures": ""});
    let mut objects =
        vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})];
    objects.extend((0..3).map(|number| {
        map(
            "openshift-config-managed",
            format!("sha256-{number}"),
            signature.clone(),
        )
    }));
    objects.extend((0..4).map(|number| map("shop", format!("settings-{number}"), json!({}))));
    objects.extend(["release", "components"].map(|name| {
        json!({
            "apiVersion": "config.openshift.io/v1", "kind": "ImageDigestMirrorSet", "metadata": {"name": name},
            "spec": {"imageDigestMirrors": [{"mirrors": ["registry.example/mirror"], "source": format!("quay.io/{name}")}]},
        })
    }));
    objects
}

/// What `--report` wrote.
struct Outcome(Value);

impl Outcome {
    fn clusters(&self) -> impl Iterator<Item = &Value> {
        self.0["clusters"].as_array().into_iter().flatten()
    }

    /// Objects with which this became.
    fn count(&self, action: &str) -> usize {
        let objects = self
            .clusters()
            .flat_map(|cluster| cluster["objects"].as_array().into_iter().flatten());
        objects.filter(|object| object["action"] == action).count()
    }

    /// Clusters that got there.
    fn count_states(&self, state: &str) -> usize {
        self.clusters()
            .filter(|cluster| cluster["state"] == state)
            .count()
    }
}

/// The stand-ins, in their own process; ended when dropped.
struct Clusters {
    directory: PathBuf,
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

/// What they counted.
struct Summary {
    writes: u64,
    whole: Value,
}

impl Summary {
    /// When the last answer went to any cluster but this one, in seconds since the first request to any.
    fn end_without(&self, cluster: usize) -> f64 {
        let spans = || self.whole["spans"].as_object().into_iter().flatten();
        let at = |span: &Value, place: usize| span[place].as_f64().unwrap_or_default();
        let first = spans()
            .map(|(_, span)| at(span, 0))
            .fold(f64::INFINITY, f64::min);
        let others = spans().filter(|(name, _)| **name != cluster.to_string());
        others.map(|(_, span)| at(span, 1)).fold(0.0, f64::max) - first
    }

    fn line(&self) -> String {
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
    fn start(directory: &Path, hanging: Option<usize>) -> Result<Self> {
        fs::create_dir(directory)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("fake-fleet")
            .arg(directory)
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
    fn summary(&mut self) -> Result<Summary> {
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
pub fn stand_in(directory: &Path, hanging: Option<usize>) -> Result<()> {
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
    let fleet = FakeFleet::start(CLUSTERS, faults)?;
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
