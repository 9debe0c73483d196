use super::*;

fn target(
    map: &[(&str, &str)],
    prefix: Option<&str>,
    nested: Option<usize>,
) -> Result<Target, Box<dyn std::error::Error>> {
    let map = map
        .iter()
        .map(|(from, to)| repository_map(&format!("{from}={to}")))
        .collect::<Result<_, _>>()?;
    let prefix = prefix.map(str::parse).transpose()?;
    let target = Target {
        prefix,
        max_nested_paths: nested,
        ..Target::parse("docker://registry:5000/")?
    };
    Ok(target.with_map(map))
}

#[test]
fn repositories_are_mapped_then_prefixed_then_flattened() -> Result<(), Box<dyn std::error::Error>>
{
    let placed = |target: &Target, text: &str| -> Result<String, Box<dyn std::error::Error>> {
        Ok(target.map_repository(&text.parse()?)?.to_string())
    };
    let plain = target(&[], Some("mirror/ocp"), None)?;
    assert_eq!(
        placed(&plain, "openshift/release")?,
        "mirror/ocp/openshift/release"
    );
    let mapped = target(
        &[("openshift", "o"), ("openshift/release", "r")],
        None,
        None,
    )?;
    assert_eq!(placed(&mapped, "openshift/release")?, "r");
    assert_eq!(placed(&mapped, "openshift/other")?, "o/other");
    assert_eq!(placed(&mapped, "openshift-x/other")?, "openshift-x/other");
    let flat = target(&[], Some("p"), Some(2))?;
    assert_eq!(placed(&flat, "a/b/c")?, "p/a-b-c");
    assert_eq!(placed(&flat, "a")?, "p/a");
    Ok(())
}

#[test]
fn a_place_for_release_images_is_at_the_same_registry_and_may_have_a_tag()
-> Result<(), Box<dyn std::error::Error>> {
    let image = ReleaseImage::parse("docker://registry:5000/a/b:v1", "registry:5000")?;
    assert_eq!(image.repository.as_str(), "a/b");
    assert_eq!(image.tag.as_ref().map(Tag::as_str), Some("v1"));
    assert_eq!(
        ReleaseImage::parse("registry:5000/a", "registry:5000")?.tag,
        None
    );
    let digest = schema::Digest::of(b"");
    for (wrong, expected) in [
        ("other:5000/a", "expected a repository at registry:5000"),
        ("registry:5000", "expected registry:5000/REPOSITORY[:TAG]"),
        (
            &format!("registry:5000/a@{digest}"),
            "expected registry:5000/REPOSITORY[:TAG]",
        ),
        ("registry:5000/A", "is not a repository name"),
        ("registry:5000/a:", "is not a tag"),
    ] {
        let parsed = ReleaseImage::parse(wrong, "registry:5000");
        let outcome = parsed.map_or_else(|error| error.to_string(), |image| format!("{image:?}"));
        assert!(outcome.contains(expected), "{wrong}: {outcome}");
    }
    let mut target = target(&[("openshift", "o")], Some("p"), None)?;
    assert_eq!(target.release_images()?.as_str(), "p/o/release-images");
    target.release_image = Some(image);
    assert_eq!(target.release_images()?.as_str(), "a/b");
    Ok(())
}
