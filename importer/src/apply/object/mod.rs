/*! One object on a cluster: where it lies, what a dry run says of it, and what of that people are shown. */

mod conflict;
pub mod diff;
mod dry_run;
pub mod gitops;
mod path;
mod ready;
pub(super) mod survey;

pub(super) use conflict::refusal_text;
pub use dry_run::DryRunResult;
pub(super) use path::ObjectPath;
pub(super) use ready::{PAUSES, wait as wait_until_ready};
