use std::fs;

use super::*;

/// The error for these bytes.
fn error(bytes: &[u8]) -> String {
    GraphData::from_tarball("graph.tar", bytes)
        .map_or_else(|error| error.to_string(), |data| format!("taken: {data:?}"))
}

fn assert_refused(bytes: &[u8], expected: &str) {
    let error = error(bytes);
    assert!(
        error.starts_with("graph.tar: ") && error.contains(expected),
        "expected {expected:?}, found {error}"
    );
}

/// Good data, without its end, and this entry.
fn with(entry: &Header, content: &[u8]) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(tarball(&FILES)?);
    builder.get_mut().truncate(8 * 512);
    builder.append(entry, content)?;
    builder.into_inner()
}

#[test]
fn what_is_no_tarball_is_named_by_what_it_is() -> Outcome {
    let page = b"\n<!DOCTYPE html><html><body>Sign in</body></html>";
    for (bytes, expected) in [
        (
            &page[..],
            "found a web page (HTML or XML), expected a tarball",
        ),
        (&gzip(page)?, "found a web page"),
        (b"{\"kind\":\"Error\"}", "found JSON text"),
        (b"", "found an empty file"),
        (&gzip(b"")?, "found an empty file"),
        (b"PK\x03\x04....", "found a zip file"),
        (b"BZh91AY", "found a bzip2 file"),
        (b"\xfd7zXZ\0", "found an xz file"),
        (&[b'x'; 2000], "found something that is no tarball"),
        (&gzip(&gzip(&tarball(&FILES)?)?)?, "compressed twice"),
    ] {
        assert_refused(bytes, expected);
    }
    Ok(())
}

#[test]
fn only_files_and_directories_get_in() -> Outcome {
    for (kind, expected) in [
        (EntryType::Symlink, "\"raw/x\" is a symbolic link"),
        (EntryType::Link, "\"raw/x\" is a hard link"),
        (EntryType::Char, "\"raw/x\" is a device"),
        (EntryType::Fifo, "\"raw/x\" is a named pipe"),
        (EntryType::GNUSparse, "\"raw/x\" is a sparse file"),
        (
            EntryType::new(b'V'),
            "\"raw/x\" is an entry of an unknown type",
        ),
    ] {
        assert_refused(&with(&header("raw/x", kind, 0), b"")?, expected);
    }
    let root = tempfile::tempdir()?;
    fs::write(root.path().join("version"), "1.1.0")?;
    std::os::unix::fs::symlink("version", root.path().join("link"))?;
    let refused = GraphData::read(root.path()).map_err(|error| error.to_string());
    assert!(refused.is_err_and(|text| text.contains("\"link\" is a symbolic link")));
    Ok(())
}

#[test]
fn paths_stay_inside() -> Outcome {
    for (path, expected) in [
        ("../x", "\"../x\" leads elsewhere"),
        ("raw/../../x", "leads elsewhere"),
        ("raw/..", "leads elsewhere"),
        ("/etc/passwd", "\"/etc/passwd\" is absolute"),
        ("raw//x", "has an empty or \".\" segment"),
        (
            "raw/\u{1b}[2J",
            "\"raw/\\u{1b}[2J\" has a control character",
        ),
        ("version", "\"version\" stands there twice"),
        ("./version", "\"version\" stands there twice"),
        (
            "version/x",
            "\"version\" stands there twice, or as a file and a directory",
        ),
    ] {
        assert_refused(&with(&header(path, EntryType::Regular, 1), b"x")?, expected);
    }
    let mut odd = header("raw/x", EntryType::Regular, 1);
    odd.as_old_mut().name[4] = 0xff;
    odd.set_cksum();
    assert_refused(&with(&odd, b"x")?, "is no UTF-8 text");
    let mut long = Builder::new(tarball(&FILES)?);
    long.get_mut().truncate(8 * 512);
    long.append_pax_extensions([("path", "n".repeat(300).as_bytes())])?;
    long.append(&header("n", EntryType::Regular, 1), &b"x"[..])?;
    assert_refused(&long.into_inner()?, "is longer than a layer can hold");
    Ok(())
}

#[test]
fn contradicting_metadata_is_refused() -> Outcome {
    for records in [
        "10 path=a\n10 path=b\n",
        "9 size=7\n",
        "22 GNU.sparse.major=1\n",
        "99 path=a\n",
        "0 path=a\n",
        "path=a\n",
    ] {
        let mut builder = Builder::new(tarball(&FILES)?);
        builder.get_mut().truncate(8 * 512);
        let extended = header("x", EntryType::XHeader, records.len() as u64);
        builder.append(&extended, records.as_bytes())?;
        builder.append(&header("raw/x", EntryType::Regular, 1), &b"x"[..])?;
        assert_refused(&builder.into_inner()?, "the tarball is damaged");
    }
    let global = header("x", EntryType::XGlobalHeader, 10);
    assert_refused(
        &with(&global, b"10 path=a\n")?,
        "all its files one name or size",
    );
    Ok(())
}

#[test]
fn a_tarball_that_is_cut_or_altered_is_damaged() -> Outcome {
    let whole = tarball(&FILES)?;
    // At the end of an entry, inside a header, inside a content.
    for cut in [8 * 512, 4 * 512, 4 * 512 + 100, 512 + 3] {
        assert_refused(&whole[..cut], "the tarball is damaged: it ends too early");
    }
    let compressed = gzip(&whole)?;
    assert_refused(&compressed[..compressed.len() - 4], "it ends too early");
    let mut wrong_sum = compressed.clone();
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    assert_refused(&wrong_sum, "the tarball is damaged");
    let mut altered = whole.clone();
    altered[2 * 512] ^= 1;
    assert_refused(&altered, "checksum mismatch");
    assert_refused(
        &[whole.clone(), whole].concat(),
        "there is more after its end",
    );
    Ok(())
}

#[test]
fn nothing_fills_memory() -> Outcome {
    let large = 16 << 20;
    let zeros = vec![0; large + 1];
    let entry = header("raw/x", EntryType::Regular, zeros.len() as u64);
    assert_refused(
        &gzip(&with(&entry, &zeros)?)?,
        "\"raw/x\" has more than 16 MiB",
    );
    // Claims, without the bytes.
    for (kind, expected) in [
        (
            EntryType::GNULongName,
            "one of the file names has more than 64 KiB",
        ),
        (
            EntryType::XHeader,
            "one of the file names has more than 64 KiB",
        ),
        (EntryType::Regular, "it ends too early"),
    ] {
        assert_refused(&with(&header("x", kind, 7 << 30), b"")?, expected);
    }
    // 1 GiB in a hidden file, which is only passed over.
    let mut bomb = zstd::Encoder::new(Vec::new(), 1)?;
    bomb.write_all(header(".x", EntryType::Regular, 1 << 30).as_bytes())?;
    io::copy(&mut io::Read::take(io::repeat(0), 300 << 20), &mut bomb)?;
    assert_refused(&bomb.finish()?, "there are more than 64 MiB");
    Ok(())
}

#[test]
fn other_data_is_no_update_graph() -> Outcome {
    let version = |text: &'static str| tarball(&[FILES[1], ("version", text)]);
    for (bytes, expected) in [
        (tarball(&FILES[..3])?, "found no file \"version\""),
        (tarball(&FILES[2..])?, "found no file in channels/"),
        (tarball(&[])?, "found no file \"version\""),
        (version("2.0.0\n")?, "says \"2.0.0\", expected 1.x.y"),
        (version("latest")?, "says \"latest\", expected 1.x.y"),
        (
            version("1.1.0 or so")?,
            "says \"1.1.0 or so\", expected 1.x.y",
        ),
        (version("1.1")?, "says \"1.1\", expected 1.x.y"),
    ] {
        assert_refused(&bytes, expected);
    }
    Ok(())
}
