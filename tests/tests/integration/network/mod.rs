/*!
The way to registries, as the programs that share it with ours go it: proxies, certificates, identities, `registries.conf`, addresses.
*/

mod addresses;
mod certificates;
mod origins;
mod proxies;
mod sources;

use std::ffi::OsStr;

use anyhow::Result;
use fakes::{FakeRegistry, certificates::Identity, certificates::Tls, registry::Settings};
use tests::process::Program;

use crate::desk::Desk;

/// A desk whose source has TLS, and an image `shop/app:v1` in it.
fn with_tls(identity: Identity) -> Result<Desk> {
    let desk = Desk::with_source(Settings {
        tls: Some(Tls {
            identity,
            client_authority: None,
        }),
        ..Settings::default()
    })?;
    desk.image("shop/app", "v1", 1, 1000)?;
    Ok(desk)
}

/// A dry run of a build from these references, with no flags but the given ones and no patience.
fn dry(references: &[String], args: &[&OsStr]) -> Result<Program> {
    let mut build = Program::bundler()?.args(["build", "--dry-run", "--retries", "0"]);
    for reference in references {
        build = build.args(["--image", reference]);
    }
    Ok(build.args(args))
}

/// `shop/app:v1` there.
fn app(registry: &FakeRegistry) -> String {
    format!("{}/shop/app:v1", registry.host())
}
