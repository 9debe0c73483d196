/*!
`NAME.volumes.json`: where an archive was cut, signed by whoever cut it.

Canonical JSON as `bundle.json` is, with a detached signature `NAME.volumes.json.<key-id>.sig` over its bytes, 64 raw bytes that
`openssl pkeyutl -verify -rawin` checks. It is written last: volumes without it were never finished.
*/

use std::path::Path;

use schema::{
    Digest,
    bundle::{Signature, TrustedKeys},
    canonical,
};
use serde::{Deserialize, Serialize};

use super::name::{ArchiveName, MOST, VolumeName};
use crate::Error;

/// The name of the format, which the document begins with.
pub const FORMAT: &str = "offline-bundle/volumes/v1";

/// The most bytes that a list has: 4 MiB.
pub(super) const LIMIT: u64 = 4 << 20;

/// What an archive was cut into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeList {
    /// Always [`FORMAT`].
    pub format: String,
    /// The id of the bundle: the digest of its `bundle.json`.
    pub bundle: Digest,
    /// The name of the archive, `NAME.tar` or `NAME.tar.zst`.
    pub archive: String,
    /// Bytes of the archive.
    pub length: u64,
    /// Its parts, in order.
    pub volumes: Vec<Volume>,
}

/// A contiguous part of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// The name of the file, `NAME.tar.001`.
    pub name: String,
    /// Where in the archive it begins.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// Their digest.
    pub digest: Digest,
}

impl VolumeList {
    /// A list of parts as they were written: the length and digest of each. Their names have numbers of `width` digits.
    pub fn new(
        bundle: Digest,
        archive: &ArchiveName,
        width: usize,
        volumes: Vec<(u64, Digest)>,
    ) -> Self {
        let mut offset = 0;
        let volumes = (1..).zip(volumes).map(|(number, (length, digest))| {
            let volume = Volume {
                name: archive.volume(number, width),
                offset,
                length,
                digest,
            };
            offset += length;
            volume
        });
        let volumes = volumes.collect();
        Self {
            format: FORMAT.to_owned(),
            bundle,
            archive: archive.to_string(),
            length: offset,
            volumes,
        }
    }

    /// Reads the document if one of the keys made one of the signatures. `path` is what errors call it.
    pub fn verified(
        path: &Path,
        bytes: &[u8],
        signatures: &[Signature],
        keys: &TrustedKeys,
    ) -> Result<Self, Error> {
        let trusted = |signature: &Signature| keys.signer(signature, bytes).is_some();
        if !signatures.iter().any(trusted) {
            return Err(Error::Untrusted {
                path: path.to_owned(),
                trusted: keys.ids(),
            });
        }
        Self::parse(path, bytes)
    }

    /// Reads a document that nobody vouches for.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |reason: String| Error::List {
            path: path.to_owned(),
            reason,
        };
        let list: Self = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("this is no list of volumes: {error}")))?;
        if list.format != FORMAT {
            let found = schema::text::excerpt(&list.format, 100);
            return Err(wrong(format!(
                "it has format {found:?}, and this program reads {FORMAT:?}"
            )));
        }
        canonical::check(&list, bytes)
            .map_err(|at| wrong(format!("it is not in canonical form from byte {at} on")))?;
        list.check().map_err(wrong)?;
        Ok(list)
    }

    /// The canonical bytes, which are what is signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        canonical::to_bytes(self).map_err(|source| Error::Io {
            path: self.archive.clone().into(),
            source,
        })
    }

    /// The name of the archive.
    pub fn archive(&self) -> Option<ArchiveName> {
        self.archive.parse().ok()
    }

    /// The bytes of `NAME.SHA256SUMS`, for `sha256sum -c`.
    pub fn sums(&self) -> String {
        let lines = self.volumes.iter();
        let lines = lines.map(|volume| format!("{}  {}\n", volume.digest.hex(), volume.name));
        lines.collect()
    }

    /// Volumes follow one another, are named in order, and all but the last are equally long.
    fn check(&self) -> Result<(), String> {
        let archive: ArchiveName = self.archive.parse()?;
        let count = self.volumes.len();
        let first = self.volumes.first();
        let first = first.filter(|first| count <= MOST && first.length > 0);
        let first = first.ok_or_else(|| format!("it lists {count} volumes"))?;
        let width = VolumeName::of(&first.name).map_or(0, |name| name.width);
        let mut offset = 0u64;
        for (number, volume) in (1..).zip(&self.volumes) {
            let name = archive.volume(number, width);
            if volume.name != name {
                return Err(format!(
                    "volume {number} is called {:?}, expected {name:?}",
                    volume.name
                ));
            }
            let right = match number == count {
                true => (1..=first.length).contains(&volume.length),
                false => volume.length == first.length,
            };
            if volume.offset != offset || !right {
                return Err(format!(
                    "{name} has {} bytes from {}, where {} from {offset} were expected",
                    volume.length, volume.offset, first.length
                ));
            }
            offset = offset
                .checked_add(volume.length)
                .ok_or("its volumes are longer than any file")?;
        }
        match offset == self.length {
            true => Ok(()),
            false => Err(format!(
                "its volumes have {offset} bytes, and the archive {}",
                self.length
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::bundle::SigningKey;

    use super::*;

    fn list(lengths: &[u64]) -> Result<VolumeList, String> {
        let archive: ArchiveName = "site.tar".parse()?;
        let volumes = lengths.iter().map(|&length| (length, Digest::of(b"")));
        Ok(VolumeList::new(
            Digest::of(b"index"),
            &archive,
            3,
            volumes.collect(),
        ))
    }

    #[test]
    fn it_reads_back_what_it_wrote_and_nothing_else() -> Result<(), Box<dyn std::error::Error>> {
        let list = list(&[100, 100, 7])?;
        let bytes = list.to_bytes()?;
        let path = Path::new("site.volumes.json");
        assert_eq!(VolumeList::parse(path, &bytes)?, list);
        let text = String::from_utf8(bytes)?;
        for (from, to, reason) in [
            ("\"offset\":100", "\"offset\":99", "from 99"),
            ("site.tar.002", "site.tar.003", "expected \"site.tar.002\""),
            (
                "\"length\":207",
                "\"length\":208",
                "207 bytes, and the archive 208",
            ),
            ("volumes/v1", "volumes/v2", "this program reads"),
            ("{\n", "{ \n", "canonical"),
            ("site.tar\"", "../site.tar\"", "no name"),
            ("\"format\"", "\"extra\":1,\n\"format\"", "unknown field"),
        ] {
            assert!(text.contains(from), "{from}");
            let altered = text.replacen(from, to, 1);
            let error = VolumeList::parse(path, altered.as_bytes());
            let error = error
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains(reason), "{from} -> {to}: {error}");
        }
        Ok(())
    }

    #[test]
    fn only_a_trusted_key_makes_it_believed() -> Result<(), Box<dyn std::error::Error>> {
        let (key, other) = (SigningKey::generate()?, SigningKey::generate()?);
        let bytes = list(&[5])?.to_bytes()?;
        let path = Path::new("site.volumes.json");
        let trusted = TrustedKeys::new(vec![key.public()])?;
        let read =
            |signatures: &[Signature]| VolumeList::verified(path, &bytes, signatures, &trusted);
        assert!(read(&[other.sign(&bytes)?, key.sign(&bytes)?]).is_ok());
        for signatures in [&[][..], &[other.sign(&bytes)?], &[key.sign(b"another")?]] {
            assert!(matches!(read(signatures), Err(Error::Untrusted { .. })));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let parsed = VolumeList::parse(Path::new("x"), &bytes);
            prop_assert!(parsed.is_err());
        }

        #[test]
        fn any_cut_makes_a_list_that_reads_back(length in 1u64..1 << 40, size in 1u64 << 30..1 << 38) {
            let mut lengths = vec![size; (length / size) as usize];
            if length % size > 0 { lengths.push(length % size); }
            let list = list(&lengths).map_err(TestCaseError::fail)?;
            let bytes = list.to_bytes().map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(VolumeList::parse(Path::new("x"), &bytes).ok(), Some(list));
        }
    }
}
