/*!
A bundle whose entries can be read in any order and by many threads: a seekable file or an unpacked directory.

What the registry already holds is never read from it; what is read goes through the one descriptor that was opened.
*/

use std::{
    io::{self, Read},
    sync::Arc,
};

use crate::{
    Digest,
    bundle::{
        Entry, Error,
        index::{FileKind, Index},
        reading::{
            at::{ReadAt, ReadFrom},
            directory::Directory,
            sequential::{self, END},
            verifying::Verifying,
        },
        tape::{Tape, header},
    },
};

/// The files of a verified bundle, by position in the index. Shared freely between threads.
#[derive(Debug, Clone)]
pub struct Random {
    tape: Arc<Tape>,
    store: Arc<Store>,
}

#[derive(Debug)]
enum Store {
    Tape(Arc<dyn ReadAt>),
    Directory(Directory),
}

impl Random {
    pub(crate) fn of_tape(tape: Arc<Tape>, source: Arc<dyn ReadAt>) -> Self {
        Self {
            tape,
            store: Arc::new(Store::Tape(source)),
        }
    }

    pub(crate) fn of_directory(tape: Arc<Tape>, directory: Directory) -> Self {
        Self {
            tape,
            store: Arc::new(Store::Directory(directory)),
        }
    }

    /// What the bundle holds.
    pub fn index(&self) -> &Index {
        self.tape.index()
    }

    /// The layout of the bundle.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The layout, to be looked at while the contents are read.
    pub fn share(&self) -> Arc<Tape> {
        Arc::clone(&self.tape)
    }

    /// Checks everything that is not content: headers, padding, length and end; in a directory, that exactly the
    /// listed files are there, of the right kind and size, and that tags and links lead where they should.
    pub fn check_frame(&self) -> Result<(), Error> {
        match self.store.as_ref() {
            Store::Tape(source) => check_tape(&self.tape, source.as_ref()),
            Store::Directory(directory) => directory.check_frame(&self.tape),
        }
    }

    /// The content of the file at `position`, verified as it is read. A tag or a hard link has none of its own:
    /// read the file it leads to.
    pub fn open(&self, position: usize) -> Result<Verifying<Box<dyn Read + Send>>, Error> {
        let file = self
            .index()
            .files
            .get(position)
            .filter(|file| matches!(file.kind(), FileKind::Regular));
        let file = file
            .ok_or_else(|| Error::Invalid(format!("file {position} has no content of its own")))?;
        Ok(Verifying::new(
            self.content(position)?,
            file.path.to_string(),
            file.size,
            file.digest,
        ))
    }

    fn content(&self, position: usize) -> Result<Box<dyn Read + Send>, Error> {
        let placed = self.tape.placement(position);
        let placed =
            placed.ok_or_else(|| Error::Invalid(format!("there is no file {position}")))?;
        Ok(match self.store.as_ref() {
            Store::Tape(source) => Box::new(ReadFrom::new(Arc::clone(source), placed.content)),
            Store::Directory(directory) => Box::new(directory.open(&placed.file.path)?),
        })
    }

    /// Offers every entry in order, verified, frame and links included.
    pub(crate) fn visit<E: From<Error>>(
        &self,
        mut visitor: impl FnMut(&mut Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check_frame()?;
        for (position, file) in self.index().files.iter().enumerate() {
            let mut inner = match file.kind() {
                FileKind::Regular => self.content(position)?,
                FileKind::HardLink(_) | FileKind::Symlink(_) => Box::new(io::empty()),
            };
            let digest = if file.stored() == 0 {
                Digest::of(b"")
            } else {
                file.digest
            };
            let body = Verifying::new(&mut inner, file.path.to_string(), file.stored(), digest);
            let mut entry = Entry {
                position,
                file,
                body,
            };
            visitor(&mut entry)?;
            entry.body.drain()?;
        }
        Ok(self.check_copies()?)
    }

    /// Hashes files that stand as full copies though the index calls them hard links: an unpacked directory may have
    /// been copied by a tool that does not keep links.
    pub fn check_copies(&self) -> Result<(), Error> {
        match self.store.as_ref() {
            Store::Tape(_) => Ok(()),
            Store::Directory(directory) => directory.check_copies(self.index()),
        }
    }
}

fn check_tape(tape: &Tape, source: &dyn ReadAt) -> Result<(), Error> {
    let expect = |entry: &str, what, offset, expected: &[u8]| {
        let mut found = vec![0; expected.len()];
        let count = source.fill_at(&mut found, offset);
        let count = count.map_err(|error| Error::from_io(error, entry))?;
        sequential::compare(entry, what, expected, &found[..count])
    };
    for placed in tape.placements() {
        let name = placed.file.path.to_string();
        expect(&name, "tar header", placed.header, &placed.header_blocks()?)?;
        let zeros = &[0; header::BLOCK as usize][..placed.padding as usize];
        expect(
            &name,
            "padding",
            placed.content + placed.file.stored(),
            zeros,
        )?;
    }
    expect(
        END,
        "end of the archive",
        tape.end(),
        &[0; header::END as usize],
    )?;
    let length = source.length();
    let length = length.map_err(|error| Error::from_io(error, END))?;
    if length > tape.length() {
        let what = format!("there are {} bytes", length - tape.length());
        return Err(Error::Extra {
            entry: END.to_owned(),
            what,
        });
    }
    Ok(())
}
