/*!
The air-gapped side: verifies a bundle and brings it into a registry.

```text
open → verify → push → report
```

[`open`] finds the bundle and the keys; only what they verify together can be [checked whole](verify), [extracted](extract)
or [pushed](push). [`inspect`] shows what the index says.
*/

pub mod args;
pub mod audit;
pub mod cli;
mod error;
pub mod extract;
pub mod inspect;
pub mod open;
pub mod push;
pub mod verify;

pub use error::Error;
