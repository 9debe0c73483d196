/*! Directories that grow as `DIR.partial`: a stranger's are refused, links in them are not followed, and nobody's files are lost. */

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use anyhow::{Result, ensure};
use schema::bundle::{BundlePath, File, Unpacking};
use tests::process::Program;

use super::{Office, identity, strangers_welcome};
use crate::outcome::fails_with;

/// The ways to make `shared/d`.
fn makers(office: &Office) -> Result<[Program; 2]> {
    let (bundle, place) = (office.bundle()?, office.shared.join("d"));
    let extract = office.desk.import("extract", &bundle)?;
    let extract = extract.args(["--to-dir".as_ref(), place.as_os_str()]);
    Ok([office.build("--to-dir", "d")?, extract])
}

#[test]
fn a_directory_of_somebody_else_is_not_filled() -> Result<()> {
    if !strangers_welcome()? {
        return Ok(());
    }
    let office = Office::new()?;
    for (script, name) in [
        ("ln -s $V d.partial", "d.partial"),
        ("ln -s $V/new d.partial", "d.partial"),
        ("mkdir d.partial", "d.partial"),
        (
            "mkdir -m 777 d.partial; ln -s $V d.partial/config",
            "d.partial",
        ),
        ("echo mine >d.partial", "d.partial"),
        ("mkfifo d.partial", "d.partial"),
        ("ln -s $V d", "shared/d"),
        ("ln -s $V/new d", "shared/d"),
        ("echo mine >d", "shared/d"),
        // Empty, but whoever owns it could put other files in the place of those that were verified.
        ("mkdir -m 777 d", "shared/d"),
    ] {
        for maker in makers(&office)? {
            office.plant(true, script)?;
            let planted = office.shared.join(name.trim_start_matches("shared/"));
            let before = identity(&planted)?;
            fails_with(&maker.run()?, 2, &[name]);
            ensure!(identity(&planted)? == before, "{script} was touched");
            office.check_victims(script)?;
            office.sweep()?;
        }
    }
    Ok(())
}

#[test]
fn a_file_that_no_run_of_ours_wrote_is_named_and_kept() -> Result<()> {
    let office = Office::new()?;
    let config = File::regular(
        BundlePath::Config("one.yaml".parse()?),
        4,
        schema::Digest::of(b"half"),
    );
    // What a run leaves that was killed, with a file in it.
    let leave = || -> Result<()> {
        let left = Unpacking::into(&office.shared.join("d"))?;
        left.plain("SHA256SUMS", b"sums")?;
        fs::write(office.desk.at("half"), "half")?;
        drop(left.create(&config)?);
        Ok(())
    };
    let partial = office.shared.join("d.partial");
    for maker in 0..2 {
        for (script, name) in [
            (
                "mkdir d.partial; echo notes >d.partial/notes.txt",
                "notes.txt",
            ),
            (
                "mkdir d.partial; echo other >d.partial/.unfinished~",
                ".unfinished~",
            ),
            ("echo notes >d.partial/notes.txt", "notes.txt"),
            ("mkdir -p d.partial/v2/shop", "v2"),
            (
                "rm d.partial/config/one.yaml; ln -s $V/letter d.partial/config/one.yaml",
                "one.yaml",
            ),
            (
                "rm -r d.partial/config; ln -s $V d.partial/config",
                "config",
            ),
        ] {
            if !script.starts_with("mkdir d.partial;") {
                leave()?;
            }
            office.plant(false, script)?;
            let [build, extract] = makers(&office)?;
            let run = [build, extract].into_iter().nth(maker).map(Program::run);
            let run = run
                .transpose()?
                .ok_or_else(|| anyhow::anyhow!("two makers"))?;
            fails_with(&run, 2, &["d.partial", name]);
            let there = fs::read_dir(&partial)?.count();
            ensure!(there > 0, "{script}: {there} files are left");
            office.check_victims(script)?;
            office.sweep()?;
        }
        // Its own it goes on with, or removes.
        leave()?;
        let [build, extract] = makers(&office)?;
        let maker = [build, extract].into_iter().nth(maker).map(Program::run);
        maker
            .transpose()?
            .ok_or_else(|| anyhow::anyhow!("two makers"))?
            .expect_code(0)?;
        ensure!(!partial.exists() && !office.shared.join("d/.unfinished~").exists());
        office
            .desk
            .import("verify", &office.shared.join("d"))?
            .run()?
            .expect_code(0)?;
        office.sweep()?;
    }
    Ok(())
}

#[test]
fn a_hard_link_in_an_unfinished_directory_is_not_written_through() -> Result<()> {
    let office = Office::new()?;
    let left = Unpacking::into(&office.shared.join("d"))?;
    left.plain("SHA256SUMS", b"sums")?;
    drop(left);
    let sums = office.shared.join("d.partial/SHA256SUMS");
    fs::remove_file(&sums)?;
    fs::hard_link(office.victims().join("letter"), &sums)?;
    for maker in makers(&office)? {
        maker.run()?.expect_code(0)?;
        office.check_victims("a hard link")?;
        fs::remove_dir_all(office.shared.join("d"))?;
    }
    Ok(())
}

#[test]
fn links_on_the_way_to_a_directory_are_the_users_own() -> Result<()> {
    let office = Office::new()?;
    symlink(&office.shared, office.desk.at("way"))?;
    let bundle = office.bundle()?;
    let place = office.desk.at("way/new/below");
    let extract = office.desk.import("extract", &bundle)?;
    extract
        .args(["--to-dir".as_ref(), place.as_os_str()])
        .run()?
        .expect_code(0)?;
    ensure!(office.shared.join("new/below/bundle.json").is_file());
    // An empty directory that is there keeps its mode: it says who may look.
    let closed = office.shared.join("closed");
    fs::create_dir(&closed)?;
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700))?;
    let extract = office.desk.import("extract", &bundle)?;
    extract
        .args(["--to-dir".as_ref(), closed.as_os_str()])
        .run()?
        .expect_code(0)?;
    ensure!(fs::metadata(&closed)?.permissions().mode() & 0o777 == 0o700);
    Ok(())
}
