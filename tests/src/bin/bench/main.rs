/*!
How fast, beside what people use today and beside what the machine can do at all.

One machine, one run, interleaved rounds: numbers of different days or hosts say nothing about each other. Every
contender is a process of its own, so its peak memory is its own too. The *roofline* moves the same bytes with plain
sockets and nothing else; nobody can be much faster.

```text
cargo run --release -p tests --bin bench -- [--set light|heavy] [--images 40] [--rounds 5] [--against DIR] [--clusters 200,1000]
    [--only build|push|verify|latency|release|clusters|memory|hostile] [--dir DIR]
```
*/

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod clusters;
mod hostile;
mod latency;
mod measure;
mod memory;
mod release;
mod roofline;
mod speed;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};

use measure::Report;

/// Measures build, push and verify against skopeo, sha256sum and the bare machine, a release against its parts, and many clusters. Needs docker-registry and skopeo.
#[derive(Debug, Parser)]
struct Options {
    /// Images of the set, 1 to 40
    #[arg(long, default_value_t = 40)]
    images: usize,
    /// The images that are built, pushed and verified
    #[arg(long = "set", value_enum, default_value_t = Images::Light)]
    set: Images,
    /// Another bundler and importer in this directory, run in turn with these: before and after in one run
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Rounds of which the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A trial: other sizes of both fleets of clusters; the bounds stay those of 200 and 1000
    #[arg(long, value_delimiter = ',', value_name = "SIZE,SIZE")]
    clusters: Vec<usize>,
    /// Only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Work below this directory, which must exist; memory needs 20 GiB there
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    helper: Option<Helper>,
}

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Build,
    Push,
    Verify,
    Latency,
    Release,
    Clusters,
    Memory,
    Hostile,
}

/// 40 images each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Images {
    /// 86 different blobs, 166 MB
    Light,
    /// 123 different blobs, 0.5 GB
    Heavy,
}

/// What this program runs as processes of their own: rooflines, and the other side.
#[derive(Debug, Subcommand)]
enum Helper {
    /// Fetch, hash, write
    #[command(hide = true)]
    RooflineFetch { list: PathBuf, out: PathBuf },
    /// Put files as blobs
    #[command(hide = true)]
    RooflinePut { list: PathBuf },
    /// Be many clusters
    #[command(hide = true)]
    FakeFleet {
        directory: PathBuf,
        count: usize,
        hanging: Option<usize>,
    },
}

/// Said rather than left out in silence.
const IMGPKG: &str = "imgpkg is not compared with: Debian has no package of it";

fn main() -> Result<()> {
    let options = Options::parse();
    match &options.helper {
        Some(Helper::RooflineFetch { list, out }) => return roofline::fetch(list, out),
        Some(Helper::RooflinePut { list }) => return roofline::put(list),
        Some(Helper::FakeFleet {
            directory,
            count,
            hanging,
        }) => return clusters::stand_in(directory, *count, *hanging),
        None => {}
    }
    tests::process::binaries()?;
    let work = match &options.dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let work = work.context("cannot make a directory to work in")?;
    println!("{}", machine(work.path()));
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let mut report = Report::default();
    let speed = [Part::Build, Part::Push, Part::Verify, Part::Latency];
    if speed.into_iter().any(wanted) {
        println!("{IMGPKG}");
        let bench = speed::Bench::new(work.path(), &options)?;
        if wanted(Part::Build) {
            bench.build(&mut report)?;
        }
        if wanted(Part::Push) {
            bench.push(&mut report)?;
        }
        if wanted(Part::Verify) {
            bench.verify(&mut report)?;
        }
        if wanted(Part::Latency) {
            latency::run_all(&bench, &mut report)?;
        }
    }
    if wanted(Part::Release) {
        release::compare(work.path(), options.rounds, &mut report)?;
    }
    if wanted(Part::Clusters) {
        clusters::run(work.path(), options.rounds, &options.clusters, &mut report)?;
    }
    if wanted(Part::Memory) {
        memory::run(work.path(), &mut report)?;
    }
    if wanted(Part::Hostile) {
        hostile::run(work.path(), &mut report)?;
    }
    println!("\n{report}");
    Ok(())
}

fn machine(work: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        });
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    format!(
        "{cores} cores of {model}, load {load} at the start (an idle machine gives the truest numbers), working in {}",
        work.display()
    )
}
