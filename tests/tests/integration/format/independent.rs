/*!
A writer and a reader in another language, made from `schema/README.md` alone (`tests/fixtures/independent`), against ours.

A page that says what every byte is must suffice to write that byte: where it did not (a checksum of six digits that had seven,
an empty list), whoever trusted it was refused. What ours writes theirs reads, what theirs writes ours reads, and both write the
same bytes for the same index and key.
*/

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use schema::bundle::{Blame, Error, Index, Opened, SigningKey, Tape, TrustedKeys};
use tests::{images::Set, needs, process::Program};

use super::{broken::rules, golden_index, releases::with_release, resealed, spellings::spellings};
use crate::{desk::Desk, tape::written};

/// Runs `read.py` or `write.py`.
fn python(script: &str, args: &[&Path]) -> Result<tests::process::Output> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/independent");
    Program::at(&needed("python3")?)?
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args([scripts.join(script)])
        .args(args)
        .run()
}

fn needed(tool: &str) -> Result<PathBuf> {
    tests::real::tool(tool).map_err(|missing| anyhow::anyhow!("{missing}"))
}

/// What `read.py` says of each bundle.
fn read(desk: &Desk, bundles: &[PathBuf]) -> Result<Vec<String>> {
    let key = desk.at("key.pub.pem");
    let args: Vec<&Path> = [&key]
        .into_iter()
        .chain(bundles)
        .map(PathBuf::as_path)
        .collect();
    let output = python("read.py", &args)?;
    let said: Vec<String> = output.text().lines().map(str::to_owned).collect();
    ensure!(said.len() == bundles.len(), "{said:?} {}", output.stderr);
    Ok(said)
}

/// Writes a bundle of the golden contents.
fn golden_bundle(desk: &Desk, name: &str, index: Index) -> Result<PathBuf> {
    let (sealed, contents) = golden_index()?;
    let tape = Tape::sign(index, &desk.signing_key)?;
    ensure!(tape.index().files == sealed.files);
    desk.file(name, written(&tape, &contents)?)
}

/// Bundles with all that the format knows: long names, links, tags, attachments, no images, no manifests, releases, what is missing.
fn bundles(desk: &Desk) -> Result<Vec<PathBuf>> {
    let set = Set::varied()?;
    set.place(&desk.source)?;
    let long = format!("{}/{}", "deep/".repeat(20), "a".repeat(120)).replace("//", "/");
    let long = desk.image(&long, &"t".repeat(128), 7, 1000)?;
    let gone = format!("{}/shop/gone:v1", desk.source.host());
    let images = set.images.iter().take(5).chain([&long]);
    let references: Vec<String> = images
        .map(|image| image.reference(&desk.source.host()))
        .collect();
    let images: Vec<&str> = references
        .iter()
        .flat_map(|one| ["--image", one.as_str()])
        .collect();
    let config = desk.file("config/one.yaml", crate::desk::CONFIG_MAP)?;
    let config = config.to_string_lossy();
    let missing = [images.as_slice(), &["--image", &gone, "--skip-missing"]].concat();
    let mut made = Vec::new();
    for (name, args) in [
        ("images.tar", images.clone()),
        ("manifests.tar", vec!["--config", &config]),
        (
            "all.tar.zst",
            [images.as_slice(), &["--config", &config]].concat(),
        ),
        ("missing.tar", missing),
    ] {
        let path = desk.at(name);
        let build = desk
            .build()?
            .args(args)
            .args(["-o".as_ref(), path.as_os_str()]);
        build.run()?.expect_code(0)?;
        made.push(path);
    }
    made.push(golden_bundle(desk, "golden.tar", golden_index()?.0)?);
    made.push(golden_bundle(desk, "release.tar", with_release()?)?);
    Ok(made)
}

/// The index of a bundle in another spelling and without SHA256SUMS, and its contents by digest.
fn taken_apart(desk: &Desk, bundle: &Path) -> Result<(PathBuf, PathBuf)> {
    let trusted = TrustedKeys::new(vec![desk.signing_key.public()])?;
    let verified = Opened::path(bundle)?.verify(&trusted)?;
    let mut index = serde_json::to_value(verified.index())?;
    let files = index["files"].as_array_mut().context("no files")?;
    files.remove(0);
    let contents = desk.at("contents");
    fs::create_dir_all(&contents)?;
    verified.into_contents().visit(|entry| {
        let (place, bytes) = (
            contents.join(entry.file.digest.hex()),
            entry.body.read_whole()?,
        );
        match entry.file.stored() {
            0 => Ok(()),
            _ => fs::write(place, bytes).map_err(|error| Error::from_io(error, "contents")),
        }
    })?;
    let index = desk.file("index.json", serde_json::to_string_pretty(&index)?)?;
    Ok((index, contents))
}

#[test]
fn a_reader_and_a_writer_made_from_the_page_agree_with_ours() -> Result<()> {
    needs!("python3", "openssl", "zstd");
    let desk = Desk::new()?;
    let mut bundles = bundles(&desk)?;
    for bundle in bundles.clone() {
        let (index, contents) = taken_apart(&desk, &bundle)?;
        let name = bundle.file_name().unwrap_or_default().to_string_lossy();
        let theirs = desk.at(&format!("theirs-{name}"));
        let args = [&desk.at("key.pem"), &index, &contents, &theirs];
        python("write.py", &args.map(PathBuf::as_path))?.expect_code(0)?;
        if name.ends_with(".tar") {
            ensure!(
                fs::read(&bundle)? == fs::read(&theirs)?,
                "{name} comes out otherwise"
            );
        }
        desk.import("verify", &theirs)?.run()?.expect_code(0)?;
        bundles.push(theirs);
    }
    let unpacked = desk.at("unpacked");
    let extract = desk.import("extract", &desk.at("missing.tar"))?;
    extract
        .args(["--to-dir".as_ref(), unpacked.as_os_str()])
        .run()?
        .expect_code(0)?;
    bundles.push(unpacked);
    for (bundle, said) in bundles.iter().zip(read(&desk, &bundles)?) {
        ensure!(said.starts_with("good: "), "{}: {said}", bundle.display());
    }
    Ok(())
}

#[test]
fn both_readers_refuse_the_same_indexes() -> Result<()> {
    needs!("python3", "openssl");
    let desk = Desk::new()?;
    let (index, _) = golden_index()?;
    let mut indexes = vec![("a sound one", index.to_bytes()?)];
    for (what, _, change) in rules() {
        indexes.push((what, resealed(index.clone(), change)?));
    }
    // OpenSSL signs nothing that is empty.
    let spellings = spellings()?
        .into_iter()
        .filter(|(_, text)| !text.is_empty());
    indexes.extend(spellings.map(|(what, text)| (what, text.into_bytes())));
    let mut paths = Vec::new();
    for (number, (_, bytes)) in indexes.iter().enumerate() {
        paths.push(desk.file(&format!("{number}"), bytes)?);
    }
    let (key, heads) = (desk.at("key.pem"), PathBuf::from("--heads"));
    let args: Vec<&Path> = [&key, &heads]
        .into_iter()
        .chain(&paths)
        .map(PathBuf::as_path)
        .collect();
    python("write.py", &args)?.expect_code(0)?;
    let tapes: Vec<PathBuf> = paths
        .iter()
        .map(|path| path.with_extension("tar"))
        .collect();
    let trusted = TrustedKeys::new(vec![desk.signing_key.public()])?;
    for ((what, _), (tape, said)) in indexes.iter().zip(tapes.iter().zip(read(&desk, &tapes)?)) {
        let ours = Opened::path(tape)?.verify(&trusted);
        // Of the sound one there is a head and nothing else.
        let sound = *what == "a sound one";
        ensure!(ours.is_ok() == sound, "{what}: ours says {ours:?}");
        let theirs = said.starts_with("refused: index: ");
        ensure!(theirs != sound, "{what}: theirs says {said}");
    }
    Ok(())
}

#[test]
fn both_readers_refuse_what_was_tampered_with() -> Result<()> {
    needs!("python3", "openssl");
    let desk = Desk::new()?;
    let good = fs::read(golden_bundle(&desk, "good.tar", golden_index()?.0)?)?;
    let mut paths = Vec::new();
    let mut take = |number: usize, bytes: &[u8]| -> Result<()> {
        paths.push(desk.file(&format!("{number}.tar"), bytes)?);
        Ok(())
    };
    // A prime, so that every field of a header has its turn.
    for at in (0..good.len()).step_by(211) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        take(at, &bytes)?;
    }
    take(good.len(), &good[..good.len() - 512])?;
    take(good.len() + 1, &[good.as_slice(), &[0; 512]].concat())?;
    let trusted = TrustedKeys::new(vec![desk.signing_key.public()])?;
    for (path, said) in paths.iter().zip(read(&desk, &paths)?) {
        ensure!(said.starts_with("refused: "), "{}: {said}", path.display());
        let bytes = Cursor::new(fs::read(path)?);
        let opened =
            Opened::pipe(Box::new(bytes), "pipe").and_then(|opened| opened.verify(&trusted));
        let ours =
            opened.and_then(|verified| verified.into_contents().visit(|_| Ok::<_, Error>(())));
        let blame = ours.err().map(|error| error.blame());
        ensure!(
            matches!(blame, Some(Blame::Integrity | Blame::Signature)),
            "{}: {blame:?} for ours",
            path.display()
        );
    }
    Ok(())
}

/// The key id is a name, and a name that is not the signer's would make many encodings of one bundle.
#[test]
fn a_signature_named_after_another_trusted_key_is_refused() -> Result<()> {
    let desk = Desk::new()?;
    let other = SigningKey::generate()?;
    let good = fs::read(golden_bundle(&desk, "good.tar", golden_index()?.0)?)?;
    let own = desk.signing_key.public().id()?.to_string();
    let at = good
        .windows(own.len())
        .position(|found| found == own.as_bytes());
    let at = at.context("the id is not in the head")?;
    let mut bytes = good.clone();
    let renamed = other.public().id()?.to_string();
    bytes[at..at + own.len()].copy_from_slice(renamed.as_bytes());
    let header = &mut bytes[at - "signatures/".len()..][..512];
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
    let trusted = TrustedKeys::new(vec![desk.signing_key.public(), other.public()])?;
    let open =
        |bytes: Vec<u8>| Opened::pipe(Box::new(Cursor::new(bytes)), "pipe")?.verify(&trusted);
    open(good)?;
    let refused = open(bytes);
    ensure!(
        matches!(&refused, Err(Error::Head { reason, .. }) if reason.contains(&renamed) && reason.contains(&own)),
        "{refused:?}"
    );
    // In a directory it is a file's name.
    let unpacked = desk.at("unpacked");
    let extract = desk.import("extract", &desk.at("good.tar"))?;
    extract
        .args(["--to-dir".as_ref(), unpacked.as_os_str()])
        .run()?
        .expect_code(0)?;
    let signature = |id: &str| unpacked.join(format!("signatures/{id}.sig"));
    fs::rename(signature(&own), signature(&renamed))?;
    let said = desk
        .import("verify", &unpacked)?
        .run()?
        .expect_code(11)?
        .stderr;
    ensure!(said.contains(&renamed), "{said}");
    Ok(())
}

#[test]
fn a_plan_that_no_importer_could_open_is_not_signed() -> Result<()> {
    let key = SigningKey::generate()?;
    let (index, _) = golden_index()?;
    Tape::sign(index.clone(), &key)?;
    let mut odd = index;
    odd.images[0].platforms[0].architecture.clear();
    let refused = Tape::sign(odd, &key);
    let said = refused
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    ensure!(
        said.contains("no importer could open this bundle") && said.contains("linux/"),
        "{said}"
    );
    Ok(())
}
