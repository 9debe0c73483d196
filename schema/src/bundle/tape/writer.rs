/*!
Puts a tape down, and refuses to put down anything but what was signed.

The writer knows every byte it will write but the contents, and hashes those: content that is short, long or of another
digest than the plan's never becomes a finished entry.
*/

use std::io::{self, Write};

use crate::{
    bundle::{
        Error,
        tape::{Placement, Tape, header},
    },
    digest::Hasher,
};

/// Writes one bundle front to back into `W`: for each file of the index [`begin`](Self::begin), content, [`end`](Self::end).
#[derive(Debug)]
pub struct TapeWriter<W> {
    out: W,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    hasher: Hasher,
    remaining: u64,
}

impl<W: Write> TapeWriter<W> {
    /// Writes the head.
    pub fn create(mut out: W, tape: &Tape) -> io::Result<Self> {
        out.write_all(tape.head())?;
        Ok(Self { out, open: None })
    }

    /// Goes on behind bytes that are on the medium already: at the header of a file.
    pub fn resume(out: W) -> Self {
        Self { out, open: None }
    }

    /// Goes on inside the content of a file, of which `hasher` has seen all but the last `remaining` bytes.
    pub fn resume_inside(out: W, hasher: Hasher, remaining: u64) -> Self {
        Self {
            out,
            open: Some(Open { hasher, remaining }),
        }
    }

    /// Writes the header of the next file.
    pub fn begin(&mut self, placed: &Placement<'_>) -> Result<(), Error> {
        let blocks = placed.header_blocks()?;
        self.out
            .write_all(&blocks)
            .map_err(|error| Error::from_io(error, placed.file.path.to_string()))?;
        self.open = Some(Open {
            hasher: Hasher::default(),
            remaining: placed.file.stored(),
        });
        Ok(())
    }

    /// Writes the next bytes of the content.
    pub fn write(&mut self, placed: &Placement<'_>, bytes: &[u8]) -> Result<(), Error> {
        let name = || placed.file.path.to_string();
        let open = self
            .open
            .as_mut()
            .filter(|open| open.remaining >= bytes.len() as u64);
        let Some(open) = open else {
            return Err(Error::Extra {
                entry: name(),
                what: "there are more bytes than".to_owned(),
            });
        };
        open.hasher.update(bytes);
        open.remaining -= bytes.len() as u64;
        self.out
            .write_all(bytes)
            .map_err(|error| Error::from_io(error, name()))
    }

    /// Checks the content and pads it to a full block.
    pub fn end(&mut self, placed: &Placement<'_>) -> Result<(), Error> {
        let name = || placed.file.path.to_string();
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if open.remaining > 0 {
            return Err(Error::Cut {
                entry: name(),
                missing: open.remaining,
            });
        }
        let found = open.hasher.finish();
        if placed.file.stored() > 0 && found != placed.file.digest {
            let (expected, found) = (placed.file.digest.to_string(), found.to_string());
            return Err(Error::Altered {
                entry: name(),
                what: "content",
                expected,
                found,
            });
        }
        let zeros = [0; header::BLOCK as usize];
        self.out
            .write_all(&zeros[..placed.padding as usize])
            .map_err(|error| Error::from_io(error, name()))
    }

    /// Writes the end and gives the medium back, unflushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; header::END as usize])?;
        Ok(self.out)
    }
}
