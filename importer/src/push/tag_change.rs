/*! What happens to a tag at the target: from what it pointed to, to what it points to now. */

use std::fmt;

use schema::{Digest, Repository, Tag};
use serde::Serialize;

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
    /// Whether it is about an image: a signature, or a list of referrers.
    #[serde(skip)]
    pub attached: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl TagChange {
    /// It is not set.
    pub fn fail(&mut self, reason: String) {
        self.action = TagAction::Failed;
        self.reason = Some(reason);
    }
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

impl TagAction {
    /// What it takes to make `old` point to `new`.
    pub fn of(old: Option<Digest>, new: Digest) -> Self {
        match old {
            None => Self::Created,
            Some(old) if old == new => Self::Unchanged,
            Some(_) => Self::Moved,
        }
    }

    /// Whether the tag is another than it was, or would be.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Created | Self::Moved)
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
