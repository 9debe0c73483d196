/*!
Blobs into a registry: in the form it takes, gone on with where it kept a part, begun again where that is in doubt.
*/

pub(crate) mod closed;
mod commit;
pub(crate) mod form;
mod session;
mod source;
#[cfg(test)]
mod tests;
mod transfer;

use reqwest::StatusCode;
use schema::{Repository, manifest::Blob};
pub use session::Upload;
pub use source::BlobSource;

use crate::{
    Error, Remote,
    auth::access::Access,
    push::{
        closed::Asked,
        form::Ways,
        session::{Begun, Held},
        transfer::Failed,
    },
    transport::retry::Patience,
};

/// How often one blob is begun again because its upload vanished, its login ran out, or the registry miscounted.
const FRESH_STARTS: u32 = 2;

/// What became of a mount.
#[derive(Debug)]
pub enum Mount {
    /// The blob is now in this repository.
    Done,
    /// The registry opened this session instead, to be used for the upload or dropped.
    Refused(Upload),
}

impl Remote {
    /// Takes a blob over from another repository of the same registry (distribution-spec, "Mounting a blob").
    pub async fn mount(&self, blob: &Blob, from: &Repository) -> Result<Mount, Error> {
        self.still_open()?;
        match self.try_mount(blob, from).await? {
            Some(mount) => Ok(mount),
            None => self.begin(blob).await,
        }
    }

    /// Opens an upload for a blob of which nothing is known: one that is there already is [`Mount::Done`], told by a mount
    /// from the repository itself. Registries that do not mount open a session as ever.
    pub async fn begin_blob(&self, blob: &Blob) -> Result<Mount, Error> {
        self.still_open()?;
        if self.shared.abilities.own_mounts() {
            let digest = blob.digest.to_string();
            let own = self.repository.as_str();
            let query = [("mount", digest.as_str()), ("from", own)];
            match self.post_uploads(blob, &query, self.push()).await {
                Ok(response) if response.status() == StatusCode::CREATED => return Ok(Mount::Done),
                Ok(response) => {
                    if let Ok(session) = self.session(&response, blob) {
                        return Ok(Mount::Refused(session));
                    }
                }
                Err(
                    Error::Denied { .. } | Error::NotFound { .. } | Error::Http { status: 400, .. },
                ) => {}
                // It would refuse any upload.
                Err(error) => return Err(self.refused_for_good(error, Asked::Opening)),
            }
            self.shared.abilities.no_own_mounts();
        }
        self.begin(blob).await
    }

    /// `None` where the registry will not hear of it.
    async fn try_mount(&self, blob: &Blob, from: &Repository) -> Result<Option<Mount>, Error> {
        let digest = blob.digest.to_string();
        let query = [("mount", digest.as_str()), ("from", from.as_str())];
        let access = Access::mount(&self.repository, from);
        match self.post_uploads(blob, &query, access).await {
            Ok(response) if response.status() == StatusCode::CREATED => Ok(Some(Mount::Done)),
            Ok(response) => Ok(self.session(&response, blob).ok().map(Mount::Refused)),
            Err(
                error @ (Error::Cut { .. }
                | Error::Unreachable { .. }
                | Error::Tls { .. }
                | Error::Config(_)
                | Error::Closed { .. }),
            ) => Err(error),
            // Not being allowed or able to mount says nothing about being able to push.
            Err(error) => {
                tracing::debug!(%error, "a mount is refused");
                Ok(None)
            }
        }
    }

    async fn begin(&self, blob: &Blob) -> Result<Mount, Error> {
        Ok(match self.begin_upload(blob).await? {
            Begun::There => Mount::Done,
            Begun::Session(session) => Mount::Refused(session),
        })
    }

    /// Uploads a blob, into a session that [`Remote::mount`] left or a new one. What the registry already has of it
    /// after a failure is not sent again where it can be gone on with. What the registry refuses for every blob is
    /// [`Error::Closed`].
    pub async fn push_blob(
        &self,
        blob: &Blob,
        source: &dyn BlobSource,
        session: Option<Upload>,
    ) -> Result<(), Error> {
        self.still_open()?;
        let mut session = session;
        let Err(error) = self.pushed(blob, source, &mut session).await else {
            return Ok(());
        };
        if let Some(session) = session {
            self.abandon(session, blob).await;
        }
        Err(self.refused_for_good(error, Asked::Storing))
    }

    async fn pushed(
        &self,
        blob: &Blob,
        source: &dyn BlobSource,
        session: &mut Option<Upload>,
    ) -> Result<(), Error> {
        let habits = &self.shared.habits;
        let mut patience = Patience::new(self.shared.retries);
        let mut ways = Ways::new(blob.size, habits.way(), source.repeatable());
        let (mut offset, mut fresh_starts, mut cuts) = (0, 0, 0);
        loop {
            let upload = match session {
                Some(upload) => upload,
                None => match self.begin_upload(blob).await? {
                    Begun::There => return Ok(()),
                    Begun::Session(upload) => session.insert(upload),
                },
            };
            let tried = self.attempt(blob, source, upload, offset, ways.now).await;
            let Failed {
                error,
                lost,
                sending,
            } = match tried {
                Ok(()) => {
                    habits.succeeded(&ways);
                    *session = None;
                    return Ok(());
                }
                Err(failed) => failed,
            };
            tracing::debug!(%error, ?lost, way = ?ways.now, offset, "an upload failed");
            let status = error.status().unwrap_or_default();
            let (again, vanished) = (fresh_starts < FRESH_STARTS, matches!(status, 404 | 416));
            // Once it may be a broken line; twice, a proxy that hangs up on large bodies.
            let hung_up = sending && cuts > 0;
            cuts += u32::from(sending);
            let before = std::mem::take(&mut offset);
            if let Some(lost) = lost {
                if self.turned_up(blob, upload, lost).await? {
                    *session = None;
                    return Ok(());
                }
                patience.wait(error).await?;
            } else if status == 401 && again {
                fresh_starts += 1;
            } else if before > 0 && matches!(status, 400 | 416) && again {
                // What was gone on with is not what was sent before: the registry's count was wrong.
                habits.miscounted();
                fresh_starts += 1;
                self.discard(session, blob).await;
                continue;
            } else if vanished && self.has_blob(blob).await? {
                *session = None;
                return Ok(());
            } else if ways.refused(status) {
                tracing::debug!(way = ?ways.now, "trying another form of upload");
                self.discard(session, blob).await;
                continue;
            } else if vanished && again {
                fresh_starts += 1;
                *session = None;
                continue;
            } else {
                patience.wait(error).await?;
                if self.has_blob(blob).await? {
                    *session = None;
                    return Ok(());
                }
            }
            offset = self.held(blob, session, sending).await;
            if offset > before {
                patience.reset();
                cuts = 0;
            } else if hung_up && ways.smaller() {
                offset = 0;
            }
            if offset == 0 {
                self.discard(session, blob).await;
            }
        }
    }

    /// Where an upload can be gone on with; 0 where it has to be begun again.
    async fn held(&self, blob: &Blob, session: &mut Option<Upload>, sending: bool) -> u64 {
        let Some(upload) = session else { return 0 };
        if self.shared.habits.miscounts() {
            return 0;
        }
        match self.upload_status(upload, blob).await {
            Held::Gone => {
                *session = None;
                0
            }
            Held::Bytes(bytes) if (upload.taken..=upload.sent).contains(&bytes) => bytes,
            // It refused the last part whole, so that what it took before is what it has, whatever it says.
            Held::Bytes(_) | Held::Unknown if !sending => upload.taken,
            Held::Bytes(_) | Held::Unknown => 0,
        }
    }

    async fn discard(&self, session: &mut Option<Upload>, blob: &Blob) {
        if let Some(upload) = session.take() {
            self.abandon(upload, blob).await;
        }
    }
}
