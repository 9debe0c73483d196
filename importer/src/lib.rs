/*!
The air-gapped side: verifies a bundle and brings it into a registry, and what is in it onto clusters.

```text
open → verify → push → report
                render → push → write → apply → report
```

[`open`] finds the bundle and the keys; only what they verify together can be [checked whole](verify), [extracted](extract), [repaired](open::repair),
[pushed](push) to a [`target`], [applied](apply) to clusters or [imported](import), which is a push and the [configuration] that
clusters need after it. [`upgrade`] asks clusters to become a release that was imported. [`inspect`] shows the index.

[`cli`] is the command line. It turns what was typed ([`args`]) into plain values ([`options`]), and nothing below it knows flags.

# Example

A bundle is verified, and a push planned; [`push::bundle`] would do it.

```no_run
use importer::{open, push::Plan, target::Target, verify};
use schema::progress::Silent;

fn main() -> Result<(), importer::Error> {
    let paths = ["site.tar".into()];
    let keys = open::keys(&["producer.pub.pem".into()])?;
    // The signature, then every byte of the bundle.
    let summary = verify::whole(open::verified(&paths, &keys)?, "site.tar", &Silent)?;
    print!("{}", summary.as_str());

    let target = Target::parse("registry.site:5000/mirror")?;
    let plan = Plan::new(open::verified(&paths, &keys)?.index(), &target)?;
    for step in &plan.tags {
        println!("{}:{} -> {}", step.repository, step.tag, step.digest);
    }
    Ok(())
}
```
*/

pub mod cli;

pub mod args;
pub mod options;

pub mod audit;
pub mod extract;
pub mod inspect;
pub mod open;
pub mod verify;

pub mod configuration;
pub mod import;
pub mod push;
pub mod target;

pub mod clusters;
pub mod fleet;
pub mod gates;
pub mod rollout;

pub mod apply;
pub mod backup;
pub mod drift;
pub mod health;
pub mod inventory;
pub mod prove_pull;
pub mod rollback;
pub mod upgrade;

mod error;
mod report;

pub use error::Error;
#[cfg(feature = "json-schema")]
pub use report::schema::json_schema;
