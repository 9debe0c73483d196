/*! Damage that the importer repairs by itself, and damage that is too much. */

use std::{fs, slice};

use anyhow::{Result, ensure};
use fakes::FakeRegistry;
use tests::process::Program;

use super::{importer, text, verify, volumes};
use crate::{desk::Desk, outcome::fails_with};

/// A desk with `site.tar` of 3 MB and `site.recovery` beside it.
fn protected() -> Result<Desk> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 11, 3_000_000)?;
    let build = desk.build_image(&image, "site.tar")?;
    build.args(["--recovery", "10%"]).run()?.expect_code(0)?;
    ensure!(desk.at("site.recovery").exists());
    Ok(desk)
}

#[test]
fn a_damaged_bundle_is_repaired_while_it_is_read() -> Result<()> {
    let desk = protected()?;
    let path = desk.at("site.tar");
    let whole = fs::read(&path)?;
    let quiet = verify(&desk, slice::from_ref(&path))?.expect_code(0)?;
    ensure!(!quiet.stderr.contains("repaired"), "{}", quiet.stderr);
    // A burst, and the very first bytes.
    let mut bytes = whole.clone();
    bytes[1_000_000..1_150_000].fill(0);
    bytes[..100].fill(0xff);
    fs::write(&path, bytes)?;
    let verified = verify(&desk, slice::from_ref(&path))?.expect_code(0)?;
    ensure!(
        verified
            .stderr
            .contains("are repaired; copy this medium again"),
        "{}",
        verified.stderr
    );
    ensure!(text(&verified).contains("VERIFIED"));
    let target = FakeRegistry::start(Default::default())?;
    let push = importer(&desk, "push", slice::from_ref(&path))?;
    push.args(["--plain-http", "--to", &target.host()])
        .run()?
        .expect_code(0)?;
    let repair = importer(&desk, "repair", slice::from_ref(&path))?;
    repair
        .args(["-o".into(), desk.at("mended.tar")])
        .run()?
        .expect_code(0)?;
    ensure!(fs::read(desk.at("mended.tar"))? == whole, "another file");
    Ok(())
}

#[test]
fn more_than_the_budget_is_refused_and_nothing_is_tagged() -> Result<()> {
    let desk = protected()?;
    let path = desk.at("site.tar");
    let mut bytes = fs::read(&path)?;
    bytes[500_000..1_500_000].fill(0);
    fs::write(&path, bytes)?;
    let target = FakeRegistry::start(Default::default())?;
    let push = importer(&desk, "push", slice::from_ref(&path))?;
    let failed = push.args(["--plain-http", "--to", &target.host()]).run()?;
    fails_with(
        &failed,
        11,
        &["site.tar", "more than the recovery file can repair"],
    );
    let manifests = target.requests();
    let mut manifests = manifests.iter().filter(|request| request.method == "PUT");
    ensure!(!manifests.any(|request| request.path.contains("/manifests/")));
    let repair = importer(&desk, "repair", slice::from_ref(&path))?;
    let failed = repair.args(["-o".into(), desk.at("mended.tar")]).run()?;
    fails_with(&failed, 11, &["more than the recovery file can repair"]);
    ensure!(!desk.at("mended.tar").exists());
    Ok(())
}

#[test]
fn lost_volumes_come_back_from_as_many_recovery_volumes() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 12, 850_000)?;
    fs::create_dir(desk.at("cut"))?;
    let build = desk.build_image(&image, "cut/site.tar")?;
    let build = build.args(["--volume-size", "100k", "--recovery-volumes", "2"]);
    build.run()?.expect_code(0)?;
    let (cut, volumes) = (desk.at("cut"), volumes(&desk.at("cut"))?);
    ensure!(volumes.len() == 9, "{volumes:?}");
    ensure!(cut.join("site.rec.001").exists() && cut.join("site.rec.002").exists());
    let whole: Vec<u8> = volumes
        .iter()
        .map(fs::read)
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    for lost in [[0, 8], [3, 4]] {
        let kept = lost.map(|at: usize| (volumes[at].clone(), fs::read(&volumes[at])));
        for (path, _) in &kept {
            fs::remove_file(path)?;
        }
        let repair = importer(&desk, "repair", slice::from_ref(&cut))?;
        repair
            .args(["-o".into(), desk.at("mended.tar")])
            .run()?
            .expect_code(0)?;
        ensure!(
            fs::read(desk.at("mended.tar"))? == whole,
            "{lost:?}: another file"
        );
        let target = FakeRegistry::start(Default::default())?;
        let push = importer(&desk, "push", slice::from_ref(&cut))?;
        push.args(["--plain-http", "--to", &target.host()])
            .run()?
            .expect_code(0)?;
        for (path, bytes) in kept {
            fs::write(path, bytes?)?;
        }
    }
    for at in [1, 2, 5] {
        fs::remove_file(&volumes[at])?;
    }
    let failed = verify(&desk, &[cut])?;
    fails_with(&failed, 11, &["3 volumes"]);
    for name in [
        "site.tar.002: missing",
        "site.tar.003: missing",
        "site.tar.006: missing",
    ] {
        ensure!(failed.stderr.contains(name), "{}", failed.stderr);
    }
    Ok(())
}

#[test]
fn parity_is_made_later_without_a_key_and_that_of_another_bundle_is_not_used() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 13, 400_000)?;
    desk.build_image(&image, "site.tar")?
        .run()?
        .expect_code(0)?;
    let other = desk.image("shop/app", "v2", 14, 400_000)?;
    desk.build_image(&other, "other.tar")?
        .run()?
        .expect_code(0)?;
    for name in ["site.tar", "other.tar"] {
        let protect = Program::bundler()?.args(["protect", "--recovery", "5%"]);
        protect.args([desk.at(name)]).run()?.expect_code(0)?;
    }
    fs::copy(desk.at("other.recovery"), desk.at("site.recovery"))?;
    let verified = verify(&desk, &[desk.at("site.tar")])?.expect_code(0)?;
    ensure!(
        verified.stderr.contains("site.recovery: not used"),
        "{}",
        verified.stderr
    );
    Ok(())
}
