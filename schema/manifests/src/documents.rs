/*!
From bytes to the texts of single documents.

`kubectl` cuts a file at its `---` lines before any YAML is read, and Go's YAML then takes the first document of each piece
and drops the rest. The YAML reader itself would cut elsewhere. So a file is cut as `kubectl` cuts it, and whatever would
make the two disagree is refused here: characters that only some readers take for the end of a line, text on a `---` line
(older releases drop all that follows), text after `...`, directives.
*/

use super::{Location, ObjectsError};

/// The text of one document that is not empty.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    /// Number of the document, from 0: empty ones count.
    pub(super) document: u32,
    /// Number of its first line in the file, from 1.
    pub(super) line: u64,
    /// Its lines, each ending with a line feed alone.
    pub(super) text: String,
}

/// The text of a file, if it is one that all readers see alike. A byte order mark is dropped: it is what some editors for
/// Windows leave at the start.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, ObjectsError> {
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => " but UTF-16 or UTF-32",
        _ => "",
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if hint.is_empty() => text,
        Ok(_) => return Err(not_text("", hint)),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            return Err(not_text(
                std::str::from_utf8(before).unwrap_or_default(),
                hint,
            ));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match first_odd(text) {
        None => Ok(text),
        Some((at, c)) => {
            let location = Location {
                document: documents_before(&text[..at]),
                line: Some(line_and_column(&text[..at])),
            };
            Err(ObjectsError::malformed(location, &odd(c)))
        }
    }
}

fn not_text(before: &str, hint: &'static str) -> ObjectsError {
    let (line, column) = line_and_column(before);
    ObjectsError::NotText { line, column, hint }
}

/// Where the text after this one begins.
pub(super) fn line_and_column(before: &str) -> (u64, u64) {
    let (lines, last) = before.rsplit_once('\n').unwrap_or(("", before));
    let ended = u64::from(before.contains('\n'));
    let line = 1 + ended + lines.bytes().filter(|&b| b == b'\n').count() as u64;
    (line, 1 + last.chars().count() as u64)
}

/// The first character that readers disagree on, or that YAML does not allow (YAML 1.1, section 4.1).
fn first_odd(text: &str) -> Option<(usize, char)> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let mut next = || chars.peek().map(|&(_, next)| next);
        let odd = match c {
            '\t' | '\n' | ' '..='~' => false,
            '\r' => next() != Some('\n'),
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
            _ => c < '\u{a0}',
        };
        if odd {
            return Some((at, c));
        }
    }
    None
}

fn odd(c: char) -> String {
    let code = u32::from(c);
    match c {
        '\r' => "a carriage return without a line feed ends a line for some readers and not for others; save the file with line feeds".to_owned(),
        '\u{85}' | '\u{2028}' | '\u{2029}' => format!(
            "the character U+{code:04X} ends a line for some readers, kubectl's among them, and not for others; \
             remove it, or write it as \"\\u{code:04x}\" in double quotes"
        ),
        '\u{feff}' => "a byte order mark inside the text (U+FEFF); remove it".to_owned(),
        _ => format!(
            "the control character U+{code:04X}, which no YAML reader must take; remove it, or write it as \"\\u{code:04x}\" in double quotes"
        ),
    }
}

/// Whether `kubectl` takes the file for a stream of JSON: it looks for `{` behind white space, in the first 4096 bytes.
pub(super) fn is_json(text: &str) -> Result<bool, ObjectsError> {
    const LOOKED_AT: usize = 4096;
    let blank = text.len() - text.trim_start().len();
    let json = text[blank..].starts_with('{');
    if json && blank >= LOOKED_AT {
        let location = Location {
            document: 0,
            line: Some(line_and_column(&text[..blank])),
        };
        let reason = "so much white space precedes '{' that kubectl no longer takes the file for JSON; remove it";
        return Err(ObjectsError::malformed(location, reason));
    }
    Ok(json)
}

/// Number of the document that begins behind this text, from 0.
fn documents_before(text: &str) -> u32 {
    let mut count = Count::default();
    for line in text.lines() {
        count.line(line);
    }
    count.document()
}

/// Counts documents as people do: by their `---` lines.
#[derive(Default)]
struct Count {
    markers: u32,
    begins_bare: bool,
}

impl Count {
    fn line(&mut self, line: &str) {
        if line.starts_with("---") {
            self.markers = self.markers.saturating_add(1);
        } else if self.markers == 0 {
            self.begins_bare |= !is_idle(line);
        }
    }

    fn document(&self) -> u32 {
        if self.begins_bare {
            self.markers
        } else {
            self.markers.saturating_sub(1)
        }
    }
}

/// Whether a line says nothing: empty, or a comment.
fn is_idle(line: &str) -> bool {
    // A tab alone is an error to some.
    let line = line.trim_matches([' ', '\r']);
    line.is_empty() || line.starts_with('#')
}

/// Cuts the text of a YAML file at its `---` lines; documents of nothing but comments are left out.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, ObjectsError> {
    let mut pieces = Vec::new();
    let mut count = Count::default();
    let mut current = String::new();
    let mut begins = 1;
    // What the current piece has seen: something, and its end.
    let (mut says, mut ended) = (false, false);
    for (number, line) in (1_u64..).zip(text.lines()) {
        let before = count.document();
        count.line(line);
        let refuse = |reason: &str| {
            let location = Location {
                document: count.document(),
                line: Some((number, 1)),
            };
            Err(ObjectsError::malformed(location, reason))
        };
        if let Some(rest) = line.strip_prefix("---") {
            if !rest.trim_end_matches(' ').is_empty() {
                return refuse(
                    "text on the '---' line, which kubectl reads differently from release to release; put it on a line of its own",
                );
            }
            if says {
                pieces.push(Piece {
                    document: before,
                    line: begins,
                    text: std::mem::take(&mut current),
                });
            }
            current.clear();
            (begins, says, ended) = (number + 1, false, false);
            continue;
        }
        if let Some(rest) = line.strip_prefix("...") {
            if !rest.trim_end_matches(' ').is_empty() {
                return refuse("text on the '...' line; put it on a line of its own");
            }
            if !says {
                return refuse("'...' ends a document that never began; remove it");
            }
            ended = true;
        } else if line.starts_with('%') {
            return refuse(
                "a line that begins with '%' is a YAML directive, which kubectl cannot read; remove it, or indent the text",
            );
        } else if !is_idle(line) {
            if ended {
                return refuse(
                    "text follows the end marker '...', which kubectl would drop silently; begin the next document with '---'",
                );
            }
            says = true;
        }
        current.push_str(line);
        current.push('\n');
    }
    if says {
        pieces.push(Piece {
            document: count.document(),
            line: begins,
            text: current,
        });
    }
    Ok(pieces)
}
