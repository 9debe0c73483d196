use std::fs;

use fakes::needs::{shared, skip};

use super::{
    super::{collector::FileCollector, layer::Layer},
    *,
};

/// A new directory with these files.
fn directory(files: &[(&str, &str)]) -> io::Result<tempfile::TempDir> {
    let root = tempfile::tempdir()?;
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(root.path()))?;
        fs::write(path, content)?;
    }
    Ok(root)
}

#[test]
fn every_form_and_order_gives_the_same_data() -> Outcome {
    let expected = small()?;
    let mut backwards = FILES;
    backwards.reverse();
    let prefixed = |prefix: &str| FILES.map(|(path, content)| (format!("{prefix}{path}"), content));
    let written = |files: &[(String, &str)]| {
        let files = files
            .iter()
            .map(|(path, content)| (path.as_str(), *content));
        tarball(&files.collect::<Vec<_>>())
    };
    let mut archives = vec![
        tarball(&backwards)?,
        gzip(&tarball(&FILES)?)?,
        zstd::encode_all(tarball(&FILES)?.as_slice(), 3)?,
        written(&prefixed("./"))?,
        written(&prefixed("graph-data-0a1b2c/"))?,
        written(&prefixed("./graph-data/"))?,
    ];
    let mut with_directories = Builder::new(Vec::new());
    for (path, kind) in [
        ("./", EntryType::Directory),
        ("empty/", EntryType::Directory),
    ] {
        with_directories.append(&header(path, kind, 0), io::empty())?;
    }
    let mut bytes = with_directories.into_inner()?;
    bytes.truncate(1024);
    bytes.extend(tarball(&FILES)?);
    archives.push(bytes);
    for (position, archive) in archives.iter().enumerate() {
        let found = GraphData::from_tarball("t", archive.as_slice());
        assert_eq!(found?, expected, "archive {position}");
    }
    let unpacked = directory(&FILES)?;
    assert_eq!(GraphData::read(unpacked.path())?, expected);
    let nested = directory(&FILES)?;
    let outer = tempfile::tempdir()?;
    fs::rename(nested.path(), outer.path().join("cincinnati-graph-data"))?;
    assert_eq!(GraphData::read(outer.path())?, expected);
    Ok(())
}

#[test]
fn hidden_files_stay_out() -> Outcome {
    let mut files = FILES.to_vec();
    files.extend([
        (".github/workflows/ci.yaml", "x"),
        ("channels/.keep", ""),
        ("._version", "x"),
    ]);
    let unpacked = directory(&files)?;
    std::os::unix::fs::symlink("/", unpacked.path().join(".git"))?;
    assert_eq!(GraphData::read(unpacked.path())?, small()?);
    assert_eq!(
        GraphData::from_tarball("t", tarball(&files)?.as_slice())?,
        small()?
    );
    Ok(())
}

#[test]
fn long_names_are_read_as_gnu_and_posix_write_them() -> Outcome {
    let long = format!("channels/{}/{}.yaml", "d".repeat(60), "n".repeat(60));
    let mut gnu = Builder::new(tarball(&FILES)?);
    gnu.get_mut().truncate(8 * 512);
    let mut gnu_header = Header::new_gnu();
    gnu_header.set_size(1);
    gnu.append_data(&mut gnu_header, &long, &b"x"[..])?;
    let mut posix = Builder::new(tarball(&FILES)?);
    posix.get_mut().truncate(8 * 512);
    posix.append(
        &header("pax_global_header", EntryType::XGlobalHeader, 18),
        &b"18 comment=abcdef\n"[..],
    )?;
    posix.append_pax_extensions([("path", long.as_bytes()), ("mtime", b"1.5")])?;
    posix.append(&header("short", EntryType::Regular, 1), &b"x"[..])?;
    for archive in [gnu.into_inner()?, posix.into_inner()?] {
        let data = GraphData::from_tarball("t", archive.as_slice())?;
        assert!(
            data.files()
                .any(|(path, content)| path == long && content == b"x")
        );
        assert_eq!(data.files().count(), 5);
    }
    Ok(())
}

#[test]
fn the_real_data_gives_one_layer_packed_and_unpacked() -> Outcome {
    let path = match shared("graph-data/graph-data.tar.gz") {
        Ok(path) => path,
        Err(absent) => return Ok(skip(&absent)?),
    };
    let packed = GraphData::read(&path)?;
    assert_eq!(packed.version(), "1.1.0");
    assert!(packed.files().count() > 1_700);
    let root = tempfile::tempdir()?;
    let file = flate2::read::GzDecoder::new(fs::File::open(&path)?);
    tar::Archive::new(file).unpack(root.path())?;
    let unpacked = GraphData::read(root.path())?;
    assert_eq!(Layer::of(&packed)?.digest, Layer::of(&unpacked)?.digest);
    Ok(())
}

/// These bytes are what a registry inside knows: another compressor or header is another layer everywhere.
#[test]
fn the_layer_is_the_same_everywhere() -> Outcome {
    let layer = Layer::of(&small()?)?;
    assert_eq!(
        layer.diff_id.to_string(),
        "sha256:34e1f9b34d68771be8ba70160ccf20d0a7c35ce036b0b68fd1f6feb3d35a0cfa"
    );
    assert_eq!(
        layer.digest.to_string(),
        "sha256:29ebcee5870cc883c03b872f75289eb7f3979d78376b428d03c0137f7e1a1068"
    );
    assert_eq!(layer.bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    let mut seen = Vec::new();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&layer.bytes[..]));
    for entry in archive.entries()? {
        let entry = entry?;
        let header = entry.header();
        assert_eq!((header.uid()?, header.gid()?, header.mtime()?), (0, 0, 0));
        assert_eq!(
            (header.username(), header.groupname()),
            (Ok(Some("")), Ok(Some("")))
        );
        seen.push(format!("{:o} {}", header.mode()?, entry.path()?.display()));
    }
    let place = "var/lib/cincinnati-graph-data";
    let expected = [
        format!("755 {place}/"),
        format!("755 {place}/blocked-edges/"),
        format!("644 {place}/blocked-edges/4.1.1.yaml"),
        format!("755 {place}/channels/"),
        format!("644 {place}/channels/stable-4.1.yaml"),
        format!("755 {place}/raw/"),
        format!("644 {place}/raw/metadata.json"),
        format!("644 {place}/version"),
    ];
    assert_eq!(seen, expected);
    Ok(())
}

#[test]
fn entries_are_counted() -> Outcome {
    let mut collector = FileCollector::new("t");
    for _ in 0..100_000 {
        collector.accept(b"a")?;
    }
    let refused = collector.accept(b"a").map_err(|error| error.to_string());
    assert!(refused.is_err_and(|text| text.starts_with("t: there are more than 100,000 files")));
    Ok(())
}
