/*! What a push did, or would do: for people, as JSON, and as a verdict. */

use std::collections::BTreeSet;

use cli::{Format, shell};
use schema::{
    Digest, Tag,
    bundle::Missing,
    text::{Page, human_bytes},
};
use serde::Serialize;

use super::{
    inventory::Inventory,
    plan::{Plan, ReleaseStep},
    referrers::lists::ReferrerLists,
    tag_change::{TagAction, TagChange},
    upload::Upload,
};
use crate::{Error, report, target::Target};

/// What became of a push.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `HOST[:PORT]`.
    pub registry: String,
    /// Nothing was touched. What it takes to publish releases alone is then not among the counts.
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
    /// Every tag of the bundle, and the lists of referrers that the registry does not keep itself.
    pub tags: Vec<TagChange>,
    /// The OpenShift releases of the bundle.
    pub releases: Vec<ReleaseReport>,
    /// Images that the bundle was to hold and does not, since their source did not have them.
    pub missing: Vec<Missing>,
    /// What could not be brought there, and why.
    pub failures: Vec<String>,
    /// What the operator should know before going on.
    pub warnings: Vec<String>,
    /// What comes next, ready to be pasted into a shell.
    pub next_commands: Vec<String>,
    #[serde(skip)]
    total: usize,
    #[serde(skip)]
    first_failure: Option<String>,
}

/// A release as clusters refer to it.
#[derive(Debug, Clone, Serialize)]
pub struct ReleaseReport {
    /// As people call it.
    pub version: String,
    /// `REGISTRY/REPOSITORY@sha256:…`, in the repository of release images.
    pub image: String,
    /// Fingerprints of the OpenPGP keys that signed it; none: nobody vouches for it.
    pub verified_by: Vec<String>,
    /// Whether it is there, or would be.
    pub published: bool,
}

impl Report {
    /// What a push would do.
    pub fn of_dry_run(
        plan: &Plan,
        target: &Target,
        inventory: &Inventory,
        mut tags: Vec<TagChange>,
        lists: ReferrerLists,
    ) -> Self {
        let failures: Vec<String> = tags
            .iter()
            .chain(&lists.changes)
            .filter_map(|change| change.reason.clone())
            .collect();
        let referrers_lists = lists.changed();
        let mut warnings = warnings(plan, target);
        warnings.extend(lists.warnings);
        tags.extend(lists.changes);
        let absent = plan
            .blobs
            .iter()
            .filter(|step| !inventory.holders.contains_key(&step.blob.digest))
            .count();
        let releases = releases(plan, target, |_| true);
        let wanted: usize = inventory.missing_blobs.values().map(Vec::len).sum();
        Self {
            registry: target.host.clone(),
            dry_run: true,
            blobs: plan.blobs.len(),
            blobs_uploaded: absent,
            bytes_uploaded: inventory.bytes_missing(plan),
            blobs_mounted: wanted - absent,
            manifests_pushed: inventory.missing_manifests.values().map(Vec::len).sum(),
            referrers_lists,
            tags,
            missing: plan.missing.clone(),
            first_failure: failures.first().cloned(),
            failures,
            warnings,
            next_commands: upgrades(&releases),
            releases,
            total: total(plan),
        }
    }

    /// What a push did.
    pub fn of_push(
        upload: &Upload,
        target: &Target,
        mut tags: Vec<TagChange>,
        lists: ReferrerLists,
    ) -> Self {
        let stats = upload.stats().clone();
        let releases = releases(&upload.plan, target, |step| {
            let tag = |change: &&TagChange| {
                let named =
                    |(tag, digest): &(Tag, Digest)| *tag == change.tag && *digest == step.digest;
                change.repository == step.to && step.tags.iter().any(named)
            };
            let mut own = tags.iter().filter(tag);
            own.all(|change| change.action != TagAction::Failed)
        });
        let reasons = stats.failed.into_values().chain(stats.refused);
        let failures: BTreeSet<String> = reasons.chain(stats.withheld.into_values()).collect();
        let referrers_lists = lists.changed();
        let mut warnings = warnings(&upload.plan, target);
        warnings.extend(lists.warnings);
        tags.extend(lists.changes);
        Self {
            registry: target.host.clone(),
            dry_run: false,
            blobs: upload.plan.blobs.len(),
            blobs_uploaded: stats.uploaded,
            bytes_uploaded: stats.bytes,
            blobs_mounted: stats.mounted,
            manifests_pushed: stats.manifests,
            referrers_lists,
            tags,
            missing: upload.plan.missing.clone(),
            failures: failures.into_iter().collect(),
            warnings,
            next_commands: upgrades(&releases),
            releases,
            total: total(&upload.plan),
            first_failure: stats.first_failure,
        }
    }

    /// The same with a command before those that come next, and further warnings.
    pub fn followed_by(
        self,
        command: Option<String>,
        warnings: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            next_commands: command.into_iter().chain(self.next_commands).collect(),
            warnings: self.warnings.into_iter().chain(warnings).collect(),
            ..self
        }
    }

    /// The text for standard output.
    pub fn shown(&self, format: Format) -> Result<Page, Error> {
        match format {
            Format::Json => report::json(self),
            Format::Table => {
                let mut text = self.summary();
                text.append(&self.ending());
                Ok(text)
            }
        }
    }

    /// What became of images and tags, for people.
    pub fn summary(&self) -> Page {
        let mut text = Page::new();
        for tag in self
            .tags
            .iter()
            .filter(|tag| tag.action != TagAction::Unchanged)
        {
            text.line(tag);
        }
        for failure in &self.failures {
            text.line(format_args!("failed     {failure}"));
        }
        for one in &self.missing {
            text.line(format_args!("missing    {}: {}", one.named(), one.reason));
        }
        let unchanged = self
            .tags
            .iter()
            .filter(|tag| tag.action == TagAction::Unchanged)
            .count();
        let verb = if self.dry_run { "Would push" } else { "Pushed" };
        text.line(format_args!(
            "{verb} to {}: {} of {} blobs ({}), {} mounts, {} manifests, {} tags set, {unchanged} unchanged",
            self.registry,
            self.blobs_uploaded,
            self.blobs,
            human_bytes(self.bytes_uploaded),
            self.blobs_mounted,
            self.manifests_pushed,
            self.tags.iter().filter(|tag| tag.action.is_change()).count(),
        ));
        text
    }

    /// Warnings, and what comes next, for people.
    pub fn ending(&self) -> Page {
        let mut text = Page::new();
        for warning in &self.warnings {
            text.line(format_args!("warning: {warning}"));
        }
        if !self.next_commands.is_empty() {
            text.gap();
            text.line(if self.dry_run { "Afterwards:" } else { "Next:" });
        }
        for command in &self.next_commands {
            text.line(format_args!("  {command}"));
        }
        text
    }

    /// Whether every image has its tags, and every release is published: what may have failed is about them.
    pub fn images_arrived(&self) -> bool {
        let images = self.tags.iter().filter(|tag| !tag.attached);
        let mut releases = self.releases.iter();
        images.clone().all(|tag| tag.action != TagAction::Failed)
            && releases.all(|release| release.published)
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

/// All that can fail, tags included.
fn total(plan: &Plan) -> usize {
    plan.blobs.len() + plan.manifests.len() + plan.tags.len() + plan.releases.len()
}

fn releases(
    plan: &Plan,
    target: &Target,
    published: impl Fn(&ReleaseStep) -> bool,
) -> Vec<ReleaseReport> {
    let report = |step: &ReleaseStep| ReleaseReport {
        version: step.version.clone(),
        image: format!("{}@{}", target.named(&step.to), step.digest),
        verified_by: step.verified_by.clone(),
        published: step.whole && published(step),
    };
    let all = plan.releases.iter().chain(&plan.incomplete);
    all.map(report).collect()
}

fn warnings(plan: &Plan, target: &Target) -> Vec<String> {
    let all = plan.releases.iter().chain(&plan.incomplete);
    let unverified = all.filter(|step| step.verified_by.is_empty());
    let mut warnings: Vec<String> = unverified
        .map(|step| report::unverified(&step.version, &step.digest))
        .collect();
    let incomplete = plan.incomplete.iter();
    warnings.extend(incomplete.map(|step| report::incomplete(&step.version)));
    let mixed = plan.releases.iter().find(|step| step.from == step.to);
    warnings.extend(mixed.map(|step| {
        format!(
            "release images go to {}, among the tags of their components, on which an update service runs out of memory; \
             give them a repository of their own with --map or --to-release-image",
            step.to
        )
    }));
    if plan.releases.is_empty() && plan.incomplete.is_empty() && target.release_image.is_some() {
        warnings.push("--to-release-image has no use: the bundle holds no release".to_owned());
    }
    warnings
}

/// A release that is not there is not to be upgraded to.
fn upgrades(releases: &[ReleaseReport]) -> Vec<String> {
    let there = releases.iter().filter(|release| release.published);
    there
        .map(|release| shell::upgrade(&release.image))
        .collect()
}
