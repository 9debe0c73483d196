/*!
Where the demo plays: a directory for its files, and the programs, run so that everybody sees what was typed and said.
*/

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use schema::text::human_bytes;
use tests::process::{Program, binaries};

/// Where the files are, and which programs make them.
#[derive(Debug)]
pub struct Stage {
    /// All files of the demo.
    pub dir: PathBuf,
    programs: PathBuf,
}

impl Stage {
    /// Builds the programs if need be, and makes an empty directory: the one asked for, or `demo-files` beside
    /// this program, anew.
    pub fn prepare(asked: Option<OsString>) -> Result<Self> {
        println!("Building the two programs, bundler and importer, unless they are there already.");
        let programs = binaries()?;
        let dir = match asked {
            Some(dir) => PathBuf::from(dir),
            None => {
                let dir = std::env::current_exe()?.with_file_name("demo-files");
                // Only ever made by an earlier demo.
                if dir.exists() {
                    fs::remove_dir_all(&dir)?;
                }
                dir
            }
        };
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let empty = fs::read_dir(&dir)?.next().is_none();
        ensure!(
            empty,
            "{} is not empty; name a directory that is, or none",
            dir.display()
        );
        Ok(Self { dir, programs })
    }

    /// Shows the command line, runs it, shows what it says; all of that as text.
    pub fn run(&self, program: &str, args: &[&str], code: i32) -> Result<String> {
        let program = self.programs.join(program);
        println!("$ {} {}", shown(&program), args.join(" "));
        let start = Instant::now();
        let output = Program::at(&program)?.args(args).run()?;
        let seconds = start.elapsed().as_secs_f64();
        let said = format!("{}{}", output.stderr, output.text());
        for line in said.lines().filter(|line| !line.is_empty()) {
            println!("  {line}");
        }
        let peak = human_bytes(output.peak_rss);
        let found = output.expect_code(code)?.code.unwrap_or_default();
        println!("  -> exit code {found}, {seconds:.2} s, {peak} of memory at most");
        Ok(said)
    }

    /// A file of the demo, as it can be typed.
    pub fn at(&self, name: &str) -> String {
        shown(&self.dir.join(name))
    }
}

/// Announces what comes next.
pub fn step(what: &str) {
    println!("\n# {what}");
}

/// As short as can be typed from here.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
