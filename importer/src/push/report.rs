/*! What a push did, or would do: for people, as JSON, and as a verdict. */

use std::fmt;

use schema::{Digest, Repository, Tag, cli::human_bytes};
use serde::Serialize;

use super::{
    plan::{Plan, Target},
    survey::Survey,
    upload::Upload,
};
use crate::{Error, args::Format};

/// The account of a push.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `HOST[:PORT]`.
    pub registry: String,
    /// Nothing was touched.
    pub dry_run: bool,
    /// Blobs in the bundle.
    pub blobs: usize,
    /// Blobs sent (or to be sent).
    pub blobs_uploaded: usize,
    /// Bytes of them.
    pub bytes_uploaded: u64,
    /// Blobs taken over from another repository of the target.
    pub blobs_mounted: usize,
    /// Manifests put (or to be put).
    pub manifests_pushed: usize,
    /// Referrers lists changed.
    pub referrers_lists: usize,
    /// Every tag of the bundle.
    pub tags: Vec<TagChange>,
    /// What could not be brought there, and why.
    pub failures: Vec<String>,
    #[serde(skip)]
    total: usize,
    #[serde(skip)]
    first_failure: Option<String>,
}

/// What happened, or would happen, to a tag.
#[derive(Debug, Clone, Serialize)]
pub struct TagChange {
    /// Repository at the target.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
    /// What it pointed to.
    pub old: Option<Digest>,
    /// What the bundle says.
    pub new: Digest,
    /// What became of it.
    pub action: TagAction,
    /// The image had no tag; this one keeps it from being collected.
    pub added: bool,
}

/// What becomes of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TagAction {
    /// It did not exist.
    Created,
    /// Something it rests on is missing.
    Failed,
    /// It pointed to something else.
    Moved,
    /// It was right already.
    Unchanged,
}

impl Report {
    /// What a push would do.
    pub fn of_dry_run(plan: &Plan, target: &Target, survey: &Survey, tags: Vec<TagChange>) -> Self {
        let absent = plan
            .blobs
            .iter()
            .filter(|step| !survey.holders.contains_key(&step.blob.digest))
            .count();
        let wanted: usize = survey.missing_blobs.values().map(Vec::len).sum();
        Self {
            registry: target.host.clone(),
            dry_run: true,
            blobs: plan.blobs.len(),
            blobs_uploaded: absent,
            bytes_uploaded: survey.bytes_missing(plan),
            blobs_mounted: wanted - absent,
            manifests_pushed: survey.missing_manifests.values().map(Vec::len).sum(),
            referrers_lists: 0,
            tags,
            failures: Vec::new(),
            total: 0,
            first_failure: None,
        }
    }

    /// What a push did.
    pub fn of_push(
        upload: &Upload,
        target: &Target,
        tags: Vec<TagChange>,
        referrers_lists: usize,
    ) -> Self {
        let account = upload.account().clone();
        let mut failures: Vec<String> = account.failed.into_values().collect();
        failures.sort();
        Self {
            registry: target.host.clone(),
            dry_run: false,
            blobs: upload.plan.blobs.len(),
            blobs_uploaded: account.uploaded,
            bytes_uploaded: account.bytes,
            blobs_mounted: account.mounted,
            manifests_pushed: account.manifests,
            referrers_lists,
            tags,
            failures,
            total: upload.plan.blobs.len() + upload.plan.manifests.len(),
            first_failure: account.first_failure,
        }
    }

    /// The text for standard output.
    pub fn shown(&self, format: Format) -> Result<String, Error> {
        if format == Format::Json {
            let text = serde_json::to_string_pretty(self);
            let text = text.map_err(|error| Error::Io {
                path: "the report".into(),
                source: error.into(),
            })?;
            return Ok(format!("{text}\n"));
        }
        let mut text = String::new();
        for tag in self
            .tags
            .iter()
            .filter(|tag| tag.action != TagAction::Unchanged)
        {
            text.push_str(&format!("{tag}\n"));
        }
        for failure in &self.failures {
            text.push_str(&format!("failed     {}\n", schema::cli::escape(failure)));
        }
        let unchanged = self
            .tags
            .iter()
            .filter(|tag| tag.action == TagAction::Unchanged)
            .count();
        let verb = if self.dry_run { "Would push" } else { "Pushed" };
        text.push_str(&format!(
            "{verb} to {}: {} of {} blobs ({}), {} mounts, {} manifests, {} tags set, {unchanged} unchanged\n",
            self.registry,
            self.blobs_uploaded,
            self.blobs,
            human_bytes(self.bytes_uploaded),
            self.blobs_mounted,
            self.manifests_pushed,
            self.tags.iter().filter(|tag| matches!(tag.action, TagAction::Created | TagAction::Moved)).count(),
        ));
        Ok(text)
    }

    /// An error if anything failed.
    pub fn verdict(&self) -> Result<(), Error> {
        match &self.first_failure {
            Some(first) => Err(Error::Incomplete {
                failed: self.failures.len(),
                total: self.total,
                first: first.clone(),
            }),
            None => Ok(()),
        }
    }
}

impl fmt::Display for TagChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            repository,
            tag,
            new,
            ..
        } = self;
        match (self.action, self.old) {
            (TagAction::Created, _) => write!(f, "created    {repository}:{tag} -> {new}"),
            (TagAction::Failed, _) => write!(f, "failed     {repository}:{tag} -> {new}"),
            (TagAction::Moved, Some(old)) => {
                write!(f, "moved      {repository}:{tag} {old} -> {new}")
            }
            (TagAction::Moved | TagAction::Unchanged, _) => {
                write!(f, "unchanged  {repository}:{tag} -> {new}")
            }
        }
    }
}
