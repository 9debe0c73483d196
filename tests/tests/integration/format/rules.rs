/*!
What a reader refuses in an index though it is signed: every rule broken in turn, and every other spelling of one index.
*/

use anyhow::{Result, ensure};
use schema::{
    Digest, MediaType,
    bundle::{BundlePath, Error, FORMAT, File, Index, ManifestRecord, ObjectRecord},
};

use super::golden_index;

/// Replaces files behind SHA256SUMS and makes that right again, as a hostile producer would.
fn resealed(mut index: Index, change: impl FnOnce(&mut Index)) -> Result<Vec<u8>> {
    change(&mut index);
    let sums = index.sums();
    if let Some(first) = index.files.first_mut() {
        *first = File::regular(BundlePath::Sums, sums.len() as u64, Digest::of(&sums));
    }
    Ok(index.to_bytes()?)
}

#[test]
fn a_signed_index_must_still_keep_the_rules() -> Result<()> {
    let (index, _) = golden_index()?;
    let other = Digest::of(b"other");
    type Change<'a> = Box<dyn FnOnce(&mut Index) + 'a>;
    let rules: Vec<(&str, &str, Change<'_>)> = vec![
        (
            "not UTC",
            "created is",
            Box::new(|index| index.created = "2026-01-01T00:00:00+01:00".to_owned()),
        ),
        (
            "no time",
            "created is",
            Box::new(|index| index.created = "2026-13-01T00:00:00Z".to_owned()),
        ),
        (
            "a file twice",
            "is listed twice",
            Box::new(|index| index.files.push(index.files[8].clone())),
        ),
        (
            "a digest that the name denies",
            "has digest",
            Box::new(move |index| index.files[1].digest = other),
        ),
        (
            "a link before its target",
            "not listed before it",
            Box::new(|index| index.files.swap(1, 2)),
        ),
        (
            "a link to other content",
            "has other content",
            Box::new(|index| index.files[4].hardlink = Some(index.files[1].path.clone())),
        ),
        (
            "a link that links nowhere",
            "not the kind of file",
            Box::new(|index| index.files[2].hardlink = Some(BundlePath::Sums)),
        ),
        (
            "a link to itself",
            "not listed before it",
            Box::new(|index| index.files[2].hardlink = Some(index.files[2].path.clone())),
        ),
        (
            "a link of another size",
            "has other content",
            Box::new(|index| index.files[2].size += 1),
        ),
        (
            "a tag to what is not there",
            "not listed before it",
            Box::new(move |index| {
                index.files[7].digest = other;
                index.files[7].symlink = Some(other);
            }),
        ),
        (
            "a tag that is a file",
            "not the kind of file",
            Box::new(|index| index.files[7].symlink = None),
        ),
        (
            "two kinds of link",
            "two kinds of link",
            Box::new(|index| index.files[7].hardlink = Some(index.files[1].path.clone())),
        ),
        (
            "a manifest that is no link",
            "not the kind of file",
            Box::new(|index| index.files[5].hardlink = None),
        ),
        (
            "a manifest before a blob",
            "stands before",
            Box::new(|index| index.files[1..7].rotate_left(2)),
        ),
        (
            "an endless file",
            "more than",
            Box::new(|index| index.files[1].size = u64::MAX),
        ),
        (
            "a manifest too large",
            "more than",
            Box::new(|index| {
                index.files[3..8]
                    .iter_mut()
                    .for_each(|file| file.size = 1 << 30)
            }),
        ),
        (
            "an empty file with a digest",
            "has 0 bytes and digest",
            Box::new(|index| index.files[1].size = 0),
        ),
        (
            "a file that is a directory",
            "also the directory of",
            Box::new(|index| {
                if let Ok(path) = "config/one.yaml/below".parse::<BundlePath>() {
                    index.files.push(File {
                        path: path.clone(),
                        ..index.files[8].clone()
                    });
                    index.objects.push(ObjectRecord {
                        path,
                        ..index.objects[0].clone()
                    });
                }
            }),
        ),
        (
            "an image without manifest",
            "which is not listed",
            Box::new(move |index| index.images[0].digest = other),
        ),
        (
            "an image with a tag that is not there",
            "not listed so",
            Box::new(|index| index.images[0].tags = index.images[1].tags.clone()),
        ),
        (
            "something attached that is not there",
            "which is not listed",
            Box::new(move |index| index.images[0].attached[0].digest = other),
        ),
        (
            "a media type of nothing",
            "a media type and no file",
            Box::new(move |index| {
                index.manifests.push(ManifestRecord {
                    digest: other,
                    media_type: MediaType::OciIndex,
                })
            }),
        ),
        (
            "two media types of one",
            "listed twice",
            Box::new(|index| {
                index.manifests.push(ManifestRecord {
                    media_type: MediaType::OciIndex,
                    ..index.manifests[0].clone()
                })
            }),
        ),
        (
            "no media type of a manifest",
            "not the kind of file",
            Box::new(|index| index.manifests.clear()),
        ),
        (
            "an object without file",
            "has no file",
            Box::new(|index| {
                index.files.pop();
            }),
        ),
        (
            "a file without object",
            "holds no Kubernetes object",
            Box::new(|index| index.objects.clear()),
        ),
        (
            "an object in an image",
            "has no file",
            Box::new(|index| index.objects[0].path = index.files[1].path.clone()),
        ),
    ];
    Index::parse(&resealed(index.clone(), |_| ())?)?;
    for (rule, reason, change) in rules {
        let bytes = resealed(index.clone(), change)?;
        let parsed = Index::parse(&bytes);
        assert!(
            matches!(&parsed, Err(Error::Invalid(said)) if said.contains(reason)),
            "{rule}: {parsed:?}"
        );
    }
    // Not mended: SHA256SUMS that does not list what is there.
    let mut unmended = index;
    unmended.files.pop();
    unmended.objects.clear();
    assert!(matches!(
        Index::parse(&unmended.to_bytes()?),
        Err(Error::Invalid(_))
    ));
    Ok(())
}

#[test]
fn one_index_has_one_spelling() -> Result<()> {
    let text = String::from_utf8(golden_index()?.0.to_bytes()?)?;
    Index::parse(text.as_bytes())?;
    let once = |from: &str, to: &str| -> Result<String> {
        ensure!(text.contains(from), "the golden index has no {from:?}");
        Ok(text.replacen(from, to, 1))
    };
    let spellings = [
        ("a space", once("{\"path\"", "{ \"path\"")?),
        ("a line less", once(",\n", ",")?),
        ("no line feed at the end", text.trim_end().to_owned()),
        ("one more at the end", format!("{text}\n")),
        ("something behind it", format!("{text}{{}}")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("an escape", once("shop/app", "shop\\/app")?),
        (
            "a unicode escape",
            once("shop/app:v1", "\\u0073hop/app:v1")?,
        ),
        (
            "another order",
            once("\"size\":7,\"digest\"", "\"digest\"")?.replacen("},\n", ",\"size\":7},\n", 2),
        ),
        ("a key twice", once("\"size\":7", "\"size\":7,\"size\":7")?),
        (
            "the format twice",
            once(
                "\"created\"",
                &format!("\"format\":\"{FORMAT}\",\n\"created\""),
            )?,
        ),
        (
            "an unknown field",
            once("\"creator\"", "\"comment\":\"\",\n\"creator\"")?,
        ),
        (
            "an unknown field of a file",
            once("\"size\":7", "\"mode\":511,\"size\":7")?,
        ),
        (
            "null for what is absent",
            once("\"size\":7", "\"hardlink\":null,\"size\":7")?,
        ),
        ("a float", once("\"size\":7", "\"size\":7.0")?),
        ("a size in words", once("\"size\":7", "\"size\":\"7\"")?),
        (
            "a missing field",
            once("\"creator\":\"the golden test\",\n", "")?,
        ),
        (
            "an absolute path",
            once("\"config/one.yaml\"", "\"/config/one.yaml\"")?,
        ),
        (
            "a path out",
            once("\"config/one.yaml\"", "\"config/../one.yaml\"")?,
        ),
        (
            "a path of its own",
            once("\"config/one.yaml\"", "\"etc/one.yaml\"")?,
        ),
        (
            "a path with a control character",
            once("\"config/one.yaml\"", "\"config/one\\n.yaml\"")?,
        ),
        (
            "an upper-case digest",
            once("\"digest\":\"sha256:", "\"digest\":\"SHA256:")?,
        ),
        (
            "sha512",
            once("\"digest\":\"sha256:", "\"digest\":\"sha512:")?,
        ),
        (
            "an upper-case repository",
            once("\"repository\":\"shop/app\"", "\"repository\":\"Shop/app\"")?,
        ),
        ("nothing", String::new()),
        ("a list", "[]\n".to_owned()),
    ];
    for (what, spelling) in spellings {
        assert_ne!(spelling, text, "{what} changes nothing");
        let parsed = Index::parse(spelling.as_bytes());
        assert!(
            matches!(parsed, Err(Error::Invalid(_))),
            "{what}: {parsed:?}"
        );
    }
    let version = Index::parse(once(FORMAT, "offline-bundle/v2")?.as_bytes());
    assert!(matches!(version, Err(Error::Version(_))), "{version:?}");
    Ok(())
}
