/*!
A bundle that differs from the signed one in a single bit is not a bundle.

Every position is tried, not a sample of them: the format promises that no byte is left unpredicted, and one forgotten
field of one header would break the promise. What the programs make of it is tried on a sample.
*/

mod programs;
pub mod small;

use std::{
    fs,
    os::unix::fs::FileExt as _,
    sync::{Arc, LazyLock},
};

use anyhow::{Result, ensure};
use proptest::prelude::*;
use schema::bundle::Blame;
use small::{END, Small};

#[test]
fn every_low_bit_counts_in_a_pipe() -> Result<()> {
    each_bit_in_a_pipe(0..4)
}

/// The other half, beside the first: this is the longest of all tests.
#[test]
fn every_high_bit_counts_in_a_pipe() -> Result<()> {
    each_bit_in_a_pipe(4..8)
}

fn each_bit_in_a_pipe(bits: std::ops::Range<u8>) -> Result<()> {
    let small = Small::new()?;
    small.read_pipe(Arc::clone(&small.bytes))?;
    let mut bytes = small.bytes.to_vec();
    for at in 0..bytes.len() {
        for bit in bits.clone() {
            bytes[at] ^= 1 << bit;
            let what = format!("bit {bit} of byte {at}");
            small.right(
                &what,
                small.entry(at),
                small.read_pipe(bytes.as_slice().into()),
            )?;
            bytes[at] ^= 1 << bit;
        }
    }
    Ok(())
}

/// Beyond the head, the file is altered after its signature was verified, under the one open descriptor: whoever swaps
/// the medium then gains nothing either.
#[test]
fn every_bit_counts_in_a_file() -> Result<()> {
    let small = Small::new()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("small.tar");
    fs::write(&path, &small.bytes)?;
    let opened = small.open_file(&path)?;
    let file = fs::OpenOptions::new().write(true).open(&path)?;
    for (at, &byte) in small.bytes.iter().enumerate() {
        for bit in 0..8 {
            file.write_all_at(&[byte ^ (1 << bit)], at as u64)?;
            let read = match small.entry(at) {
                Some(_) => opened(),
                None => small.read_file(&path),
            };
            small.right(&format!("bit {bit} of byte {at}"), small.entry(at), read)?;
        }
        file.write_all_at(&[byte], at as u64)?;
    }
    opened()?;
    Ok(small.read_file(&path)?)
}

#[test]
fn cut_anywhere_it_is_refused() -> Result<()> {
    let small = Small::new()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("cut.tar");
    fs::write(&path, &small.bytes)?;
    let opened = small.open_file(&path)?;
    let file = fs::OpenOptions::new().write(true).open(&path)?;
    for length in (0..small.bytes.len()).rev() {
        file.set_len(length as u64)?;
        let (what, entry) = (format!("the first {length} bytes"), small.entry(length));
        small.right(&what, entry, small.read_pipe(small.bytes[..length].into()))?;
        let read = if entry.is_some() {
            opened()
        } else {
            small.read_file(&path)
        };
        small.right(&what, entry, read)?;
    }
    Ok(())
}

#[test]
fn nothing_may_follow_the_end() -> Result<()> {
    let small = Small::new()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("long.tar");
    for more in [
        &b"\0"[..],
        &[0; 512],
        &[0; 1024],
        b"x",
        &small.bytes,
        small.span(0),
    ] {
        let bytes = [&small.bytes, more].concat();
        small.refused(
            &format!("{} bytes more", more.len()),
            &bytes,
            Some(END),
            &path,
        )?;
    }
    Ok(())
}

#[test]
fn entries_cannot_be_removed_repeated_or_moved() -> Result<()> {
    let small = Small::new()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("other.tar");
    let count = small.regions.len() - 1;
    let all: Vec<usize> = (0..count).collect();
    ensure!(
        small.rearranged(&all) == *small.bytes,
        "the entries do not make the bundle"
    );
    let name = |number: usize| Some(small.regions[number].1.as_str());
    for first in 0..count {
        let mut order = all.clone();
        order.remove(first);
        small.refused(
            &format!("without entry {first}"),
            &small.rearranged(&order),
            name(first),
            &path,
        )?;
        let mut order = all.clone();
        order.insert(first, first);
        small.refused(
            &format!("entry {first} twice"),
            &small.rearranged(&order),
            name(first + 1),
            &path,
        )?;
        for second in first + 1..count {
            let mut order = all.clone();
            order.swap(first, second);
            small.refused(
                &format!("entries {first} and {second} swapped"),
                &small.rearranged(&order),
                name(first),
                &path,
            )?;
        }
    }
    Ok(())
}

#[test]
fn a_head_of_another_bundle_does_not_fit() -> Result<()> {
    let (small, other) = (Small::new()?, Small::new()?);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("mixed.tar");
    // Same contents, other key: its whole head, and its signature alone.
    let whole = [&other.bytes[..other.head()], &small.bytes[small.head()..]].concat();
    small.refused("a head by a stranger", &whole, None, &path)?;
    let signature = small.head() - 1024;
    let alone = [
        &small.bytes[..signature],
        &other.bytes[signature..other.head()],
        &small.bytes[small.head()..],
    ]
    .concat();
    small.refused("a signature by a stranger", &alone, None, &path)?;
    let without = [&small.bytes[..signature], &small.bytes[small.head()..]].concat();
    small.refused("no signature", &without, None, &path)
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3)?;
    encoder.include_checksum(true)?;
    encoder.window_log(schema::bundle::ZSTD_WINDOW_LOG)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    std::io::Write::write_all(&mut encoder, bytes)?;
    Ok(encoder.finish()?)
}

#[test]
fn compressed_it_is_refused_or_the_same_tape() -> Result<()> {
    let small = Small::new()?;
    let whole = compressed(&small.bytes)?;
    small.read_pipe(whole.as_slice().into())?;
    let judge = |what: &str, bytes: &[u8]| -> Result<bool> {
        match small.read_pipe(bytes.into()) {
            Ok(()) => ensure!(
                zstd::decode_all(bytes)? == *small.bytes,
                "{what} decodes to something else and was accepted"
            ),
            Err(error) => ensure!(
                error.blame() != Blame::Medium,
                "{what} is called a fault of the medium: {error}"
            ),
        }
        Ok(true)
    };
    let mut bytes = whole.clone();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            judge(&format!("bit {bit} of byte {at}"), &bytes)?;
            bytes[at] ^= 1 << bit;
        }
    }
    for length in 0..whole.len() {
        let error = small.read_pipe(whole[..length].into());
        ensure!(
            matches!(&error, Err(error) if error.blame() == Blame::Integrity),
            "{length} bytes of a compressed bundle: {error:?}"
        );
    }
    for more in [&b"\0"[..], &whole, &[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]] {
        let error = small.read_pipe([whole.as_slice(), more].concat().into());
        ensure!(
            matches!(&error, Err(error) if error.blame() == Blame::Integrity),
            "{} bytes after a compressed bundle: {error:?}",
            more.len()
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is done to the bytes: another bundle is refused, the same one is read.
    #[test]
    fn any_edit_is_seen(edits in prop::collection::vec((any::<prop::sample::Index>(), 0..700_usize, prop::collection::vec(any::<u8>(), 0..600)), 1..4)) {
        static SMALL: LazyLock<Result<Small, String>> = LazyLock::new(|| Small::new().map_err(|error| error.to_string()));
        let small = SMALL.as_ref().map_err(|error| TestCaseError::fail(error.clone()))?;
        let mut bytes = small.bytes.to_vec();
        for (at, removed, put) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, put);
        }
        let same = bytes == *small.bytes;
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("edited.tar");
        fs::write(&path, &bytes)?;
        for read in [small.read_pipe(bytes.into()), small.read_file(&path)] {
            match read {
                Ok(()) => prop_assert!(same),
                Err(error) => prop_assert!(!same && error.blame() != Blame::Medium, "{}", error),
            }
        }
    }
}
