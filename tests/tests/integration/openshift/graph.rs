/*! The update graph: real data becomes an image that real tools read, and a service that clusters can ask. */

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use fakes::{FakeRegistry, registry::Settings};
use schema::Digest;
use serde_json::Value;
use tests::{
    images::{Format, Image, Layer, Set},
    needs, needs_shared,
    process::Program,
};

use super::index;
use crate::desk::Desk;

/// A base image for two machines, in a registry.
fn base() -> Result<(FakeRegistry, Image)> {
    let registry = FakeRegistry::start(Settings::default())?;
    let machines = [
        ("amd64", vec![Layer::new(1, 4000)?]),
        ("s390x", vec![Layer::new(2, 4000)?]),
    ];
    let image = Image::multi("ubi9/ubi-minimal", "latest", Format::Docker, &machines)?;
    Set {
        images: vec![image.clone()],
    }
    .place(&registry)?;
    Ok((registry, image))
}

fn build(desk: &Desk, base: &str, data: &Path, output: &Path) -> Result<Program> {
    let build = desk
        .build()?
        .args(["--graph-base-image", base, "--graph-data"])
        .args([data]);
    Ok(build.args(["-o".as_ref(), output.as_os_str()]))
}

#[test]
fn real_data_reaches_a_service_inside() -> Result<()> {
    let skopeo = needs!("skopeo");
    let data = needs_shared!("graph-data/graph-data.tar.gz");
    let (desk, (outside, image)) = (Desk::new()?, base()?);
    let bundle = desk.at("graph.tar");
    build(&desk, &image.reference(&outside.host()), &data, &bundle)?
        .run()?
        .expect_code(0)?;
    let index = index(&desk, &bundle)?;
    let graph = index.update_graph.context("no graph")?;
    assert_eq!(graph.repository.as_str(), "openshift/graph-data");

    let (inside, config) = (FakeRegistry::start(Settings::default())?, desk.at("config"));
    let import = desk
        .import("import", &bundle)?
        .args(["--plain-http", "--to"]);
    let import = import
        .args([format!("{}/m", inside.host())])
        .args(["--config-to-dir".as_ref(), config.as_os_str()]);
    import.run()?.expect_code(0)?;
    let service = fs::read_to_string(config.join("update-service/update-service.yaml"))?;
    let host = inside.host();
    for line in [
        "kind: UpdateService".to_owned(),
        format!(
            "graphDataImage: {host}/m/openshift/graph-data@{}",
            graph.digest
        ),
        format!("releases: {host}/m/openshift/release-images"),
    ] {
        assert!(service.contains(&line), "{line:?} is not in:\n{service}");
    }
    // skopeo reads it, and what is in its last layer is what was in the tarball.
    let reference = format!("docker://{host}/m/openshift/graph-data@{}", graph.digest);
    let to = desk.at("pulled");
    let copy = Program::at(&skopeo)?.args([
        "copy",
        "--quiet",
        "--insecure-policy",
        "--src-tls-verify=false",
        &reference,
    ]);
    copy.args([format!("dir:{}", to.display())])
        .run()?
        .expect_code(0)?;
    let manifest: Value = serde_json::from_slice(&fs::read(to.join("manifest.json"))?)?;
    let layers = manifest["layers"].as_array().context("no layers")?;
    assert_eq!(layers.len(), 2);
    let digest: Digest = layers[1]["digest"].as_str().context("no digest")?.parse()?;
    let script = format!(
        "set -e; mkdir -p {0}/ours {0}/real; tar -xzf {1} -C {0}/ours; tar -xzf {2} -C {0}/real; \
         diff -r {0}/ours/var/lib/cincinnati-graph-data {0}/real",
        desk.at("compared").display(),
        to.join(digest.hex()).display(),
        data.display()
    );
    Program::at(Path::new("/bin/sh"))?
        .args(["-c", &script])
        .run()?
        .expect_code(0)?;
    Ok(())
}

#[test]
fn the_same_data_on_the_same_base_is_the_same_image() -> Result<()> {
    let (desk, (outside, image)) = (Desk::new()?, base()?);
    let data = small_data(&desk)?;
    let (one, two) = (desk.at("one.tar"), desk.at("two.tar"));
    for output in [&one, &two] {
        build(&desk, &image.reference(&outside.host()), &data, output)?
            .run()?
            .expect_code(0)?;
    }
    assert!(fs::read(one)? == fs::read(two)?);
    Ok(())
}

/// A directory with the least that counts as graph data.
fn small_data(desk: &Desk) -> Result<PathBuf> {
    let data = desk.at("data");
    fs::create_dir_all(data.join("channels"))?;
    fs::write(data.join("version"), "1.1.0\n")?;
    fs::write(
        data.join("channels/stable-4.3.yaml"),
        "name: stable-4.3\nversions:\n- 4.3.0\n",
    )?;
    Ok(data)
}

#[test]
fn what_is_missing_or_wrong_is_said() -> Result<()> {
    let (desk, (outside, image)) = (Desk::new()?, base()?);
    let (data, output) = (small_data(&desk)?, desk.at("x.tar"));
    let base = image.reference(&outside.host());
    let told =
        |build: Program, code| -> Result<String> { Ok(build.run()?.expect_code(code)?.stderr) };
    let alone = desk.build()?.args([
        "--graph-data".as_ref(),
        data.as_os_str(),
        "-o".as_ref(),
        output.as_os_str(),
    ]);
    assert!(told(alone, 2)?.contains("--graph-base-image"));
    let page = desk.at("page.tar.gz");
    fs::write(&page, "<html>sign in</html>")?;
    assert!(told(build(&desk, &base, &page, &output)?, 2)?.contains("web page"));
    let missing = format!("{}/none.tar.gz", outside.url());
    let said = told(build(&desk, &base, Path::new(&missing), &output)?, 20)?;
    assert!(said.contains(&missing) && said.contains("404"), "{said}");
    fs::remove_dir_all(data.join("channels"))?;
    assert!(told(build(&desk, &base, &data, &output)?, 2)?.contains("channels"));
    assert!(!output.exists());
    Ok(())
}
