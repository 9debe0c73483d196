/*!
The air-gapped side: verifies a bundle and brings it into a registry.

```text
open → verify → push → report
                render → push → write → apply → report
```

[`open`] finds the bundle and the keys; only what they verify together can be [checked whole](verify), [extracted](extract),
[pushed](push), [applied](apply) to clusters or [imported](import), which is a push and the [configuration] that clusters need
after it. [`upgrade`] asks clusters to become a release that was imported. [`inspect`] shows what the index says.
*/

pub mod apply;
pub mod args;
pub mod audit;
pub mod cli;
pub mod configuration;
mod error;
pub mod extract;
pub mod fleet;
pub mod health;
pub mod import;
pub mod inspect;
pub mod open;
pub mod push;
mod report;
pub mod rollout;
pub mod upgrade;
pub mod verify;

pub use error::Error;
