/*!
Update graph data in the layout of the cincinnati-graph-data project: `version`, `channels/`, `blocked-edges/`, `raw/`.

It comes as a tarball or as a directory, from elsewhere in either case, so it is bounded, and only plain files with
plain names get in. Both give the same value, in whatever order the files came.
*/

use std::{collections::BTreeMap, fs, io::Read, os::unix::ffi::OsStrExt as _, path::Path};

use walkdir::WalkDir;

use super::{GraphError, collector::FileCollector, tarball};

/// The files of an update graph, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphData {
    pub(super) version: String,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

impl GraphData {
    /// Reads a directory, or a file as [`Self::from_tarball`] does. Hidden files are left out with a warning; a single
    /// directory around everything, as in tarballs made by GitHub, is taken away.
    pub fn read(path: &Path) -> Result<Self, GraphError> {
        let name = path.display().to_string();
        let opened = fs::metadata(path).and_then(|found| match found.is_dir() {
            true => Ok(None),
            false => fs::File::open(path).map(Some),
        });
        match opened {
            Ok(Some(file)) => Self::from_tarball(&name, file),
            Ok(None) => Self::from_directory(&name, path),
            Err(source) => Err(GraphError::Io { name, source }),
        }
    }

    /// Reads a tarball: plain, gzip or zstd, by its first bytes. `name` says in errors where it came from, so it holds
    /// no credentials. At most 64 MiB are read, and at most as much comes out of them.
    pub fn from_tarball(name: &str, tarball: impl Read) -> Result<Self, GraphError> {
        let mut collector = FileCollector::new(name);
        tarball::read(tarball, &mut collector)?;
        collector.finish()
    }

    fn from_directory(name: &str, root: &Path) -> Result<Self, GraphError> {
        let mut collector = FileCollector::new(name);
        let mut entries = WalkDir::new(root).min_depth(1).into_iter();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|error| GraphError::Io {
                name: name.to_owned(),
                source: error.into(),
            })?;
            let kind = entry.file_type();
            let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
            let Some(path) = collector.accept(relative.as_os_str().as_bytes())? else {
                if kind.is_dir() {
                    entries.skip_current_dir();
                }
                continue;
            };
            if kind.is_file() {
                let file = fs::File::open(entry.path()).map_err(|source| GraphError::Io {
                    name: entry.path().display().to_string(),
                    source,
                })?;
                collector.add(path, file)?;
            } else if kind.is_symlink() {
                return Err(collector.wrong_type(path, "a symbolic link"));
            } else if !kind.is_dir() {
                return Err(collector.wrong_type(path, "neither a file nor a directory"));
            }
        }
        collector.finish()
    }

    /// The version of its layout, from its file `version`: `1.1.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Path and content of every file, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.files.iter();
        files.map(|(path, content)| (path.as_str(), content.as_slice()))
    }
}
