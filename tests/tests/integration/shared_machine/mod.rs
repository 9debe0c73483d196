/*!
Machines that others use too: what somebody else put where our names can be foreseen is neither followed, nor written to, nor
removed, and nothing that is ours is shown to them.

The stranger is another user of this machine, which takes root and `setpriv`; where a kernel would keep them from it (hard
links), the test does it in their place.
*/

mod directories;
mod leaks;
mod planted;
mod streams;

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};
use tests::{process::Program, real};

use crate::desk::Desk;

/// `nobody`.
const STRANGER: u32 = 65534;

/// A desk, a directory like `/tmp` that everybody may write to, and files that must stay what they are.
struct Office {
    desk: Desk,
    shared: PathBuf,
}

impl Office {
    fn new() -> Result<Self> {
        let desk = Desk::new()?;
        fs::set_permissions(desk.at(""), fs::Permissions::from_mode(0o755))?;
        let (shared, victims) = (desk.at("shared"), desk.at("victims"));
        for directory in [&shared, &victims] {
            fs::create_dir(directory)?;
        }
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777))?;
        fs::write(victims.join("letter"), "dear diary")?;
        Ok(Self { desk, shared })
    }

    fn victims(&self) -> PathBuf {
        self.desk.at("victims")
    }

    /// Nothing outside was touched: the letter is what it was, and alone.
    fn check_victims(&self, after: &str) -> Result<()> {
        let letter = fs::read_to_string(self.victims().join("letter"))?;
        ensure!(
            letter == "dear diary",
            "{after}: the letter was overwritten"
        );
        let count = fs::read_dir(self.victims())?.count();
        ensure!(count == 1, "{after}: {count} files where one was");
        Ok(())
    }

    /// Builds a manifest alone into the shared directory.
    fn build(&self, flag: &str, name: &str) -> Result<Program> {
        let (config, place) = (self.desk.config_map("one")?, self.shared.join(name));
        let build = self
            .desk
            .build()?
            .args(["--config".as_ref(), config.as_os_str()]);
        Ok(build.args([flag.as_ref(), place.as_os_str()]))
    }

    /// A bundle of one manifest, beside the shared directory.
    fn bundle(&self) -> Result<PathBuf> {
        let (config, bundle) = (self.desk.config_map("one")?, self.desk.at("bundle.tar"));
        let build = self
            .desk
            .build()?
            .args(["--config".as_ref(), config.as_os_str()]);
        build
            .args(["-o".as_ref(), bundle.as_os_str()])
            .run()?
            .expect_code(0)?;
        Ok(bundle)
    }

    /// Runs a line of shell in the shared directory, as the stranger or as we are; `$V` is the directory of the letter.
    fn plant(&self, as_stranger: bool, script: &str) -> Result<()> {
        let mut command = match as_stranger {
            true => {
                let mut command = Command::new("setpriv");
                let id = STRANGER.to_string();
                command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "/bin/sh"]);
                command
            }
            false => Command::new("/bin/sh"),
        };
        command
            .args(["-ec", script])
            .current_dir(&self.shared)
            .env("V", self.victims());
        let output = command.output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{script}: {stderr}");
        Ok(())
    }

    /// Makes the shared directory empty again.
    fn sweep(&self) -> Result<()> {
        self.plant(false, "find . -mindepth 1 -delete")
    }
}

/// Whether this machine lets us be somebody else; if not, the test is noted as skipped.
fn strangers_welcome() -> Result<bool> {
    let id = STRANGER.to_string();
    let tried = Command::new("setpriv")
        .args(["--reuid", &id, "--regid", &id, "--clear-groups", "true"])
        .output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Ok(true);
    }
    real::skip(&"another user cannot be played here (it takes root and setpriv)")?;
    Ok(false)
}

/// What a name is, without following it: what must be the same before and after.
fn identity(path: &Path) -> Result<(u64, u32, u32, String, Vec<u8>)> {
    let found = fs::symlink_metadata(path)?;
    let kind = found.file_type();
    let holds = match () {
        () if kind.is_symlink() => fs::read_link(path)?.into_os_string().into_encoded_bytes(),
        () if kind.is_file() => fs::read(path)?,
        () => Vec::new(),
    };
    let kind = match () {
        () if kind.is_fifo() => "pipe",
        () if kind.is_dir() => "directory",
        () if kind.is_symlink() => "link",
        () => "file",
    };
    Ok((
        found.ino(),
        found.uid(),
        found.mode(),
        kind.to_owned(),
        holds,
    ))
}
