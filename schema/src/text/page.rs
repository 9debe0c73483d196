/*! A text for standard output, made of lines that are lines whatever stands in them. */

use std::{fmt, io};

use serde::Serialize;

use super::{Align, Table, escape, safe};
use crate::bundle::{Missing, ObjectRecord};

/// Text for people, or a JSON value. Nothing gets in unescaped, and nothing else is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page(String);

impl Page {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One value as JSON.
    pub fn json(value: &impl Serialize) -> io::Result<Self> {
        let mut bytes = Vec::new();
        safe::json(value, &mut bytes)?;
        String::from_utf8(bytes).map(Self).map_err(io::Error::other)
    }

    /// Adds one line, [escaped](escape): a line end inside is shown, and ends nothing.
    pub fn line(&mut self, line: impl fmt::Display) {
        self.0.push_str(&escape(&line.to_string()));
        self.0.push('\n');
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.0.push('\n');
    }

    /// Adds a document of several lines, such as YAML, line by line.
    pub fn document(&mut self, text: &str) {
        text.lines().for_each(|line| self.line(line));
    }

    /// Adds a table.
    pub fn table(&mut self, table: &Table) {
        self.0.push_str(&table.to_string());
    }

    /// Adds another page.
    pub fn append(&mut self, other: &Page) {
        self.0.push_str(&other.0);
    }

    /// Whether there is nothing on it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands on it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
        table.row([&one.named(), &repository, &joined(&one.tags), &one.reason]);
    }
    table
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
    fn no_name_makes_a_line_of_its_own() {
        let mut page = Page::new();
        page.line(format_args!("{}: fine", "a\nb: VERIFIED\r\u{2028}"));
        page.document("a: 1\nb: \u{1b}\n");
        assert_eq!(
            page.as_str(),
            "a\\nb: VERIFIED\\r\\u{2028}: fine\na: 1\nb: \\u{1b}\n"
        );
    }
}
