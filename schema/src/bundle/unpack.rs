/*!
A bundle as a directory: what `tar xf` would leave, written entry by entry.

It grows as `DIR.partial` and gets its name after the last byte, so a directory that has its name is whole. The caller
gives every regular file's bytes; links and tags are made from the index. How it is kept from other users is in
[`output`](crate::output).
*/

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Error,
    index::{File, FileKind, Index},
    tape::Tape,
};
use crate::output::Tree;

/// A directory that is being filled.
#[derive(Debug)]
pub struct Unpacking {
    tree: Tree,
    private: HashSet<String>,
}

impl Unpacking {
    /// Makes sure that `target` is absent or empty, and touches nothing.
    pub fn check(target: &Path) -> Result<(), Error> {
        Ok(Tree::check(target)?)
    }

    /// Starts `DIR.partial` beside `target`, which must be absent or empty. What an interrupted run left stays there.
    pub fn into(target: &Path) -> Result<Self, Error> {
        Ok(Self {
            tree: Tree::open(target)?,
            private: HashSet::new(),
        })
    }

    /// Files, by their path in the directory, that only their owner shall read: those with Secrets.
    pub fn keeping_private(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        self.private.extend(paths);
        self
    }

    /// What an interrupted run left of a bundle, to look into.
    pub fn peek(target: &Path) -> Option<(fs::File, PathBuf)> {
        Tree::peek(target)
    }

    /// Bytes free where it grows.
    pub fn free(&self) -> Result<u64, Error> {
        Ok(self.tree.free()?)
    }

    /// Removes what an interrupted run left.
    pub fn clear(&self) -> Result<(), Error> {
        Ok(self.tree.clear()?)
    }

    /// Writes `bundle.json` and the signature, without which the directory could not be verified again.
    pub fn head(&self, tape: &Tape) -> Result<(), Error> {
        for (name, bytes) in tape.head_files() {
            self.plain(&name, bytes)?;
        }
        Ok(())
    }

    /// Whether an interrupted run began to write this very bundle.
    pub fn has_head(&self, tape: &Tape) -> bool {
        let mut files = tape.head_files().into_iter();
        files.all(|(name, bytes)| self.tree.holds(&name, bytes))
    }

    /// Writes a small file that no index lists.
    pub fn plain(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.tree.write(name, bytes, self.private.contains(name))?)
    }

    /// Creates a regular file anew.
    pub fn create(&self, file: &File) -> Result<fs::File, Error> {
        let name = file.path.to_string();
        Ok(self.tree.create(&name, self.private.contains(&name))?)
    }

    /// Opens a regular file that an interrupted run left, to read and to append; none if it is not there.
    pub fn reopen(&self, file: &File) -> Result<Option<fs::File>, Error> {
        Ok(self.tree.reopen(&file.path.to_string(), file.size)?)
    }

    /// Makes a hard link or a tag; for a regular file there is nothing to do.
    pub fn link(&self, file: &File) -> Result<(), Error> {
        let name = file.path.to_string();
        match file.kind() {
            FileKind::Regular => {}
            FileKind::HardLink(target) => self.tree.hard_link(&target.to_string(), &name)?,
            FileKind::Symlink(digest) => self.tree.symlink(&digest.to_string(), &name)?,
        }
        Ok(())
    }

    /// What went wrong while bytes were copied into a file: in the bundle that they came from, or here.
    pub fn failed(&self, file: &File, error: io::Error) -> Error {
        let name = file.path.to_string();
        match error.downcast::<Error>() {
            Ok(own) => own,
            Err(error) => self.tree.failed(&name, error).into(),
        }
    }

    /// Puts everything on the disk and gives the directory its name.
    pub fn finish(self) -> Result<(), Error> {
        Ok(self.tree.finish()?)
    }
}

impl Index {
    /// The files below `config/` that hold a Secret, as paths of the bundle.
    pub fn secrets(&self) -> impl Iterator<Item = String> {
        let secrets = self.objects.iter().filter(|object| object.is_secret());
        secrets.map(|object| object.path.to_string())
    }
}
