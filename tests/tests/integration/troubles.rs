/*!
Troubles that people reported in public, made small: each is a directory with a `run.sh` that exits 0 where the programs do
what is right. They are shared data, so every one that is found there is run, however many there are.
*/

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result, ensure};
use tests::{
    needs, needs_shared,
    process::{self, Program},
    shared,
};

/// Scripts that run at a time: most of them wait for something.
const AT_ONCE: usize = 4;

#[test]
fn every_trouble_comes_out_right() -> Result<()> {
    needs!("python3", "openssl", "docker-registry");
    let scripts: Vec<PathBuf> = shared::list(&needs_shared!("cases"))?
        .into_iter()
        .filter(|directory| directory.join("run.sh").is_file())
        .collect();
    ensure!(!scripts.is_empty(), "no trouble was found");
    let (queue, wrong) = (
        Mutex::new(VecDeque::from(scripts)),
        Mutex::new(String::new()),
    );
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(directory) = next() {
                    if let Err(error) = trouble(&directory) {
                        let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                        wrong.push_str(&format!("{}: {error:#}\n", directory.display()));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(wrong.is_empty(), "{wrong}");
    Ok(())
}

/// Runs one from a copy: a script may write beside itself, and shared data is not written to.
fn trouble(directory: &Path) -> Result<()> {
    let copy = tempfile::tempdir()?;
    for file in shared::list(directory)? {
        let name = file.file_name().context("a file without a name")?;
        fs::copy(linked(&file)?, copy.path().join(name))?;
    }
    let binaries = process::binaries()?;
    let run = Program::at(Path::new("/bin/sh"))?
        .args([copy.path().join("run.sh")])
        .env("BUNDLER", binaries.join("bundler"))
        .env("IMPORTER", binaries.join("importer"))
        .run()?;
    run.expect_code(0)?;
    Ok(())
}

/// A link, or the file that it became where links could not be carried: the path it leads to, and nothing else.
fn linked(file: &Path) -> Result<PathBuf> {
    const LONGEST: u64 = 255;
    if fs::metadata(file)?.len() <= LONGEST {
        let text = fs::read_to_string(file).unwrap_or_default();
        let target = file.with_file_name(text.trim());
        if text.starts_with("../") && target.is_file() {
            return Ok(target);
        }
    }
    Ok(file.to_owned())
}
