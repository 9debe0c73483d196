/*! Registries that are known by an IPv6 address only, on both sides, and what clusters are told of them. */

use std::{fs, net::TcpListener};

use anyhow::{Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use tests::real::skip;

use crate::desk::Desk;

#[test]
fn an_address_of_version_6_is_a_source_and_a_target() -> Result<()> {
    if TcpListener::bind("[::1]:0").is_err() {
        return skip(&"IPv6 on the loopback interface");
    }
    let ipv6 = || Settings {
        ipv6: true,
        ..Settings::default()
    };
    let desk = Desk::with_source(ipv6())?;
    let target = FakeRegistry::start(ipv6())?;
    let (image, bundle) = desk.small()?;
    ensure!(desk.source.host().starts_with("[::1]:"));
    let import = desk.import("import", &bundle)?.args([
        "--plain-http",
        "--to",
        &format!("{}/mirror", target.host()),
    ]);
    let config = desk.at("told");
    import
        .args(["--config-to-dir"])
        .args([&config])
        .run()?
        .expect_code(0)?;
    let mirrored = format!("mirror/{}", image.repository).parse()?;
    target.check_complete(&mirrored, &"v1".parse()?)?;
    let mut told = String::new();
    for file in walkdir::WalkDir::new(&config) {
        let file = file?;
        if file
            .path()
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            told += &fs::read_to_string(file.path())?;
        }
    }
    let (from, to) = (
        format!("{}/shop/app", desk.source.host()),
        format!("{}/{mirrored}", target.host()),
    );
    ensure!(told.contains(&from) && told.contains(&to), "{told}");
    Ok(())
}
