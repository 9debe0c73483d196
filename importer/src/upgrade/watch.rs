/*!
Follows an upgrade until the cluster and its nodes are done, through all the restarts of its API server.

Nothing is judged by a single look: what may be transient has to last, and only changes are reported.
*/

use cluster::{CLUSTER_VERSION, Call, Session, Unanswered, openshift::items};
use schema::Digest;
use tokio::time::Instant;

use super::{
    UpgradeError,
    limits::Limits,
    observe::{self, Look, Progress, Stage, Trouble},
    request::PinnedImage,
};

/// The pools that nodes are updated in.
const POOLS: &str = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools";

/// An upgrade that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The version the cluster is at.
    pub version: Option<String>,
    /// Whether the cluster has verified the signature of the release.
    pub verified: bool,
    /// What to look at nevertheless.
    pub warnings: Vec<String>,
}

/// Watches until the release is there, or it is clear that it does not get there. `progress` gets changes alone.
pub async fn watch(
    session: &Session,
    image: &PinnedImage,
    progress: &(dyn Fn(Progress) + Send + Sync),
    limits: &Limits,
) -> Result<Finished, UpgradeError> {
    let mut watcher = Watcher {
        progress,
        last: None,
        lasting: None,
        silent: None,
    };
    let following = follow(session, image.digest(), &mut watcher, limits);
    let Some(after) = limits.timeout else {
        return following.await;
    };
    match tokio::time::timeout(after, following).await {
        Ok(outcome) => outcome,
        Err(_) => Err(UpgradeError::Timeout {
            after,
            detail: watcher
                .last
                .map_or_else(|| "nothing was seen".to_owned(), |last| last.message),
        }),
    }
}

async fn follow(
    session: &Session,
    wanted: Digest,
    watcher: &mut Watcher<'_>,
    limits: &Limits,
) -> Result<Finished, UpgradeError> {
    loop {
        match look(session, wanted).await {
            Ok(Seen::Done(finished)) => return Ok(finished),
            Ok(Seen::Superseded(other)) => return Err(UpgradeError::Superseded(other)),
            Ok(Seen::Underway(progress, trouble)) => {
                watcher.silent = None;
                watcher.report(progress);
                watcher.check(trouble, limits)?;
            }
            Err(error) => watcher.unanswered(&error, limits)?,
        }
        tokio::time::sleep(limits.poll).await;
    }
}

/// What a look has shown.
enum Seen {
    Done(Finished),
    Superseded(String),
    Underway(Progress, Option<Trouble>),
}

/// Looks at the ClusterVersion, and at the nodes once that is where it should be.
async fn look(session: &Session, wanted: Digest) -> Result<Seen, Unanswered> {
    let cluster_version = session
        .object(&Call::get(CLUSTER_VERSION.to_owned()))
        .await?;
    let (version, verified) = match observe::cluster(&cluster_version, wanted) {
        Look::Arrived { version, verified } => (version, verified),
        Look::Superseded(other) => return Ok(Seen::Superseded(other)),
        Look::Underway(progress, trouble) => return Ok(Seen::Underway(progress, trouble)),
    };
    let mut warnings = Vec::new();
    match session.object(&Call::get(POOLS.to_owned())).await {
        Ok(list) => {
            let pools = observe::pools(items(&list, "/items"));
            if let Some((progress, trouble)) = pools.underway() {
                return Ok(Seen::Underway(progress, trouble));
            }
            let paused = pools.paused.iter();
            warnings.extend(paused.map(|name| format!(
                "machine config pool {name} is paused: its nodes stay as they are until it is resumed"
            )));
        }
        // Where nodes are not managed this way, as with hosted control planes, there are no pools.
        Err(error) if error.status() == Some(404) => {}
        Err(error) if error.status() == Some(403) => warnings.push(format!(
            "whether the nodes are updated is not known, since machine config pools may not be read: {error}"
        )),
        Err(error) => return Err(error),
    }
    Ok(Seen::Done(Finished {
        version,
        verified,
        warnings,
    }))
}

/// What was reported, and what lasts since when.
struct Watcher<'p> {
    progress: &'p (dyn Fn(Progress) + Send + Sync),
    last: Option<Progress>,
    /// Whether it is a refusal, and since when.
    lasting: Option<(bool, Instant)>,
    /// Since when the API server has not answered.
    silent: Option<Instant>,
}

impl Watcher<'_> {
    fn report(&mut self, progress: Progress) {
        if self.last.as_ref() != Some(&progress) {
            (self.progress)(progress.clone());
            self.last = Some(progress);
        }
    }

    /// Gives up on trouble of one kind that has lasted too long.
    fn check(&mut self, trouble: Option<Trouble>, limits: &Limits) -> Result<(), UpgradeError> {
        let Some(trouble) = trouble else {
            self.lasting = None;
            return Ok(());
        };
        let refused = matches!(trouble, Trouble::Refused(_));
        let since = match self.lasting {
            Some((same, since)) if same == refused => since,
            _ => Instant::now(),
        };
        self.lasting = Some((refused, since));
        let after = since.elapsed();
        match trouble {
            Trouble::Refused(detail) if after >= limits.refused => {
                Err(UpgradeError::NotAccepted { after, detail })
            }
            Trouble::Failing(detail) if after >= limits.troubled => {
                Err(UpgradeError::Failing { after, detail })
            }
            Trouble::Refused(_) | Trouble::Failing(_) => Ok(()),
        }
    }

    /// API servers restart during an upgrade, and what authenticates to them does too: any failure may pass.
    fn unanswered(&mut self, error: &Unanswered, limits: &Limits) -> Result<(), UpgradeError> {
        let since = *self.silent.get_or_insert_with(Instant::now);
        let (after, detail) = (since.elapsed(), error.to_string());
        if after >= limits.unreachable {
            return Err(UpgradeError::Unreachable { after, detail });
        }
        self.report(Progress {
            stage: Stage::Unreachable,
            message: detail,
        });
        Ok(())
    }
}
