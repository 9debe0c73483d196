/*! Damage of every kind, up to what the parity covers and beyond. */

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    io::{self, Read as _},
    path::Path,
    sync::{Arc, Mutex},
};

use proptest::prelude::*;
use schema::{
    Digest,
    bundle::{self, ReadAt, ReadFrom},
    progress::Silent,
};

use super::{CELL, Layout, Repairing, protect};

/// Bytes in which sectors cannot be read.
#[derive(Debug)]
struct Disc {
    bytes: Mutex<Vec<u8>>,
    bad: BTreeSet<u64>,
}

const SECTOR: u64 = 4096;

impl ReadAt for Disc {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes.lock().map_err(|_| io::ErrorKind::Other)?;
        let from = bytes.get(offset as usize..).unwrap_or_default();
        let count = from.len().min(buffer.len());
        let touched = offset / SECTOR..(offset + count as u64).div_ceil(SECTOR);
        if touched.into_iter().any(|sector| self.bad.contains(&sector)) {
            // What a drive says of a sector it cannot read: EIO.
            return Err(io::Error::from_raw_os_error(5));
        }
        buffer[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().map_err(|_| io::ErrorKind::Other)?.len() as u64)
    }
}

fn disc(bytes: &[u8]) -> Disc {
    Disc {
        bytes: Mutex::new(bytes.to_vec()),
        bad: BTreeSet::new(),
    }
}

/// Bytes that repeat nowhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

fn protected(archive: &[u8], rate: &str) -> Result<(Layout, Vec<u8>), Box<dyn Error>> {
    let layout = Layout::of(Digest::of(b"id"), archive.len() as u64, rate.parse()?);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.recovery");
    protect(
        &disc(archive),
        &layout,
        &[fs::File::create(&path)?],
        &Silent,
    )?;
    Ok((layout, fs::read(path)?))
}

/// What was read, and how many cells had to be repaired for it.
type Read = (io::Result<Vec<u8>>, usize);

fn repaired(archive: Disc, recovery: Disc) -> Result<Read, Box<dyn Error>> {
    let repairing = Repairing::new(
        Arc::new(archive),
        Path::new("a.tar"),
        vec![("a.recovery".into(), Box::new(recovery))],
    )?;
    let repairing = Arc::new(repairing);
    let mut bytes = Vec::new();
    let reader = ReadFrom::new(Arc::clone(&repairing) as Arc<dyn ReadAt>, 0);
    let read = reader.take(1 << 30).read_to_end(&mut bytes);
    let count = repairing.repaired().len();
    Ok((read.map(|_| bytes), count))
}

#[test]
fn two_hundred_scattered_sectors_come_back_unreadable_or_zeroed() -> Result<(), Box<dyn Error>> {
    let archive = noise(40_000_123);
    let (_, recovery) = protected(&archive, "5%")?;
    let mut damaged = disc(&archive);
    let sectors = archive.len() as u64 / SECTOR;
    let mut bytes = archive.clone();
    // A third of the stripes are full of it, and still each has no more than its parity.
    for nth in 0..30 {
        let sector = nth * 7919 % sectors;
        if nth % 2 == 0 {
            damaged.bad.insert(sector);
        } else {
            let at = (sector * SECTOR) as usize;
            bytes[at..at + SECTOR as usize].fill(0);
        }
    }
    damaged.bytes = Mutex::new(bytes);
    let (read, count) = repaired(damaged, disc(&recovery))?;
    assert!(read? == archive, "other bytes");
    assert_eq!(count, 30);
    Ok(())
}

#[test]
fn a_burst_of_nearly_the_budget_comes_back_and_a_longer_one_is_refused()
-> Result<(), Box<dyn Error>> {
    let archive = noise(30_000_000);
    let (layout, recovery) = protected(&archive, "5%")?;
    let burst = (layout.parity * layout.stride) as usize;
    for (length, comes_back) in [(burst * 49 / 50, true), (burst + 2 * CELL as usize, false)] {
        let mut damaged = archive.clone();
        damaged[5_000_000..5_000_000 + length].fill(0xff);
        let (read, count) = repaired(disc(&damaged), disc(&recovery))?;
        match comes_back {
            true => {
                assert!(read? == archive, "other bytes");
                assert!(count > 0);
            }
            false => {
                let error = read.err().map(|error| bundle::Error::from_io(error, "a"));
                let text = error.map(|error| error.to_string()).unwrap_or_default();
                assert!(
                    text.contains("more than the recovery file can repair"),
                    "{text}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn a_recovery_file_may_be_damaged_too() -> Result<(), Box<dyn Error>> {
    let archive = noise(3_000_000);
    let (layout, mut recovery) = protected(&archive, "20%")?;
    // Its first head, a sector of its checksums, and half of its first parity shard.
    recovery[..4096].fill(0);
    recovery[4096 + 64..4096 + 128].fill(0);
    let parity = layout.parity_at(0, 0).ok_or("no parity")? as usize;
    recovery[parity..parity + 30_000].fill(7);
    let mut damaged = archive.clone();
    damaged[1_500_000] ^= 1;
    let (read, count) = repaired(disc(&damaged), disc(&recovery))?;
    assert!(read? == archive, "other bytes");
    assert!(count >= 1);
    Ok(())
}

#[test]
fn what_is_no_recovery_file_or_was_cut_is_named() -> Result<(), Box<dyn Error>> {
    let archive = noise(200_000);
    let (_, recovery) = protected(&archive, "5%")?;
    for (bytes, reason) in [
        (noise(10_000), "no recovery file"),
        (recovery[..4130].to_vec(), "it was cut"),
        (Vec::new(), "no recovery file"),
    ] {
        let error = repaired(disc(&archive), disc(&bytes));
        let text = error
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(text.contains(reason), "{text}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn within_the_budget_every_byte_comes_back(length in 1usize..900_000, hits in proptest::collection::vec(any::<usize>(), 0..40)) {
        let archive = noise(length);
        let failed = |error: Box<dyn Error>| TestCaseError::fail(error.to_string());
        let (layout, recovery) = protected(&archive, "30%").map_err(failed)?;
        let mut damaged = archive.clone();
        let mut bad = std::collections::BTreeMap::<u64, BTreeSet<u64>>::new();
        for hit in hits {
            let at = hit % length;
            let cell = layout.cell_at(at as u64);
            let stripe = bad.entry(cell.stripe).or_default();
            if stripe.contains(&cell.shard) || (stripe.len() as u64) < layout.parity {
                stripe.insert(cell.shard);
                damaged[at] ^= 0x55;
            }
        }
        let (read, _) = repaired(disc(&damaged), disc(&recovery)).map_err(failed)?;
        prop_assert!(read.is_ok_and(|read| read == archive));
    }
}

#[test]
fn whole_volumes_come_back_from_as_many_recovery_volumes() -> Result<(), Box<dyn Error>> {
    let (archive, stride) = (noise(850_000), 100_000);
    let layout = Layout::of_volumes(Digest::of(b"id"), archive.len() as u64, stride, 2)?;
    let directory = tempfile::tempdir()?;
    let paths = ["1", "2"].map(|name| directory.path().join(name));
    let outs = paths
        .iter()
        .map(fs::File::create)
        .collect::<Result<Vec<_>, _>>()?;
    protect(&disc(&archive), &layout, &outs, &Silent)?;
    for lost in [[0, 8], [3, 4], [7, 8]] {
        let mut damaged = disc(&archive);
        damaged.bad = BTreeSet::new();
        let mut bytes = archive.clone();
        for volume in lost {
            let start = volume * stride as usize;
            let end = (start + stride as usize).min(bytes.len());
            bytes[start..end].fill(0);
        }
        damaged.bytes = Mutex::new(bytes);
        let mut files: Vec<(std::path::PathBuf, Box<dyn ReadAt>)> = Vec::new();
        for path in &paths {
            files.push((path.clone(), Box::new(fs::File::open(path)?)));
        }
        let repairing = Repairing::new(Arc::new(damaged), Path::new("a.tar"), files)?;
        let mut read = Vec::new();
        ReadFrom::new(Arc::new(repairing), 0).read_to_end(&mut read)?;
        assert!(read == archive, "{lost:?}: other bytes");
    }
    Ok(())
}
