/*! The writer that everything goes through on its way to a terminal, a log or a report. */

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use super::is_hidden;

/// In which notation [`Safe`] spells out what is [hidden](is_hidden).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `\u{1b}`, and `\xff` for what is not UTF-8.
    Text,
    /// `\u001b` as JSON has it in strings, so that a reader gets the character back.
    Json,
}

/// A writer that lets nothing [hidden](is_hidden) pass but the line feeds between lines.
#[derive(Debug)]
pub struct Safe<W> {
    out: W,
    form: Form,
    /// The beginning of a character of which more is to come.
    begun: Vec<u8>,
}

impl<W: Write> Safe<W> {
    /// Before this writer.
    pub fn new(out: W, form: Form) -> Self {
        Self {
            out,
            form,
            begun: Vec::new(),
        }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        // Nearly all there is, and by far the quickest to look at.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
            return self.out.write_all(text.as_bytes());
        }
        let mut start = 0;
        for (at, c) in text
            .char_indices()
            .filter(|(_, c)| *c != '\n' && is_hidden(*c))
        {
            self.out.write_all(&text.as_bytes()[start..at])?;
            start = at + c.len_utf8();
            match self.form {
                Form::Text => write!(self.out, "{}", c.escape_default())?,
                Form::Json => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(self.out, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        self.out.write_all(&text.as_bytes()[start..])
    }

    fn no_text(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.form {
            Form::Text => bytes
                .iter()
                .try_for_each(|byte| write!(self.out, "\\x{byte:02x}")),
            Form::Json => self.out.write_all(b"\\ufffd"),
        }
    }
}

impl<W: Write> Write for Safe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut begun = std::mem::take(&mut self.begun);
        let all = if begun.is_empty() {
            bytes
        } else {
            begun.extend_from_slice(bytes);
            &begun
        };
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.text(chunk.valid())?;
            let unfinished =
                str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            if unfinished && chunks.peek().is_none() {
                self.begun = chunk.invalid().to_vec();
            } else if !chunk.invalid().is_empty() {
                self.no_text(chunk.invalid())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let begun = std::mem::take(&mut self.begun);
        if !begun.is_empty() {
            self.no_text(&begun)?;
        }
        self.out.flush()
    }
}

/// Writes a value as JSON for people to read, with a line feed at the end.
pub fn json(value: &impl Serialize, out: impl Write) -> io::Result<()> {
    let mut safe = BufWriter::with_capacity(64 << 10, Safe::new(out, Form::Json));
    serde_json::to_writer_pretty(&mut safe, value)?;
    safe.write_all(b"\n")?;
    safe.flush()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(form: Form, pieces: &[&[u8]]) -> io::Result<String> {
        let mut out = Vec::new();
        let mut safe = Safe::new(&mut out, form);
        pieces.iter().try_for_each(|piece| safe.write_all(piece))?;
        safe.flush()?;
        String::from_utf8(out).map_err(io::Error::other)
    }

    #[test]
    fn characters_may_come_in_pieces_and_bytes_may_be_none() -> io::Result<()> {
        let pieces: [&[u8]; 4] = [b"\xe2\x80", b"\xae\xc3", b"\xbc\xff\n\xe2\x80", b"x\xe2"];
        assert_eq!(
            through(Form::Text, &pieces)?,
            "\\u{202e}ü\\xff\n\\xe2\\x80x\\xe2"
        );
        Ok(())
    }

    #[test]
    fn json_keeps_its_meaning() -> Result<(), Box<dyn std::error::Error>> {
        let odd = ["\u{1b}[2J\u{9b}\u{7f}\u{202e}\n", "\u{e0041}ü\u{a0}"];
        let mut out = Vec::new();
        json(&odd, &mut out)?;
        let text = String::from_utf8(out)?;
        assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{text}");
        assert_eq!(serde_json::from_str::<[String; 2]>(&text)?, odd);
        Ok(())
    }

    proptest! {
        #[test]
        fn nothing_hidden_passes_however_it_is_cut(bytes in any::<Vec<u8>>(), cut in any::<prop::sample::Index>(), json in any::<bool>()) {
            let form = if json { Form::Json } else { Form::Text };
            let (one, other) = bytes.split_at(cut.index(bytes.len() + 1));
            let text = through(form, &[one, other])?;
            prop_assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)));
            prop_assert_eq!(text, through(form, &[&bytes])?);
        }
    }
}
