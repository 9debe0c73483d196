/*!
The same with 20 ms to the registry, where every request that need not be made shows.

Behind a [delaying proxy](tests::delay): `tc netem` would need a kernel with it, and rights. The proxy treats both sides
alike, and the time of a round trip is what matters here.
*/

use std::time::Duration;

use anyhow::Result;
use tests::{delay::Delay, process::Program};

use super::{
    measure::{Contender, Report, Target, clear, run},
    speed::Bench,
};

/// There and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// Builds and pushes the set from afar, in turn with `skopeo sync`.
pub fn run_all(bench: &Bench, report: &mut Report) -> Result<()> {
    bench.prepare()?;
    println!("\n20 ms to the registry, by a delaying proxy");
    build(bench, report)?;
    push(bench, report)
}

fn build(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut ours = Contender::new("bundler build, 20 ms");
    let mut before = Contender::new("bundler build, 20 ms, before");
    let mut sync = Contender::new("skopeo sync docker -> dir, 20 ms");
    let host = Delay::before(bench.source.addr, ROUND_TRIP)?.host();
    for _ in 0..bench.rounds {
        ours.add(run(bench.build_with(Program::bundler()?, &host)?)?);
        if let Some(bundler) = bench.older("bundler")? {
            before.add(run(bench.build_with(bundler, &host)?)?);
        }
        clear(&bench.path("skopeo"))?;
        sync.add(run(bench.sync_to_directory(&host)?)?);
    }
    report.compare("build, 20 ms", &ours, &sync, Target::Faster(4.0));
    bench.before_and_after("build, 20 ms", &ours, &before, report);
    report.contenders("build, 20 ms", [ours, before, sync]);
    Ok(())
}

fn push(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut ours = Contender::new("importer push, 20 ms");
    let mut before = Contender::new("importer push, 20 ms, before");
    let mut sync = Contender::new("skopeo sync dir -> docker, 20 ms");
    for _ in 0..bench.rounds {
        let into_empty = |contender: &mut Contender, program: &dyn Fn(&str) -> Result<Program>| {
            bench.with_registry(|registry| {
                let host = Delay::before(registry.addr, ROUND_TRIP)?.host();
                contender.add(run(program(&host)?)?);
                Ok(())
            })
        };
        into_empty(&mut ours, &|host| {
            Ok(bench.push_with(Program::importer()?, host))
        })?;
        if bench.against.is_some() {
            into_empty(&mut before, &|host| {
                let importer = bench.older("importer")?;
                Ok(bench.push_with(importer.unwrap_or(Program::importer()?), host))
            })?;
        }
        into_empty(&mut sync, &|host| bench.sync_to_registry(host))?;
    }
    report.compare("push, 20 ms", &ours, &sync, Target::Faster(4.0));
    bench.before_and_after("push, 20 ms", &ours, &before, report);
    report.contenders("push, 20 ms", [ours, before, sync]);
    Ok(())
}
