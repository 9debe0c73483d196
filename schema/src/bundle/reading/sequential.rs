/*!
A bundle read once from front to back: a pipe, a drive that cannot seek, a compressed file.

Each entry is offered in its turn; what its visitor leaves unread is read and verified all the same, and only a tape
whose very last byte was the predicted one counts as read.
*/

use std::{
    fmt,
    io::{self, Read},
    sync::Arc,
};

use crate::bundle::{
    Error,
    index::File,
    reading::verifying::Verifying,
    tape::{Tape, header},
};

/// The entries of a verified bundle, in order.
pub struct Sequential {
    tape: Arc<Tape>,
    medium: Box<dyn Read + Send>,
}

/// One entry as it passes.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its position in the index.
    pub position: usize,
    /// What the index says of it.
    pub file: &'a File,
    /// Its content, verified as it is read; empty for links.
    pub body: Verifying<&'a mut Box<dyn Read + Send>>,
}

impl Sequential {
    pub(crate) fn new(tape: Arc<Tape>, medium: Box<dyn Read + Send>) -> Self {
        Self { tape, medium }
    }

    /// The layout of the bundle.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The layout, to be looked at while the contents are read.
    pub fn share(&self) -> Arc<Tape> {
        Arc::clone(&self.tape)
    }

    /// Offers every entry in order and returns after the verified end. An error of the visitor ends it.
    pub fn visit<E: From<Error>>(
        mut self,
        mut visitor: impl FnMut(&mut Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let tape = Arc::clone(&self.tape);
        for (position, placed) in tape.placements().enumerate() {
            let name = placed.file.path.to_string();
            self.require(&name, "tar header", &placed.header_blocks()?)?;
            let (size, digest) = match placed.file.stored() {
                0 => (0, crate::Digest::of(b"")),
                size => (size, placed.file.digest),
            };
            let body = Verifying::new(&mut self.medium, name.clone(), size, digest);
            let mut entry = Entry {
                position,
                file: placed.file,
                body,
            };
            visitor(&mut entry)?;
            entry.body.drain()?;
            self.require(
                &name,
                "padding",
                &[0; header::BLOCK as usize][..placed.padding as usize],
            )?;
        }
        self.require(END, "end of the archive", &[0; header::END as usize])?;
        match self.medium.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::Extra {
                entry: END.to_owned(),
                what: "there are bytes".to_owned(),
            }
            .into()),
            Err(error) => Err(Error::from_io(error, END).into()),
        }
    }

    fn require(&mut self, entry: &str, what: &'static str, expected: &[u8]) -> Result<(), Error> {
        let mut found = vec![0; expected.len()];
        let count =
            fill(&mut self.medium, &mut found).map_err(|error| Error::from_io(error, entry))?;
        compare(entry, what, expected, &found[..count])
    }
}

impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequential")
            .field("tape", &self.tape)
            .finish_non_exhaustive()
    }
}

/// What errors call the place after the last file.
pub(crate) const END: &str = "end of the bundle";

/// Says where `found` first leaves `expected`, or that it ends before.
pub(crate) fn compare(
    entry: &str,
    what: &'static str,
    expected: &[u8],
    found: &[u8],
) -> Result<(), Error> {
    let differing = expected
        .iter()
        .zip(found)
        .position(|(expected, found)| expected != found);
    match differing {
        Some(at) => Err(Error::Altered {
            entry: entry.to_owned(),
            what,
            expected: format!("{:#04x} at its byte {at}", expected[at]),
            found: format!("{:#04x}", found[at]),
        }),
        None if found.len() < expected.len() => Err(Error::Cut {
            entry: entry.to_owned(),
            missing: (expected.len() - found.len()) as u64,
        }),
        None => Ok(()),
    }
}

/// Reads until the buffer is full or the medium ends.
pub(crate) fn fill(medium: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match medium.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
