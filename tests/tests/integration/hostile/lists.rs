/*! Lists of referrers, at targets without the API for them: what others wrote in them stays. */

use super::{Shop, change};
use crate::outcome::json;
use anyhow::{Context, Result, ensure};
use fakes::{Action, FakeRegistry, Fault, registry::Settings};
use schema::{Digest, MediaType, Repository};
use serde_json::json as value;

/// Harbor up to 2.7 answers 401 for the path of the referrers API, whoever asks: it keeps no lists, so one is made.
#[test]
fn a_target_that_refuses_the_referrers_path_gets_a_list() -> Result<()> {
    let shop = Shop::new()?;
    for status in [401, 403, 500] {
        let target = FakeRegistry::start(Settings::default())?;
        target.fault(Fault::get("/referrers/").does(Action::status(status)));
        let pushed = shop.push(&target, false, &[])?;
        ensure!(pushed.code == Some(0), "{status}: {}", pushed.stderr);
        target.check_complete(&shop.app.repository, &shop.list()?)?;
    }
    // GitLab finds the image under that tag: that is no list, and no reason to do without one.
    let target = FakeRegistry::start(Settings {
        referrers: false,
        digest_tags: true,
        ..Settings::default()
    })?;
    let pushed = shop.push(&target, true, &[])?.expect_code(0)?;
    assert_eq!(json(&pushed)?["referrers_lists"], 1);
    target.check_complete(&shop.app.repository, &shop.list()?)
}

/// A list with somebody else's referrer.
fn older_list(target: &FakeRegistry, shop: &Shop) -> Result<(Repository, Digest)> {
    let repository = shop.app.repository.clone();
    let theirs = shop
        .app
        .referrer("application/vnd.example.other", b"theirs");
    theirs.place(target)?;
    let list = value!({
        "schemaVersion": 2, "mediaType": MediaType::OciIndex, "manifests": [{
            "mediaType": theirs.root.media_type, "digest": theirs.root.digest, "size": theirs.root.bytes.len(),
        }],
    });
    let list = target.put_manifest(
        &repository,
        Some(&shop.list()?),
        MediaType::OciIndex,
        list.to_string(),
    );
    Ok((repository, list))
}

/// Lists of referrers are tags that move: they once did so unseen, also with `--keep-tags`.
#[test]
fn a_list_of_referrers_moves_only_in_sight() -> Result<()> {
    let shop = Shop::new()?;
    for pipe in [false, true] {
        let target = FakeRegistry::start(Settings {
            referrers: false,
            ..Settings::default()
        })?;
        let (repository, old) = older_list(&target, &shop)?;
        let tag = shop.list()?;
        let dry = json(&shop.push(&target, pipe, &["--dry-run"])?.expect_code(0)?)?;
        let foreseen = change(&dry, tag.as_str()).context("not listed")?.clone();
        assert_eq!(foreseen["action"], "moved", "{dry}");
        assert_eq!(foreseen["old"], old.to_string().as_str());
        assert_eq!(dry["referrers_lists"], 1);

        let kept = shop
            .push(&target, pipe, &["--keep-tags"])?
            .expect_code(50)?;
        ensure!(kept.stderr.contains(tag.as_str()), "{}", kept.stderr);
        let dry_kept = shop.push(&target, pipe, &["--keep-tags", "--dry-run"])?;
        dry_kept.expect_code(50)?;
        assert_eq!(
            target.tags(&repository).into_iter().collect::<Vec<_>>(),
            [(tag.clone(), old)],
            "a tag was set"
        );

        let pushed = json(&shop.push(&target, pipe, &[])?.expect_code(0)?)?;
        assert_eq!(change(&pushed, tag.as_str()), Some(&foreseen), "{pushed}");
        let now = target.tags(&repository).get(&tag).copied();
        assert_eq!(
            now.map(|digest| digest.to_string()).as_deref(),
            foreseen["new"].as_str()
        );
        target.check_complete(&repository, &tag)?;

        // The second time it is as it should be.
        let again = json(&shop.push(&target, pipe, &["--keep-tags"])?.expect_code(0)?)?;
        let again = change(&again, tag.as_str()).context("not listed")?;
        assert_eq!(again["action"], "unchanged");
    }
    Ok(())
}
