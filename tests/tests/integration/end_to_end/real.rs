/*! From one real registry into another, with real clients looking on. */

use super::{NAMED, build, named, pulled, real, tags, text};
use crate::desk::Desk;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use tests::{
    block_on,
    images::{Format, Image, Layer, Remote, Set},
    needs,
    process::Program,
};

#[test]
fn from_one_real_registry_into_another() -> Result<()> {
    needs!("docker-registry");
    let skopeo = needs!("skopeo");
    let desk = Desk::new()?;
    let (outside, inside) = (real(&desk, "outside")?, real(&desk, "inside")?);
    let mut set = Set::varied()?;
    // This registry keeps no list of referrers: whoever pushes one there keeps it, under the fallback tag.
    let (app, report) = (set.images[0].clone(), set.images[6].clone());
    set.images
        .push(app.fallback_index(std::slice::from_ref(&report))?);
    let by_digest = Image {
        tag: None,
        ..Image::single("shop/untagged", "x", Format::Oci, &[Layer::new(9, 500)?])?
    };
    let remote = Remote::new(&outside.url())?;
    block_on(async {
        set.push(&remote).await?;
        by_digest.push(&remote).await
    })??;
    let mut flags = named(&set, &outside.host());
    flags.extend(["--image".to_owned(), by_digest.reference(&outside.host())]);
    flags.extend([
        "--config".to_owned(),
        desk.config_map("one")?.display().to_string(),
    ]);
    let bundle = build(&desk, "bundle.tar", &flags)?;
    let said = desk
        .import("verify", &bundle)?
        .run()?
        .expect_code(0)?
        .text();
    assert!(
        said.contains("VERIFIED") && said.contains("6 images, 1 object"),
        "{said}"
    );
    let inspected = desk
        .import("inspect", &bundle)?
        .args(["--format", "json"])
        .run()?
        .expect_code(0)?;
    let inspected: Value = serde_json::from_slice(&inspected.stdout)?;
    assert_eq!(text(&inspected, "/signature"), "VERIFIED");
    let images = inspected
        .pointer("/index/images")
        .and_then(Value::as_array)
        .context("no images")?;
    let seen: BTreeSet<(&str, &str)> = images
        .iter()
        .map(|image| (text(image, "/repository"), text(image, "/digest")))
        .collect();
    let sources = set.images.iter().take(NAMED).chain([&by_digest]);
    let expected: Vec<(String, String)> = sources
        .clone()
        .map(|image| (image.repository.to_string(), image.root.digest.to_string()))
        .collect();
    assert_eq!(
        seen,
        expected
            .iter()
            .map(|(repository, digest)| (repository.as_str(), digest.as_str()))
            .collect()
    );

    let to = format!("{}/mirror", inside.host());
    let first = desk.pushed(&bundle, &to, &[])?;
    assert_eq!(first["failures"], serde_json::json!([]));
    assert_eq!(
        first["referrers_lists"], 1,
        "the fallback list of the referrer"
    );
    for image in set.images.iter().chain([&by_digest]) {
        let reference = match &image.tag {
            // The list itself is made anew, for what is there; its entry is looked at below.
            Some(tag) if tag.as_str() == format!("sha256-{}", app.root.digest.hex()) => continue,
            Some(tag) => format!("{to}/{}:{tag}", image.repository),
            None => format!("{to}/{}@{}", image.repository, image.root.digest),
        };
        pulled(&skopeo, &desk, image, &reference)?;
    }
    let list = format!("docker://{to}/shop/app:sha256-{}", app.root.digest.hex());
    let list = Program::at(&skopeo)?
        .args(["inspect", "--raw", "--tls-verify=false", &list])
        .run()?
        .expect_code(0)?;
    let list: Value = serde_json::from_slice(&list.stdout)?;
    assert_eq!(
        text(&list, "/manifests/0/digest"),
        report.root.digest.to_string()
    );
    assert_eq!(
        text(&list, "/manifests/0/artifactType"),
        "application/vnd.example.report"
    );
    // An image without a tag would be collected there: it has got one.
    let added = format!(
        "mirror/shop/untagged:digest-{}",
        &by_digest.root.digest.hex()[..16]
    );
    assert!(tags(&first, "created").contains(&added), "{first}");
    pulled(
        &skopeo,
        &desk,
        &by_digest,
        &format!("{}/{added}", inside.host()),
    )?;

    let second = desk.pushed(&bundle, &to, &[])?;
    let sent = [
        "blobs_uploaded",
        "bytes_uploaded",
        "blobs_mounted",
        "manifests_pushed",
        "referrers_lists",
    ];
    for what in sent {
        assert_eq!(second[what], 0, "{what} of the second push");
    }
    assert_eq!(
        tags(&second, "unchanged").len(),
        first["tags"].as_array().map_or(0, Vec::len)
    );
    Ok(())
}
