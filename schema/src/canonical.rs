/*!
One value, one sequence of bytes: how every signed document of ours is written.

Canonical form: the fields in the order of the types, no optional field that is absent, one line for each top-level
field and one for each element of a top-level list, no other white space, a line feed at the end. People can read it,
`grep` finds a file's digest in it, and a reader proves it by writing it again.
*/

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

/// The canonical bytes of a document.
pub fn to_bytes<T: Serialize>(document: &T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(document, &mut bytes)?;
    Ok(bytes)
}

/// Compares bytes with the canonical ones of the document that was read from them; the error is where they part.
pub fn check<T: Serialize>(document: &T, bytes: &[u8]) -> Result<(), usize> {
    let mut same = Comparing { expected: bytes };
    let written = write(document, &mut same);
    match written.is_ok() && same.expected.is_empty() {
        true => Ok(()),
        false => Err(bytes.len() - same.expected.len()),
    }
}

fn write<T: Serialize>(document: &T, mut out: impl Write) -> io::Result<()> {
    document.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out,
        Lines::default(),
    ))?;
    out.write_all(b"\n")
}

/// Breaks lines inside the outer object and its lists only.
#[derive(Default)]
struct Lines {
    depth: usize,
}

impl Lines {
    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < 2 {
            out.write_all(b"\n")?;
        }
        out.write_all(bracket)
    }

    fn item<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        if self.depth <= 2 {
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl Formatter for Lines {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }
}

/// Takes only the bytes that are expected.
struct Comparing<'a> {
    expected: &'a [u8],
}

impl Write for Comparing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.expected.strip_prefix(bytes) {
            Some(rest) => {
                self.expected = rest;
                Ok(bytes.len())
            }
            None => Err(io::Error::other("not canonical")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
