/*!
Plain-text tables, of millions of cells if need be: each cell is kept once, bounded in length, in one text.
*/

use std::fmt;

use super::escape;

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The most characters of a cell that are shown: above the longest repository name.
const CELL: usize = 300;

/// The widest that a column gets; a longer cell pushes the rest of its row aside, and no other row.
const COLUMN: usize = 100;

/// A table, columns as wide as their widest cell, up to a limit. Every cell is [escaped](escape), and cut where it is very long.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(Align, usize)>,
    text: String,
    /// Where each cell ends in `text`, row by row; the headings are the first row.
    ends: Vec<usize>,
}

impl Table {
    /// A table with these headings.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let (headings, columns): (Vec<&str>, _) = columns
            .into_iter()
            .map(|(heading, align)| (heading, (align, 0)))
            .unzip();
        let mut table = Self {
            columns,
            text: String::new(),
            ends: Vec::new(),
        };
        table.row(headings);
        table
    }

    /// Adds a row; cells beyond the last column are dropped.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut cells = cells.into_iter();
        for (_, widest) in &mut self.columns {
            let cell = cells.next();
            let cell = bounded(cell.as_ref().map_or("", |cell| cell.as_ref()));
            *widest = cell.chars().count().min(COLUMN).max(*widest);
            self.text.push_str(&cell);
            self.ends.push(self.text.len());
        }
    }
}

/// Escaped, and at most [`CELL`] characters of it.
fn bounded(cell: &str) -> String {
    // Cut first: a cell may be of any length, and what escaping adds is bounded.
    let start = cell
        .char_indices()
        .nth(CELL)
        .map_or(cell, |(end, _)| &cell[..end]);
    let mut safe = escape(start);
    if let Some((end, _)) = safe.char_indices().nth(CELL) {
        safe.truncate(end);
        safe.push('…');
    } else if start.len() < cell.len() {
        safe.push('…');
    }
    safe
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut start = 0;
        for ends in self.ends.chunks(self.columns.len().max(1)) {
            // Spaces are written when something follows them.
            let mut owed = 0;
            for ((align, width), &end) in self.columns.iter().zip(ends) {
                let cell = &self.text[start..end];
                start = end;
                let missing = width.saturating_sub(cell.chars().count());
                let (before, after) = match align {
                    Align::Left => (0, missing),
                    Align::Right => (missing, 0),
                };
                if !cell.is_empty() {
                    write!(f, "{:spaces$}{cell}", "", spaces = owed + before)?;
                    owed = after + 2;
                } else {
                    owed += missing + 2;
                }
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_and_cannot_drive_a_terminal() {
        let mut table = Table::new([("NAME", Align::Left), ("SIZE", Align::Right)]);
        table.row(["a", "12"]);
        table.row(["\u{1b}[2J\n", "1.0 MiB"]);
        table.row(["", "7"]);
        table.row(["alone", ""]);
        assert_eq!(
            table.to_string(),
            "NAME            SIZE\na                 12\n\\u{1b}[2J\\n  1.0 MiB\n                   7\nalone\n"
        );
    }

    /// A cell of 65,536 characters once ended the program, and each row was as wide as the widest of all.
    #[test]
    fn one_long_cell_is_cut_and_makes_no_other_row_longer() {
        let mut table = Table::new([("A", Align::Left), ("B", Align::Left)]);
        table.row(["x".repeat(70_000).as_str(), "y"]);
        table.row(["\u{1b}".repeat(70_000).as_str(), "y"]);
        table.row(["x", "y"]);
        let text = table.to_string();
        let lengths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [COLUMN + 3, CELL + 4, CELL + 4, COLUMN + 3]);
        assert!(text.contains("x…  y"));
    }
}
