/*! Volumes whose making was interrupted: nothing looks finished that is not, and what is on the disk is not fetched again. */

use std::fs;

use anyhow::{Result, ensure};

use crate::{desk::Desk, outcome::blob_bytes};

#[test]
fn a_killed_build_goes_on_with_the_volumes_it_finished() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 9, 60 << 20)?;
    desk.build_image(&image, "whole.tar")?
        .run()?
        .expect_code(0)?;
    let whole = fs::read(desk.at("whole.tar"))?;
    let mut kills = 0;
    for volume in [1, 3, 6] {
        let build = || {
            Ok::<_, anyhow::Error>(
                desk.build_image(&image, "site.tar")?
                    .args(["--volume-size", "8M"]),
            )
        };
        let finished = desk.at(&format!("site.tar.{volume:03}"));
        let killed = build()?.kill_when(|| finished.exists())?;
        ensure!(
            killed.signal == Some(9) || killed.code == Some(0),
            "{}",
            killed.stderr
        );
        if killed.signal.is_some() {
            kills += 1;
            assert!(
                !desk.at("site.volumes.json").exists(),
                "a list before the last volume"
            );
            let before = desk.source.requests().len();
            build()?.run()?.expect_code(0)?;
            let kept = volume as u64 * 8_000_000;
            let fetched = blob_bytes(&desk.source, before);
            ensure!(
                fetched + kept <= whole.len() as u64,
                "{fetched} fetched with {kept} there"
            );
        }
        let mut joined = Vec::new();
        for path in super::volumes(desk.directory())? {
            joined.extend(fs::read(&path)?);
            fs::remove_file(path)?;
        }
        ensure!(joined == whole, "killed at volume {volume}: other bytes");
        fs::remove_file(desk.at("site.volumes.json"))?;
    }
    ensure!(kills >= 2, "only {kills} of 3 were killed in time");
    Ok(())
}
