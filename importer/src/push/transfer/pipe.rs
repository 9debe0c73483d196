/*!
A push from a pipe: each byte passes once, is verified as it passes, and goes to the registry meanwhile.

Small blobs are held, several at once, and can be sent again; a large one streams through a [`ReplayWindow`]. Together they
never hold more than 16 MiB. The pipe is read to its verified end whatever becomes of the uploads.
*/

use std::{collections::HashMap, io, sync::Arc};

use bytes::Bytes;
use registry::{BlobSource, Remote};
use schema::{
    Progress,
    bundle::{self, Entry, Sequential},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use super::{
    replay_window::{LIMIT, ReplayWindow},
    source::{FromTarget, read_chunk},
};
use crate::{
    Error,
    configuration::{ConfigSink, passing},
    push::{
        plan::{BlobStep, ManifestStep},
        upload::Upload,
    },
};

/// Blobs up to this size are held whole: 4 MiB.
const SMALL: u64 = 4 << 20;

/// Pushes blobs and manifests as they pass. Returns an error only if the bundle is altered.
pub async fn push(
    upload: &Arc<Upload>,
    bundle: Sequential,
    config: Arc<dyn ConfigSink>,
    progress: &Arc<dyn Progress>,
) -> Result<(), Error> {
    let mut uploads = Uploads {
        upload: Arc::clone(upload),
        progress: Arc::clone(progress),
        runtime: Handle::current(),
        held: Arc::new(Semaphore::new(LIMIT as usize)),
        blobs: upload
            .plan
            .blobs
            .iter()
            .map(|step| (step.position, step.clone()))
            .collect(),
        manifests: upload
            .plan
            .manifests
            .iter()
            .map(|step| (step.position, step.clone()))
            .collect(),
        among_blobs: true,
        tasks: JoinSet::new(),
    };
    let tape = bundle.share();
    let reading = tokio::task::spawn_blocking(move || {
        bundle.visit(|entry| {
            passing::entry_of(tape.index(), entry, config.as_ref())?;
            uploads.entry(entry)
        })?;
        uploads.settle()
    });
    reading.await.map_err(|error| Error::Task(error.into()))?
}

/// What is under way between entries.
struct Uploads {
    upload: Arc<Upload>,
    progress: Arc<dyn Progress>,
    runtime: Handle,
    /// One permit for each byte that may be held.
    held: Arc<Semaphore>,
    blobs: HashMap<usize, BlobStep>,
    manifests: HashMap<usize, ManifestStep>,
    /// Until the first manifest.
    among_blobs: bool,
    tasks: JoinSet<Result<(), Error>>,
}

impl Uploads {
    /// Takes what an entry is needed for; what is not needed is verified and forgotten by the reader.
    fn entry(&mut self, entry: &mut Entry<'_>) -> Result<(), Error> {
        if let Some(step) = self.blobs.remove(&entry.position) {
            if !self
                .upload
                .inventory
                .missing_blobs
                .contains_key(&step.blob.digest)
            {
                return Ok(());
            }
            return if step.blob.size <= SMALL {
                self.small(step, entry)
            } else {
                self.large(step, entry)
            };
        }
        match self.manifests.remove(&entry.position) {
            Some(step) => self.manifest(step, entry),
            None => Ok(()),
        }
    }

    fn small(&mut self, step: BlobStep, entry: &mut Entry<'_>) -> Result<(), Error> {
        let permit = self.hold(step.blob.size)?;
        let bytes = Bytes::from(entry.body.read_whole()?);
        let (upload, progress) = (Arc::clone(&self.upload), Arc::clone(&self.progress));
        self.start(async move {
            let done = upload
                .blob(&step, &bytes, |_| Box::new(bytes.clone()))
                .await;
            progress.advance(step.blob.size);
            drop(permit);
            done
        })
    }

    fn large(&mut self, step: BlobStep, entry: &mut Entry<'_>) -> Result<(), Error> {
        let permit = self.hold(LIMIT)?;
        let (upload, window) = (Arc::clone(&self.upload), ReplayWindow::default());
        let (blob, sending) = (step.blob, window.clone());
        self.start(async move {
            let again =
                |holder: Remote| -> Box<dyn BlobSource> { Box::new(FromTarget { holder, blob }) };
            let done = upload.blob(&step, &sending, again).await;
            sending.abandon();
            drop(permit);
            done
        })?;
        loop {
            match read_chunk(&mut entry.body) {
                Ok(chunk) if chunk.is_empty() => break,
                Ok(chunk) => {
                    self.progress.advance(chunk.len() as u64);
                    window.push(chunk);
                }
                Err(error) => {
                    window.close(Some(io::Error::other(
                        "the rest of the blob is not what was signed",
                    )));
                    return Err(bundle::Error::from_io(error, entry.file.path.to_string()).into());
                }
            }
        }
        window.close(None);
        Ok(())
    }

    /// Manifests come after all blobs: what they rest on is settled before the first of them is put. Those that list
    /// others wait for the others too.
    fn manifest(&mut self, step: ManifestStep, entry: &mut Entry<'_>) -> Result<(), Error> {
        if self.among_blobs || step.media_type.is_index() {
            self.settle()?;
            self.among_blobs = false;
        }
        let permit = self.hold(entry.file.size)?;
        let bytes = Bytes::from(entry.body.read_whole()?);
        if self.upload.needs_manifest_blobs(&step, &bytes)? {
            self.settle()?;
        }
        let upload = Arc::clone(&self.upload);
        self.start(async move {
            let done = upload.manifest(&step, bytes).await;
            drop(permit);
            done
        })
    }

    /// Waits until that many bytes may be held.
    fn hold(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Error> {
        let permits = bytes.min(LIMIT) as u32;
        let permit = self
            .runtime
            .block_on(Arc::clone(&self.held).acquire_many_owned(permits));
        permit.map_err(|error| Error::Task(error.into()))
    }

    /// Starts a task, and waits for one first if too many are under way.
    fn start(
        &mut self,
        task: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) -> Result<(), Error> {
        while self.tasks.len() >= self.upload.concurrency {
            self.next()?;
        }
        self.tasks.spawn_on(task, &self.runtime);
        Ok(())
    }

    fn next(&mut self) -> Result<(), Error> {
        match self.runtime.block_on(self.tasks.join_next()) {
            Some(joined) => joined.map_err(|error| Error::Task(error.into()))?,
            None => Ok(()),
        }
    }

    /// Waits for all tasks.
    fn settle(&mut self) -> Result<(), Error> {
        while !self.tasks.is_empty() {
            self.next()?;
        }
        Ok(())
    }
}
