/*!
The officer's check, by hand: the commands that `schema/README.md` prints, run as they stand there, with nothing of ours.

A recipe that nobody runs rots, and one that accepts a forgery is worse than none.
*/

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use schema::{Digest, bundle::SigningKey};
use tests::{
    images::Set,
    needs,
    process::{Output, Program},
    registry::{Embedded, Settings},
};

use crate::support::Desk;

/// The block between the markers in `schema/README.md`.
fn recipe() -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/README.md");
    let text = fs::read_to_string(&path)?;
    let block = text
        .split_once("<!-- recipe -->\n```sh\n")
        .and_then(|(_, rest)| rest.split_once("```\n<!-- /recipe -->"));
    let (block, _) = block.with_context(|| {
        format!(
            "{} has no recipe between its markers, expected a ```sh block",
            path.display()
        )
    })?;
    Ok(block.to_owned())
}

/// A bundle with everything in it, and the means to forge it.
struct Office {
    desk: Desk,
    script: PathBuf,
    bundle: PathBuf,
}

impl Office {
    fn open(name: &str) -> Result<Self> {
        let desk = Desk::new()?;
        let registry = Embedded::start(Settings::default())?;
        let set = Set::varied()?;
        set.place(&registry)?;
        let bundle = desk.at(name);
        let images = set.images.iter().take(5);
        let images =
            images.flat_map(|image| ["--image".to_owned(), image.reference(&registry.host())]);
        let build = desk
            .build()?
            .args(images)
            .args(["--config".as_ref(), desk.config_map("one")?.as_os_str()]);
        build
            .args(["-o".as_ref(), bundle.as_os_str()])
            .run()?
            .expect_code(0)?;
        let script = desk.at("check.sh");
        fs::write(&script, recipe()?)?;
        Ok(Self {
            desk,
            script,
            bundle,
        })
    }

    fn check(&self, bundle: &Path, key: &Path) -> Result<Output> {
        let to = self.desk.at("checked");
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        let shell = Program::at(Path::new("/bin/sh"))?;
        shell
            .args([&self.script, &bundle.to_owned(), &key.to_owned(), &to])
            .run()
    }

    /// Unpacks the bundle, lets `forge` change the tree, and packs it again in the same order with `more` at the end.
    fn forged(&self, more: &[&str], forge: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let (tree, forged) = (self.desk.at("tree"), self.desk.at("forged.tar"));
        if tree.exists() {
            fs::remove_dir_all(&tree)?;
        }
        fs::create_dir(&tree)?;
        sh(
            &tree,
            "tar -xf \"$1\" && tar -tf \"$1\" >../names",
            &[&self.bundle],
        )?;
        forge(&tree)?;
        let pack = "tar --format=posix -cf \"$1\" --no-recursion -T ../names; shift; \
                    for name in \"$@\"; do tar --format=posix -rf ../forged.tar --no-recursion \"$name\"; done";
        let more: Vec<&Path> = more.iter().map(Path::new).collect();
        sh(
            &tree,
            pack,
            &[&[forged.as_path()], more.as_slice()].concat(),
        )?;
        Ok(forged)
    }
}

/// Runs a line of shell in a directory; it must succeed.
fn sh(directory: &Path, line: &str, args: &[&Path]) -> Result<String> {
    let line = format!(
        "set -e; cd '{}'; set -- \"$@\"; {line}",
        directory.display()
    );
    let shell = Program::at(Path::new("/bin/sh"))?.args(["-c", &line, "sh"]);
    Ok(shell.args(args).run()?.expect_code(0)?.text())
}

/// Any blob with content of its own: its path in the bundle.
fn some_blob(tree: &Path) -> Result<String> {
    let sums = fs::read_to_string(tree.join("SHA256SUMS"))?;
    let blob = sums
        .lines()
        .filter_map(|line| line.get(66..))
        .find(|path| path.contains("/blobs/"));
    Ok(blob.context("no blob")?.to_owned())
}

/// Puts the digests of what is there now into SHA256SUMS.
fn mend_sums(tree: &Path) -> Result<()> {
    sh(
        tree,
        "cut -c67- SHA256SUMS | xargs sha256sum >mended; mv mended SHA256SUMS",
        &[],
    )?;
    Ok(())
}

#[test]
fn plain_tools_open_and_check_a_bundle() -> Result<()> {
    needs!("openssl");
    needs!("zstd");
    for name in ["good.tar", "good.tar.zst"] {
        let office = Office::open(name)?;
        let checked = office
            .check(&office.bundle, &office.desk.public())?
            .expect_code(0)?;
        assert!(
            checked.text().contains("every file is what the holder of"),
            "{}",
            checked.text()
        );
        // What lies there is what `oc` and `kubectl` take, and what our own program extracts.
        let ours = office.desk.at("ours");
        let extract = office.desk.import("extract", &office.bundle)?;
        extract
            .args(["--to-dir".as_ref(), ours.as_os_str()])
            .run()?
            .expect_code(0)?;
        let list = "find . -printf '%y %p %l\\n' | sort; find . -type f | sort | xargs sha256sum";
        assert_eq!(
            sh(&office.desk.at("checked"), list, &[])?,
            sh(&ours, list, &[])?
        );
    }
    Ok(())
}

#[test]
fn tar_zstd_gives_the_same_tree() -> Result<()> {
    needs!("zstd");
    let office = Office::open("good.tar.zst")?;
    let (decoded, plain) = (office.desk.at("decoded"), office.desk.at("plain"));
    fs::create_dir(&decoded)?;
    fs::create_dir(&plain)?;
    sh(&decoded, "tar --zstd -xf \"$1\"", &[&office.bundle])?;
    sh(&plain, "zstd -dc \"$1\" | tar -xf -", &[&office.bundle])?;
    let list = "find . -printf '%y %p %l\\n' | sort; sha256sum -c SHA256SUMS";
    assert_eq!(sh(&decoded, list, &[])?, sh(&plain, list, &[])?);
    Ok(())
}

/// Every forgery is made of a bundle that passes, and the repacked bundle without a forgery passes: so it is the forgery
/// that is caught.
#[test]
fn the_recipe_catches_forgeries() -> Result<()> {
    needs!("openssl");
    needs!("zstd");
    let office = Office::open("good.tar")?;
    let key = office.desk.public();
    let refused = |what: &str, bundle: &Path, by: &str| -> Result<()> {
        let output = office.check(bundle, &key)?;
        let said = format!("{}{}", output.text(), output.stderr);
        ensure!(
            output.code.is_some_and(|code| code != 0),
            "{what} was accepted: {said}"
        );
        ensure!(
            !said.contains("every file is what"),
            "{what} was called good: {said}"
        );
        ensure!(
            said.contains(by),
            "{what} was not refused by {by:?}: {said}"
        );
        Ok(())
    };
    let untouched = office.forged(&[], |_| Ok(()))?;
    office.check(&untouched, &key)?.expect_code(0)?;

    let replace = |tree: &Path| -> Result<()> {
        let path = tree.join(some_blob(tree)?);
        // In place: hard links of it change with it, as a forger would have it.
        let mut bytes = fs::read(&path)?;
        bytes.reverse();
        bytes.push(b'!');
        Ok(fs::write(&path, bytes)?)
    };
    let bundle = office.forged(&[], replace)?;
    refused("a replaced blob", &bundle, "FAILED")?;
    let bundle = office.forged(&[], |tree| {
        replace(tree)?;
        mend_sums(tree)
    })?;
    // After the signature, before the checksums: `grep` finds nothing and says nothing.
    refused(
        "a replaced blob with a mended SHA256SUMS",
        &bundle,
        "Signature Verified Successfully\n",
    )?;

    let retarget = |tree: &Path| -> Result<()> {
        let manifests = tree.join("v2/shop/app/manifests");
        let right = fs::read_link(manifests.join("v1"))?;
        let target = fs::read_dir(&manifests)?
            .filter_map(|entry| Some(entry.ok()?.file_name()))
            .find(|name| name.to_string_lossy().starts_with("sha256:") && *name != right);
        fs::remove_file(manifests.join("v1"))?;
        let target = target.context("no other manifest")?;
        Ok(std::os::unix::fs::symlink(target, manifests.join("v1"))?)
    };
    let bundle = office.forged(&[], retarget)?;
    refused("a retargeted tag", &bundle, "manifests/v1: FAILED")?;
    let bundle = office.forged(&[], |tree| {
        retarget(tree)?;
        mend_sums(tree)
    })?;
    refused(
        "a retargeted tag with a mended SHA256SUMS",
        &bundle,
        "Signature Verified Successfully\n",
    )?;

    let bundle = office.forged(&["config/more.yaml"], |tree| {
        Ok(fs::write(
            tree.join("config/more.yaml"),
            "kind: ClusterRoleBinding",
        )?)
    })?;
    refused(
        "an extra file",
        &bundle,
        "other files than SHA256SUMS lists",
    )?;
    let bundle = office.forged(&["SHA256SUMS"], |_| Ok(()))?;
    refused(
        "a file that stands there twice",
        &bundle,
        "other files than SHA256SUMS lists",
    )?;
    let bundle = office.forged(&[], |tree| {
        sh(tree, "sed -i '$d' ../names", &[])?;
        Ok(())
    })?;
    refused(
        "a missing file",
        &bundle,
        "other files than SHA256SUMS lists",
    )?;

    let bundle = office.forged(&[], |tree| {
        let path = tree.join("bundle.json");
        let text = fs::read_to_string(&path)?;
        let changed = text.replacen("shop/chart", "shop/chars", 1);
        ensure!(changed != text, "bundle.json does not name shop/chart");
        Ok(fs::write(path, changed)?)
    })?;
    refused(
        "an altered bundle.json",
        &bundle,
        "Signature Verification Failure",
    )?;
    let bundle = office.forged(&[], |tree| {
        // Whole and consistent, signed by somebody else.
        let stranger = SigningKey::generate()?;
        let signature = stranger.sign(&fs::read(tree.join("bundle.json"))?)?;
        let entry = fs::read_dir(tree.join("signatures"))?
            .next()
            .context("no signature")??;
        Ok(fs::write(entry.path(), signature.bytes)?)
    })?;
    refused(
        "a signature by somebody else",
        &bundle,
        "Signature Verification Failure",
    )?;

    let other = Desk::new()?;
    let output = office.check(&office.bundle, &other.public())?;
    assert_ne!(output.code, Some(0), "the wrong key was accepted");
    let cut = office.desk.at("cut.tar");
    let bytes = fs::read(&office.bundle)?;
    fs::write(&cut, &bytes[..bytes.len() - 2000])?;
    assert_ne!(
        office.check(&cut, &key)?.code,
        Some(0),
        "a cut bundle was accepted"
    );
    Ok(())
}

/// What the recipe relies on: one line for SHA256SUMS in the index, as it spells it.
#[test]
fn the_line_the_recipe_looks_for_is_the_one_the_index_has() -> Result<()> {
    let office = Office::open("good.tar")?;
    let tree = office.desk.at("tree");
    fs::create_dir(&tree)?;
    sh(&tree, "tar -xf \"$1\"", &[&office.bundle])?;
    let sums = fs::read(tree.join("SHA256SUMS"))?;
    let line = format!(
        "{{\"path\":\"SHA256SUMS\",\"size\":{},\"digest\":\"{}\"}},",
        sums.len(),
        Digest::of(&sums)
    );
    let index = fs::read_to_string(tree.join("bundle.json"))?;
    assert_eq!(index.lines().filter(|found| *found == line).count(), 1);
    Ok(())
}
