/*!
What is shown to people, and the one function that makes it safe to show.

File names, index fields, answers of servers and strings of a kubeconfig come from places that are not to be trusted with a
terminal: a control character moves the cursor, a mark of direction turns a line round, and what is drawn as nothing makes two
names look like one. [`escape`] spells all of that out. It is applied where text leaves the program: [`Page`] holds
nothing that has not gone through it, [`Safe`] is the writer below standard output, errors and log lines.
*/

mod page;
mod safe;
mod table;

pub use page::{Page, counted, human_bytes, joined, missing, objects};
pub use safe::{Form, Safe, json};
pub use table::{Align, Table};

/// Spells out every [hidden](is_hidden) character, line ends included: `\n`, `\u{1b}`. What is safe already stays as it is.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// At most so many characters of a text, on one line, [escaped](escape); what is left out is marked by `…`.
pub fn excerpt(text: &str, limit: usize) -> String {
    let mut characters = text.trim().chars();
    let start = characters.by_ref().take(limit);
    let mut start: String = start
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    if characters.next().is_some() {
        start.push('…');
    }
    escape(&start)
}

/// Whether a character is not to be shown as it is: control characters (C0, DEL, C1), line and paragraph separators, marks
/// of direction, everything of no width, spaces that are not the space bar's, and what no font has a picture for.
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    is_blank(c) || !is_printable(c)
}

/// What the standard library prints as it is in `{:?}`: not Unicode's categories C and Z.
fn is_printable(c: char) -> bool {
    // Behind a letter, since a combining mark that stands alone is spelled out as well.
    let mut text = [b'x'; 5];
    let end = 1 + c.encode_utf8(&mut text[1..]).len();
    str::from_utf8(&text[..end]).is_ok_and(|text| text.escape_debug().nth(2).is_none())
}

/// Letters, marks and symbols that are drawn as nothing (Unicode, `Default_Ignorable_Code_Point`, and the empty Braille cell).
fn is_blank(c: char) -> bool {
    matches!(c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{1d159}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_drives_a_terminal_or_cannot_be_seen_is_spelled_out() {
        let hidden = [
            '\0',
            '\n',
            '\r',
            '\t',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{10ffff}',
        ];
        for c in hidden {
            assert!(is_hidden(c), "{c:?}");
            assert_eq!(
                escape(&format!("a{c}b")),
                format!("a{}b", c.escape_default())
            );
        }
        for text in [
            "",
            "plain, 'quoted' \"text\" \\ {}",
            "ü é e\u{301} 漢字 → …",
        ] {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn an_excerpt_is_one_line_and_says_that_it_is_one() {
        assert_eq!(excerpt(" a\nb\u{1b} ", 10), "a b\\u{1b}");
        assert_eq!(excerpt("abcdef", 3), "abc…");
    }

    proptest! {
        #[test]
        fn escaping_leaves_nothing_hidden_and_is_done_once(text in any::<String>()) {
            let safe = escape(&text);
            prop_assert!(!safe.chars().any(is_hidden));
            prop_assert_eq!(escape(&safe), safe);
        }
    }
}
