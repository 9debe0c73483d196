/*!
What is shown to people: sizes, tables, and names from places that are not to be trusted with a terminal.
*/

use crate::bundle::{Missing, ObjectRecord};
use std::{
    fmt::{self, Write as _},
    io::{self, Write},
};

/// A size by 1024 with one decimal: `512 B`, `1.5 KiB`, `6.0 GiB`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    // What would be shown as 1024.0 goes up a unit.
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// A number with its noun: `1 image`, `2 images`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Makes a text harmless for a terminal: control characters and marks that turn the reading direction are spelled out.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if misleads(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether a character moves the cursor, the reading direction or the line: never to be shown as it is.
pub fn misleads(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A plain-text table, columns as wide as their widest cell. Every cell is [escaped](escape).
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let (headings, columns) = columns
            .into_iter()
            .map(|(heading, align)| (heading.to_owned(), align))
            .unzip();
        Self {
            columns,
            rows: vec![headings],
        }
    }

    /// Adds a row; cells beyond the last column are dropped.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter().take(self.columns.len());
        self.rows
            .push(cells.map(|cell| escape(cell.as_ref())).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, align), width) in row.iter().zip(&self.columns).zip(&widths) {
                match align {
                    Align::Left => write!(line, "{cell:<width$}  ")?,
                    Align::Right => write!(line, "{cell:>width$}  ")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A cell that lists items; `-` for none.
pub fn joined<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "-".to_owned();
    }
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(",")
}

/// The Kubernetes objects of a bundle, as both programs show them.
pub fn objects(objects: &[ObjectRecord]) -> Table {
    let columns = ["FILE", "KIND", "NAMESPACE", "NAME"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(columns);
    for object in objects {
        let namespace = object.namespace.as_deref().unwrap_or("-");
        let path = object.path.to_string();
        table.row([path.as_str(), &object.kind, namespace, &object.name]);
    }
    table
}

/// The images that a bundle was to hold and does not, as both programs show them.
pub fn missing(missing: &[Missing]) -> Table {
    let columns = ["MISSING", "REPOSITORY", "TAGS", "WHY"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(columns);
    for one in missing {
        let repository = one.repository.to_string();
        table.row([&one.source, &repository, &joined(&one.tags), &one.reason]);
    }
    table
}

/// Stdout for reports: a reader that has seen enough (`| head`) is no failure. Not for bundles, where it is one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stdout;

impl Write for Stdout {
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
    fn sizes_count_by_1024() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (6 << 30, "6.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(human_bytes(bytes), shown);
        }
    }

    #[test]
    fn tables_align_and_cannot_drive_a_terminal() {
        let mut table = Table::new([("NAME", Align::Left), ("SIZE", Align::Right)]);
        table.row(["a", "12"]);
        table.row(["\u{1b}[2J\n", "1.0 MiB"]);
        assert_eq!(
            table.to_string(),
            "NAME            SIZE\na                 12\n\\u{1b}[2J\\n  1.0 MiB\n"
        );
        assert_eq!(escape("ü\u{202e}x"), "ü\\u{202e}x");
    }

    #[test]
    fn a_reader_that_left_is_forgiven_and_nothing_else() {
        let broken = || Err(io::ErrorKind::BrokenPipe.into());
        assert!(matches!(forgive(broken(), 3), Ok(3)));
        assert!(forgive(Err(io::ErrorKind::StorageFull.into()), 3).is_err());
    }
}
