/*! Standard output for reports. A reader that has seen enough (`| head`) is no failure, which it would be for a bundle. */

use std::io::{self, BufWriter, Write};

use schema::text::{Form, Page, Safe};

/// Standard output that lets nothing pass which could drive a terminal, whoever forgot to escape it. Buffered: flush it.
pub fn stdout() -> impl Write {
    BufWriter::with_capacity(64 << 10, Safe::new(Raw, Form::Text))
}

/// Prints a page.
pub fn print(page: &Page) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(page.as_str().as_bytes())?;
    out.flush()
}

/// Standard output as it is, for what the program itself is made of: completion scripts and manual pages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw;

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        forgive(io::stdout().write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        forgive(io::stdout().flush(), ())
    }
}

fn forgive<T>(result: io::Result<T>, instead: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(instead),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_forgiven_and_nothing_else() {
        let broken = || Err(io::ErrorKind::BrokenPipe.into());
        assert!(matches!(forgive(broken(), 3), Ok(3)));
        let full = forgive(Err(io::ErrorKind::StorageFull.into()), 3);
        assert!(matches!(full, Err(error) if error.kind() == io::ErrorKind::StorageFull));
    }
}
