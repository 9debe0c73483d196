/*!
The one client of clusters: whatever is asked of an API server, is asked here.

```text
Cluster → connect (kubeconfig, exec plugin) → Session → Call → Answer
```

[`connect()`] sets up the way to a [`Cluster`] and asks nothing. A [`Session`] sends [`Call`]s: bounded in time and size, repeated
where that can help, with credentials renewed, and never to another cluster than it began with. [`discovery`] says what a cluster serves, [`access`]
what the user may do, [`refusal`] why it refuses. What is done with all that is not known here: to apply manifests and to upgrade
are two uses of it.

```
let call = cluster::Call::get(cluster::path::root("apps/v1")?);
# let _ = call;
# Ok::<(), String>(())
```
*/

pub mod access;
mod classify;
mod connect;
pub mod discovery;
mod error;
mod login;
mod named;
pub mod openshift;
mod request;
mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transport;

pub use classify::clean;
pub use connect::{Connection, connect};
pub use discovery::{Resource, Served};
pub use error::ClusterError;
pub use named::{Cluster, ClusterId};
pub use request::{Answer, Call, Unanswered, path, refusal};
pub use session::{CLUSTER_VERSION, Identity, Session, in_time};
