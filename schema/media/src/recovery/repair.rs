/*!
Reads an archive as it was: cells that are wrong, missing or cannot be read are computed from the others of their stripe.

What comes out is still compared with the signed index by whoever reads it.
*/

use std::{
    collections::{BTreeSet, VecDeque},
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use reed_solomon_simd::ReedSolomonDecoder;
use schema::{
    Digest,
    bundle::{self, ReadAt},
};

use super::{
    layout::{CELL, CHECKSUM, Cell, FORMAT, HEAD, Layout},
    protect::checksum,
};
use crate::Error;

/// Cells that are remembered, since readers ask for less at a time: 2 MiB of them.
const REMEMBERED: usize = 32;

/// Most bytes of checksums that are held: those of 64 TiB.
const TABLE: u64 = 16 << 30;

/// An archive with its recovery file.
pub struct Repairing {
    archive: Arc<dyn ReadAt>,
    path: PathBuf,
    recovery: Vec<(Layout, Box<dyn ReadAt>)>,
    layout: Layout,
    table: Vec<u8>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recent: VecDeque<(Cell, Arc<Vec<u8>>)>,
    repaired: BTreeSet<Cell>,
}

impl Repairing {
    /// Reads what recovery files, each with its path, say of the archive at `path`; refused where one is none, or is for another.
    pub fn new(
        archive: Arc<dyn ReadAt>,
        path: &Path,
        files: Vec<(PathBuf, Box<dyn ReadAt>)>,
    ) -> Result<Self, Error> {
        let mut recovery = Vec::new();
        let mut first: Option<(Layout, Vec<u8>)> = None;
        for (name, file) in files {
            let (layout, table) = look(file.as_ref(), &name)?;
            match &first {
                Some((known, _)) if !known.agrees(&layout) => {
                    return Err(Error::List {
                        path: name,
                        reason: "it protects another bundle, or this one in another way".to_owned(),
                    });
                }
                Some(_) => {}
                None => first = Some((layout.clone(), table)),
            }
            recovery.push((layout, file));
        }
        let first = first.ok_or_else(|| Error::Usage("no recovery file is named".to_owned()));
        let (layout, table) = first?;
        Ok(Self {
            archive,
            path: path.to_owned(),
            recovery,
            layout,
            table,
            state: Mutex::default(),
        })
    }

    /// The id of the bundle that the recovery file is for.
    pub fn bundle(&self) -> Digest {
        self.layout.bundle
    }

    /// Cells that were damaged and came back so far.
    pub fn repaired(&self) -> Vec<Cell> {
        self.state().repaired.iter().copied().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cell as it was, padded with zeros.
    fn cell(&self, cell: Cell) -> io::Result<Arc<Vec<u8>>> {
        let known = self
            .state()
            .recent
            .iter()
            .find(|(known, _)| *known == cell)
            .cloned();
        if let Some((_, bytes)) = known {
            return Ok(bytes);
        }
        if let Some(bytes) = self.data(cell) {
            return Ok(self.remember(cell, bytes));
        }
        let restored = self.restore(cell.stripe)?;
        let mut wanted = None;
        for (other, bytes) in restored {
            let bytes = self.remember(other, bytes);
            if other == cell {
                wanted = Some(bytes);
            }
        }
        wanted.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn remember(&self, cell: Cell, bytes: Vec<u8>) -> Arc<Vec<u8>> {
        let bytes = Arc::new(bytes);
        let mut state = self.state();
        if state.recent.len() >= REMEMBERED {
            state.recent.pop_front();
        }
        state.recent.push_back((cell, Arc::clone(&bytes)));
        bytes
    }

    /// A cell of the archive, if it is right.
    fn data(&self, cell: Cell) -> Option<Vec<u8>> {
        let (start, length) = self.layout.place(cell);
        let mut bytes = vec![0; CELL as usize];
        let wanted = &mut bytes[..length as usize];
        let count = self.archive.fill_at(wanted, start).ok()?;
        (count == wanted.len() && self.is_right(cell.shard, cell.stripe, &bytes)).then_some(bytes)
    }

    /// A parity cell, if it is right.
    fn parity(&self, shard: u64, stripe: u64) -> Option<Vec<u8>> {
        let mut bytes = vec![0; CELL as usize];
        self.recovery.iter().find_map(|(layout, file)| {
            let at = layout.parity_at(shard, stripe)?;
            let count = file.fill_at(&mut bytes, at).ok()?;
            let right = self.is_right(layout.data + shard, stripe, &bytes);
            (count == bytes.len() && right).then_some(())
        })?;
        Some(bytes)
    }

    fn is_right(&self, shard: u64, stripe: u64, bytes: &[u8]) -> bool {
        let at = self.layout.checksum(shard, stripe) as usize;
        self.table.get(at..at + CHECKSUM) == Some(&checksum(bytes))
    }

    /// The bad cells of a stripe, computed from the good ones. They are not compared with their checksums, which may be what is
    /// damaged: the signed index has the last word.
    fn restore(&self, stripe: u64) -> io::Result<Vec<(Cell, Vec<u8>)>> {
        let (data, parity) = (self.layout.data, self.layout.parity);
        let decoder = ReedSolomonDecoder::new(data as usize, parity as usize, CELL as usize);
        let mut decoder = decoder.map_err(io::Error::other)?;
        let mut bad = Vec::new();
        for shard in 0..data {
            let cell = Cell { shard, stripe };
            match self.data(cell) {
                Some(bytes) => decoder
                    .add_original_shard(shard as usize, bytes)
                    .map_err(io::Error::other)?,
                None => bad.push(cell),
            }
        }
        let mut found = 0;
        for shard in 0..parity {
            if found == bad.len() {
                break;
            }
            if let Some(bytes) = self.parity(shard, stripe) {
                let added = decoder.add_recovery_shard(shard as usize, bytes);
                added.map_err(io::Error::other)?;
                found += 1;
            }
        }
        if found < bad.len() {
            return Err(self.lost(&bad, found));
        }
        let decoded = decoder.decode().map_err(io::Error::other)?;
        let mut restored = Vec::new();
        for cell in &bad {
            let bytes = decoded
                .restored_original(cell.shard as usize)
                .unwrap_or_default();
            restored.push((*cell, bytes.to_vec()));
        }
        let mut state = self.state();
        for cell in bad {
            if state.repaired.insert(cell) {
                let (start, length) = self.layout.place(cell);
                tracing::warn!(
                    "{}: {length} bytes from byte {start} on were damaged, and are repaired; copy this medium again before it gets worse",
                    self.path.display()
                );
            }
        }
        Ok(restored)
    }

    /// More is damaged than parity is there for.
    fn lost(&self, bad: &[Cell], found: usize) -> io::Error {
        let first = bad.first().map_or(0, |cell| self.layout.place(*cell).0);
        bundle::Error::Altered {
            entry: self.path.display().to_string(),
            what: "more than the recovery file can repair",
            expected: format!(
                "at most {found} bad pieces of 64 KiB among {} that belong together",
                self.layout.data
            ),
            found: format!("{}, the first at byte {first}", bad.len()),
        }
        .into_io()
    }
}

impl ReadAt for Repairing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.layout.length || buffer.is_empty() {
            return Ok(0);
        }
        let cell = self.layout.cell_at(offset);
        let (start, length) = self.layout.place(cell);
        let bytes = self.cell(cell)?;
        let bytes = &bytes[(offset - start) as usize..length as usize];
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        // What stands behind the archive is not repaired, and is the reader's to refuse.
        Ok(self
            .archive
            .length()
            .unwrap_or_default()
            .max(self.layout.length))
    }
}

impl fmt::Debug for Repairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repairing({:?})", self.layout)
    }
}

/// What a recovery file says: how the archive is protected, and the checksums.
fn look(file: &dyn ReadAt, name: &Path) -> Result<(Layout, Vec<u8>), Error> {
    let wrong = |reason| Error::List {
        path: name.to_owned(),
        reason,
    };
    let layout = Layout::read(file).ok_or_else(|| {
        wrong(format!(
            "this is no recovery file, or both of its heads are damaged; expected {FORMAT}"
        ))
    })?;
    let room = file.length().map_err(|source| Error::Io {
        path: name.to_owned(),
        source,
    })?;
    if HEAD + layout.table() > TABLE.min(room) {
        return Err(wrong(format!(
            "it has {room} bytes, expected {}; it was cut",
            layout.file_length()
        )));
    }
    let mut table = vec![0; layout.table() as usize];
    fill(file, &mut table, HEAD);
    Ok((layout, table))
}

/// Reads what can be read; what cannot stays zero, and is the checksum of nothing.
fn fill(file: &dyn ReadAt, buffer: &mut [u8], offset: u64) {
    for (nth, piece) in (0..).zip(buffer.chunks_mut(HEAD as usize)) {
        if file.fill_at(piece, offset + nth * HEAD).is_err() {
            piece.fill(0);
        }
    }
}
