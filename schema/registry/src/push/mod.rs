/*!
Blobs into a registry: mounted from where they are already, or uploaded in the form that it takes.
*/

mod attempts;
mod commit;
pub(crate) mod form;
pub(crate) mod refused_for_good;
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
    push::{attempts::BlobPush, refused_for_good::Step, session::Begun},
};

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

    /// Opens an upload for a blob of which nothing is known: one that is there already is [`Mount::Done`], found by a mount
    /// from the repository itself. Registries that do not mount open a session as ever.
    pub async fn begin_blob(&self, blob: &Blob) -> Result<Mount, Error> {
        self.still_open()?;
        if self.shared.capabilities.own_mounts() {
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
                Err(error) => return Err(self.refused_for_good(error, Step::Open)),
            }
            self.shared.capabilities.no_own_mounts();
        }
        self.begin(blob).await
    }

    /// `None` where the registry refuses to mount.
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
            // Not being allowed or able to mount does not mean not being able to push.
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
    /// after a failure is not sent again where the upload can be resumed. What the registry refuses for every blob is
    /// [`Error::Closed`].
    pub async fn push_blob(
        &self,
        blob: &Blob,
        source: &dyn BlobSource,
        session: Option<Upload>,
    ) -> Result<(), Error> {
        self.still_open()?;
        let pushed = BlobPush::new(self, blob, source, session).run().await;
        pushed.map_err(|error| self.refused_for_good(error, Step::Store))
    }

    /// An error where uploads to this repository were refused for good before.
    pub(crate) fn still_open(&self) -> Result<(), Error> {
        let refused = &self.shared.refused_for_good;
        refused.check(&self.shared.host, &self.repository)
    }

    /// The error as it is, or as [`Error::Closed`] if it holds for whatever is pushed there.
    pub(crate) fn refused_for_good(&self, error: Error, step: Step) -> Error {
        let refused = &self.shared.refused_for_good;
        refused.learn(error, step, &self.shared.host, &self.repository)
    }
}
