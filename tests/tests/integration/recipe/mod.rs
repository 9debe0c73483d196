/*!
The officer's check, by hand: the commands that `schema/README.md` prints, run as they stand there, with nothing of ours.

A recipe that nobody runs rots, and one that accepts a forgery is worse than none.
*/

mod forgeries;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use fakes::{FakeRegistry, registry::Settings};
use tests::{
    images::Set,
    needs,
    process::{Output, Program},
};

use crate::desk::Desk;

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
        let registry = FakeRegistry::start(Settings::default())?;
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
        self.check_as(Path::new("/bin/sh"), &[], bundle, key)
    }

    /// The same through another program, which is given `before` and then the shell's arguments.
    fn check_as(
        &self,
        program: &Path,
        before: &[&str],
        bundle: &Path,
        key: &Path,
    ) -> Result<Output> {
        let to = self.desk.at("checked");
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        Program::at(program)?
            .args(before)
            .args([&self.script, &bundle.to_owned(), &key.to_owned(), &to])
            .run()
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

/// Officers are seldom root, and may be: neither gets more than the index lists.
#[test]
fn an_ordinary_user_can_run_it_too() -> Result<()> {
    needs!("openssl");
    let setpriv = needs!("setpriv");
    if !rustix::process::geteuid().is_root() {
        return tests::real::skip(
            &"becoming another user takes root; here all tests are an ordinary user's",
        );
    }
    let office = Office::open("good.tar")?;
    for path in [&office.bundle, &office.script, &office.desk.public()] {
        sh(office.desk.at("").as_path(), "chmod a+r \"$1\"", &[path])?;
    }
    sh(office.desk.at("").as_path(), "chmod a+rwx .", &[])?;
    let nobody = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "/bin/sh",
    ];
    let checked = office.check_as(&setpriv, &nobody, &office.bundle, &office.desk.public())?;
    let checked = checked.expect_code(0)?;
    assert!(
        checked.text().contains("every file is what"),
        "{}",
        checked.text()
    );
    Ok(())
}
