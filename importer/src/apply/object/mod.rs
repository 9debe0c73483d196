/*! One object on a cluster: where it lies, what a dry run says of it, and what of that people are shown. */

mod call;
mod conflict;
pub mod diff;
mod dry_run;
pub mod gitops;
mod immutable;
mod path;
mod provided;
mod ready;
mod survey;
mod takeover;

pub(super) use call::call;
pub(crate) use conflict::refusal_text;
pub use dry_run::DryRunResult;
pub use immutable::{Doomed, Recreate, RecreateKind};
pub(crate) use immutable::{is_precious, unchangeable};
pub(crate) use path::{ObjectPath, same};
pub(super) use provided::{Provided, waits};
pub(crate) use ready::wait_until_gone;
pub(super) use ready::{PAUSES, wait as wait_until_ready};
pub(super) use survey::{Notes, Survey, is_unanswered, warning};
pub(crate) use survey::{being_deleted, resource_version, would_be_taken};
pub(crate) use takeover::MANAGERS;
pub(super) use takeover::{is_due as takeover_is_due, patch as takeover_patch};
