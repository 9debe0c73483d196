/*!
Bundles in volumes: cut at build or afterwards, shuffled over discs, one of them missing, foreign, damaged or there twice.
*/

mod interrupted;
mod recovery;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use tests::process::{Output, Program};

use crate::{
    desk::Desk,
    outcome::{fails_with, json},
};

/// Names of the volumes of `site.tar` in a directory, in order.
fn volumes(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("site.tar.0") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A desk with `site.tar` whole and, in `cut/`, the same in volumes of 100,000 bytes.
fn cut() -> Result<(Desk, Vec<PathBuf>)> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 7, 700_000)?;
    desk.build_image(&image, "site.tar")?
        .run()?
        .expect_code(0)?;
    fs::create_dir(desk.at("cut"))?;
    let build = desk.build_image(&image, "cut/site.tar")?;
    let build = build.args(["--volume-size", "100k"]);
    build.run()?.expect_code(0)?;
    let volumes = volumes(&desk.at("cut"))?;
    ensure!(volumes.len() == 8, "{volumes:?}");
    Ok((desk, volumes))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn importer(desk: &Desk, verb: &str, paths: &[PathBuf]) -> Result<Program> {
    let program = Program::importer()?.args([verb]).args(paths);
    Ok(program.args(["--key".into(), desk.public()]))
}

fn verify(desk: &Desk, paths: &[PathBuf]) -> Result<Output> {
    importer(desk, "verify", paths)?.run()
}

#[test]
fn volumes_joined_by_cat_are_the_bundle_and_plain_tools_check_them() -> Result<()> {
    let (desk, volumes) = cut()?;
    let joined: Vec<u8> = volumes
        .iter()
        .map(fs::read)
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    assert_eq!(joined, fs::read(desk.at("site.tar"))?);
    let sums = Command::new("sha256sum")
        .args(["--strict", "-c", "site.SHA256SUMS"])
        .current_dir(desk.at("cut"))
        .output()?;
    assert!(sums.status.success(), "{sums:?}");
    // The signature over the list, as an officer checks it.
    let entries = fs::read_dir(desk.at("cut"))?.collect::<Result<Vec<_>, _>>()?;
    let signature = entries.iter().map(fs::DirEntry::path);
    let signature = signature.filter(|path| path.extension().is_some_and(|end| end == "sig"));
    let openssl = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"])
        .arg(desk.public())
        .arg("-in")
        .arg(desk.at("cut/site.volumes.json"))
        .arg("-sigfile")
        .args(signature)
        .output()?;
    assert!(openssl.status.success(), "{openssl:?}");
    Ok(())
}

#[test]
fn a_bundle_that_exists_is_cut_into_the_same_volumes_plain_or_compressed() -> Result<()> {
    let (desk, volumes) = cut()?;
    for name in ["a/site.tar", "b/site.tar.zst"] {
        let directory = desk
            .at(name)
            .parent()
            .map(Path::to_owned)
            .context("no parent")?;
        fs::create_dir(&directory)?;
        let mut bundle = desk.at("site.tar");
        if name.ends_with(".zst") {
            bundle = desk.at("again.tar.zst");
            let image = desk.image("shop/app", "v1", 7, 700_000)?;
            desk.build_image(&image, "again.tar.zst")?
                .run()?
                .expect_code(0)?;
        }
        let split =
            Program::bundler()?.args(["split", "--volume-size", "100k", "--format", "json"]);
        let split = split.args([
            "--signing-key".into(),
            desk.key(),
            "-o".into(),
            desk.at(name),
        ]);
        let list = json(&split.args([bundle]).run()?.expect_code(0)?)?;
        assert_eq!(list["volumes"][0]["length"], 100_000);
        if name.ends_with(".tar") {
            for volume in &volumes {
                let same = directory.join(volume.file_name().unwrap_or_default());
                assert_eq!(fs::read(volume)?, fs::read(same)?);
            }
        }
        let verified = verify(&desk, &[directory])?.expect_code(0)?;
        assert!(text(&verified).contains("VERIFIED"), "{}", text(&verified));
    }
    Ok(())
}

#[test]
fn what_is_damaged_is_not_cut() -> Result<()> {
    let (desk, _) = cut()?;
    let mut bytes = fs::read(desk.at("site.tar"))?;
    bytes[400_000] ^= 1;
    let bad = desk.file("bad.tar", bytes)?;
    let split = Program::bundler()?.args(["split", "--volume-size", "100k", "--signing-key"]);
    let failed = split.args([desk.key(), bad]).run()?;
    fails_with(&failed, 1, &["content differs"]);
    assert!(!desk.at("bad.volumes.json").exists());
    Ok(())
}

#[test]
fn each_faulty_volume_is_named_and_only_those_are_replaced() -> Result<()> {
    let (desk, volumes) = cut()?;
    // Another bundle of the same name, from a later day.
    fs::create_dir(desk.at("other"))?;
    let image = desk.image("shop/app", "v2", 8, 700_000)?;
    let other = desk.build_image(&image, "other/site.tar")?;
    other
        .args(["--volume-size", "100k"])
        .run()?
        .expect_code(0)?;
    let discs = ["d1", "d2", "d3"].map(|name| desk.at(name));
    for disc in &discs {
        fs::create_dir(disc)?;
    }
    for (at, volume) in volumes.iter().enumerate() {
        fs::copy(
            volume,
            discs[at * 2 % 3].join(volume.file_name().unwrap_or_default()),
        )?;
    }
    for entry in fs::read_dir(desk.at("cut"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_owned();
        if !name.to_string_lossy().contains(".tar.") {
            fs::copy(&path, discs[1].join(name))?;
        }
    }
    let at = |number: usize| -> Result<PathBuf> {
        let name = format!("site.tar.{number:03}");
        let place = discs
            .iter()
            .map(|disc| disc.join(&name))
            .find(|path| path.exists());
        place.context("no such volume")
    };
    verify(&desk, &discs)?.expect_code(0)?;
    // One missing, one foreign, one with a flipped bit, one twice.
    fs::remove_file(at(2)?)?;
    fs::copy(desk.at("other/site.tar.004"), at(4)?)?;
    let damaged = at(6)?;
    let mut bytes = fs::read(&damaged)?;
    bytes[50_000] ^= 1;
    fs::write(&damaged, bytes)?;
    let twice = at(7)?;
    let second = discs.iter().map(|disc| disc.join("site.tar.007"));
    let mut second = second.rev();
    let second = second.find(|path| *path != twice).context("no disc")?;
    fs::copy(&twice, &second)?;
    let target = fakes::FakeRegistry::start(Default::default())?;
    let import = |paths: &[PathBuf]| -> Result<Output> {
        let push = importer(&desk, "push", paths)?;
        push.args(["--plain-http", "--to", &target.host()]).run()
    };
    let failed = import(&discs)?;
    assert_eq!(failed.code, Some(11), "{}", failed.stderr);
    let line = |words: &[&str]| {
        let found = failed
            .stderr
            .lines()
            .filter(|line| words.iter().all(|word| line.contains(word)));
        assert_eq!(found.count(), 1, "{words:?} in\n{}", failed.stderr);
    };
    line(&["site.tar.002: missing"]);
    line(&["site.tar.004: ", "of another bundle"]);
    line(&["site.tar.006: ", "damaged"]);
    line(&["site.tar.007: twice"]);
    line(&["error: 3 volumes"]);
    assert!(
        target
            .requests()
            .iter()
            .all(|request| !request.path.contains("/manifests/"))
    );
    for number in [2, 4, 6] {
        fs::copy(
            &volumes[number - 1],
            discs[0].join(format!("site.tar.{number:03}")),
        )?;
    }
    let done = import(&discs)?.expect_code(0)?;
    assert!(text(&done).contains("v1"), "{}", text(&done));
    Ok(())
}

#[test]
fn one_volume_is_verified_alone() -> Result<()> {
    let (desk, volumes) = cut()?;
    let third = volumes.get(2..3).context("no third")?;
    let right = verify(&desk, third)?.expect_code(0)?;
    assert!(
        text(&right).contains("site.tar.003: RIGHT"),
        "{}",
        text(&right)
    );
    let mut bytes = fs::read(&third[0])?;
    bytes[99_999] ^= 0x80;
    fs::write(&third[0], bytes)?;
    fails_with(
        &verify(&desk, third)?,
        11,
        &["site.tar.003", "damaged", "copy this volume again"],
    );
    Ok(())
}

#[test]
fn a_list_that_nobody_trusted_signed_is_not_believed() -> Result<()> {
    let (desk, _) = cut()?;
    let list = desk.at("cut/site.volumes.json");
    let text = fs::read_to_string(&list)?;
    fs::write(
        &list,
        text.replacen("\"length\":100000", "\"length\":100001", 1),
    )?;
    let cut = desk.at("cut");
    fails_with(
        &verify(&desk, std::slice::from_ref(&cut))?,
        10,
        &["site.volumes.json", "no trusted key"],
    );
    fs::remove_file(&list)?;
    fails_with(
        &verify(&desk, &[cut])?,
        11,
        &["no list of them", "volumes.json"],
    );
    Ok(())
}
