/*!
What the fake registry holds.

A blob is kept once but visible only in the repositories it was pushed or mounted to: a client that forgets to mount
must not pass a test by luck. With a directory, bytes lie in files and only their sizes in memory.
*/

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use schema::{Digest, MediaType, Repository, Selector, Tag, digest::Hasher};

use crate::message::Content;

/// Everything in the registry.
#[derive(Debug, Default)]
pub(crate) struct Store {
    directory: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    blobs: HashMap<Digest, Content>,
    repositories: BTreeMap<Repository, Contents>,
    uploads: HashMap<String, Upload>,
    sessions: u64,
}

#[derive(Debug, Default)]
struct Contents {
    blobs: BTreeSet<Digest>,
    manifests: BTreeMap<Digest, Stored>,
    tags: BTreeMap<Tag, Digest>,
}

/// A manifest as it was pushed.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Digest of the bytes.
    pub digest: Digest,
    /// The type it was pushed with.
    pub media_type: MediaType,
    /// The bytes.
    pub bytes: Bytes,
}

impl Store {
    pub fn new(directory: Option<&Path>) -> io::Result<Self> {
        if let Some(directory) = directory {
            std::fs::create_dir_all(directory.join("blobs"))?;
            std::fs::create_dir_all(directory.join("uploads"))?;
        }
        Ok(Self {
            directory: directory.map(Path::to_owned),
            state: Mutex::default(),
        })
    }

    pub fn blob(&self, repository: &Repository, digest: &Digest) -> Option<Content> {
        let state = self.state();
        let visible = state.repositories.get(repository)?.blobs.contains(digest);
        visible.then(|| state.blobs.get(digest).cloned()).flatten()
    }

    /// A blob wherever it is visible.
    pub fn any_blob(&self, digest: &Digest) -> Option<Content> {
        self.state().blobs.get(digest).cloned()
    }

    /// Takes content as it is; `digest` is the caller's word.
    pub fn put_blob(&self, repository: &Repository, digest: Digest, content: Content) {
        let mut state = self.state();
        state.blobs.entry(digest).or_insert(content);
        state
            .repositories
            .entry(repository.clone())
            .or_default()
            .blobs
            .insert(digest);
    }

    /// Makes a blob of `from` visible in `to`, if it is there.
    pub fn mount(&self, from: &Repository, to: &Repository, digest: &Digest) -> bool {
        let found = self.blob(from, digest);
        found
            .into_iter()
            .map(|content| self.put_blob(to, *digest, content))
            .count()
            > 0
    }

    pub fn manifest(&self, repository: &Repository, selector: &Selector) -> Option<Stored> {
        let state = self.state();
        let contents = state.repositories.get(repository)?;
        let digest = match selector {
            Selector::Digest(digest) => digest,
            Selector::Tag(tag) => contents.tags.get(tag)?,
        };
        contents.manifests.get(digest).cloned()
    }

    /// All manifests of a repository in the order of their digests.
    pub fn manifests(&self, repository: &Repository) -> Vec<Stored> {
        let state = self.state();
        let contents = state.repositories.get(repository);
        contents
            .into_iter()
            .flat_map(|contents| contents.manifests.values().cloned())
            .collect()
    }

    pub fn put_manifest(&self, repository: &Repository, tag: Option<Tag>, stored: Stored) {
        let mut state = self.state();
        let contents = state.repositories.entry(repository.clone()).or_default();
        contents.tags.extend(tag.map(|tag| (tag, stored.digest)));
        contents.manifests.insert(stored.digest, stored);
    }

    /// Tags with their digests, sorted; `None` for a repository nobody pushed to.
    pub fn tags(&self, repository: &Repository) -> Option<BTreeMap<Tag, Digest>> {
        self.state()
            .repositories
            .get(repository)
            .map(|contents| contents.tags.clone())
    }

    pub fn repositories(&self) -> Vec<Repository> {
        self.state().repositories.keys().cloned().collect()
    }

    /// Starts an upload session.
    pub fn begin(&self, repository: &Repository) -> io::Result<String> {
        let mut state = self.state();
        state.sessions += 1;
        let id = format!("{:08x}", state.sessions);
        let sink = match &self.directory {
            None => Sink::Memory(Vec::new()),
            Some(directory) => {
                let path = directory.join("uploads").join(&id);
                Sink::File(File::create(&path)?, path)
            }
        };
        let upload = Upload {
            repository: repository.clone(),
            size: 0,
            hasher: Hasher::default(),
            sink,
        };
        state.uploads.insert(id.clone(), upload);
        Ok(id)
    }

    /// Takes a session out for one request; while it is out, others see it as unknown.
    pub fn take(&self, repository: &Repository, id: &str) -> Option<Upload> {
        let mut state = self.state();
        let owned = state
            .uploads
            .get(id)
            .is_some_and(|upload| upload.repository == *repository);
        owned.then(|| state.uploads.remove(id)).flatten()
    }

    /// Puts a session back.
    pub fn put_back(&self, id: &str, upload: Upload) {
        self.state().uploads.insert(id.to_owned(), upload);
    }

    pub fn open_uploads(&self) -> usize {
        self.state().uploads.len()
    }

    /// Turns an upload into a blob if its digest is the promised one.
    pub fn commit(&self, upload: Upload, promised: Digest) -> io::Result<bool> {
        if upload.hasher.finish() != promised {
            return Ok(false);
        }
        let content = match (upload.sink, &self.directory) {
            (Sink::File(_, path), Some(directory)) => {
                let final_path = directory.join("blobs").join(promised.hex());
                std::fs::rename(path, &final_path)?;
                Content::File(final_path.into(), upload.size)
            }
            (Sink::File(_, path), None) => Content::File(path.into(), upload.size),
            (Sink::Memory(bytes), _) => Content::Memory(bytes.into()),
        };
        self.put_blob(&upload.repository, promised, content);
        Ok(true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A blob on its way in.
#[derive(Debug)]
pub(crate) struct Upload {
    repository: Repository,
    size: u64,
    hasher: Hasher,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    File(File, PathBuf),
    Memory(Vec<u8>),
}

impl Upload {
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.sink {
            Sink::File(file, _) => file.write_all(bytes)?,
            Sink::Memory(memory) => memory.extend_from_slice(bytes),
        }
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }
}

/// An upload while a request writes to it. However the request ends, also by the connection's death, the session is
/// kept or forgotten as the registry is set to.
pub(crate) struct Writing {
    store: Arc<Store>,
    id: String,
    upload: Option<Upload>,
    keep: bool,
}

impl Writing {
    pub fn new(store: Arc<Store>, id: &str, upload: Upload, keep: bool) -> Self {
        Self {
            store,
            id: id.to_owned(),
            upload: Some(upload),
            keep,
        }
    }

    pub fn size(&self) -> u64 {
        self.upload.as_ref().map_or(0, Upload::size)
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.upload
            .as_mut()
            .map_or(Ok(()), |upload| upload.append(bytes))
    }

    /// The request came whole: the session goes on.
    pub fn pause(mut self) {
        self.keep = true;
    }

    /// The request was the last one.
    pub fn finish(mut self, promised: Digest) -> io::Result<bool> {
        let upload = self.upload.take();
        upload.map_or(Ok(false), |upload| self.store.commit(upload, promised))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take().filter(|_| self.keep) {
            self.store.put_back(&self.id, upload);
        }
    }
}
