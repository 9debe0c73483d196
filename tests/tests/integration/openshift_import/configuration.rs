/*!
What an import writes down for clusters: every file of it, and when nothing is written.
*/

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use fakes::{Action, FakeRegistry, Fault, Gate, LoggedRequest, registry::Settings};
use schema::Repository;
use tests::{needs, process::Program};

use super::{CONFIG_MAP, Site, TAG, changes};
use crate::outcome::json;

/// Every file below a directory, sorted, relative to it.
fn tree(directory: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(directory.join(&below))? {
            let (entry, path) = (entry.as_ref(), |name: &std::ffi::OsStr| below.join(name));
            let entry = entry.map_err(|error| anyhow::anyhow!("{error}"))?;
            let path = path(&entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else {
                found.insert(path.display().to_string());
            }
        }
    }
    Ok(found)
}

/// Whether `sha256sum` counts every file of a configuration directory but the list itself, and finds each right.
fn check_sums(directory: &Path) -> Result<()> {
    let script = "cd \"$0\" && sha256sum --check --strict --quiet SHA256SUMS && wc -l < SHA256SUMS";
    let sums = Program::at(Path::new("/bin/sh"))?
        .args(["-c", script])
        .args([directory]);
    let lines: usize = sums.run()?.expect_code(0)?.text().trim().parse()?;
    assert_eq!(lines + 1, tree(directory)?.len());
    Ok(())
}

#[test]
fn a_directory_holds_all_that_clusters_need_and_nothing_else() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let (by_file, by_pipe, by_tree) = (
        site.desk.at("by file"),
        site.desk.at("by-pipe"),
        site.desk.at("by-tree"),
    );
    let import = |bundle: &Path, directory: &Path| -> Result<Program> {
        let import = site.run("import", bundle, &target.host())?;
        Ok(import
            .args(["--mirror-tags", "--config-to-dir"])
            .args([directory]))
    };
    let report = json(&import(&site.bundle, &by_file)?.run()?.expect_code(0)?)?;
    let found = tree(&by_file)?;
    let named = |start: &str| -> Result<String> {
        let name = found.iter().find(|path| path.starts_with(start));
        name.cloned()
            .with_context(|| format!("no {start} among {found:?}"))
    };
    let release = named("mirror/idms-quay-io-openshift-release-dev-ocp-release-")?;
    let component = named("mirror/idms-quay-io-openshift-release-dev-ocp-v4-0-art-dev-")?;
    let tags = named("mirror/itms-quay-io-openshift-release-dev-ocp-release-")?;
    let expected = [
        "SHA256SUMS",
        "install-config.txt",
        &release,
        &component,
        &tags,
        "signature/sha256/0123.yaml",
        "update-service/update-service.yaml",
    ];
    assert_eq!(found, expected.map(str::to_owned).into());
    check_sums(&by_file)?;
    assert_eq!(
        fs::read_to_string(by_file.join("signature/sha256/0123.yaml"))?,
        CONFIG_MAP
    );

    // Each manifest is one that kubectl reads, and the report shows the same objects.
    let object = |path: &str| -> Result<serde_json::Value> {
        let mut read = manifests::read(&fs::read(by_file.join(path))?)?;
        assert_eq!(read.len(), 1, "{path}");
        Ok(read.remove(0).value)
    };
    let shown = report["mirror_configuration"]
        .as_array()
        .context("no mirror configuration")?;
    assert_eq!(
        *shown,
        [object(&release)?, object(&component)?, object(&tags)?]
    );
    let mirror = format!("{}/mirror/openshift/release", target.host());
    assert_eq!(
        shown[1]["spec"]["imageDigestMirrors"][0]["mirrors"][0],
        mirror.as_str()
    );
    let service = object("update-service/update-service.yaml")?;
    assert_eq!(report["update_service"], service);
    assert_eq!(
        service["spec"]["releases"],
        format!("{mirror}-images").as_str()
    );
    let graph = service["spec"]["graphDataImage"]
        .as_str()
        .unwrap_or_default();
    let (place, digest) = graph.split_once('@').context("a graph without digest")?;
    let place: Repository = place
        .trim_start_matches(&format!("{}/", target.host()))
        .parse()?;
    assert!(
        target
            .manifest(&place, digest.parse::<schema::Digest>()?)
            .is_some(),
        "{graph} is not there"
    );
    let snippet = fs::read_to_string(by_file.join("install-config.txt"))?;
    assert_eq!(report["install_config"], snippet.as_str());
    assert!(snippet.starts_with("imageDigestSources:\n"), "{snippet}");
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains(&tags) && warnings.contains("drains"),
        "{warnings}"
    );
    assert_eq!(
        report["next_commands"][0],
        format!("oc apply -Rf '{}'", by_file.display()).as_str(),
        "a path with a space is quoted"
    );
    assert!(
        report["next_commands"][1]
            .as_str()
            .is_some_and(|next| next.starts_with("oc adm upgrade"))
    );

    // From a pipe, configuration comes last; from an unpacked directory, as files.
    let cat = Program::at(Path::new("/bin/cat"))?.args([&site.bundle]);
    cat.pipe_into(import(Path::new("-"), &by_pipe)?)?
        .1
        .expect_code(0)?;
    let unpacked = site.desk.at("unpacked");
    let extract = site
        .desk
        .import("extract", &site.bundle)?
        .args(["--to-dir".as_ref(), unpacked.as_os_str()]);
    extract.run()?.expect_code(0)?;
    import(&unpacked, &by_tree)?.run()?.expect_code(0)?;
    for other in [&by_pipe, &by_tree] {
        assert_eq!(tree(other)?, found);
        for path in &found {
            assert_eq!(
                fs::read(other.join(path))?,
                fs::read(by_file.join(path))?,
                "{path}"
            );
        }
    }
    let full = import(&site.bundle, &by_file)?.run()?.expect_code(2)?;
    assert!(full.stderr.contains("not empty"), "{}", full.stderr);
    Ok(())
}

#[test]
fn kubectl_takes_the_directory_as_it_is() -> Result<()> {
    let kubectl = needs!("kubectl");
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let directory = site.desk.at("out");
    let import = site.run("import", &site.bundle, &target.host())?;
    let import = import
        .args(["--mirror-tags", "--config-to-dir"])
        .args([&directory]);
    import.run()?.expect_code(0)?;
    // Of what works on files, this alone needs no cluster for kinds that kubectl does not know by itself.
    let read = Program::at(&kubectl)?.args(["annotate", "--local", "-o", "name", "a=b", "-Rf"]);
    let read = read.args([&directory]).run()?.expect_code(0)?.text();
    let kinds: Vec<&str> = read
        .lines()
        .filter_map(|line| Some(line.split_once('/')?.0))
        .collect();
    let expected = [
        "imagedigestmirrorset.config.openshift.io",
        "imagedigestmirrorset.config.openshift.io",
        "imagetagmirrorset.config.openshift.io",
        "configmap",
        "updateservice.updateservice.operator.openshift.io",
    ];
    assert_eq!(kinds, expected, "{read}");
    Ok(())
}

#[test]
fn a_dry_run_lists_everything_and_touches_nothing() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let directory = site.desk.at("out");
    let before: BTreeSet<_> = tree(&site.desk.at("."))?;
    for flag in ["--dry-run", "--dry-run=client"] {
        let import = site
            .run("import", &site.bundle, &target.host())?
            .args([flag, "--config-to-dir"]);
        let report = json(&import.args([&directory]).run()?.expect_code(0)?)?;
        let tags = report["tags"].as_array().context("no tags")?;
        let alone = tags
            .iter()
            .filter(|tag| tag["repository"] == "mirror/openshift/release-images");
        let alone: Vec<_> = alone
            .map(|tag| (tag["tag"].clone(), tag["action"].clone()))
            .collect();
        let signature = site
            .signature
            .tag
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let expected = [TAG.to_owned(), signature].map(|tag| (tag.into(), "created".into()));
        assert_eq!(alone, expected);
        assert_eq!(report["config_written"], "dry-run");
        assert_eq!(report["config_files"].as_array().map(Vec::len), Some(6));
    }
    // What would be refused is refused here too.
    let import = site.run("import", &site.bundle, &target.host())?;
    let full = import
        .args(["--dry-run", "--config-to-dir"])
        .args([site.desk.at("config")]);
    let told = full.run()?.expect_code(2)?.stderr;
    assert!(told.contains("not empty"), "{told}");
    assert_eq!(changes(&target, 0), Vec::<String>::new());
    assert!(target.repositories().is_empty());
    assert_eq!(
        tree(&site.desk.at("."))?,
        before,
        "neither the directory nor a beginning of it"
    );
    Ok(())
}

#[test]
fn nothing_is_written_for_a_bundle_that_is_cut() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let directory = site.desk.at("out");
    let whole = fs::metadata(&site.bundle)?.len();
    // All but the end of the archive: every manifest has passed.
    let head = Program::at(Path::new("/usr/bin/head"))?
        .args(["-c".to_owned(), (whole - 600).to_string()])
        .args([&site.bundle]);
    let import = site
        .run("import", Path::new("-"), &target.host())?
        .args(["--config-to-dir"]);
    let (_, cut) = head.pipe_into(import.args([&directory]))?;
    cut.expect_code(11)?;
    assert!(!directory.exists());
    assert!(!target.has_tags());
    Ok(())
}

#[test]
fn a_name_that_is_taken_is_told_before_anything_is_pushed() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let (plain, bundle) = (site.desk.at("clash-plain.tar"), site.desk.at("clash.tar"));
    site.desk
        .file("clash/update-service/update-service.yaml", CONFIG_MAP)?;
    let reference = site.release.reference(&site.desk.source.host());
    let build = site
        .desk
        .build()?
        .args(["--image", &reference, "--config"])
        .args([site.desk.at("clash")]);
    build
        .args(["-o".as_ref(), plain.as_os_str()])
        .run()?
        .expect_code(0)?;
    super::sign_again(&site.desk, &plain, &bundle, |index| {
        let image = index.images.first().context("no image")?;
        let (repository, digest) = (image.repository.clone(), image.digest);
        index.update_graph = Some(schema::bundle::UpdateGraph { repository, digest });
        Ok(())
    })?;
    let directory = site.desk.at("out");
    let import = site
        .run("import", &bundle, &target.host())?
        .args(["--config-to-dir"]);
    let told = import.args([&directory]).run()?.expect_code(2)?.stderr;
    assert!(
        told.contains("config/update-service/update-service.yaml of the bundle"),
        "{told}"
    );
    assert!(target.requests().is_empty() && !directory.exists());
    // Two things under one name at the target are no better.
    let clash = site.run("push", &site.bundle, &target.host())?;
    let place = format!("{}/mirror/openshift/release:{TAG}-thanos", target.host());
    let told = clash
        .args(["--to-release-image", &place])
        .run()?
        .expect_code(2)?
        .stderr;
    assert!(told.contains("would be both"), "{told}");
    assert!(target.requests().is_empty());
    Ok(())
}

#[test]
fn an_import_that_was_killed_leaves_no_directory_and_is_taken_up_again() -> Result<()> {
    let (site, target) = (Site::new()?, FakeRegistry::start(Settings::default())?);
    let (directory, gate) = (site.desk.at("out"), Gate::new());
    let import = || -> Result<Program> {
        let import = site.run("import", &site.bundle, &target.host())?;
        Ok(import.args(["--config-to-dir".as_ref(), directory.as_os_str()]))
    };
    let place = "/openshift/release-images/manifests/";
    target.fault(Fault::on("PUT", place).does(Action::Hang(gate.clone())));
    let waiting = |request: &LoggedRequest| request.method == "PUT" && request.path.contains(place);
    let killed = import()?.kill_when(|| target.requests().iter().any(waiting))?;
    assert_eq!(killed.signal, Some(9), "{}", killed.stderr);
    assert!(!directory.exists());
    target.heal();
    gate.open();
    import()?.run()?.expect_code(0)?;
    check_sums(&directory)?;
    site.is_published(&target, "mirror/openshift/release-images", TAG)
}
