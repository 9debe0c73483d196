/*!
Fake servers, for the tests of every crate.

A program that moves images across a gap is only as good as the worst server it met in testing, and real servers do not
misbehave on request. There is one fake of each kind, so that what one test learned of a real server all tests know:

- [`FakeRegistry`]: an OCI registry on a socket;
- [`FakeCluster`]: a Kubernetes API server, called in the process; [`FakeFleet`]: hundreds of them behind one socket;
- [`ScriptedServer`]: a socket that sends the bytes that a test writes down, for what no HTTP library would send.

The first two share their [`faults`], their log of [requests](LoggedRequest) and their TLS. Whether they are like
what they imitate is tested against real ones in the package `tests` (its module `fidelity`). What a test needs that is real, and a machine may lack, is looked up by [`needs`].

```
use fakes::{Action, Fault, FakeRegistry, registry::Settings};

let registry = FakeRegistry::start(Settings::default())?;
registry.fault(Fault::get("/blobs/").nth(2).does(Action::Cut { after: 1000 }));
assert!(registry.requests().is_empty());
# anyhow::Ok(())
```
*/

pub mod certificates;
pub mod faults;
pub mod kubeconfig;
pub mod kubernetes;
mod log;
pub mod message;
pub mod needs;
mod pipeline;
pub mod registry;
pub mod scripted;
mod server;
mod tls;

pub use faults::{Action, Fault, Faults, Gate};
pub use kubernetes::{FakeCluster, FakeFleet};
pub use log::{LoggedRequest, Span, Summary};
pub use registry::FakeRegistry;
pub use scripted::{Reply, ScriptedServer};
