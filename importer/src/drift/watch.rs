/*! `drift --watch`: a look, then another, and between them only what has changed. */

use std::{pin::pin, time::Duration};

use cli::{Exit, Format, StatusTable};
use jiff::Timestamp;
use schema::text::Page;
use tokio::time::sleep;
use tracing::{instrument::WithSubscriber as _, subscriber::NoSubscriber};

use super::{
    changes::{self, Known},
    verdict,
};
use crate::{Error, apply::command::Job, rollout::interrupted};

/// Looks until the person at the terminal, or the system, ends it; the code is that of the last look.
pub(super) async fn watch(
    job: &Job<'_>,
    interval: Duration,
    format: Format,
    status: StatusTable,
    show: impl Fn(&Page) -> Result<(), Error>,
) -> Result<Exit, Error> {
    let mut end = pin!(interrupted());
    let mut known = Known::default();
    let mut last = None;
    loop {
        let finished = async {
            match last {
                None => job.run(status).await,
                // The same lines each time are no news; what is new is among the changes.
                Some(_) => {
                    job.run(status)
                        .with_subscriber(NoSubscriber::default())
                        .await
                }
            }
        };
        // A look that was cut short says nothing.
        let finished = tokio::select! {
            biased;
            () = &mut end => break,
            finished = finished => finished,
        };
        let changes = known.update(&finished.report.clusters, Timestamp::now());
        let text = changes::shown(&changes, format)?;
        if !text.is_empty() {
            show(&text)?;
        }
        last = Some(verdict(&finished));
        tokio::select! {
            biased;
            () = &mut end => break,
            () = sleep(interval) => {}
        }
    }
    Ok(last.unwrap_or_else(|| {
        tracing::warn!("interrupted before the first look had ended");
        Exit::AllClusters
    }))
}
