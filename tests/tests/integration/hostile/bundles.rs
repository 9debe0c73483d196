/*! Media made to harm: heads that claim too much, signed indexes that break out, compressed floods, doctored directories. */

use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use fakes::{FakeRegistry, registry::Settings};
use tests::process::{Output, Program};

use crate::{
    desk::Desk,
    outcome::{fails_with, within},
};

pub(super) const BLOCK: usize = 512;

/// Every way into the importer refuses the bundle: with this code, one sentence, no directory, no tag, little memory.
pub(super) fn refused(desk: &Desk, bundle: &Path, code: i32, words: &[&str]) -> Result<()> {
    let target = FakeRegistry::start(Settings::default())?;
    let mut media = vec![(bundle.to_owned(), None)];
    if bundle.is_file() {
        media.push((PathBuf::from("-"), Some(bundle)));
    }
    for (name, pipe) in media {
        let out = desk.at("extracted");
        let extract = desk.import("extract", &name)?;
        let programs = [
            desk.import("verify", &name)?,
            extract.args([Path::new("--to-dir"), &out]),
            desk.push(&name, &target.host())?,
        ];
        for program in programs {
            let program = match pipe {
                Some(path) => program.stdin_file(path)?,
                None => program,
            };
            let output = program.run()?;
            fails_with(&output, code, words);
            within(&output, 64)?;
        }
        ensure!(!out.exists(), "extracted under its final name");
    }
    ensure!(!target.has_tags());
    Ok(())
}

/// Where the index ends and the signature stands in a bundle.
pub(super) fn head(tar: &[u8]) -> Result<(usize, usize)> {
    let size = std::str::from_utf8(tar.get(124..135).context("no header")?)?;
    let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8)?;
    Ok((BLOCK + size, BLOCK + size.next_multiple_of(BLOCK) + BLOCK))
}

/// Changes the index to one of the same length and signs it again, as a hostile producer with a trusted key could.
fn resigned(desk: &Desk, tar: &[u8], from: &str, to: &str) -> Result<Vec<u8>> {
    let (end, signature) = head(tar)?;
    let index = std::str::from_utf8(&tar[BLOCK..end])?;
    ensure!(
        from.len() == to.len() && index.contains(from),
        "{from:?} to {to:?} in {index}"
    );
    let index = index.replace(from, to);
    let mut tar = tar.to_vec();
    tar[BLOCK..end].copy_from_slice(index.as_bytes());
    tar[signature..signature + 64].copy_from_slice(&desk.signing_key.sign(index.as_bytes())?.bytes);
    Ok(tar)
}

/// Unpacks as `tar xf` does.
pub(super) fn unpack(tar: &Path, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    tar::Archive::new(fs::File::open(tar)?).unpack(directory)?;
    Ok(())
}

#[test]
fn a_signature_does_not_excuse_an_index_that_breaks_out() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let tar = fs::read(&bundle)?;
    let name = "config/aaaaaaaaaaa.yaml";
    for bad in [
        "config/../../../aa.yaml",
        "config//etc/passwd.yaml",
        "config/a/./aaaaaaa.yaml",
        "/config/aaaaaaaaaa.yaml",
        "v2/../../blobs/aaa.yaml",
        "config/aaaaaaa\\u001b.ya",
    ] {
        let bad = format!("{bad:a<width$}", width = name.len());
        desk.file("bad.tar", resigned(&desk, &tar, name, &bad)?)?;
        refused(
            &desk,
            &desk.at("bad.tar"),
            11,
            &["bundle.json breaks the format"],
        )?;
        // Unpacked by hand, the signed index is the same.
        let directory = desk.at("unpacked");
        unpack(&bundle, &directory)?;
        let bytes = fs::read(desk.at("bad.tar"))?;
        let (end, signature) = head(&bytes)?;
        fs::write(directory.join("bundle.json"), &bytes[BLOCK..end])?;
        let signatures = fs::read_dir(directory.join("signatures"))?.next();
        fs::write(
            signatures.context("a signature")??.path(),
            &bytes[signature..signature + 64],
        )?;
        refused(&desk, &directory, 11, &["bundle.json breaks the format"])?;
        fs::remove_dir_all(directory)?;
    }
    Ok(())
}

#[test]
fn a_signed_index_must_keep_every_rule_of_the_format() -> Result<()> {
    let desk = Desk::new()?;
    let (image, bundle) = desk.small()?;
    let tar = fs::read(&bundle)?;
    let root = image.root.digest.to_string();
    let other = format!("sha256:{}", "0".repeat(64));
    let to_link = format!("\"symlink\":\"{root}\"");
    let astray = format!("\"symlink\":\"{other}\"");
    let cases = [
        (
            "\"format\":\"offline-bundle/v1\"",
            "\"format\":\"offline-bundle/v9\"",
            "offline-bundle/v9",
        ),
        (
            "\"kind\":\"ConfigMap\"",
            "\"kind\":\"Configmap\"",
            "Configmap",
        ),
        ("\"creator\":", "\"created\":", "breaks the format"),
        ("shop/app", "shop/App", "breaks the format"),
        ("\"objects\":[", "\"objects\": ", "breaks the format"),
        (&to_link, &astray, "breaks the format"),
    ];
    for (from, to, word) in cases {
        let index = String::from_utf8_lossy(&tar[BLOCK..head(&tar)?.0]).into_owned();
        ensure!(index.contains(from), "{from}");
        desk.file("bad.tar", resigned(&desk, &tar, from, to)?)?;
        refused(&desk, &desk.at("bad.tar"), 11, &[word])?;
    }
    Ok(())
}

/// A tar header with another size in it, and the checksum made good.
fn claiming(tar: &[u8], size: u64) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_old();
    header
        .as_mut_bytes()
        .copy_from_slice(tar.get(..BLOCK).context("no header")?);
    header.set_size(size);
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

#[test]
fn an_index_that_claims_to_be_giant_is_refused_before_it_is_read() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let tar = fs::read(&bundle)?;
    ensure!(
        claiming(&tar, (head(&tar)?.0 - BLOCK) as u64)? == tar[..BLOCK],
        "headers are made as the format wants them"
    );
    for size in [(32 << 20) + 1, (8 << 30) - 1] {
        let mut bad = claiming(&tar, size)?;
        bad.extend(vec![b' '; 1 << 20]);
        desk.file("bad.tar", &bad)?;
        refused(
            &desk,
            &desk.at("bad.tar"),
            11,
            &["not a bundle", "33554432"],
        )?;
        // And with all the bytes it claims, from something that never ends.
        let output = endless(&desk, &bad, "verify")?;
        fails_with(&output, 11, &["not a bundle"]);
        within(&output, 64)?;
    }
    // As much as is allowed, of anything: it is the signature that is missed, whatever stands there.
    let mut bad = claiming(&tar, 32 << 20)?;
    bad.extend(vec![b'['; 32 << 20]);
    bad.extend(&tar[head(&tar)?.1 - BLOCK..]);
    desk.file("bad.tar", &bad)?;
    refused(&desk, &desk.at("bad.tar"), 10, &["no trusted signature"])?;
    let shown = Program::importer()?
        .args([
            Path::new("inspect"),
            &desk.at("bad.tar"),
            Path::new("--unverified"),
        ])
        .run()?;
    fails_with(&shown, 11, &["bundle.json breaks the format"]);
    within(&shown, 64)?;
    Ok(())
}

/// The importer reading these bytes and then zeros without end.
fn endless(desk: &Desk, bytes: &[u8], command: &str) -> Result<Output> {
    let start = desk.file("start", bytes)?;
    let script = format!("cat '{}' /dev/zero", start.display());
    let zeros = Program::at(Path::new("/bin/sh"))?.args(["-c", &script]);
    let (_, output) = zeros.pipe_into(desk.import(command, Path::new("-"))?)?;
    Ok(output)
}

#[test]
fn zeros_without_end_after_a_good_bundle_are_refused() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let output = endless(&desk, &fs::read(bundle)?, "verify")?;
    fails_with(&output, 11, &["end of the bundle", "altered"]);
    within(&output, 64)
}

/// Compressed as `zstd` would, with a window of 2 to the power of `window`.
fn compressed(bytes: &[u8], zeros: u64, window: u32) -> Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1)?;
    encoder.include_checksum(true)?;
    encoder.window_log(window)?;
    encoder.long_distance_matching(window > 23)?;
    encoder.write_all(bytes)?;
    std::io::copy(&mut std::io::repeat(0).take(zeros), &mut encoder)?;
    Ok(encoder.finish()?)
}

#[test]
fn compressed_floods_and_giant_windows_are_refused_in_little_memory() -> Result<()> {
    let desk = Desk::new()?;
    let (_, bundle) = desk.small()?;
    let tar = fs::read(&bundle)?;
    desk.file("good.tar.zst", compressed(&tar, 0, 23)?)?;
    desk.import("verify", &desk.at("good.tar.zst"))?
        .run()?
        .expect_code(0)?;
    let flood = 128 << 20;
    let cases: [(Vec<u8>, i32, &[&str]); 5] = [
        // Far more than may be held in a few kilobytes: before, after, and in place of the bundle.
        (compressed(&tar, flood, 20)?, 11, &["end of the bundle"]),
        (compressed(&[], flood, 20)?, 11, &["not a bundle"]),
        (
            compressed(&tar[..tar.len() / 2], flood, 20)?,
            11,
            &["the bundle was altered"],
        ),
        // A window that decoding would have to pay for with memory.
        (compressed(&tar, 64 << 20, 27)?, 11, &["zstd", "8 MiB"]),
        (
            [compressed(&tar, 0, 20)?, compressed(&tar, 0, 20)?].concat(),
            11,
            &["after the zstd frame"],
        ),
    ];
    for (bytes, code, words) in cases {
        ensure!(bytes.len() < 1 << 20, "{} bytes are no bomb", bytes.len());
        desk.file("bad.tar.zst", bytes)?;
        refused(&desk, &desk.at("bad.tar.zst"), code, words)?;
    }
    Ok(())
}
