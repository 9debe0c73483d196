/*!
One index, one sequence of bytes.

Canonical form: the fields in the order of the types, no optional field that is absent, one line for each top-level
field and one for each element of a top-level list, no other white space, a line feed at the end. People can read it,
`grep` finds a file's digest in it, and a reader proves it by writing it again.
*/

use std::{
    fmt,
    io::{self, Write},
};

use serde::{
    Deserializer as _, Serialize,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::ser::Formatter;

use crate::{
    bundle::{
        Error,
        index::{FORMAT, Index, memory},
    },
    text::excerpt,
};

pub(crate) fn to_bytes(index: &Index) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    write(index, &mut bytes).map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(bytes)
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Index, Error> {
    let other = |format: &str| Error::Version(excerpt(format, 100));
    // Read alone first, so that another version is named as such and not as an unknown field.
    if let Some(format) = first_field(bytes).filter(|format| format != FORMAT) {
        return Err(other(&format));
    }
    memory::check(bytes)?;
    let index: Index =
        serde_json::from_slice(bytes).map_err(|error| Error::Invalid(error.to_string()))?;
    if index.format != FORMAT {
        return Err(other(&index.format));
    }
    let mut same = Comparing { expected: bytes };
    let written = write(&index, &mut same);
    if written.is_err() || !same.expected.is_empty() {
        let at = bytes.len() - same.expected.len();
        return Err(Error::Invalid(format!(
            "it is not in canonical form from byte {at} on"
        )));
    }
    Ok(index)
}

/// `format`, where it stands first, as it does in canonical form. Nothing after it is looked at.
fn first_field(bytes: &[u8]) -> Option<String> {
    struct First<'a>(&'a mut Option<String>);
    impl<'de> Visitor<'de> for First<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
            if fields.next_key::<String>()?.as_deref() == Some("format") {
                *self.0 = Some(fields.next_value()?);
            }
            Err(A::Error::custom("enough"))
        }
    }
    let mut format = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    // It always ends with an error, if only with our own.
    drop(reader.deserialize_map(First(&mut format)));
    format
}

fn write(index: &Index, mut out: impl Write) -> io::Result<()> {
    index.serialize(&mut serde_json::Serializer::with_formatter(
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
