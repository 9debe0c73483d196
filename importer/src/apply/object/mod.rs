/*! One object on a cluster: where it lies, what a dry run says of it, and what of that people are shown. */

mod conflict;
pub mod diff;
mod dry_run;
pub mod gitops;
mod path;
mod provided;
mod ready;
mod survey;
mod takeover;

pub(super) use conflict::refusal_text;
pub use dry_run::DryRunResult;
pub(super) use path::ObjectPath;
pub(super) use provided::{Provided, waits};
pub(super) use ready::{PAUSES, wait as wait_until_ready, wait_until_gone};
pub(super) use survey::{Notes, Survey, being_deleted, is_unanswered, resource_version, warning};
pub(super) use takeover::{is_due as takeover_is_due, patch as takeover_patch};
