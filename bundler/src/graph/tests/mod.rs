/*! Update graph data and images made by hand; the real data where it is at hand. */

mod base;
mod data;
mod hostile;
mod image;

use std::io::{self, Write as _};

use tar::{Builder, EntryType, Header};

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The least that is update graph data.
const FILES: [(&str, &str); 4] = [
    ("blocked-edges/4.1.1.yaml", "to: 4.1.1\nfrom: 4\\.1\\.0\n"),
    ("channels/stable-4.1.yaml", "name: stable-4.1\n"),
    ("raw/metadata.json", "{}"),
    ("version", "1.1.0\n"),
];

fn small() -> Result<GraphData, Box<dyn std::error::Error>> {
    Ok(GraphData::from_tarball(
        "small",
        tarball(&FILES)?.as_slice(),
    )?)
}

/// A plain tarball of these files, in this order.
fn tarball(files: &[(&str, &str)]) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (path, content) in files {
        let header = header(path, EntryType::Regular, content.len() as u64);
        builder.append(&header, content.as_bytes())?;
    }
    builder.into_inner()
}

/// A header with any name of up to 100 bytes, which the tar crate would not write.
fn header(path: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o600);
    header.set_uid(1000);
    header.set_gid(1000);
    header.set_mtime(1_700_000_000);
    header.set_size(size);
    header.set_cksum();
    header
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}
