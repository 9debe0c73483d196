/*!
What a test needs and a machine may lack: real data beside the project, programs, rights.

Such a test says so and passes, unless `REQUIRE_REAL=1` asks for a failure. Neither is silent: each goes to stderr at once
and to a file that `tests/run` shows at its end.
*/

use std::{
    env, fmt,
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result, bail};

/// Shared data that this machine lacks; given to [`skip`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent(PathBuf);

/// A file or directory of the shared data, by its path there. `SHARED_DIR` names the directory of all, else it is `../shared`
/// beside the workspace.
pub fn shared(name: &str) -> Result<PathBuf, Absent> {
    let directory = match env::var_os("SHARED_DIR").filter(|value| !value.is_empty()) {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let path = directory.join(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(Absent(path))
    }
}

/// Notes that the running test lacks something and ends here; an error where `REQUIRE_REAL=1`.
pub fn skip(missing: &dyn fmt::Display) -> Result<()> {
    let thread = thread::current();
    let line = format!("SKIPPED {}: {missing}\n", thread.name().unwrap_or("a test"));
    // Not through `print!`, which the test runner would hold back.
    io::stderr().write_all(line.as_bytes())?;
    let path = skipped_file()?;
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.write_all(line.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    if env::var_os("REQUIRE_REAL").is_some_and(|value| value == "1") {
        bail!("{missing}, and REQUIRE_REAL=1 forbids skipping");
    }
    Ok(())
}

/// `$SKIPPED_FILE`, else `skipped.txt` beside `debug/deps/TEST`.
fn skipped_file() -> Result<PathBuf> {
    if let Some(path) = env::var_os("SKIPPED_FILE") {
        return Ok(path.into());
    }
    let test = env::current_exe().context("cannot tell where this test is")?;
    let target = test.ancestors().nth(3);
    Ok(target
        .context("this test lies at the root")?
        .join("skipped.txt"))
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the shared data {} is not there (SHARED_DIR names its directory)",
            self.0.display()
        )
    }
}

impl std::error::Error for Absent {}
