/*!
Runs, their medians, and the table of who was how fast and whether that meets what is promised.
*/

use std::{fmt, fs, path::Path, time::Instant};

use anyhow::{Context, Result};
use schema::text::{Align, Table, human_bytes};
use tests::{
    process::{Output, Program},
    real,
};

/// One run of a process.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Wall clock, seconds.
    pub seconds: f64,
    /// Work of the processors for it and its children, user and system, seconds.
    pub cpu: f64,
    /// Most memory held, bytes.
    pub peak: u64,
    /// Bytes read from files and pipes.
    pub read: u64,
}

/// Runs a program that must succeed. What others left unwritten is brought to the disk first, at nobody's cost.
pub fn run(program: Program) -> Result<Run> {
    rustix::fs::sync();
    Ok(timed(program, 0)?.0)
}

/// Runs a program that must end with this code.
pub fn timed(program: Program, code: i32) -> Result<(Run, Output)> {
    let (start, before) = (Instant::now(), children()?);
    let output = program.run()?;
    let seconds = start.elapsed().as_secs_f64();
    let output = output.expect_code(code)?;
    let run = Run {
        seconds,
        cpu: children()? - before,
        peak: output.peak_rss,
        read: output.read,
    };
    Ok((run, output))
}

/// Seconds that processors have worked for children that have ended (`cutime` and `cstime`, proc_pid_stat(5)).
fn children() -> Result<f64> {
    /// `sysconf(_SC_CLK_TCK)` of Linux, whatever the kernel's own clock.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("no process name")?;
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks = ticks.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS)
}

/// This very program, for its rooflines.
pub fn itself() -> Result<Program> {
    Program::at(&std::env::current_exe()?)
}

/// A tool of the system.
pub fn tool(name: &str) -> Result<Program> {
    Program::at(&real::tool(name)?)
}

/// Removes a file or directory if it is there.
pub fn clear(path: &Path) -> Result<()> {
    let gone = match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    gone.with_context(|| format!("cannot remove {}", path.display()))
}

/// All runs of one contender.
#[derive(Debug, Clone)]
pub struct Contender {
    /// What it is.
    pub name: &'static str,
    /// Its runs.
    pub runs: Vec<Run>,
}

impl Contender {
    /// One that has not run.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            runs: Vec::new(),
        }
    }

    /// Adds a run, and says so.
    pub fn add(&mut self, run: Run) {
        println!(
            "  {:<44} {:>7.2} s  {:>5.2} s of CPU  {:>10}",
            self.name,
            run.seconds,
            run.cpu,
            human_bytes(run.peak)
        );
        self.runs.push(run);
    }

    /// The median time, seconds.
    pub fn median(&self) -> f64 {
        median(self.runs.iter().map(|run| run.seconds))
    }

    /// The median of what the processors worked, seconds.
    pub fn median_cpu(&self) -> f64 {
        median(self.runs.iter().map(|run| run.cpu))
    }

    /// The most memory of any run, bytes.
    pub fn peak(&self) -> u64 {
        self.runs
            .iter()
            .map(|run| run.peak)
            .max()
            .unwrap_or_default()
    }

    fn cell(&self) -> String {
        format!("{:.2} s", self.median())
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (upper, lower) = (values.len() / 2, values.len().saturating_sub(1) / 2);
    match (values.get(lower), values.get(upper)) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}

/// What is promised.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// So many times as fast as the other, at least.
    Faster(f64),
    /// At most so many times the other's time.
    Within(f64),
    /// Nothing; shown for comparison.
    Shown,
}

/// Everything measured.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<[String; 7]>,
    contenders: Vec<(String, Contender)>,
}

impl Report {
    /// Adds contenders with their medians and peaks.
    pub fn contenders(&mut self, job: &str, contenders: impl IntoIterator<Item = Contender>) {
        let ran = contenders
            .into_iter()
            .filter(|contender| !contender.runs.is_empty());
        self.contenders
            .extend(ran.map(|contender| (job.to_owned(), contender)));
    }

    /// Compares the medians of two.
    pub fn compare(&mut self, job: &str, ours: &Contender, other: &Contender, target: Target) {
        let (mine, theirs) = (ours.median(), other.median());
        let (ratio, target, met) = match target {
            Target::Faster(least) => (
                format!("{:.2}x faster", theirs / mine),
                format!(">= {least}x faster"),
                verdict(theirs / mine >= least),
            ),
            Target::Within(most) => (
                format!("{:.2}x its time", mine / theirs),
                format!("<= {most}x"),
                verdict(mine / theirs <= most),
            ),
            Target::Shown => (format!("{:.2}x faster", theirs / mine), "-".to_owned(), "-"),
        };
        self.line([
            job,
            &ours.cell(),
            other.name,
            &other.cell(),
            &ratio,
            &target,
            met,
        ]);
    }

    /// Compares a value with a bound.
    pub fn bound(&mut self, job: &str, ours: &str, bound: &str, met: bool) {
        self.line([job, ours, "-", "-", "-", bound, verdict(met)]);
    }

    fn line(&mut self, cells: [&str; 7]) {
        self.lines.push(cells.map(str::to_owned));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut contenders = Table::new([
            ("JOB", Align::Left),
            ("BY", Align::Left),
            ("MEDIAN", Align::Right),
            ("FASTEST", Align::Right),
            ("SLOWEST", Align::Right),
            ("CPU", Align::Right),
            ("PEAK RSS", Align::Right),
        ]);
        for (job, contender) in &self.contenders {
            let times = contender.runs.iter().map(|run| run.seconds);
            let (fastest, slowest) = (
                times.clone().fold(f64::NAN, f64::min),
                times.fold(f64::NAN, f64::max),
            );
            contenders.row([
                job.clone(),
                contender.name.to_owned(),
                contender.cell(),
                format!("{fastest:.2} s"),
                format!("{slowest:.2} s"),
                format!("{:.2} s", contender.median_cpu()),
                human_bytes(contender.peak()),
            ]);
        }
        let mut lines = Table::new([
            ("JOB", Align::Left),
            ("OURS", Align::Right),
            ("AGAINST", Align::Left),
            ("ITS", Align::Right),
            ("RATIO", Align::Right),
            ("TARGET", Align::Right),
            ("MET", Align::Left),
        ]);
        for line in &self.lines {
            lines.row(line);
        }
        if !self.contenders.is_empty() {
            writeln!(f, "{contenders}")?;
        }
        write!(f, "{lines}")
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}
