/*! Pipes and character devices: `mkfifo x.tar`, `/dev/stdout`, `/dev/fd/63` of a shell's `>(…)`, `/dev/null`. They are written to, never replaced. */

use std::{
    fs, io,
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{OFlags, fstat};

use super::{Error, user};

/// What is written to as it is, front to back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    path: PathBuf,
    link: bool,
    stdout: bool,
}

impl Stream {
    /// Standard output.
    pub fn stdout() -> Self {
        Self {
            path: "standard output".into(),
            link: false,
            stdout: true,
        }
    }

    /// The pipe or character device at a path, if that is what is there. A link to one counts where root or we made it, as
    /// root made `/dev/stdout`.
    pub fn at(path: &Path) -> Result<Option<Self>, Error> {
        let Ok(named) = fs::symlink_metadata(path) else {
            return Ok(None);
        };
        let link = named.is_symlink();
        if link && ![0, user()].contains(&named.uid()) {
            return Ok(None);
        }
        let Ok(found) = fs::metadata(path) else {
            return Ok(None);
        };
        let stdout = is_stdout(&found);
        if !(is_stream(&found) || link && stdout) {
            return Ok(None);
        }
        let stream = Self {
            path: path.to_owned(),
            link,
            stdout,
        };
        stream.check_owner(&found)?;
        Ok(Some(stream))
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is what standard output is, so that nothing else may be written there.
    pub fn is_stdout(&self) -> bool {
        self.stdout
    }

    /// Opens it; a named pipe waits for its reader.
    pub fn open(&self) -> Result<fs::File, Error> {
        let failed = |source| Error::of(&self.path, source);
        if self.stdout {
            let itself = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
            return Ok(itself.into());
        }
        let link = if self.link {
            OFlags::empty()
        } else {
            OFlags::NOFOLLOW
        };
        let file = fs::OpenOptions::new()
            .write(true)
            .custom_flags((OFlags::NOCTTY | link).bits() as i32)
            .open(&self.path)
            .map_err(failed)?;
        let opened = file.metadata().map_err(failed)?;
        if !is_stream(&opened) {
            return Err(Error::refused(
                &self.path,
                "it was a pipe or device, and is none any more; try again",
            ));
        }
        self.check_owner(&opened)?;
        Ok(file)
    }

    /// A pipe that somebody else put under the name would give them what is written.
    fn check_owner(&self, found: &fs::Metadata) -> Result<(), Error> {
        let owner = found.uid();
        if !self.link && found.file_type().is_fifo() && ![0, user()].contains(&owner) {
            return Err(Error::refused(
                &self.path,
                format!(
                    "this pipe belongs to user {owner}, who may not be the one you mean it for; make one of your own, or write to standard output and let the shell open it"
                ),
            ));
        }
        Ok(())
    }
}

fn is_stream(found: &fs::Metadata) -> bool {
    found.file_type().is_fifo() || found.file_type().is_char_device()
}

fn is_stdout(found: &fs::Metadata) -> bool {
    // Null devices are one and the same, and still not standard output.
    let regular_or_pipe = !found.file_type().is_char_device();
    fstat(io::stdout()).is_ok_and(|stdout| {
        regular_or_pipe && (found.dev(), found.ino()) == (stdout.st_dev, stdout.st_ino)
    })
}
