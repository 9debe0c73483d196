/*!
Where data and parity stand: pure arithmetic, the same for an archive in one piece and for one in volumes.

An archive is divided into `data` shards of `stride` bytes. A *cell* is 64 KiB of a shard, padded with zeros where the shard or the
archive ends; the cells at one offset of all shards are a *stripe*, coded together into `parity` further cells. Any `parity` bad cells
of a stripe come back: scattered sectors, one burst as long as `parity` shards, or as many whole shards.
*/

use std::{num::NonZeroU32, str::FromStr};

use schema::{Digest, bundle::ReadAt, canonical};
use serde::{Deserialize, Serialize};

/// Bytes of a cell: 64 KiB.
pub const CELL: u64 = 64 << 10;

/// Bytes of the head of a recovery file.
pub const HEAD: u64 = 4096;

/// Bytes of the checksum of a cell.
pub const CHECKSUM: usize = 16;

/// The name of the format, which the head begins with.
pub const FORMAT: &str = "offline-bundle/recovery/v1";

/// Parity shards of an archive that is long enough for so many: scattered damage then meets a stripe with room.
const PARITY: u64 = 16;

/// Most data shards: a stripe of them is 64 MiB.
const MOST: u64 = 1024;

/// What of an archive can be lost and come back, in thousandths of its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(NonZeroU32);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or_default();
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let thousandths = (digits(whole) && digits(tenth) && tenth.len() == 1).then(|| {
            Some(whole.parse::<u32>().ok()?.checked_mul(10)? + tenth.parse::<u32>().ok()?)
        });
        let thousandths = thousandths.flatten().filter(|&rate| rate <= 1000);
        let rate = thousandths.and_then(NonZeroU32::new).map(Self);
        rate.ok_or_else(|| format!("{text:?}: expected a share such as 5% or 0.5%, at most 100%"))
    }
}

/// The head of a recovery file: what it protects, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Always [`FORMAT`].
    pub format: String,
    /// The id of the bundle.
    pub bundle: Digest,
    /// Bytes of the archive.
    pub length: u64,
    /// Bytes of a data shard; the last one may be shorter.
    pub stride: u64,
    /// Data shards.
    pub data: u64,
    /// Parity shards.
    pub parity: u64,
    /// The first of them that is in this file.
    pub first: u64,
    /// How many are.
    pub count: u64,
}

/// A cell of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Which data shard it is of.
    pub shard: u64,
    /// Which stripe.
    pub stripe: u64,
}

impl Layout {
    /// For an archive of so many bytes in one piece.
    pub fn of(bundle: Digest, length: u64, rate: Rate) -> Self {
        let cells = length.div_ceil(CELL).max(1);
        let rate = u64::from(rate.0.get());
        let parity = PARITY.min(MOST * rate / 1000).max(1);
        let data = (parity * 1000).div_ceil(rate).min(MOST).min(cells);
        // A short archive has fewer shards, and needs no more parity than its share of them.
        let parity = (data * rate).div_ceil(1000).max(1).min(parity);
        let stride = cells.div_ceil(data) * CELL;
        Self {
            format: FORMAT.to_owned(),
            bundle,
            length,
            stride,
            data: length.div_ceil(stride).max(1),
            parity,
            first: 0,
            count: parity,
        }
    }

    /// For an archive in volumes of `stride` bytes, each a shard: as many whole volumes come back as there are recovery volumes.
    pub fn of_volumes(
        bundle: Digest,
        length: u64,
        stride: u64,
        parity: u64,
    ) -> Result<Self, String> {
        let layout = Self {
            format: FORMAT.to_owned(),
            bundle,
            length,
            stride,
            data: length.div_ceil(stride.max(1)),
            parity,
            first: 0,
            count: parity,
        };
        match layout.is_sound() {
            true => Ok(layout),
            false => Err(format!(
                "{} volumes with {parity} recovery volumes: expected 1 to {MOST} of each",
                layout.data
            )),
        }
    }

    /// The same for a file that holds only these parity shards.
    pub fn holding(&self, first: u64, count: u64) -> Self {
        Self {
            first,
            count,
            ..self.clone()
        }
    }

    /// Whether two files protect the same in the same way.
    pub fn agrees(&self, other: &Self) -> bool {
        self.holding(0, 0) == other.holding(0, 0)
    }

    /// Stripes.
    pub fn stripes(&self) -> u64 {
        self.stride.div_ceil(CELL)
    }

    /// The cell that holds a byte of the archive.
    pub fn cell_at(&self, offset: u64) -> Cell {
        Cell {
            shard: offset / self.stride,
            stripe: offset % self.stride / CELL,
        }
    }

    /// Offset and length of a cell's bytes in the archive.
    pub fn place(&self, cell: Cell) -> (u64, u64) {
        let start = cell.shard * self.stride + cell.stripe * CELL;
        let end = (start + CELL)
            .min((cell.shard + 1) * self.stride)
            .min(self.length);
        (start, end.saturating_sub(start))
    }

    /// Where in the table the checksum of a cell stands; those of parity shards follow those of the data. Cells of one shard stand
    /// together, so that damage to the table costs each stripe little.
    pub fn checksum(&self, shard: u64, stripe: u64) -> u64 {
        (shard * self.stripes() + stripe) * CHECKSUM as u64
    }

    /// Bytes of the table of checksums.
    pub fn table(&self) -> u64 {
        self.checksum(self.data + self.parity, 0)
    }

    /// Where in the file a parity cell stands, if it holds it.
    pub fn parity_at(&self, shard: u64, stripe: u64) -> Option<u64> {
        let nth = shard
            .checked_sub(self.first)
            .filter(|&nth| nth < self.count)?;
        Some(HEAD + self.table() + (nth * self.stripes() + stripe) * CELL)
    }

    /// Bytes of the recovery file: head, table, parity, head again.
    pub fn file_length(&self) -> u64 {
        HEAD + self.table() + self.count * self.stripes() * CELL + HEAD
    }

    /// The head: one line of canonical JSON, zeros, and the SHA-256 of all that.
    pub fn to_block(&self) -> Option<Vec<u8>> {
        let mut block = canonical::to_bytes(self).ok()?;
        let end = HEAD as usize - 32;
        (block.len() <= end).then(|| {
            block.resize(end, 0);
            let digest = Digest::of(&block);
            block.extend(digest.bytes());
            block
        })
    }

    /// Reads a head; none if it is damaged or is no head. What it says is bounded by what it could be.
    pub fn of_block(block: &[u8]) -> Option<Self> {
        let (text, digest) = block.split_at_checked(HEAD as usize - 32)?;
        if Digest::of(text).bytes() != *digest {
            return None;
        }
        let end = text.iter().rposition(|&byte| byte != 0)?;
        let layout: Self = serde_json::from_slice(&text[..=end]).ok()?;
        layout.is_sound().then_some(layout)
    }

    /// The head at the beginning of a recovery file, or the other one at its end.
    pub fn read(file: &dyn ReadAt) -> Option<Self> {
        let length = file.length().ok()?;
        let at = |offset: u64| {
            let mut block = vec![0; HEAD as usize];
            let count = file.fill_at(&mut block, offset).ok()?;
            (count == block.len())
                .then(|| Self::of_block(&block))
                .flatten()
        };
        at(0).or_else(|| at(length.checked_sub(HEAD)?))
    }

    fn is_sound(&self) -> bool {
        let shards = 1..=MOST;
        self.format == FORMAT
            && shards.contains(&self.data)
            && shards.contains(&self.parity)
            && (1..1 << 50).contains(&self.length)
            && self.stride > 0
            && self.length.div_ceil(self.stride) == self.data
            && self.count <= self.parity
            && self.first <= self.parity - self.count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(length: u64, rate: &str) -> Result<Layout, String> {
        Ok(Layout::of(Digest::of(b"id"), length, rate.parse()?))
    }

    #[test]
    fn five_percent_of_two_gigabytes_are_sixteen_shards_for_three_hundred_and_twenty()
    -> Result<(), String> {
        let layout = layout(2_000_000_000, "5%")?;
        assert_eq!((layout.data, layout.parity), (318, 16));
        assert_eq!(layout.stripes(), 96);
        let share = layout.file_length() as f64 / layout.length as f64;
        assert!(share < 0.052, "{share}");
        Ok(())
    }

    #[test]
    fn shares_are_read_and_all_else_is_refused() {
        for right in ["5%", "0.1%", "100%", "12.5%"] {
            assert!(right.parse::<Rate>().is_ok(), "{right}");
        }
        for wrong in [
            "5",
            "0%",
            "0.0%",
            "101%",
            "%",
            "-5%",
            "1.25%",
            "x%",
            "5 %",
            "99999999999%",
        ] {
            let parsed = wrong.parse::<Rate>();
            assert!(
                parsed.is_err_and(|reason| reason.contains("expected a share")),
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn each_byte_is_in_one_cell_and_a_head_reads_back(length in 1u64..1 << 40, rate in 1u32..=1000, at in any::<u64>()) {
            let rate = Rate(NonZeroU32::new(rate).ok_or_else(|| TestCaseError::fail("zero"))?);
            let layout = Layout::of(Digest::of(b"id"), length, rate);
            let offset = at % length;
            let cell = layout.cell_at(offset);
            let (start, bytes) = layout.place(cell);
            prop_assert!(start <= offset && offset < start + bytes && bytes <= CELL);
            prop_assert!(cell.shard < layout.data && cell.stripe < layout.stripes());
            let block = layout.to_block().ok_or_else(|| TestCaseError::fail("no head"))?;
            prop_assert_eq!(Layout::of_block(&block), Some(layout));
        }

        #[test]
        fn no_bytes_make_a_head_panic(block in proptest::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert_eq!(Layout::of_block(&block), None);
        }
    }
}
