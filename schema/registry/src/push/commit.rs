/*!
The end of an upload, when the registry has all bytes and puts them in their place: some copy many GiB then, for minutes.

There is no idle limit here. After a minute the blob is asked for besides, because a gateway may have lost the answer. Where one
answers so (502, 504) or the connection ends, the blob is asked for until it is there, instead of being sent again.
*/

use std::time::Duration;

use schema::manifest::Blob;
use tokio::time::{Instant, sleep};

use crate::{
    Error, Remote, Upload,
    push::{session::UploadStatus, source::Watch},
};

/// The longest that the answer to the last request of an upload is waited for.
pub(crate) const LONGEST_COMMIT: Duration = seconds(30 * 60);

/// The longest that the blob is asked for after that answer was lost.
const LONGEST_DOUBT: Duration = seconds(10 * 60);

/// As long as the registry still shows the upload, so that it is not at work on it.
const SHORT_DOUBT: Duration = seconds(30);

/// An upload that vanished together with its connection: it was given up, or finished just then.
const VANISHED: Duration = seconds(2);

/// From then on the blob is asked for while the answer is waited for.
const UNASKED: Duration = seconds(60);

/// So often.
const ASK_EVERY: Duration = seconds(30);

/// Between two questions after a lost answer, at first and at most.
const PAUSES: (Duration, Duration) = (seconds(1), seconds(15));

/// Tests live a thousand times as fast.
const fn seconds(number: u64) -> Duration {
    if cfg!(test) {
        Duration::from_millis(number)
    } else {
        Duration::from_secs(number)
    }
}

/// How the answer to the last request was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LostAnswer {
    /// It was not: the registry is still at work (202).
    Accepted,
    /// A gateway ran out of patience (504 and the like), or the connection ended after a long silence.
    Waiting,
    /// A gateway lost the registry (502).
    Gateway,
    /// The connection ended with, or right after, the last bytes; they may not have arrived.
    Cut,
}

impl LostAnswer {
    /// Of a failure after the last byte had left, which then took `silence`. None for what is an answer.
    pub(crate) fn of(error: &Error, silence: Duration) -> Option<Self> {
        match error {
            Error::Http {
                status: 504 | 520..=527,
                ..
            } => Some(Self::Waiting),
            Error::Http { status: 502, .. } => Some(Self::Gateway),
            Error::Cut { .. } if silence >= seconds(10) => Some(Self::Waiting),
            Error::Cut { .. } => Some(Self::Cut),
            _ => None,
        }
    }

    /// How long the blob may still appear, where that is the status of the upload.
    fn doubt(self, held: UploadStatus, size: u64) -> Duration {
        match (self, held) {
            (Self::Accepted, _) => LONGEST_DOUBT,
            (Self::Waiting | Self::Gateway, UploadStatus::Gone) => LONGEST_DOUBT,
            (Self::Waiting, UploadStatus::Has(bytes)) if bytes == size => LONGEST_DOUBT,
            (Self::Waiting | Self::Gateway, _) => SHORT_DOUBT,
            (Self::Cut, UploadStatus::Gone) => VANISHED,
            (Self::Cut, _) => Duration::ZERO,
        }
    }
}

impl Remote {
    /// Returns once the blob is there, asked for only after the registry was silent for long.
    pub(crate) async fn appears(&self, blob: &Blob, watch: &Watch) {
        watch.silent_for(UNASKED).await;
        let target = self.target(&blob.digest);
        tracing::info!("{target}: the registry has all bytes and still works on them");
        while !matches!(self.has_blob(blob).await, Ok(true)) {
            sleep(ASK_EVERY).await;
        }
    }

    /// Whether a blob of which every byte was sent turns up after all.
    pub(crate) async fn turned_up(
        &self,
        blob: &Blob,
        upload: &mut Upload,
        lost: LostAnswer,
    ) -> Result<bool, Error> {
        let begun = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            if self.has_blob(blob).await? {
                return Ok(true);
            }
            let held = self.upload_status(upload, blob).await;
            let left = lost.doubt(held, blob.size).saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            if pause == PAUSES.0 && lost != LostAnswer::Cut {
                let target = self.target(&blob.digest);
                tracing::info!(
                    "{target}: the registry got all bytes, its answer was lost; asking whether it has them"
                );
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}
