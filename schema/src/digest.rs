/*!
The one name that cannot lie: `sha256:<64 hex>`.

OCI content is addressed by digest (image-spec, "Digests"). Only sha256 is carried: the bundle's own checksums are
sha256, and a second algorithm would double what an auditor has to trust. Others are refused with a clear sentence.
*/

use std::{fmt, io, str::FromStr};

use sha2::{Digest as _, Sha256};

/// A sha256 digest. Shown, parsed and serialised as `sha256:<64 lower-case hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes that are at hand whole.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The 64 hex digits without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, encoded) = text
            .split_once(':')
            .ok_or_else(|| DigestError::Malformed(text.to_owned()))?;
        if algorithm != "sha256" {
            return Err(DigestError::Algorithm(algorithm.to_owned()));
        }
        let lower_case = encoded
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let mut bytes = [0; 32];
        if !lower_case || hex::decode_to_slice(encoded, &mut bytes).is_err() {
            return Err(DigestError::Malformed(text.to_owned()));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

crate::name::text_serde!(Digest, "^sha256:[0-9a-f]{64}$");

/// Why a text is not a digest that can be carried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// A well-formed digest may be behind it, but not one that can be checked with `sha256sum`.
    #[error(
        "digest algorithm {0:?} is not supported: only sha256 content can be bundled; push the image with sha256 digests"
    )]
    Algorithm(String),
    /// Not of the form `sha256:<64 hex>`.
    #[error("{0:?} is not a digest: expected sha256: and 64 lower-case hex digits")]
    Malformed(String),
}

/// Hashes bytes as they pass; cloning it keeps a position to come back to.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything taken.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(sha256)")
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_string_has_its_well_known_digest() {
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), text);
        assert_eq!(text.parse(), Ok(Digest::of(b"")));
    }

    #[test]
    fn other_algorithms_and_loose_spellings_are_refused() {
        let sha512 = format!("sha512:{}", "0".repeat(128));
        assert_eq!(
            sha512.parse::<Digest>(),
            Err(DigestError::Algorithm("sha512".into()))
        );
        let (upper, long) = ("A".repeat(64), "a".repeat(65));
        for hex in ["", "zz", &upper, &long] {
            let bad = format!("sha256:{hex}");
            assert_eq!(bad.parse::<Digest>(), Err(DigestError::Malformed(bad)));
        }
        for bad in ["", "sha256"] {
            assert_eq!(
                bad.parse::<Digest>(),
                Err(DigestError::Malformed(bad.into()))
            );
        }
    }
}
