/*! Unpacked bundles made to harm: links that lead out, files in the place of others, and what hangs whoever opens it. */

use super::bundles::{refused, unpack};
use crate::desk::Desk;
use anyhow::{Result, ensure};
use std::{fs, os::unix::fs::symlink, path::Path};

#[test]
fn a_directory_with_a_giant_index_is_refused() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let directory = desk.at("unpacked");
    unpack(&bundle, &directory)?;
    let giant = fs::File::create(directory.join("bundle.json"))?;
    giant.set_len((32 << 20) + 1)?;
    refused(&desk, &directory, 11, &["bundle.json", "33554432"])?;
    giant.set_len(1 << 40)?;
    refused(&desk, &directory, 11, &["bundle.json", "33554432"])
}

#[test]
fn nothing_outside_an_unpacked_bundle_is_read_and_nothing_extra_accepted() -> Result<()> {
    let desk = Desk::new()?;
    let (image, bundle) = desk.small()?;
    let blob = format!("v2/shop/app/blobs/{}", image.blobs[1].digest);
    let blob = blob.as_str();
    type Doctor<'a> = &'a dyn Fn(&Path) -> Result<()>;
    let outside = desk.at("outside");
    let linked = |name: &'static str| {
        let outside = outside.clone();
        move |root: &Path| -> Result<()> {
            fs::rename(root.join(name), &outside)?;
            Ok(symlink(&outside, root.join(name))?)
        }
    };
    let (shop, config, index, signatures) = (
        linked("v2/shop"),
        linked("config"),
        linked("bundle.json"),
        linked("signatures"),
    );
    let cases: [(Doctor<'_>, &[&str]); 10] = [
        (
            &|root| {
                fs::rename(root.join(blob), &outside)?;
                Ok(symlink(&outside, root.join(blob))?)
            },
            &[blob, "a symbolic link"],
        ),
        (&shop, &["shop"]),
        (&config, &["config"]),
        (&index, &["bundle.json", "symbolic link"]),
        (&signatures, &["signatures"]),
        (
            &|root| Ok(fs::write(root.join("extra"), "x")?),
            &["extra", "does not list"],
        ),
        (
            &|root| Ok(fs::write(root.join("config/evil.yaml"), "x")?),
            &["config/evil.yaml", "does not list"],
        ),
        (
            &|root| {
                Ok(fs::write(
                    root.join("signatures/0123456789abcdef.sig"),
                    [0; 64],
                )?)
            },
            &["exactly one signature", "found 2"],
        ),
        (&|root| Ok(fs::remove_file(root.join(blob))?), &[blob]),
        (
            &|root| {
                let tag = root.join("v2/shop/app/manifests/v1");
                fs::remove_file(&tag)?;
                Ok(symlink("/etc/passwd", tag)?)
            },
            &["manifests/v1", "/etc/passwd"],
        ),
    ];
    for (doctor, words) in cases {
        let directory = desk.at("unpacked");
        unpack(&bundle, &directory)?;
        desk.import("verify", &directory)?.run()?.expect_code(0)?;
        doctor(&directory)?;
        refused(&desk, &directory, 11, words)?;
        fs::remove_dir_all(&directory)?;
        if outside.is_dir() {
            fs::remove_dir_all(&outside)?;
        } else if outside.exists() {
            fs::remove_file(&outside)?;
        }
    }
    Ok(())
}

#[test]
fn a_pipe_or_device_in_place_of_a_blob_does_not_hang_anybody() -> Result<()> {
    let desk = Desk::new()?;
    let (image, bundle) = desk.small()?;
    let directory = desk.at("unpacked");
    for name in [
        format!("v2/shop/app/blobs/{}", image.blobs[1].digest),
        "bundle.json".to_owned(),
    ] {
        unpack(&bundle, &directory)?;
        let place = directory.join(&name);
        fs::remove_file(&place)?;
        let made = std::process::Command::new("mkfifo").arg(&place).status()?;
        ensure!(made.success());
        refused(&desk, &directory, 11, &[&name])?;
        fs::remove_dir_all(&directory)?;
    }
    Ok(())
}
