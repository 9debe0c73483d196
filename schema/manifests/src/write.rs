/*!
YAML that means the same to every reader.

Whatever a reader of YAML 1.1 could take for something else (`on`, `0644`, `1_000`, `~`) is quoted, keys are sorted, and
texts of several lines stay texts of several lines: the same value always gives the same bytes, for people and for Git.

No serializer of a library does all of that. yaml_serde leaves `on` and `1_000` without quotes, which `kubectl` reads as a
boolean and a number. serde-saphyr 2.1 quotes them, but begins a block with a line that starts with a tab, which libyaml and
`kubectl` refuse, and leaves characters as they are that reorder or hide what people review (U+202E).
*/

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use schema::text;
use serde_json::Value;

/// The text of a file with these documents, in order, `---` between them.
pub fn documents<'a>(objects: impl IntoIterator<Item = &'a Value>) -> String {
    let documents: Vec<String> = objects.into_iter().map(document).collect();
    documents.join("---\n")
}

/// The text of one document, with a line break at its end.
pub fn document(object: &Value) -> String {
    let mut out = String::new();
    match object {
        Value::Object(fields) if !fields.is_empty() => mapping(object, 0, &mut out),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut out),
        scalar => {
            flow(scalar, &mut out);
            out.push('\n');
        }
    }
    out
}

/// Lines of a mapping; the cursor is where the first key begins.
fn mapping(object: &Value, indent: usize, out: &mut String) {
    let Value::Object(fields) = object else {
        return;
    };
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_unstable_by_key(|(key, _)| *key);
    for (number, (key, value)) in fields.into_iter().enumerate() {
        if number > 0 {
            spaces(indent, out);
        }
        string(key, out);
        out.push(':');
        match value {
            Value::Object(below) if !below.is_empty() => {
                out.push('\n');
                spaces(indent + 2, out);
                mapping(value, indent + 2, out);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                spaces(indent, out);
                sequence(items, indent, out);
            }
            Value::String(text) if is_block(text) => {
                out.push(' ');
                block(text, indent + 2, out);
            }
            scalar => {
                out.push(' ');
                flow(scalar, out);
                out.push('\n');
            }
        }
    }
}

/// Lines of a list; the cursor is where the first dash goes.
fn sequence(items: &[Value], indent: usize, out: &mut String) {
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            spaces(indent, out);
        }
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => mapping(item, indent + 2, out),
            Value::Array(items) if !items.is_empty() => sequence(items, indent + 2, out),
            Value::String(text) if is_block(text) => block(text, indent + 2, out),
            scalar => {
                flow(scalar, out);
                out.push('\n');
            }
        }
    }
}

fn spaces(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// What fits in a line.
fn flow(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => string(text, out),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        Value::Number(number) => out.push_str(&exact(&number.to_string())),
        other => out.push_str(&other.to_string()),
    }
}

/// A number with an exponent as YAML 1.1 demands it: with a point and a sign.
fn exact(number: &str) -> String {
    let Some((digits, exponent)) = number.split_once('e') else {
        return number.to_owned();
    };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) {
        ""
    } else {
        "+"
    };
    format!("{digits}{point}e{sign}{exponent}")
}

fn string(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        quoted(text, out);
    }
}

/// Whether a text without quotes can only be that text. Of those that could, many are quoted all the same.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 11] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
    ];
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '/';
    // No number, date or time has a slash: that is an image at an address, or a network.
    let digit = text.contains('/') && text.starts_with(|c: char| c.is_ascii_digit());
    let begins = digit || text.starts_with(letter);
    let ends = text.ends_with(|c: char| c.is_ascii_alphanumeric() || "_/.".contains(c));
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-./@+()".contains(c);
    // A colon inside is plain, except before a space or the end.
    let words = text.split(' ').all(|word| {
        !word.is_empty() && !word.ends_with(':') && word.chars().all(|c| inside(c) || c == ':')
    });
    begins && ends && words && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Double quotes as in JSON, which is YAML too, with everything escaped that a terminal or a reader could trip over.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_hidden(c) => {
                let code = u32::from(c);
                // Writing to a string cannot fail.
                let _ = match code {
                    0..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn is_hidden(c: char) -> bool {
    text::is_hidden(c)
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Whether a text can stand as a literal block without any of its corners: every line begins and ends with something visible,
/// or is empty, and at most one line break ends it.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let visible = |line: &str| !line.starts_with('\t') && !line.ends_with([' ', '\t']);
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body
            .chars()
            .all(|c| c == '\n' || c == '\t' || !is_hidden(c))
        && body.split('\n').all(visible)
}

fn block(text: &str, indent: usize, out: &mut String) {
    let (sign, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text),
    };
    out.push_str(sign);
    out.push('\n');
    for line in body.split('\n') {
        if !line.is_empty() {
            spaces(indent, out);
            out.push_str(line);
        }
        out.push('\n');
    }
}
