/*!
Ids put into the text of a CLUSTERS.yaml, with nothing else in it changed: comments, order, quotes and line ends stay.

The parser says where an entry and its name stand, and what is inserted there is tried: the text must then say what it said before and
the ids, or another place is tried. So whatever YAML somebody writes, a wrong guess costs an error and never a file.
*/

use std::collections::BTreeMap;

use cluster::ClusterId;
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::{Location, Spanned, options};

/// As much of the file as is needed to find entries.
#[derive(Deserialize)]
struct Listed {
    clusters: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    name: Spanned<String>,
    #[serde(rename = "clusterID")]
    cluster_id: Option<String>,
}

/// What the text became.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edited {
    pub text: String,
    /// The clusters that got an id, in the order of the file.
    pub written: Vec<String>,
    /// Those for which there is no place that can be told.
    pub left: Vec<String>,
}

/// Where an id goes in an entry.
#[derive(Clone, Copy)]
enum Spot {
    AfterName,
    First,
}

/// Gives each cluster of `ids` that has none its id.
pub(super) fn with_ids(
    text: &str,
    ids: &BTreeMap<String, ClusterId>,
) -> Result<Edited, serde_saphyr::Error> {
    let listed: Listed = parse(text)?;
    let mut entries: Vec<(usize, String, &Spanned<Entry>)> = Vec::new();
    for (index, entry) in listed.clusters.iter().enumerate() {
        let id = ids.get(&entry.value.name.value).map(scalar);
        if let (None, Some(id)) = (&entry.value.cluster_id, id) {
            entries.push((index, id, entry));
        }
    }
    let name = |entry: &Spanned<Entry>| entry.value.name.value.clone();
    let mut edited = Edited {
        text: text.to_owned(),
        written: entries.iter().map(|(.., entry)| name(entry)).collect(),
        left: Vec::new(),
    };
    // All at once, which nearly every file takes.
    let mut all = text.to_owned();
    for (_, id, entry) in entries.iter().rev() {
        all = inserted(&all, entry, id, Spot::AfterName).unwrap_or(all);
    }
    let mut wanted: Value = parse(text)?;
    let before = wanted.clone();
    for (index, id, _) in &entries {
        expect(&mut wanted, *index, id);
    }
    if says(&all, &wanted) {
        edited.text = all;
        return Ok(edited);
    }
    // One by one from the last, so that places that were read stay true.
    let mut wanted = before;
    for (index, id, entry) in entries.iter().rev() {
        let mut with = wanted.clone();
        expect(&mut with, *index, id);
        let tried = [Spot::AfterName, Spot::First].into_iter();
        let mut tried = tried.filter_map(|spot| inserted(&edited.text, entry, id, spot));
        match tried.find(|text| says(text, &with)) {
            Some(text) => (edited.text, wanted) = (text, with),
            None => edited.left.insert(0, name(entry)),
        }
    }
    let left = &edited.left;
    edited.written.retain(|name| !left.contains(name));
    Ok(edited)
}

/// The text with an id at a spot of an entry; none where the text is not such as was expected there.
fn inserted(text: &str, entry: &Spanned<Entry>, id: &str, spot: Spot) -> Option<String> {
    let start = place(text, &entry.referenced)?;
    let flow = text.get(start..)?.starts_with('{');
    let indent = " ".repeat(
        usize::try_from(entry.referenced.column())
            .ok()?
            .checked_sub(1)?,
    );
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (at, insertion) = match (spot, flow) {
        (Spot::First, true) => (start + 1, format!("clusterID: {id}, ")),
        (Spot::First, false) => (start, format!("clusterID: {id}{newline}{indent}")),
        (Spot::AfterName, flow) => {
            let name = &entry.value.name.referenced;
            let end = end_of_scalar(text, place(text, name)?, flow)?;
            match flow {
                true => (end, format!(", clusterID: {id}")),
                false => {
                    let line = text.get(end..)?.find('\n');
                    let line = line.map_or(text.len(), |line| end + line);
                    let carriage = text.get(..line)?.ends_with('\r');
                    let line = line - usize::from(carriage);
                    (line, format!("{newline}{indent}clusterID: {id}"))
                }
            }
        }
    };
    let (head, tail) = text.split_at_checked(at)?;
    Some(format!("{head}{insertion}{tail}"))
}

/// The byte at which something begins, from its line and column, which count characters.
fn place(text: &str, location: &Location) -> Option<usize> {
    let line = usize::try_from(location.line()).ok()?.checked_sub(1)?;
    let column = usize::try_from(location.column()).ok()?.checked_sub(1)?;
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line).map(str::len).sum();
    let line = lines.next()?;
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    Some(before + ends.skip(column).take(1).next()?)
}

/// The byte after a scalar that begins at `start`: quoted, or plain and on one line.
fn end_of_scalar(text: &str, start: usize, flow: bool) -> Option<usize> {
    let rest = text.get(start..)?;
    let quote = rest.chars().next()?;
    if !matches!(quote, '"' | '\'') {
        let ends = |(at, c): (usize, char)| {
            let comment = c == '#'
                && rest
                    .get(..at)
                    .is_some_and(|before| before.ends_with([' ', '\t']));
            let stops =
                matches!(c, '\n' | '\r') || comment || (flow && matches!(c, ',' | '}' | ']'));
            stops.then_some(at)
        };
        let end = rest.char_indices().find_map(ends).unwrap_or(rest.len());
        return Some(start + rest.get(..end)?.trim_end().len());
    }
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if quote == '"' => {
                characters.next();
            }
            // Two are one inside single quotes.
            '\'' if quote == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                {
                    characters.next();
                };
            }
            c if c == quote => return Some(start + at + 1),
            _ => {}
        }
    }
    None
}

fn expect(document: &mut Value, index: usize, id: &str) {
    let id = serde_json::from_str(id).unwrap_or_else(|_| Value::from(id));
    let entry = document.pointer_mut(&format!("/clusters/{index}"));
    if let Some(entry) = entry.and_then(Value::as_object_mut) {
        entry.insert("clusterID".to_owned(), id);
    }
}

/// Whether a text says this.
fn says(text: &str, wanted: &Value) -> bool {
    parse::<Value>(text).is_ok_and(|said| said == *wanted)
}

fn parse<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, serde_saphyr::Error> {
    let settings = options! { with_snippet: false, legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(text, settings)
}

/// An id as YAML: a UUID as it is, anything else in quotes, as JSON has them.
fn scalar(id: &ClusterId) -> String {
    let text = id.as_str();
    let parts = text.split('-').map(str::len);
    let hexadecimal = |c: char| c == '-' || c.is_ascii_hexdigit();
    let uuid = text.chars().all(hexadecimal) && parts.eq([8, 4, 4, 4, 12]);
    match uuid {
        true => text.to_owned(),
        false => Value::from(text).to_string(),
    }
}
