/*!
The bytes of a bundle, pinned: what was written by one version is read by every later one, and two people who build the
same can compare hashes.
*/

mod broken;
mod independent;
mod releases;
mod reproducible;
mod rules;
mod spellings;

use std::{fs, os::unix::fs::FileExt as _, path::Path};

use anyhow::{Context, Result, ensure};
use schema::{
    Digest, MediaType, Platform, Repository,
    bundle::{
        Attached, BundlePath, Error, FORMAT, File, Image, Index, ManifestRecord, ObjectRecord,
        Opened, SigningKey, Tape, TrustedKeys, json_schema,
    },
};
use tests::{needs, process::Program};

use crate::{desk::Desk, tape::written};

/// Signs the golden bundle and nothing else.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIMq+cU0/2IFtAADLuvrz/ynqnDzJSP5UawRYKf82Gr8T
-----END PRIVATE KEY-----
";

/// An index with one of everything, and the contents of its regular files.
fn golden_index() -> Result<(Index, Vec<Vec<u8>>)> {
    let layer = b"a layer".to_vec();
    let entry = format!(
        r#"{{"mediaType":"application/octet-stream","digest":"{}","size":7}}"#,
        Digest::of(&layer)
    );
    let manifest = format!(r#"{{"schemaVersion":2,"config":{entry},"layers":[]}}"#).into_bytes();
    let object =
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: shop}\n".to_vec();
    let short: Repository = "shop/app".parse()?;
    // Neither its blobs nor its links fit into ustar fields.
    let long: Repository = format!("{}/{}", "deep".repeat(40), "down".repeat(20)).parse()?;
    let (digest, size) = (Digest::of(&manifest), manifest.len() as u64);
    let mut files = Vec::new();
    for (bytes, manifest) in [(&layer, false), (&manifest, true)] {
        let (digest, size) = (Digest::of(bytes), bytes.len() as u64);
        let first = BundlePath::Blob(long.clone(), digest);
        files.push(File::regular(first.clone(), size, digest));
        files.push(File::hard_link(
            BundlePath::Blob(short.clone(), digest),
            first,
            size,
            digest,
        ));
        for repository in [&long, &short].into_iter().filter(|_| manifest) {
            let blob = BundlePath::Blob(repository.clone(), digest);
            files.push(File::hard_link(
                BundlePath::Manifest(repository.clone(), digest),
                blob,
                size,
                digest,
            ));
        }
    }
    files.push(File::tag(short.clone(), "v1".parse()?, size, digest));
    let path: BundlePath = "config/one.yaml".parse()?;
    files.push(File::regular(
        path.clone(),
        object.len() as u64,
        Digest::of(&object),
    ));
    let image = |repository, tags, selected_from| Image {
        repository,
        digest,
        tags,
        source: "registry.example:5000/shop/app:v1".to_owned(),
        platforms: vec![Platform {
            os: "linux".into(),
            architecture: "arm64".into(),
            variant: Some("v8".into()),
        }],
        selected_from,
        attached: vec![Attached { digest, tag: None }],
    };
    let index = Index {
        format: FORMAT.to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        creator: "the golden test".to_owned(),
        files,
        images: vec![
            image(long, Vec::new(), Some(Digest::of(b"a list"))),
            image(short, vec!["v1".parse()?], None),
        ],
        manifests: vec![ManifestRecord {
            digest,
            media_type: MediaType::OciManifest,
        }],
        objects: vec![ObjectRecord {
            path,
            document: 0,
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "one".to_owned(),
        }],
        assumes: Vec::new(),
        releases: Vec::new(),
        update_graph: None,
        missing: Vec::new(),
    };
    let (index, sums) = index.seal()?;
    Ok((index, vec![sums, layer, manifest, object]))
}

fn golden() -> Result<(Tape, Vec<u8>)> {
    let (index, contents) = golden_index()?;
    let tape = Tape::sign(index, &SigningKey::from_pem(KEY, || None)?)?;
    let bytes = written(&tape, &contents)?;
    Ok((tape, bytes))
}

/// Where `name` of the fixtures is; written anew if `UPDATE_FIXTURES` is set.
fn pinned(name: &str, now: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(&path, now)?;
    }
    let then = fs::read_to_string(&path).unwrap_or_default();
    ensure!(
        then == now,
        "{} is not what the program makes now; if that is meant, write it anew with \
         `UPDATE_FIXTURES=1 cargo test -p tests --test integration format::` and say so in schema/README.md; now:\n{now}",
        path.display()
    );
    Ok(())
}

#[test]
fn the_golden_bundle_is_what_it_was() -> Result<()> {
    let (tape, bytes) = golden()?;
    let head = tape.head_files();
    let index = std::str::from_utf8(head[0].1)?;
    pinned("fixtures/golden/bundle.json", index)?;
    let told = format!(
        "{}  golden.tar\n{}  {}\n",
        Digest::of(&bytes).hex(),
        hex::encode(head[1].1),
        head[1].0
    );
    pinned("fixtures/golden/SHA256SUMS", &told)?;
    let trusted = TrustedKeys::new(vec![SigningKey::from_pem(KEY, || None)?.public()])?;
    let verified =
        Opened::pipe(Box::new(std::io::Cursor::new(bytes)), "golden")?.verify(&trusted)?;
    assert_eq!(verified.index(), tape.index());
    verified.into_contents().visit(|_| Ok::<_, Error>(()))?;
    Ok(())
}

#[test]
fn the_json_schema_of_reports_is_checked_in() -> Result<()> {
    let now = serde_json::to_string_pretty(&importer::json_schema())?;
    pinned("../importer/report.schema.json", &format!("{now}\n"))
}

#[test]
fn the_json_schema_is_checked_in_and_describes_the_index() -> Result<()> {
    let now = format!("{}\n", serde_json::to_string_pretty(&json_schema())?);
    pinned("../schema/bundle.schema.json", &now)?;
    let schema = serde_json::from_str(&now)?;
    let validator = jsonschema::validator_for(&schema)?;
    let index: serde_json::Value = serde_json::from_slice(&golden_index()?.0.to_bytes()?)?;
    let said: Vec<String> = validator
        .iter_errors(&index)
        .map(|error| error.to_string())
        .collect();
    assert!(said.is_empty(), "{said:?}");
    // It can say no: otherwise it would describe nothing.
    for (pointer, wrong) in [
        ("/format", serde_json::json!(1)),
        ("/created", "yesterday".into()),
        ("/files/0/digest", "sha512:00".into()),
        ("/files/1/path", "../etc/passwd".into()),
        ("/files/1/size", serde_json::json!(-1)),
        ("/images/0/repository", "UPPER".into()),
        ("/images/1/tags/0", "-".into()),
        ("/manifests/0/digest", serde_json::Value::Null),
        ("/objects/0/document", serde_json::json!(0.5)),
    ] {
        let mut other = index.clone();
        *other
            .pointer_mut(pointer)
            .with_context(|| format!("no {pointer}"))? = wrong;
        assert!(!validator.is_valid(&other), "{pointer} may be anything");
    }
    let mut more = index.clone();
    more.as_object_mut()
        .context("no object")?
        .insert("more".to_owned(), true.into());
    assert!(!validator.is_valid(&more), "it allows unknown fields");
    Ok(())
}

#[test]
fn gnu_tar_reads_long_names_and_sizes_beyond_eight_gibibytes() -> Result<()> {
    needs!("tar");
    let desk = Desk::new()?;
    // Content: as GNU tar extracts it.
    let (tape, bytes) = golden()?;
    let (tar, tree) = (desk.at("golden.tar"), desk.at("tree"));
    fs::write(&tar, bytes)?;
    fs::create_dir(&tree)?;
    let at_tree = [
        "-C".as_ref(),
        tree.as_os_str(),
        "-xf".as_ref(),
        tar.as_os_str(),
    ];
    let output = Program::at(Path::new("/bin/tar"))?
        .args(at_tree)
        .run()?
        .expect_code(0)?;
    assert_eq!(output.stderr, "");
    for file in &tape.index().files {
        assert_eq!(
            Digest::of(&fs::read(tree.join(file.path.to_string()))?),
            file.digest,
            "{}",
            file.path
        );
    }
    // Size: a hole of 9 GiB, listed and then found whole with what follows it.
    let huge = 9 << 30;
    let digest = Digest::of(b"never hashed here");
    let repository: Repository = "n".repeat(250).parse()?;
    let path = BundlePath::Blob(repository, digest);
    let mut index = golden_index()?.0;
    index.files = vec![File::regular(path.clone(), huge, digest)];
    (index.images, index.manifests, index.objects) = Default::default();
    let (index, sums) = index.seal()?;
    let tape = Tape::sign(index, &SigningKey::from_pem(KEY, || None)?)?;
    let medium = fs::File::create(&tar)?;
    medium.write_all_at(tape.head(), 0)?;
    for placed in tape.placements() {
        medium.write_all_at(&placed.header_blocks()?, placed.header)?;
    }
    let first = tape.placement(0).context("no SHA256SUMS")?;
    medium.write_all_at(&sums, first.content)?;
    medium.set_len(tape.length())?;
    let list = Program::at(Path::new("/bin/tar"))?.args(["-tvf".as_ref(), tar.as_os_str()]);
    let list = list
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .run()?
        .expect_code(0)?;
    let text = list.text();
    let last = text.lines().last().context("an empty list")?;
    assert_eq!(
        last.split_whitespace().collect::<Vec<_>>(),
        [
            "-rw-r--r--",
            "0/0",
            "9663676416",
            "1980-01-01",
            "00:00",
            path.to_string().as_str()
        ]
    );
    // Our own reader finds each header and the end where GNU tar does.
    let trusted = TrustedKeys::new(vec![SigningKey::from_pem(KEY, || None)?.public()])?;
    let contents = Opened::path(&tar)?.verify(&trusted)?.into_contents();
    let schema::bundle::Contents::Random(random) = contents else {
        anyhow::bail!("a file cannot be read in any order");
    };
    Ok(random.check_frame()?)
}

/// Replaces files behind SHA256SUMS and makes that right again, as a hostile producer would.
fn resealed(mut index: Index, change: impl FnOnce(&mut Index)) -> Result<Vec<u8>> {
    change(&mut index);
    let sums = index.sums();
    if let Some(first) = index.files.first_mut() {
        *first = File::regular(BundlePath::Sums, sums.len() as u64, Digest::of(&sums));
    }
    Ok(index.to_bytes()?)
}
