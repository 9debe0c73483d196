/*! Pushes that are killed: no tag before the last blob, and no blob twice. */

use crate::desk::Desk;
use anyhow::{Context, Result, ensure};
use fakes::{Action, FakeRegistry, Fault, Gate, LoggedRequest, registry::Settings};
use schema::Digest;
use tests::images::{Format, Image, Layer};

#[test]
fn a_killed_push_sends_no_committed_blob_again() -> Result<()> {
    let desk = Desk::new()?;
    let layers = (0..8)
        .map(|n| Layer::new(n + 70, 1 << 20))
        .collect::<Result<Vec<_>>>()?;
    let image = Image::single("shop/many", "v1", Format::Oci, &layers)?;
    image.place(&desk.source)?;
    desk.build_image(&image, "a.tar")?.run()?.expect_code(0)?;
    let (bundle, tag) = (desk.at("a.tar"), image.tag.clone().context("a tag")?);
    for (path, passed) in [
        ("/blobs/uploads/", 1),
        ("/blobs/uploads/", 7),
        ("/manifests/", 0),
    ] {
        for keep_cut_uploads in [true, false] {
            let target = FakeRegistry::start(Settings {
                keep_cut_uploads,
                monolithic_post: false,
                ..Settings::default()
            })?;
            let gate = Gate::new();
            let silent = Fault::on("PUT", path).does(Action::Hang(gate.clone()));
            target.fault(silent.after(passed));
            let done =
                |request: &&LoggedRequest| request.method == "PUT" && request.status == Some(201);
            let waits = |request: &&LoggedRequest| {
                request.method == "PUT" && request.path.contains(path) && request.status.is_none()
            };
            let killed = desk.push(&bundle, &target.host())?.kill_when(|| {
                let requests = target.requests();
                requests.iter().filter(done).count() >= passed && requests.iter().any(|r| waits(&r))
            })?;
            ensure!(killed.signal == Some(9), "{}", killed.stderr);
            assert!(!target.has_tags(), "a tag before the last blob");
            let there: Vec<Digest> = image
                .blobs
                .iter()
                .map(|blob| blob.digest)
                .filter(|digest| target.has_blob(&image.repository, digest))
                .collect();
            ensure!(
                there.len() >= passed,
                "{} blobs were committed",
                there.len()
            );
            gate.open();
            target.heal();
            let before = target.requests().len();
            desk.push(&bundle, &target.host())?.run()?.expect_code(0)?;
            target.check_complete(&image.repository, &tag)?;
            for request in &target.requests()[before..] {
                let again = there
                    .iter()
                    .find(|digest| request.query.contains(&digest.hex()));
                ensure!(
                    again.is_none() || request.received == 0,
                    "sent again: {request:?}"
                );
            }
            let third = target.requests().len();
            desk.push(&bundle, &target.host())?.run()?.expect_code(0)?;
            let writes = target.requests().split_off(third);
            assert!(
                writes
                    .iter()
                    .all(|request| matches!(request.method.as_str(), "GET" | "HEAD")),
                "{writes:?}"
            );
        }
    }
    Ok(())
}
