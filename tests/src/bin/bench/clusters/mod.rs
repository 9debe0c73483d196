/*!
Two hundred clusters at once, and one of them dead; and a thousand.

The clusters are stand-ins in a process of their own, which is this program again: what they cost is not the importer's.
They answer after 20 ms, their machines take up mirror sets at once, and one request in a hundred meets 429, 500 or a connection that
breaks.
*/

mod stand_ins;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Result, ensure};
use schema::text::human_bytes;
use serde_json::{Value, json};
use tests::process::Program;

use super::measure::{Contender, Report, Run, timed};
use stand_ins::Clusters;

pub use stand_ins::stand_in;

/// A fleet, and what is promised of it.
#[derive(Debug, Clone, Copy)]
struct Fleet {
    clusters: usize,
    /// The most time for all of them, seconds.
    seconds: f64,
    /// The most memory, bytes.
    memory: u64,
}

/// What a region has, and what a country has.
const FLEETS: [Fleet; 2] = [
    Fleet {
        clusters: 200,
        seconds: 10.0,
        memory: 128 << 20,
    },
    Fleet {
        clusters: 1000,
        seconds: 60.0,
        memory: 256 << 20,
    },
];

/// What each of them gets: a namespace, ConfigMaps in it and elsewhere, and mirror sets.
const OBJECTS: usize = 10;
/// What a request may take where one cluster hangs; all that cluster costs.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The cluster that hangs.
const HANGING: usize = 7;

/// Applies a bundle to all of them, again, and with a cluster that hangs. `few` is for a trial with other numbers of clusters.
pub fn run(work: &Path, rounds: usize, few: &[usize], report: &mut Report) -> Result<()> {
    let bench = Bench::new(work)?;
    let mut fleets = FLEETS;
    for (fleet, clusters) in fleets.iter_mut().zip(few) {
        fleet.clusters = *clusters;
    }
    let [fleet, large] = fleets;
    let (seconds, usual) = bench.all(fleet, rounds, report)?;
    bench.one_hangs(fleet, seconds, usual, report)?;
    bench.all(large, rounds, report)?;
    Ok(())
}

impl Bench {
    /// All are well. The median of the seconds that it takes, and of those after which the last is answered.
    fn all(&self, fleet: Fleet, rounds: usize, report: &mut Report) -> Result<(f64, f64)> {
        let title = format!("{} clusters", fleet.clusters);
        println!("\n{title} of {OBJECTS} objects");
        let names = ["importer apply", "importer apply, again"];
        let [mut first, mut again] = names.map(Contender::new);
        let mut ends = Vec::new();
        for round in 0..rounds {
            let directory = format!("clusters-{}-{round}", fleet.clusters);
            let mut clusters = Clusters::start(&self.work.join(directory), fleet.clusters, None)?;
            let (run, _) = self.apply(&clusters, 0)?;
            first.add(run);
            let summary = clusters.summary()?;
            ends.push(summary.end_without(HANGING));
            println!("    {}", summary.line());
            let (run, outcome) = self.apply(&clusters, 0)?;
            again.add(run);
            let writes = clusters.summary()?.writes;
            ensure!(writes == 0, "the second run wrote {writes} objects");
            ensure!(
                outcome.count("unchanged") == fleet.clusters * OBJECTS,
                "not everything was unchanged"
            );
        }
        let seconds = first.median();
        report.bound(
            &title,
            &format!("{seconds:.2} s"),
            &format!("< {} s", fleet.seconds),
            seconds < fleet.seconds,
        );
        let peak = first.peak().max(again.peak());
        report.bound(
            &format!("{title}, memory"),
            &human_bytes(peak),
            &format!("<= {}", human_bytes(fleet.memory)),
            peak <= fleet.memory,
        );
        report.bound(&format!("{title}, again: writes"), "0", "0", true);
        report.contenders(&title, [first, again]);
        ends.sort_by(f64::total_cmp);
        Ok((
            seconds,
            ends.get(ends.len() / 2).copied().unwrap_or_default(),
        ))
    }

    /// One hangs, and costs itself alone more time.
    fn one_hangs(&self, fleet: Fleet, seconds: f64, usual: f64, report: &mut Report) -> Result<()> {
        let directory = self.work.join("clusters-hanging");
        let mut clusters = Clusters::start(&directory, fleet.clusters, Some(HANGING))?;
        let (run, outcome) = self.apply(&clusters, 40)?;
        let summary = clusters.summary()?;
        ensure!(
            outcome.count_states("done") == fleet.clusters - 1,
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
        let others = summary.end_without(HANGING);
        report.bound(
            "one hangs: the others",
            &format!("{others:.2} s"),
            &format!("<= {:.2} s", usual + 1.0),
            others <= usual + 1.0,
        );
        Ok(())
    }
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
            .args(["--wait", "healthy"])
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
