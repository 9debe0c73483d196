/*! How large a volume is: a number with a unit, or what a kind of medium holds. */

use std::{fmt, num::NonZeroU64, str::FromStr};

/// The smallest volume: 64 KiB.
const LEAST: u64 = 64 << 10;

/// What a file system needs beside a volume: ISO 9660 and UDF structures, the list of volumes, checksums, a README. 8 MiB.
const BESIDE: u64 = 8 << 20;

/// Bytes in a sector of an optical disc.
const SECTOR: u64 = 2048;

/// The bytes of a volume, the last one of a bundle excepted, which is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeSize(NonZeroU64);

/// A kind of medium, its capacity in bytes, and where that number comes from.
///
/// Of several capacities under one name the smallest is meant: DVD+R has fewer sectors than DVD-R (ECMA-349, ECMA-359), two
/// layers the reverse (ECMA-364, ECMA-382), BD-R loses its spare areas when it is formatted (MMC-6, table 467).
const MEDIA: [(&str, u64); 7] = [
    // One byte less than 4 GiB is the most a file may have; this is the last multiple of 64 KiB before.
    ("fat32", (4 << 30) - (64 << 10)),
    ("cd", 360_000 * SECTOR - BESIDE),
    ("dvd", 2_295_104 * SECTOR - BESIDE),
    ("dvd-dl", 4_171_712 * SECTOR - BESIDE),
    ("bd25", 11_826_176 * SECTOR - BESIDE),
    ("bd50", 23_652_352 * SECTOR - BESIDE),
    ("bd100", 47_305_728 * SECTOR - BESIDE),
];

impl VolumeSize {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0.get()
    }

    /// How many volumes so many bytes fill.
    pub fn volumes(self, length: u64) -> u64 {
        length.div_ceil(self.bytes()).max(1)
    }
}

impl FromStr for VolumeSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let medium = MEDIA.iter().find(|(name, _)| *name == lower);
        let bytes = match medium {
            Some((_, bytes)) => Some(*bytes),
            None => bytes(&lower),
        };
        let size = bytes.filter(|&bytes| bytes >= LEAST);
        let size = size.and_then(NonZeroU64::new).map(Self);
        size.ok_or_else(|| {
            let media: Vec<_> = MEDIA.iter().map(|(name, _)| *name).collect();
            format!(
                "{text:?}: expected a size of at least 64KiB, such as 650M or 4G (counted by 1000) or 4GiB (by 1024), or one of {}",
                media.join(", ")
            )
        })
    }
}

/// `650m`, `4gb` (by 1000), `4gi`, `4gib` (by 1024), `700000000`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    let letter = unit.chars().next();
    let power = match letter {
        None | Some('b') => 0,
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some(_) => return None,
    };
    let base: u64 = match unit.get(letter.map_or(0, char::len_utf8)..)? {
        "" | "b" if power > 0 => 1000,
        "i" | "ib" if power > 0 => 1024,
        "" => 1,
        _ => return None,
    };
    number.checked_mul(base.checked_pow(power)?)
}

impl fmt::Display for VolumeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_say_how_they_count() {
        for (text, bytes) in [
            ("650M", 650_000_000),
            ("4G", 4_000_000_000),
            ("4GB", 4_000_000_000),
            ("4GiB", 4 << 30),
            ("4gi", 4 << 30),
            ("70000", 70_000),
            ("1T", 1_000_000_000_000),
            ("64 KiB", 65_536),
            ("fat32", 4_294_901_760),
            ("CD", 728_891_392),
        ] {
            let parsed = text.parse::<VolumeSize>().map(VolumeSize::bytes);
            assert_eq!(parsed, Ok(bytes), "{text}");
        }
        for wrong in [
            "",
            "4",
            "4X",
            "-4G",
            "4.7G",
            "G",
            "64K",
            "floppy",
            "99999999999T",
            "1Gx",
            "1bb",
        ] {
            let parsed = wrong.parse::<VolumeSize>();
            assert!(
                parsed.is_err_and(|reason| reason.contains("expected a size")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_fits_on_a_medium_fits_its_file_system() {
        for (name, bytes) in MEDIA {
            assert!(bytes > 700_000_000, "{name}");
            let whole = if name == "fat32" { 64 << 10 } else { SECTOR };
            assert_eq!(bytes % whole, 0, "{name}");
        }
        assert!(
            "fat32"
                .parse::<VolumeSize>()
                .is_ok_and(|size| size.bytes() < 1 << 32)
        );
    }

    #[test]
    fn the_last_volume_may_be_smaller() {
        let size: Result<VolumeSize, _> = "100k".parse();
        let counts = size.map(|size| [0, 1, 100_000, 100_001].map(|length| size.volumes(length)));
        assert_eq!(counts, Ok([1, 1, 1, 2]));
    }
}
