/*! From an index to the bytes that are signed, and back. */

use crate::{
    Digest,
    bundle::{
        Error,
        index::{File, Index, canonical, checksums, path::BundlePath, validate},
    },
};

impl Index {
    /// Completes an index: `files` without `SHA256SUMS`, which is made here and put first. It is read back as a reader
    /// will read it, so that what is sealed can be opened.
    pub fn seal(mut self) -> Result<(Self, Vec<u8>), Error> {
        let sums = checksums::text(&self.files);
        self.files.insert(
            0,
            File::regular(BundlePath::Sums, sums.len() as u64, Digest::of(&sums)),
        );
        Self::parse(&self.to_bytes()?)?;
        Ok((self, sums))
    }

    /// The canonical bytes, which are what is signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        canonical::to_bytes(self)
    }

    /// Reads canonical bytes and checks every rule of the format. Call it on bytes whose signature was verified.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let index = canonical::parse(bytes)?;
        validate::index(&index)?;
        Ok(index)
    }

    /// The bytes of `SHA256SUMS`, made again from the files.
    pub fn sums(&self) -> Vec<u8> {
        checksums::text(self.files.get(1..).unwrap_or_default())
    }
}
