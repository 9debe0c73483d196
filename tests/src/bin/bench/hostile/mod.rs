/*!
What it costs to be handed something hostile: time and peak memory of each input, against its limits.

A program that is asked to look at such a thing may refuse it, and must do so soon and cheaply; one that crashes, or that
has to be killed, has not met its limit. Each kind of input has a module, whose `run` hands every case to [`Cases`].
*/

mod children;
mod heads;
mod registries;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use schema::text::human_bytes;
use tests::process::Program;

use super::measure::Report;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// What an input may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Wall clock.
    pub time: Duration,
    /// Peak memory, bytes.
    pub memory: u64,
}

/// The most that a case took, over all the ways into a program.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    time: Duration,
    memory: u64,
    crashed: bool,
}

/// Runs cases, and puts each into the report as one line.
pub struct Cases<'r> {
    report: &'r mut Report,
}

impl Cases<'_> {
    /// A case: every program is given the same input, and the worst of them counts. With `honest` each has to end with 0.
    pub fn case(
        &mut self,
        what: &str,
        limits: Limits,
        honest: bool,
        programs: impl IntoIterator<Item = Result<Program>>,
    ) -> Result<()> {
        let mut worst = Cost::default();
        for program in programs {
            let start = Instant::now();
            let program = program?.stdout_file(Path::new("/dev/null"))?;
            let output = program.kill_when(|| start.elapsed() > PATIENCE)?;
            let known = [0, 1, 2, 10, 11, 20, 30, 40, 41, 50];
            let ended = output.code.is_some_and(|code| known.contains(&code));
            worst.time = worst.time.max(start.elapsed());
            worst.memory = worst.memory.max(output.peak_rss);
            worst.crashed |= !ended || (honest && output.code != Some(0));
        }
        let ours = format!(
            "{:.2} s, {}{}",
            worst.time.as_secs_f64(),
            human_bytes(worst.memory),
            if worst.crashed { ", FAILED" } else { "" }
        );
        let bound = format!(
            "<= {} s, {}",
            limits.time.as_secs(),
            human_bytes(limits.memory)
        );
        let met = !worst.crashed && worst.time <= limits.time && worst.memory <= limits.memory;
        println!("  {what:<44} {ours}");
        self.report.bound(what, &ours, &bound, met);
        Ok(())
    }
}

/// All of them.
pub fn run(work: &Path, report: &mut Report) -> Result<()> {
    let mut cases = Cases { report };
    println!("\nhostile heads, and honest ones of the same size");
    heads::run(work, &mut cases)?;
    println!("\nmany manifests, and children that do not stop talking");
    children::run(work, &mut cases)?;
    println!("\nhostile registries");
    registries::run(work, &mut cases)
}
