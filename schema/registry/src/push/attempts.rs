/*!
One blob, attempt by attempt: resumed where the registry kept a part of it, begun again where that is in doubt.
*/

use schema::manifest::Blob;

use crate::{
    BlobSource, Error, Remote, Upload,
    push::{
        form::Forms,
        session::{Begun, UploadStatus},
        transfer::Failed,
    },
    transport::retry::RetryBudget,
};

/// How often one blob is begun again because its upload vanished, its login ran out, or the registry miscounted.
const RESTARTS: u32 = 2;

/// A blob on its form, over all attempts.
pub(super) struct BlobPush<'a> {
    remote: &'a Remote,
    blob: &'a Blob,
    source: &'a dyn BlobSource,
    session: Option<Upload>,
    /// Where the next attempt begins, in bytes.
    offset: u64,
    forms: Forms,
    budget: RetryBudget,
    restarts_left: u32,
    /// Connections that ended one after the other while bytes were on their way.
    cuts: u32,
}

/// What follows an attempt that failed.
enum Next {
    /// Nothing: the blob is there after all.
    Done,
    /// Another attempt from where the registry stands.
    Resume,
    /// Another attempt from the first byte.
    Restart,
}

impl<'a> BlobPush<'a> {
    pub(super) fn new(
        remote: &'a Remote,
        blob: &'a Blob,
        source: &'a dyn BlobSource,
        session: Option<Upload>,
    ) -> Self {
        let learned = remote.shared.quirks.form();
        Self {
            remote,
            blob,
            source,
            session,
            offset: 0,
            forms: Forms::new(blob.size, learned, source.repeatable()),
            budget: RetryBudget::new(remote.shared.retries),
            restarts_left: RESTARTS,
            cuts: 0,
        }
    }

    /// Returns once the blob is there. A session that is given up is cleared away.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let pushed = self.attempts().await;
        if pushed.is_err() {
            self.discard().await;
        }
        pushed
    }

    async fn attempts(&mut self) -> Result<(), Error> {
        let Self {
            remote,
            blob,
            source,
            ..
        } = *self;
        loop {
            let upload = match &mut self.session {
                Some(upload) => upload,
                None => match remote.begin_upload(blob).await? {
                    Begun::There => return Ok(()),
                    Begun::Session(upload) => self.session.insert(upload),
                },
            };
            let (offset, form) = (self.offset, self.forms.now);
            let Err(failed) = remote.attempt(blob, source, upload, offset, form).await else {
                remote.shared.quirks.succeeded(&self.forms);
                return Ok(());
            };
            let Failed { error, lost, .. } = &failed;
            tracing::debug!(%error, ?lost, ?form, offset, "an upload failed");
            let sending = failed.sending;
            match self.after(failed).await? {
                Next::Done => return Ok(()),
                Next::Resume => self.resume(sending).await,
                Next::Restart => {
                    self.offset = 0;
                    self.discard().await;
                }
            }
        }
    }

    /// Decides what a failure calls for, and waits where that takes time.
    async fn after(&mut self, failed: Failed) -> Result<Next, Error> {
        let Failed { error, lost, .. } = failed;
        if let (Some(lost), Some(upload)) = (lost, &mut self.session) {
            if self.remote.turned_up(self.blob, upload, lost).await? {
                return Ok(Next::Done);
            }
            self.budget.wait(error).await?;
            return Ok(Next::Resume);
        }
        let status = error.status().unwrap_or_default();
        if status == 401 && self.may_restart() {
            return Ok(Next::Resume);
        }
        if self.offset > 0 && matches!(status, 400 | 416) && self.may_restart() {
            // What was resumed is not what was sent before: the registry's count was wrong.
            self.remote.shared.quirks.miscounted();
            return Ok(Next::Restart);
        }
        let vanished = matches!(status, 404 | 416);
        if vanished && self.remote.has_blob(self.blob).await? {
            return Ok(Next::Done);
        }
        if self.forms.refused(status) {
            tracing::debug!(form = ?self.forms.now, "trying another form of upload");
            return Ok(Next::Restart);
        }
        if vanished && self.may_restart() {
            self.session = None;
            return Ok(Next::Restart);
        }
        self.budget.wait(error).await?;
        Ok(match self.remote.has_blob(self.blob).await? {
            true => Next::Done,
            false => Next::Resume,
        })
    }

    fn may_restart(&mut self) -> bool {
        let left = self.restarts_left.checked_sub(1);
        left.inspect(|left| self.restarts_left = *left).is_some()
    }

    /// Finds out where to resume. `sending`: the connection ended while bytes were on their way.
    async fn resume(&mut self, sending: bool) {
        // Once it may be a broken line; twice, a proxy that hangs up on large bodies.
        let hung_up = sending && self.cuts > 0;
        self.cuts += u32::from(sending);
        let before = self.offset;
        self.offset = self.held(sending).await;
        if self.offset > before {
            self.budget.reset();
            self.cuts = 0;
        } else if hung_up && self.forms.smaller() {
            self.offset = 0;
        }
        if self.offset == 0 {
            self.discard().await;
        }
    }

    /// The bytes that the registry has for certain; 0 where the upload has to be begun again.
    async fn held(&mut self, sending: bool) -> u64 {
        let Some(upload) = &mut self.session else {
            return 0;
        };
        if self.remote.shared.quirks.miscounts() {
            return 0;
        }
        match self.remote.upload_status(upload, self.blob).await {
            UploadStatus::Gone => {
                self.session = None;
                0
            }
            UploadStatus::Has(bytes) if (upload.taken..=upload.sent).contains(&bytes) => bytes,
            // It refused the last part whole, so that what it took before is what it has, whatever it answers.
            UploadStatus::Has(_) | UploadStatus::Unknown if !sending => upload.taken,
            UploadStatus::Has(_) | UploadStatus::Unknown => 0,
        }
    }

    async fn discard(&mut self) {
        if let Some(upload) = self.session.take() {
            self.remote.abandon(upload, self.blob).await;
        }
    }
}
