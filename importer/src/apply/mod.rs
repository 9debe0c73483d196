/*!
Brings configuration to clusters: to one, or to hundreds in waves.

```text
flags → manifests → preflight → converge → report
```

[`command`] is that sentence, [`plan`] what of it is for which cluster. [`manifests`] says what is applied and in which
order, [`preflight`] what would happen on a cluster, [`converge`] makes it happen, [`outcome`] says what did. What is asked of
a cluster is asked through the crate [`cluster`]; which clusters, and when, is known to [`crate::rollout`].
*/

pub mod args;
pub mod command;
pub mod converge;
pub mod manifests;
pub mod object;
pub mod outcome;
pub mod plan;
pub mod preflight;
pub mod render;
mod report;
pub mod request;
pub mod skew;
mod task;
#[cfg(test)]
mod tests;
mod turn;

use std::time::Duration;

pub use report::ApplyReport;

use crate::health::Wait;
use object::Recreate;

/// The field manager that objects are applied as (Kubernetes, "Server-Side Apply").
pub const FIELD_MANAGER: &str = schema::PRODUCT;

/// How objects are applied to a cluster.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Ask the server what would happen (`dryRun=All`), and change nothing.
    pub dry_run: bool,
    /// Take fields over from other managers (`force`); else a conflict leaves the object alone.
    pub overwrite: bool,
    /// What would change was saved before: an object that has changed since, and was not saved, is left alone.
    pub backed_up: bool,
    /// What may be deleted and created anew where it cannot be changed.
    pub recreate: Recreate,
    /// Say how each object would change.
    pub diff: bool,
    /// The most time for one request.
    pub request_timeout: Duration,
    /// The most time for everything on one cluster, waits included.
    pub cluster_timeout: Duration,
    /// What is waited for, where the cluster's wave does not say.
    pub wait: Wait,
    /// The most time to become healthy, where the cluster's wave does not say.
    pub health_timeout: Duration,
}
