/*! Makes parity for an archive that exists, in one pass over it and in bounded memory. */

use std::{
    fs, io,
    os::unix::fs::FileExt as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use reed_solomon_simd::ReedSolomonEncoder;
use schema::{Digest, Progress, bundle::ReadAt};

use super::layout::{CELL, CHECKSUM, Cell, HEAD, Layout};

/// Bytes of the archive that are held at a time, at least one stripe of them: 64 MiB.
const HELD: u64 = 64 << 20;

/// Writes the recovery files of an archive into `outs`, which are empty: the parity shards in order, as many in each as fit evenly.
pub fn protect(
    archive: &dyn ReadAt,
    layout: &Layout,
    outs: &[fs::File],
    progress: &dyn Progress,
) -> io::Result<()> {
    let each = layout.parity / (outs.len() as u64).max(1);
    let outs: Vec<_> = (0..)
        .zip(outs)
        .map(|(nth, file)| (layout.holding(nth * each, each), file))
        .collect();
    for (layout, out) in &outs {
        let head = layout.to_block().ok_or(io::ErrorKind::InvalidInput)?;
        out.set_len(layout.file_length())?;
        out.write_all_at(&head, 0)?;
        out.write_all_at(&head, layout.file_length() - HEAD)?;
    }
    // As many stripes at a time as fit, so that each shard is read in long runs.
    let run = (HELD / (layout.data * CELL)).clamp(1, layout.stripes());
    let mut cells = vec![0; (layout.data * run * CELL) as usize];
    let mut first = 0;
    while first < layout.stripes() {
        let count = run.min(layout.stripes() - first);
        read(archive, layout, first, count, &mut cells)?;
        code(layout, first, count, &cells, &outs)?;
        first += count;
        progress.advance(count * layout.data * CELL);
    }
    Ok(())
}

/// Reads so many stripes: of each shard its cells, one after the other.
fn read(
    archive: &dyn ReadAt,
    layout: &Layout,
    first: u64,
    count: u64,
    cells: &mut [u8],
) -> io::Result<()> {
    let run = (count * CELL) as usize;
    for (shard, cells) in (0..layout.data).zip(cells.chunks_mut(run)) {
        let (start, _) = layout.place(Cell {
            shard,
            stripe: first,
        });
        let (last, length) = layout.place(Cell {
            shard,
            stripe: first + count - 1,
        });
        let end = (last + length).min(layout.length);
        let wanted = end.saturating_sub(start) as usize;
        let wanted = wanted.min(cells.len());
        let found = archive.fill_at(&mut cells[..wanted], start)?;
        if found < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        cells[wanted..].fill(0);
    }
    Ok(())
}

/// Codes the stripes that were read, by as many threads as there are cores.
fn code(
    layout: &Layout,
    first: u64,
    count: u64,
    cells: &[u8],
    outs: &[(Layout, &fs::File)],
) -> io::Result<()> {
    let next = AtomicU64::new(0);
    let failure = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count as usize) {
            scope.spawn(|| {
                let worked = work(layout, first, count, cells, outs, &next);
                if let Err(error) = worked {
                    *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn work(
    layout: &Layout,
    first: u64,
    count: u64,
    cells: &[u8],
    outs: &[(Layout, &fs::File)],
    next: &AtomicU64,
) -> io::Result<()> {
    let (data, parity) = (layout.data as usize, layout.parity as usize);
    let encoder = ReedSolomonEncoder::new(data, parity, CELL as usize);
    let mut encoder = encoder.map_err(io::Error::other)?;
    loop {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        if nth >= count {
            return Ok(());
        }
        let stripe = first + nth;
        for (shard, run) in (0..).zip(cells.chunks((count * CELL) as usize).take(data)) {
            let cell = &run[(nth * CELL) as usize..][..CELL as usize];
            note(layout, shard, stripe, cell, outs)?;
            encoder.add_original_shard(cell).map_err(io::Error::other)?;
        }
        let coded = encoder.encode().map_err(io::Error::other)?;
        for (shard, cell) in (0..).zip(coded.recovery_iter()) {
            note(layout, layout.data + shard, stripe, cell, outs)?;
            for (layout, out) in outs {
                if let Some(at) = layout.parity_at(shard, stripe) {
                    out.write_all_at(cell, at)?;
                }
            }
        }
    }
}

/// Every file has every checksum: whichever is left can say what is damaged.
fn note(
    layout: &Layout,
    shard: u64,
    stripe: u64,
    cell: &[u8],
    outs: &[(Layout, &fs::File)],
) -> io::Result<()> {
    let checksum = checksum(cell);
    for (_, out) in outs {
        out.write_all_at(&checksum, HEAD + layout.checksum(shard, stripe))?;
    }
    Ok(())
}

/// The first bytes of a cell's SHA-256: they locate damage, and are not what is believed.
pub(super) fn checksum(cell: &[u8]) -> [u8; CHECKSUM] {
    let mut short = [0; CHECKSUM];
    short.copy_from_slice(&Digest::of(cell).bytes()[..CHECKSUM]);
    short
}
