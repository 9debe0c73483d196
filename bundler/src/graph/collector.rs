/*!
The files of an update graph as they come, from a tarball or a directory, in any order.

Here are the limits, the rules for paths, and the check that it is update graph data at all.
*/

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use schema::text::is_hidden;

use super::{GraphData, GraphError, layer};

/// The most bytes of all files together, and of a tarball on either side of its compression: 64 MiB.
pub(super) const TOTAL_LIMIT: u64 = 64 << 20;
/// The most bytes of a file: 16 MiB.
const FILE_LIMIT: u64 = 16 << 20;
/// The most files and directories, hidden ones included.
const ENTRY_LIMIT: usize = 100_000;

/// What has come so far.
#[derive(Debug)]
pub(super) struct FileCollector<'a> {
    name: &'a str,
    files: BTreeMap<String, Vec<u8>>,
    entries: usize,
    total: u64,
    hidden: usize,
    first_hidden: Option<String>,
}

impl<'a> FileCollector<'a> {
    /// `name` is what errors call the tarball or directory.
    pub(super) fn new(name: &'a str) -> Self {
        Self {
            name,
            files: BTreeMap::new(),
            entries: 0,
            total: 0,
            hidden: 0,
            first_hidden: None,
        }
    }

    /// What errors call the tarball or directory.
    pub(super) fn name(&self) -> String {
        self.name.to_owned()
    }

    /// Checks the path of an entry of whatever kind. `None` where it is hidden; the root itself has an empty path.
    pub(super) fn accept(&mut self, raw: &[u8]) -> Result<Option<String>, GraphError> {
        self.entries += 1;
        if self.entries > ENTRY_LIMIT {
            return Err(self.too_large("there are", "100,000 files"));
        }
        let path = relative(raw).map_err(|reason| {
            self.bad_path(String::from_utf8_lossy(raw).chars().take(300), reason)
        })?;
        if path.split('/').any(|segment| segment.starts_with('.')) {
            self.hidden += 1;
            self.first_hidden.get_or_insert_with(|| path.to_owned());
            return Ok(None);
        }
        Ok(Some(path.to_owned()))
    }

    /// Takes the content of a file.
    pub(super) fn add(&mut self, path: String, content: impl Read) -> Result<(), GraphError> {
        let mut bytes = Vec::new();
        let read = content.take(FILE_LIMIT + 1).read_to_end(&mut bytes);
        read.map_err(|error| self.unreadable(error))?;
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(self.too_large(&format!("{path:?} has"), "16 MiB"));
        }
        self.total += bytes.len() as u64;
        if self.total > TOTAL_LIMIT {
            return Err(self.too_large("the files have", "64 MiB"));
        }
        match self.files.insert(path.clone(), bytes) {
            None => Ok(()),
            Some(_) => Err(self.twice(&path)),
        }
    }

    /// Everything has come: checks the whole.
    pub(super) fn finish(mut self) -> Result<GraphData, GraphError> {
        if let Some(first) = &self.first_hidden {
            let (name, count) = (self.name, self.hidden);
            tracing::warn!(
                "{name}: {count} hidden entries stay out of the image, such as {first:?}"
            );
        }
        let top = self.common_directory();
        let mut files = BTreeMap::new();
        for (path, content) in std::mem::take(&mut self.files) {
            let path = &path[top..];
            if !layer::fits(path) {
                return Err(self.bad_path(path.chars(), "is longer than a layer can hold"));
            }
            // A file sorts before what would be below it.
            let mut parents = path.match_indices('/').map(|(at, _)| &path[..at]);
            if let Some(parent) = parents.find(|parent| files.contains_key(*parent)) {
                return Err(self.twice(parent));
            }
            files.insert(path.to_owned(), content);
        }
        let missing = |missing| GraphError::Incomplete {
            name: self.name(),
            missing,
        };
        let version = files
            .get("version")
            .ok_or_else(|| missing("file \"version\""))?;
        let version = self.version(version)?;
        if !files.keys().any(|path| path.starts_with("channels/")) {
            return Err(missing("file in channels/"));
        }
        Ok(GraphData { version, files })
    }

    /// The length of the directory around everything, with its slash: tarballs of GitHub have one.
    fn common_directory(&self) -> usize {
        let mut paths = self.files.keys();
        let first = paths.next().and_then(|path| path.split_once('/'));
        let Some((top, _)) = first else { return 0 };
        let inside = |path: &String| path.split_once('/').is_some_and(|(other, _)| other == top);
        if paths.all(inside) { top.len() + 1 } else { 0 }
    }

    /// `1.x.y`: whatever may be added within a major version, this program only carries it.
    fn version(&self, content: &[u8]) -> Result<String, GraphError> {
        let text = String::from_utf8_lossy(content);
        let text = text.trim();
        let parts: Vec<_> = text.split('.').map(str::parse::<u32>).collect();
        match parts[..] {
            [Ok(1), Ok(_), Ok(_)] => Ok(text.to_owned()),
            _ => Err(GraphError::Version {
                name: self.name(),
                found: text.chars().take(64).collect(),
            }),
        }
    }

    /// The error for an entry that is neither a file nor a directory.
    pub(super) fn wrong_type(&self, entry: String, found: &'static str) -> GraphError {
        let name = self.name();
        GraphError::EntryType { name, entry, found }
    }

    /// The error for what is `what` more than `limit`.
    pub(super) fn too_large(&self, what: &str, limit: &'static str) -> GraphError {
        let (name, what) = (self.name(), what.to_owned());
        GraphError::TooLarge { name, what, limit }
    }

    /// The error for bytes that did not come. The system's errors have a number; others are the content's fault.
    pub(super) fn unreadable(&self, source: io::Error) -> GraphError {
        let name = self.name();
        match source.kind() {
            _ if source.raw_os_error().is_some() => GraphError::Io { name, source },
            io::ErrorKind::FileTooLarge => self.too_large("there are", "64 MiB"),
            io::ErrorKind::UnexpectedEof => self.damaged("it ends too early"),
            _ => self.damaged(&source.to_string()),
        }
    }

    /// The error for a tarball that is none to its end.
    pub(super) fn damaged(&self, reason: &str) -> GraphError {
        let (name, reason) = (self.name(), reason.to_owned());
        GraphError::Damaged { name, reason }
    }

    fn bad_path(&self, entry: impl Iterator<Item = char>, reason: &'static str) -> GraphError {
        let (name, entry) = (self.name(), entry.collect());
        GraphError::Path {
            name,
            entry,
            reason,
        }
    }

    fn twice(&self, entry: &str) -> GraphError {
        let (name, entry) = (self.name(), entry.to_owned());
        GraphError::Twice { name, entry }
    }
}

/// A path without the `./` before it and the `/` after it that tar writers add, or what is wrong with it.
fn relative(raw: &[u8]) -> Result<&str, &'static str> {
    let path = std::str::from_utf8(raw).map_err(|_| "is no UTF-8 text")?;
    if path.chars().any(is_hidden) {
        return Err("has a control character in it, or another that is not shown");
    }
    if path.starts_with('/') {
        return Err("is absolute");
    }
    let path = path.strip_prefix("./").unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if matches!(path, "" | ".") {
        return Ok("");
    }
    match path
        .split('/')
        .find(|segment| matches!(*segment, "" | "." | ".."))
    {
        Some("..") => Err("leads elsewhere by \"..\""),
        Some(_) => Err("has an empty or \".\" segment"),
        None => Ok(path),
    }
}
