/*!
Brings configuration to clusters: to one, or to hundreds in waves.

```text
manifests → fleet → preflight (all of them) → waves → report
```

[`command`] is that sentence. [`manifest`] says what is applied and in which order, [`fleet`] to which clusters and when,
[`preflight`] what would happen on one of them, [`converge`] makes it happen, [`outcome`] says what did. What is asked of a
cluster is asked through the crate [`cluster`].
*/

pub mod args;
pub mod collect;
pub mod command;
mod conflict;
pub mod converge;
pub mod diff;
pub mod dry_run;
#[cfg(test)]
mod fault_tests;
pub mod fleet;
mod foresee;
pub mod gitops;
mod interrupt;
mod looks;
pub mod manifest;
pub mod manifests;
mod object;
pub mod outcome;
pub mod overlay;
pub mod preflight;
mod ready;
pub mod render;
pub mod report;
mod rollout;
pub mod select;
pub mod selector;
pub mod skew;
#[cfg(test)]
mod skew_tests;
#[cfg(test)]
mod stand_in;
pub(crate) mod status;
#[cfg(test)]
mod tests;
pub mod waves;

use std::time::Duration;

pub(crate) use interrupt::interrupted;

/// The field manager that objects are applied as (Kubernetes, "Server-Side Apply").
pub const FIELD_MANAGER: &str = schema::PRODUCT;

/// How objects are applied.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Ask the server what would happen (`dryRun=All`), and change nothing.
    pub dry_run: bool,
    /// Take fields over from other managers (`force`); else a conflict leaves the object alone.
    pub overwrite: bool,
    /// Say how each object would change.
    pub diff: bool,
    /// The most time for one request.
    pub request_timeout: Duration,
    /// The most time for everything on one cluster, waits included.
    pub cluster_timeout: Duration,
}
