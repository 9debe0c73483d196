/*!
What the tests inside this crate share: real data that lies beside the project, and skipping a test with a line on standard error.
*/

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// A file of the shared data: in the directory that `SHARED_DIR` names, else in `../shared` beside the workspace. `None`, and
/// a line on standard error, where it is not.
pub fn shared(name: &str) -> io::Result<Option<PathBuf>> {
    let directory = match env::var_os("SHARED_DIR").filter(|value| !value.is_empty()) {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
    };
    let path = directory.join(name);
    if path.exists() {
        return Ok(Some(path));
    }
    let path = path.display();
    skip(&format!(
        "the shared data {path} is not there (SHARED_DIR names its directory)"
    ))?;
    Ok(None)
}

/// Says that the running test is skipped: at once, and in the file that `tests/run` shows at its end.
pub fn skip(reason: &str) -> io::Result<()> {
    let thread = std::thread::current();
    let line = format!("SKIPPED {}: {reason}\n", thread.name().unwrap_or("a test"));
    // Not through `print!`, which the test runner would hold back.
    io::stderr().write_all(line.as_bytes())?;
    if let Some(path) = env::var_os("SKIPPED_FILE") {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(line.as_bytes())?;
    }
    Ok(())
}
