/*!
The data as a layer of an image: a gzip-compressed tarball that does not show when, where or by whom it was made.
*/

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use schema::Digest;
use tar::{Builder, EntryType, Header};

use super::{GraphData, GraphError};

/// Where an update service looks for the data in the image.
const PLACE: &str = "var/lib/cincinnati-graph-data/";
/// "Unknown" (RFC 1952, section 2.3.1), whatever it was made on.
const NO_SYSTEM: u8 = 255;

/// A finished layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// As it goes into a registry.
    pub bytes: Bytes,
    /// Of `bytes`.
    pub digest: Digest,
    /// Of the tarball inside (image-spec, "Layer DiffID").
    pub diff_id: Digest,
}

impl Layer {
    /// Makes the layer: directories before what is in them, all sorted, owned by root, of 1970, readable by everybody.
    pub(super) fn of(data: &GraphData) -> Result<Self, GraphError> {
        let broken = |source| GraphError::Io {
            name: "the layer of the update graph".to_owned(),
            source,
        };
        let tarball = tarball(data).map_err(broken)?;
        let compressed = compress(&tarball).map_err(broken)?;
        Ok(Self {
            diff_id: Digest::of(&tarball),
            digest: Digest::of(&compressed),
            bytes: Bytes::from(compressed),
        })
    }
}

/// Whether the header of a file can hold its path below [`PLACE`].
pub(super) fn fits(path: &str) -> bool {
    let path = format!("{PLACE}{path}");
    Header::new_ustar().set_path(path).is_ok()
}

fn tarball(data: &GraphData) -> io::Result<Vec<u8>> {
    // The directories above are the base image's own.
    let mut entries = BTreeMap::from([(PLACE.to_owned(), None)]);
    for (path, content) in data.files() {
        for (at, _) in path.match_indices('/') {
            entries.insert(format!("{PLACE}{}", &path[..=at]), None);
        }
        entries.insert(format!("{PLACE}{path}"), Some(content));
    }
    let mut builder = Builder::new(Vec::new());
    for (path, content) in entries {
        let header = header(&path, content.map(<[u8]>::len))?;
        builder.append(&header, content.unwrap_or_default())?;
    }
    builder.into_inner()
}

/// The header of a file of that size, or of a directory.
fn header(path: &str, size: Option<usize>) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    let (kind, mode) = match size {
        Some(_) => (EntryType::Regular, 0o644),
        None => (EntryType::Directory, 0o755),
    };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size.unwrap_or_default() as u64);
    header.set_cksum();
    Ok(header)
}

fn compress(tarball: &[u8]) -> io::Result<Vec<u8>> {
    let builder = GzBuilder::new().mtime(0).operating_system(NO_SYSTEM);
    let mut encoder = builder.write(Vec::new(), Compression::new(6));
    encoder.write_all(tarball)?;
    encoder.finish()
}
