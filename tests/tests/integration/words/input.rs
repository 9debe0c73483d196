/*! Wrong input: images, manifests, spec files, outputs, disks. */

use std::{ffi::OsStr, fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use tests::real;

use crate::{
    desk::{CONFIG_MAP, Desk},
    outcome::fails_with,
};

/// Builds an image with these flags besides, into `x.tar`.
fn built(desk: &Desk, args: &[&str]) -> Result<tests::process::Output> {
    let output = desk.at("x.tar");
    let run = desk
        .build()?
        .args(args)
        .args([OsStr::new("-o"), output.as_os_str()])
        .run()?;
    ensure!(
        run.code == Some(0) || !output.exists(),
        "{args:?} left a file"
    );
    Ok(run)
}

#[test]
fn images_that_are_not_there_or_not_named_well() -> Result<()> {
    let desk = Desk::new()?;
    desk.image("shop/app", "v1", 1, 1000)?;
    let host = desk.source.host();
    let zeros = "0".repeat(64);
    let cases: [(String, i32, &[&str]); 12] = [
        (
            format!("{host}/shop/app:v2"),
            20,
            &["shop/app:v2", "not found", "check the name"],
        ),
        (
            format!("{host}/shop/nothing:v1"),
            20,
            &["shop/nothing:v1", "not found"],
        ),
        (
            format!("{host}/shop/app@sha256:{zeros}"),
            20,
            &["shop/app@sha256:0000", "not found"],
        ),
        (
            format!("{host}/shop/app@sha512:{zeros}{zeros}"),
            2,
            &["--image", "sha512", "sha256"],
        ),
        (
            format!("{host}/shop/app@sha256:123"),
            2,
            &["--image", "sha256:123"],
        ),
        (format!("{host}/shop/App:v1"), 2, &["--image", "App"]),
        (format!("{host}/shop/app:v1:v2"), 2, &["--image", "v1:v2"]),
        (format!("{host}/shop/app:v 1"), 2, &["--image", "v 1"]),
        (String::new(), 2, &["--image"]),
        (
            format!("{host}/shop/app:v1=Shop"),
            2,
            &["Shop", "REPO[:TAG]"],
        ),
        (format!("{host}/shop/app:v1="), 2, &["REPO[:TAG]"]),
        (
            "file://shop/app:v1".to_owned(),
            2,
            &["file://shop/app:v1", "--from-dir"],
        ),
    ];
    for (image, code, words) in cases {
        fails_with(&built(&desk, &["--image", &image])?, code, words);
    }
    Ok(())
}

#[test]
fn manifests_that_no_cluster_would_take() -> Result<()> {
    let desk = Desk::new()?;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {p: aGk=}\n";
    let image_set =
        "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror: {}\n";
    let second = format!("{CONFIG_MAP}---\napiVersion: v1\nmetadata: {{name: a}}\n");
    let duplicate = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b, a: c}\n";
    let cases: [(&str, &str, i32, &[&str]); 10] = [
        (
            "broken.yaml",
            "a: [1\nb: 2\n",
            2,
            &["broken.yaml", "line 2"],
        ),
        (
            "tab.yaml",
            "apiVersion: v1\n\tkind: x\n",
            2,
            &["tab.yaml", "line "],
        ),
        (
            "nokind.yaml",
            "apiVersion: v1\nmetadata: {name: a}\n",
            2,
            &["nokind.yaml", "kind"],
        ),
        (
            "second.yaml",
            &second,
            2,
            &["second.yaml", "document 2", "kind"],
        ),
        (
            "noname.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
            2,
            &["noname.yaml", "name"],
        ),
        ("twice.yaml", duplicate, 2, &["twice.yaml"]),
        (
            "secret.yaml",
            secret,
            50,
            &["secret.yaml", "Secret \"db\"", "--allow-secrets"],
        ),
        (
            "imageset.yaml",
            image_set,
            2,
            &["imageset.yaml", "ImageSetConfiguration", "--spec"],
        ),
        ("notes.txt", "hello", 2, &["notes.txt", ".yaml"]),
        ("sp ace.yaml", CONFIG_MAP, 2, &["sp ace.yaml", "rename"]),
    ];
    for (name, text, code, words) in cases {
        let file = desk.file(&format!("m/{name}"), text)?;
        for place in [file.clone(), desk.at("m")] {
            fails_with(
                &built(&desk, &["--config", &place.to_string_lossy()])?,
                code,
                words,
            );
        }
        fs::remove_file(file)?;
    }
    fails_with(
        &built(&desk, &["--config", &desk.at("m").to_string_lossy()])?,
        2,
        &["/m", "no manifests"],
    );
    fails_with(
        &built(&desk, &["--config", "/nowhere.yaml"])?,
        2,
        &["/nowhere.yaml", "No such file"],
    );
    let secret = desk.file("secret.yaml", secret)?;
    built(
        &desk,
        &["--config", &secret.to_string_lossy(), "--allow-secrets"],
    )?
    .expect_code(0)?;
    Ok(())
}

#[test]
fn spec_files_and_flags_that_make_no_sense() -> Result<()> {
    let desk = Desk::new()?;
    let image_set =
        "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror: {}\n";
    let cases: [(&str, &[&str]); 4] = [
        ("images: [\n", &["spec.yaml", "line "]),
        ("imgaes: [a]\n", &["spec.yaml", "imgaes"]),
        (
            image_set,
            &["spec.yaml", "ImageSetConfiguration", "images:"],
        ),
        ("allowSecrets: true\n", &["spec.yaml", "command line"]),
    ];
    for (text, words) in cases {
        let spec = desk.file("spec.yaml", text)?;
        fails_with(
            &built(&desk, &["--spec", &spec.to_string_lossy()])?,
            2,
            words,
        );
    }
    fails_with(
        &built(&desk, &["--spec", "/nowhere.yaml"])?,
        2,
        &["/nowhere.yaml", "No such file"],
    );
    fails_with(&built(&desk, &[])?, 2, &["nothing to bundle", "--image"]);
    let config = desk.file("c.yaml", CONFIG_MAP)?;
    let config = config.to_string_lossy();
    let odd = desk
        .build()?
        .args(["--config", &config, "-o", "x.zip"])
        .run()?;
    fails_with(&odd, 2, &["x.zip", ".tar.zst"]);
    let epoch = desk
        .build()?
        .args(["--config", &config, "--dry-run"])
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .run()?;
    fails_with(&epoch, 2, &["SOURCE_DATE_EPOCH", "yesterday"]);
    let nowhere = desk
        .build()?
        .args(["--config", &config, "-o", "/nowhere/x.tar"])
        .run()?;
    fails_with(&nowhere, 1, &["/nowhere/", "No such file"]);
    let from_dir = desk
        .build()?
        .args(["--from-dir", "/nowhere", "--dry-run"])
        .run()?;
    fails_with(&from_dir, 20, &["/nowhere"]);
    Ok(())
}

#[test]
fn directories_that_hold_something_are_left_alone() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let mine = desk.file("full/mine.txt", "mine")?;
    let full = desk.at("full");
    let config = desk.at("config");
    let build = desk.build()?.args([
        OsStr::new("--config"),
        config.as_os_str(),
        OsStr::new("--to-dir"),
        full.as_os_str(),
    ]);
    let extract = desk
        .import("extract", &bundle)?
        .args([Path::new("--to-dir"), &full]);
    for program in [build, extract] {
        fails_with(
            &program.run()?,
            2,
            &["full", "not empty", "name one that is empty"],
        );
        assert_eq!(fs::read_to_string(&mine)?, "mine");
        assert_eq!(fs::read_dir(&full)?.count(), 1);
    }
    Ok(())
}

#[test]
fn a_full_disk_is_noticed_before_and_during() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 1, 3 << 20)?;
    let reference = image.reference(&desk.source.host());
    let layer = image.blobs[1].digest.to_string();
    // A device that takes nothing, for what cannot be asked beforehand.
    let full = desk
        .build()?
        .args(["--image", &reference, "-o", "-"])
        .stdout_file(Path::new("/dev/full"))?
        .run()?;
    fails_with(
        &full,
        1,
        &["standard output", "no space left", "free some space"],
    );
    desk.build_image(&image, "a.tar")?.run()?.expect_code(0)?;
    let disk = desk.at("disk");
    fs::create_dir(&disk)?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "none"])
        .arg(&disk)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return real::skip(&"a small disk cannot be mounted here (it takes root)");
    }
    let on_small_disk = || -> Result<()> {
        for (flag, name) in [("-o", "x.tar"), ("-o", "x.tar.zst"), ("--to-dir", "x")] {
            let (before, place) = (desk.source.requests().len(), disk.join(name));
            let built = desk
                .build()?
                .args(["--image", &reference, flag, &place.to_string_lossy()])
                .run()?;
            fails_with(
                &built,
                1,
                &[name, "bytes more", "are free", "free some space"],
            );
            let asked = desk.source.requests().split_off(before);
            ensure!(
                !asked.iter().any(|request| request.path.contains(&layer)),
                "the layer was fetched first"
            );
        }
        let extract = desk.import("extract", &desk.at("a.tar"))?;
        let extracted = extract
            .args([Path::new("--to-dir"), &disk.join("y")])
            .run()?;
        fails_with(&extracted, 1, &["No space left"]);
        ensure!(!disk.join("y").exists());
        Ok(())
    };
    let outcome = on_small_disk();
    let unmounted = Command::new("umount").arg(&disk).status()?;
    ensure!(unmounted.success());
    outcome
}
