/*!
Killed (SIGKILL) at seeded moments, on real API servers: in the middle of waves, of what is pruned, and of a rollback.

A moment is a number of requests that the API servers have logged. Whatever it was, the next run ends as it should, the report that
is there can be read, and rolling back gives what was there before, to the byte.
*/

use std::{collections::BTreeMap, env, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{
    cluster::{Cluster, Mark, Request},
    needs,
    process::Program,
};

use super::{
    super::{Report, Site, map, real, shown},
    stripped,
};

/// ConfigMaps of both bundles, of the first alone, and of the second alone.
const BOTH: usize = 6;
const OLD: usize = 5;
const NEW: usize = 4;

/// Everything lies here.
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

const FLAGS: [&str; 6] = [
    "--overwrite",
    "--series",
    "shop",
    "--prune",
    "--auto-prune",
    "--backup",
];

/// What a kill is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Waves,
    Prune,
    Rollback,
}

impl Work {
    const ALL: [Self; 3] = [Self::Waves, Self::Prune, Self::Rollback];

    /// How many requests it takes on both clusters.
    fn requests(self) -> usize {
        2 * match self {
            Self::Waves => BOTH + NEW,
            Self::Prune => OLD,
            // What was there is written and given back to its managers, and so is the list.
            Self::Rollback => 2 * BOTH + 2 * OLD + NEW + 2,
        }
    }

    fn is_of(self, request: &Request) -> bool {
        match self {
            Self::Waves => request.verb == "patch" && !request.name.contains("inventory"),
            Self::Prune => request.verb == "delete",
            Self::Rollback => true,
        }
    }
}

/// More with `CLUSTERS_KILLS=50`, at other moments with `CLUSTERS_SEED=2`.
fn number(name: &str, default: u64) -> Result<u64> {
    match env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(default),
    }
}

/// A number below 1 from a seed and a place (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
fn share(seed: u64, place: u64) -> f64 {
    let mut bits = (seed << 32 | place)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ bits >> 31) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Two clusters with what the first bundle brought, and the second bundle.
struct Stage {
    site: Site,
    clusters: Vec<Cluster>,
    before: [BTreeMap<String, String>; 2],
}

#[test]
fn whenever_it_is_killed_the_next_run_finishes_and_a_rollback_brings_everything_back() -> Result<()>
{
    needs!("kube-apiserver", "etcd", "kubectl");
    let (seed, kills) = (number("CLUSTERS_SEED", 1)?, number("CLUSTERS_KILLS", 6)?);
    let (_turn, clusters) = real(&["east", "west"])?;
    let stage = Stage::new(clusters)?;
    let mut hits: BTreeMap<Work, u64> = BTreeMap::new();
    for kill in 0..kills {
        let work = Work::ALL[(kill % 3) as usize];
        // One in each part of the work, so that few kills meet all of it.
        let (part, parts) = (kill / 3, kills.div_ceil(3));
        let place = (part as f64 + share(seed, kill)) / parts as f64;
        let least = 1 + (place * (work.requests() - 1) as f64) as usize;
        let hit = stage.survives(kill, work, least);
        let hit = hit.with_context(|| format!("kill {kill}: {work:?} after {least} requests"))?;
        *hits.entry(work).or_default() += u64::from(hit);
    }
    let all: u64 = hits.values().sum();
    ensure!(
        3 * all >= 2 * kills,
        "only {hits:?} of {kills} were in the middle"
    );
    ensure!(hits.values().all(|hits| *hits > 0), "{hits:?}");
    Ok(())
}

impl Stage {
    fn new(clusters: Vec<Cluster>) -> Result<Self> {
        let first = bundle(&[("both", BOTH), ("old", OLD)], "1", &clusters)?;
        let base = first.to_all(&["--series", "shop"])?;
        base.run()?.expect_code(0)?;
        let site = bundle(&[("both", BOTH), ("new", NEW)], "2", &clusters)?;
        let before = [maps(&clusters[0])?, maps(&clusters[1])?];
        ensure!(before[0].len() == BOTH + OLD + 1, "{before:?}");
        Ok(Self {
            site,
            clusters,
            before,
        })
    }

    /// Kills a run when so many requests of a kind have come, and looks at what follows. Whether it was in the middle.
    fn survives(&self, kill: u64, work: Work, least: usize) -> Result<bool> {
        let backup = |which: &str| self.site.desk.at(&format!("{which}-{kill}"));
        let (first, second) = (backup("first"), backup("second"));
        let report = self.site.desk.at(&format!("report-{kill}.json"));
        let hit = match work {
            Work::Rollback => {
                self.apply(&first)?.run()?.expect_code(0)?;
                self.finished()?;
                let back = self
                    .rollback(&first)?
                    .args(["--report".as_ref(), report.as_os_str()]);
                self.killed(back, work, least)?
            }
            Work::Waves | Work::Prune => {
                let run = self
                    .apply(&first)?
                    .args(["--report".as_ref(), report.as_os_str()]);
                let hit = self.killed(run, work, least)?;
                self.apply(&second)?.run()?.expect_code(0)?;
                self.finished()?;
                self.rollback(&second)?.run()?.expect_code(0)?;
                hit
            }
        };
        // It appears with the first cluster that has ended.
        if report.exists() {
            let account: Value = serde_json::from_slice(&fs::read(&report)?)?;
            ensure!(
                account["clusters"].as_array().map(Vec::len) == Some(2),
                "{account}"
            );
        }
        let back = Report::of(&self.rollback(&first)?.run()?.expect_code(0)?)?;
        for (wave, name) in [(1, "east"), (2, "west")] {
            ensure!(back.cluster(name)?["wave"] == wave, "{:#}", back.0);
        }
        for (cluster, before) in self.clusters.iter().zip(&self.before) {
            let (name, after) = (cluster.name(), maps(cluster)?);
            ensure!(
                after == *before,
                "{name} was\n{before:#?}\nand is\n{after:#?}"
            );
        }
        Ok(hit)
    }

    /// Kills a program when so many requests of a kind have come. Whether it was alive, and had some of them left to ask.
    fn killed(&self, program: Program, work: Work, least: usize) -> Result<bool> {
        let marks = self.clusters.iter().map(Cluster::mark);
        let marks: Vec<Mark> = marks.collect::<Result<_>>()?;
        let come = || -> Result<usize> {
            let mut come = 0;
            for (cluster, mark) in self.clusters.iter().zip(&marks) {
                let writes = cluster.writes(*mark)?;
                come += writes.iter().filter(|one| work.is_of(one)).count();
            }
            Ok(come)
        };
        let killed = program.kill_when(|| come().is_ok_and(|come| come >= least))?;
        ensure!(
            killed.signal == Some(9) || killed.code == Some(0),
            "{}",
            killed.stderr
        );
        Ok(killed.signal == Some(9) && come()? < work.requests())
    }

    /// Whether both clusters have what the second bundle brings, and nothing else.
    fn finished(&self) -> Result<()> {
        for cluster in &self.clusters {
            let maps = maps(cluster)?;
            let new = maps.iter().filter(|(_, text)| text.contains(r#""a":"2""#));
            let (name, names) = (cluster.name(), maps.keys());
            ensure!(new.count() == BOTH + NEW, "{name}: {names:?}");
            ensure!(maps.len() == BOTH + NEW + 1, "{name}: {names:?}");
            let list = maps
                .get("offline-bundle-inventory-shop")
                .context("no list")?;
            ensure!(!list.contains("old-"), "{list}");
        }
        Ok(())
    }

    fn apply(&self, backup: &Path) -> Result<Program> {
        Ok(self.site.to_all(&FLAGS)?.args([backup]))
    }

    fn rollback(&self, backup: &Path) -> Result<Program> {
        let clusters = shown(&self.site.desk.at("CLUSTERS.yaml"));
        let program = Program::importer()?.args(["rollback".as_ref(), backup.as_os_str()]);
        Ok(program.args(["--format", "json", "--clusters", &clusters]))
    }
}

/// A bundle of so many ConfigMaps of each name, and the way to both clusters, each in a wave of its own.
fn bundle(names: &[(&str, usize)], value: &str, clusters: &[Cluster]) -> Result<Site> {
    let names = names.iter();
    let names = names.flat_map(|(name, count)| (0..*count).map(move |n| format!("{name}-{n}")));
    let files: Vec<(String, String)> = names
        .map(|name| (format!("{name}.yaml"), map("default", &name, value)))
        .collect();
    let files = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let site = Site::new(&files.collect::<Vec<_>>())?;
    site.contexts(clusters.iter().map(Cluster::admin))?;
    site.clusters(
        "kubeconfig: kubeconfig\nclusters: [{name: east}, {name: west}]\nwaves: [{clusters: [east]}, {clusters: [west]}]\n",
    )?;
    Ok(site)
}

/// Every ConfigMap without what servers set by themselves.
fn maps(cluster: &Cluster) -> Result<BTreeMap<String, String>> {
    let list = cluster.get(MAPS)?.context("no list")?;
    let items = list["items"].as_array().context("no items")?;
    let maps = items.iter().map(|item| {
        let name = item["metadata"]["name"].as_str().context("no name")?;
        Ok((name.to_owned(), stripped(item.clone())?))
    });
    maps.collect()
}
