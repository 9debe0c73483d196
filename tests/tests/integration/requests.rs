/*!
How often the programs ask: what need not be asked costs time on every machine, and most of it on far links.

Counts are exact where a request more would be a mistake. Before lists, kept configs and uncut blobs, the forty images
below cost 327 requests to build (120 HEADs for attachments, 40 questions to a referrers API that is not there, 40 for lists in
its place, every config twice), and 446 to push (246 HEADs of what could not be there, every manifest put twice and read back).
*/

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use fakes::{FakeRegistry, LoggedRequest, registry::Settings};
use tests::images::{Format, Image, Layer, Set};

use crate::desk::Desk;

/// As the benchmark's set: 40 repositories, four base layers of ten images each, 42 layers of their own; only smaller.
fn forty() -> Result<Set> {
    let bases = (0..4)
        .map(|n| Layer::new(n, 3000))
        .collect::<Result<Vec<_>>>()?;
    let images = (0..40).map(|n| {
        let mut layers = vec![bases[n % 4].clone()];
        for own in 0..1 + usize::from(n % 20 == 7) {
            layers.push(Layer::new((100 + 2 * n + own) as u64, 500)?);
        }
        let repository = format!("team-{}/service-{n:02}", n % 5);
        Image::single(&repository, "v1", Format::Oci, &layers)
    });
    Ok(Set {
        images: images.collect::<Result<_>>()?,
    })
}

/// As plain as Debian's docker-registry: no referrers API, no upload in one request.
fn plain() -> Settings {
    Settings {
        referrers: false,
        monolithic_post: false,
        ..Settings::default()
    }
}

/// Requests by what they are for.
fn kinds(requests: &[LoggedRequest]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for request in requests {
        let what = ["uploads", "blobs", "manifests", "referrers", "tags"]
            .into_iter()
            .find(|what| request.path.contains(&format!("/{what}/")));
        let kind = format!("{} {}", request.method, what.unwrap_or("other"));
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

#[track_caller]
fn asked(requests: &[LoggedRequest], expected: &[(&str, usize)]) {
    let expected = expected
        .iter()
        .map(|(kind, count)| ((*kind).to_owned(), *count));
    assert_eq!(kinds(requests), expected.collect::<BTreeMap<_, _>>());
}

/// Builds `set.tar` of all images of a set.
fn build(desk: &Desk, set: &Set) -> Result<()> {
    let host = desk.source.host();
    let images = set.images.iter();
    let images = images.flat_map(|image| ["--image".to_owned(), image.reference(&host)]);
    let output = desk.at("set.tar");
    let program = desk
        .build()?
        .args(images)
        .args(["-o".as_ref(), output.as_os_str()]);
    program.run()?.expect_code(0)?;
    Ok(())
}

#[test]
fn forty_images_are_built_with_what_they_need() -> Result<()> {
    let (desk, set) = (Desk::with_source(plain())?, forty()?);
    set.place(&desk.source)?;
    build(&desk, &set)?;
    let requests = desk.source.requests();
    // 86 blobs, whole and once; one list of tags and one signature for each; the missing API is learnt from two teams.
    let expected = [
        ("GET blobs", 86),
        ("GET manifests", 40),
        ("GET referrers", 2),
        ("GET tags", 40),
        ("HEAD manifests", 40),
    ];
    asked(&requests, &expected);
    assert!(requests.iter().all(|request| request.range.is_none()));
    Ok(())
}

#[test]
fn forty_images_are_pushed_with_what_they_need() -> Result<()> {
    let (desk, set) = (Desk::with_source(plain())?, forty()?);
    set.place(&desk.source)?;
    build(&desk, &set)?;
    let target = FakeRegistry::start(plain())?;
    let bundle = desk.at("set.tar");
    desk.push(&bundle, &target.host())?.run()?.expect_code(0)?;
    // A list tells that a repository is new; the first is found out by its tag. Blobs go once, 36 times a base is mounted.
    let (manifests, others): (Vec<_>, Vec<_>) = target
        .requests()
        .into_iter()
        .partition(|request| request.method == "PUT" && request.path.contains("/manifests/"));
    let expected = [
        // How to log in.
        ("GET other", 1),
        ("GET tags", 40),
        ("HEAD manifests", 1),
        ("POST uploads", 86 + 36),
        ("PUT uploads", 86),
    ];
    asked(&others, &expected);
    // Each once, under its tag; only the first, as many as go at once, by digest before.
    ensure!((41..=46).contains(&manifests.len()), "{}", manifests.len());
    for image in &set.images {
        let tag = image.tag.as_ref().context("a tag")?;
        target.check_complete(&image.repository, tag)?;
    }
    let before = target.requests().len();
    desk.push(&bundle, &target.host())?.run()?.expect_code(0)?;
    let expected = [("HEAD blobs", 86 + 36), ("HEAD manifests", 80)];
    asked(&target.requests()[before..], &expected);
    Ok(())
}

#[test]
fn attachments_are_found_with_few_questions() -> Result<()> {
    for referrers in [true, false] {
        let settings = Settings {
            referrers,
            ..plain()
        };
        let desk = Desk::with_source(settings)?;
        let machines = [
            ("amd64", vec![Layer::new(1, 900)?]),
            ("arm64", vec![Layer::new(2, 900)?]),
        ];
        let image = Image::multi("shop/app", "v1", Format::Oci, &machines)?;
        let (signature, report) = (
            image.signature()?,
            image.referrer("application/vnd.example.report", b"no findings"),
        );
        let mut images = vec![image.clone(), signature.clone(), report.clone()];
        if !referrers {
            images.push(image.fallback_index(std::slice::from_ref(&report))?);
        }
        images
            .iter()
            .try_for_each(|image| image.place(&desk.source))?;
        desk.build_image(&image, "a.tar")?.run()?.expect_code(0)?;
        let target = FakeRegistry::start(Settings::default())?;
        desk.push(&desk.at("a.tar"), &target.host())?
            .run()?
            .expect_code(0)?;
        let tag = signature.tag.clone().context("a tag")?;
        assert!(target.has_tag(&image.repository, &tag));
        assert!(
            target
                .manifest(&image.repository, report.root.digest)
                .is_some()
        );
        let kinds = kinds(&desk.source.requests());
        // The index, its children, the signature, the report; without the API the list in its place.
        assert_eq!(
            kinds["GET manifests"],
            5 + usize::from(!referrers),
            "{kinds:?}"
        );
        // Of the 15 tags that could be there, the one that matters most and is there.
        assert_eq!(kinds["HEAD manifests"], 1, "{kinds:?}");
        assert_eq!(kinds["GET tags"], 1, "{kinds:?}");
        assert_eq!(
            kinds["GET referrers"],
            if referrers { 5 } else { 1 },
            "{kinds:?}"
        );
    }
    Ok(())
}

/// Caches that pull through list what somebody has pulled. What they do not list is found all the same.
#[test]
fn a_list_that_lacks_a_signature_is_not_believed() -> Result<()> {
    let desk = Desk::with_source(Settings {
        unlisted: Some(".sig".to_owned()),
        ..plain()
    })?;
    let image = desk.image("shop/app", "v1", 1, 900)?;
    let signature = image.signature()?;
    signature.place(&desk.source)?;
    desk.build_image(&image, "a.tar")?.run()?.expect_code(0)?;
    let kinds = kinds(&desk.source.requests());
    // Both manifests are asked about tag by tag.
    assert_eq!(kinds["HEAD manifests"], 6, "{kinds:?}");
    let target = FakeRegistry::start(Settings::default())?;
    desk.push(&desk.at("a.tar"), &target.host())?
        .run()?
        .expect_code(0)?;
    let tag = signature.tag.context("a tag")?;
    assert!(target.has_tag(&image.repository, &tag));
    Ok(())
}

/// A list in pages is given up after the first: there may be a hundred thousand tags.
#[test]
fn a_long_list_of_tags_is_not_read() -> Result<()> {
    let desk = Desk::with_source(Settings {
        tags_page: 3,
        ..plain()
    })?;
    let mut images = Vec::new();
    for n in 0..4 {
        images.push(desk.image("shop/app", &format!("v{n}"), n, 900)?);
    }
    let set = Set { images };
    build(&desk, &set)?;
    let expected = [
        ("GET blobs", 8),
        // Each image, and the list that would stand in for the referrers API.
        ("GET manifests", 8),
        ("GET referrers", 1),
        ("GET tags", 1),
        ("HEAD manifests", 12),
    ];
    asked(&desk.source.requests(), &expected);
    Ok(())
}

/// Above 8 MiB a blob comes in slices that together fill the window, below it whole.
#[test]
fn only_large_blobs_are_cut() -> Result<()> {
    let desk = Desk::new()?;
    let sizes = [7 << 20, 25 << 20];
    let layers = sizes.iter().zip(60..);
    let layers = layers.map(|(size, seed)| Layer::new(seed, *size));
    let layers = layers.collect::<Result<Vec<_>>>()?;
    let image = Image::single("shop/large", "v1", Format::Oci, &layers)?;
    image.place(&desk.source)?;
    desk.build_image(&image, "a.tar")?.run()?.expect_code(0)?;
    let requests = desk.source.requests();
    let of = |n: usize| {
        let digest = image.blobs[n].digest.to_string();
        let blobs = requests.iter();
        blobs.filter(move |request| request.path.ends_with(&digest))
    };
    ensure!(of(1).count() == 1 && of(1).all(|request| request.range.is_none()));
    ensure!(of(2).count() == 7 && of(2).all(|request| request.range.is_some()));
    Ok(())
}

/// docker-registry counts a repository without tags as none. What an interrupted push left there is not sent again.
#[test]
fn blobs_in_a_repository_that_seems_absent_are_not_sent_again() -> Result<()> {
    let desk = Desk::new()?;
    let image = desk.image("shop/app", "v1", 1, 90_000)?;
    desk.build_image(&image, "a.tar")?.run()?.expect_code(0)?;
    let target = FakeRegistry::start(Settings {
        untagged_is_unknown: true,
        ..plain()
    })?;
    let layer = image.blobs.last().context("a layer")?;
    let digest = match &layer.content {
        tests::images::Content::Memory(bytes) => target.put_blob(&image.repository, bytes.clone()),
        tests::images::Content::File(path) => {
            target.put_blob_file(&image.repository, layer.digest, path)?;
            layer.digest
        }
    };
    desk.push(&desk.at("a.tar"), &target.host())?
        .run()?
        .expect_code(0)?;
    target.check_complete(&image.repository, image.tag.as_ref().context("a tag")?)?;
    let requests = target.requests();
    let of_it = requests
        .iter()
        .filter(|request| request.query.contains(&digest.hex().to_string()));
    let of_it: Vec<_> = of_it.collect();
    assert!(
        matches!(of_it.as_slice(), [one] if one.status == Some(201) && one.received == 0),
        "{of_it:#?}"
    );
    Ok(())
}
