/*! What images may be called, and what they are called in the bundle. */

use anyhow::{Result, ensure};
use tests::images::{Format, Image, Layer, Set};

use crate::{
    desk::Desk,
    outcome::{fails_with, json},
};

/// Repository, tags and source of each image of a plan.
fn planned(desk: &Desk, args: &[&str]) -> Result<Vec<(String, Vec<String>, String)>> {
    let shown = desk
        .build()?
        .args(args)
        .args(["--dry-run", "--format", "json"])
        .run()?
        .expect_code(0)?;
    let plan = json(&shown)?;
    let images = plan["index"]["images"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let image = |image: &serde_json::Value| {
        let tags = image["tags"].as_array().cloned().unwrap_or_default();
        (
            text(&image["repository"]),
            tags.iter().map(text).collect(),
            text(&image["source"]),
        )
    };
    Ok(images.iter().map(image).collect())
}

#[test]
fn ports_nested_names_tags_digests_and_new_names() -> Result<()> {
    let desk = Desk::new()?;
    Set::varied()?.place(&desk.source)?;
    let app = desk.image("a/b/c/d/e-f_g.h", "v1.2_x-3", 4, 1000)?;
    let host = desk.source.host();
    let (digest, name) = (app.root.digest, "a/b/c/d/e-f_g.h");
    let tagged = format!("{host}/{name}:v1.2_x-3");
    let by_digest = format!("{host}/{name}@{digest}");
    let both = format!("{tagged}@{digest}");
    let latest = format!("{host}/library/base");
    let v1 = || vec!["v1.2_x-3".to_owned()];
    let cases = [
        (tagged.clone(), name, v1()),
        (format!("docker://{tagged}"), name, v1()),
        (by_digest.clone(), name, vec![]),
        (both.clone(), name, v1()),
        (latest.clone(), "library/base", vec![]),
        (
            format!("{latest}:latest"),
            "library/base",
            vec!["latest".into()],
        ),
        (format!("{tagged}=x/y"), "x/y", v1()),
        (format!("{tagged}=x/y:z"), "x/y", vec!["z".into()]),
        (format!("{by_digest}=x"), "x", vec![]),
        (format!("{by_digest}=x:z"), "x", vec!["z".into()]),
        (format!("{both}=x:z"), "x", vec!["z".into()]),
    ];
    for (typed, repository, mut tags) in cases {
        let found = planned(&desk, &["--image", &typed])?;
        ensure!(found.len() == 1, "{typed}: {found:?}");
        // Without tag and digest, `latest` is what was asked for.
        if typed == latest {
            tags = found[0].1.clone();
        }
        assert_eq!((&*found[0].0, &found[0].1), (repository, &tags), "{typed}");
        ensure!(found[0].2.starts_with(&host), "{typed}: {}", found[0].2);
        // What was planned can be built and pushed, and the digest is the one at the source.
        desk.build()?
            .args(["--image", &typed, "-o", &desk.at("x.tar").to_string_lossy()])
            .run()?
            .expect_code(0)?;
        let target = fakes::FakeRegistry::start(fakes::registry::Settings::default())?;
        desk.push(&desk.at("x.tar"), &target.host())?
            .run()?
            .expect_code(0)?;
        let repository = repository.parse()?;
        let there = target.tags(&repository);
        ensure!(
            !there.is_empty(),
            "{typed}: an image without any tag may be collected"
        );
        for tag in tags {
            ensure!(there.contains_key(tag.as_str()), "{typed}: {there:?}");
        }
        for tag in there.keys() {
            target.check_complete(&repository, tag)?;
        }
    }
    Ok(())
}

#[test]
fn short_names_mean_docker_hub() -> Result<()> {
    // Nobody answers for Docker Hub here, so the sentence shows what the name was taken for.
    let desk = Desk::new()?;
    for (typed, meant) in [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.27", "docker.io/library/nginx"),
        ("grafana/grafana:11", "docker.io/grafana/grafana"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("docker://index.docker.io/library/nginx:1", "docker.io"),
    ] {
        let run = desk
            .build()?
            .args(["--image", typed, "--dry-run", "--retries", "0"])
            // A proxy that is a closed port keeps every packet on this machine.
            .env("HTTP_PROXY", "http://127.0.0.1:1")
            .env("HTTPS_PROXY", "http://127.0.0.1:1")
            .run()?;
        fails_with(&run, 20, &["docker.io"]);
        let parsed: schema::Reference = typed.parse()?;
        ensure!(format!("{parsed}").contains(meant), "{typed}: {parsed}");
    }
    Ok(())
}

#[test]
fn two_images_for_one_name_are_refused_and_the_way_out_works() -> Result<()> {
    let desk = Desk::new()?;
    let first = desk.image("one/app", "v1", 1, 1000)?;
    let second = desk.image("two/app", "v1", 2, 1000)?;
    let host = desk.source.host();
    let [one, two] = ["one", "two"].map(|team| format!("{host}/{team}/app:v1=shop/app"));
    let clash = desk
        .build()?
        .args(["--image", &one, "--image", &two, "--dry-run"])
        .run()?;
    fails_with(
        &clash,
        2,
        &[
            "shop/app:v1",
            &first.root.digest.to_string(),
            &second.root.digest.to_string(),
            "rename",
        ],
    );
    let found = planned(&desk, &["--image", &one, "--image", &format!("{two}:v2")])?;
    assert_eq!(found.len(), 2);
    // The same image twice is no contradiction.
    planned(&desk, &["--image", &one, "--image", &one])?;
    Ok(())
}

#[test]
fn the_same_words_stand_in_a_spec_file() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("one/app", "v1", 1, 1000)?;
    let reference = image.reference(&desk.source.host());
    desk.file("m/c.yaml", crate::desk::CONFIG_MAP)?;
    let spec =
        format!("images:\n- {reference}\n- name: {reference}\n  as: two/app:v2\nconfig: [m]\n");
    let spec = desk.file("spec.yaml", spec)?;
    let found = planned(&desk, &["--spec", &spec.to_string_lossy()])?;
    let names: Vec<_> = found
        .iter()
        .map(|(repository, tags, _)| format!("{repository}:{}", tags.join(",")))
        .collect();
    assert_eq!(names, ["one/app:v1", "two/app:v2"]);
    Ok(())
}

#[test]
fn platforms_select_and_what_is_missing_is_told_with_what_there_is() -> Result<()> {
    let desk = Desk::new()?;
    let machines = [
        ("amd64", vec![Layer::new(1, 1000)?]),
        ("arm64", vec![Layer::new(2, 1000)?]),
    ];
    let multi = Image::multi("shop/multi", "v1", Format::Oci, &machines)?;
    multi.place(&desk.source)?;
    let reference = multi.reference(&desk.source.host());
    let shown = desk
        .build()?
        .args([
            "--image",
            &reference,
            "--platform",
            "linux/arm64",
            "--dry-run",
            "--format",
            "json",
        ])
        .run()?
        .expect_code(0)?;
    let image = &json(&shown)?["index"]["images"][0];
    assert_eq!(image["digest"], multi.children[1].digest.to_string());
    assert_eq!(image["selected_from"], multi.root.digest.to_string());
    let absent = desk
        .build()?
        .args([
            "--image",
            &reference,
            "--platform",
            "linux/s390x",
            "--dry-run",
        ])
        .run()?;
    fails_with(
        &absent,
        20,
        &["shop/multi:v1", "linux/s390x", "linux/amd64", "linux/arm64"],
    );
    let several = ["--platform", "linux/arm64", "--platform", "linux/amd64"];
    let refused = desk
        .build()?
        .args(["--image", &reference, "--dry-run"])
        .args(several)
        .run()?;
    fails_with(&refused, 2, &["--sparse-index"]);
    Ok(())
}
