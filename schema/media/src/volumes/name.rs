/*! What volumes and their companions are called: `site.tar.001`, `site.volumes.json`, `site.SHA256SUMS`. */

use std::{fmt, str::FromStr};

use schema::text::is_hidden;

/// Most volumes of one archive.
pub const MOST: usize = 9999;

/// The name of the archive that volumes are parts of: `site.tar` or `site.tar.zst`, without a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchiveName(String);

impl ArchiveName {
    /// The name without `.tar` or `.tar.zst`, which its companions begin with.
    pub fn stem(&self) -> &str {
        let plain = self.0.strip_suffix(".zst").unwrap_or(&self.0);
        plain.strip_suffix(".tar").unwrap_or(plain)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is compressed, so that it is read front to back.
    pub fn is_compressed(&self) -> bool {
        self.0.ends_with(".zst")
    }

    /// `site.volumes.json`.
    pub fn list(&self) -> String {
        format!("{}.volumes.json", self.stem())
    }

    /// `site.SHA256SUMS`.
    pub fn sums(&self) -> String {
        format!("{}.SHA256SUMS", self.stem())
    }

    /// The name of a volume, by its number from 1, in so many digits: see [`width`].
    pub fn volume(&self, number: usize, width: usize) -> String {
        format!("{}.{number:0width$}", self.0)
    }
}

/// The digits of a number of a volume where there are at most so many: three, or as many as the last one needs, so that names
/// sort as numbers do.
pub fn width(most: u64) -> usize {
    most.to_string().len().max(3)
}

impl FromStr for ArchiveName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = Self(text.to_owned());
        let plain = !text.contains(['/', '\\']) && !text.chars().any(is_hidden);
        let ends = text.ends_with(".tar") || text.ends_with(".tar.zst");
        let stem = name.stem();
        if plain && ends && !stem.is_empty() && !stem.starts_with('.') && text.len() <= 200 {
            return Ok(name);
        }
        Err(format!(
            "{text:?} is no name for a bundle that is cut into volumes; expected NAME.tar or NAME.tar.zst, of at most 200 bytes, all of them visible"
        ))
    }
}

impl fmt::Display for ArchiveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a volume, `site.tar.003`, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeName {
    /// What it is a part of.
    pub archive: ArchiveName,
    /// Which one, from 1.
    pub number: usize,
    /// In how many digits that is written.
    pub width: usize,
}

impl VolumeName {
    /// Of a file's name, if that is the name of a volume.
    pub fn of(name: &str) -> Option<Self> {
        let (archive, digits) = name.rsplit_once('.')?;
        let width = digits.len();
        let number = (3..=4).contains(&width) && digits.bytes().all(|b| b.is_ascii_digit());
        let number = number.then(|| digits.parse().ok()).flatten();
        Some(Self {
            archive: archive.parse().ok()?,
            number: number.filter(|&number| number > 0)?,
            width,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_volumes_are_told_from_all_others() {
        let volume = VolumeName::of("site.tar.003");
        let volume = volume.map(|volume| (volume.archive.stem().to_owned(), volume.number));
        assert_eq!(volume, Some(("site".to_owned(), 3)));
        let volume = VolumeName::of("a.b.tar.zst.0120");
        let volume = volume.map(|volume| (volume.archive.stem().to_owned(), volume.number));
        assert_eq!(volume, Some(("a.b".to_owned(), 120)));
        for other in [
            "site.tar",
            "site.tar.1",
            "site.tar.000",
            "site.tar.00x",
            "site.zip.001",
            ".tar.001",
            "a/b.tar.001",
            "site.tar.+01",
        ] {
            assert_eq!(VolumeName::of(other), None, "{other}");
        }
    }

    #[test]
    fn numbers_are_as_wide_as_the_last_one_needs() -> Result<(), String> {
        let archive: ArchiveName = "site.tar".parse()?;
        assert_eq!(archive.volume(7, width(12)), "site.tar.007");
        assert_eq!(archive.volume(7, width(1200)), "site.tar.0007");
        Ok(())
    }
}
