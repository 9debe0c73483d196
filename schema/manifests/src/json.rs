/*!
A file of JSON: a stream of objects one after the other, as `kubectl` takes any file that begins with `{`.
*/

use schema::json::Strict;

use super::{Document, Location, ObjectsError, documents::line_and_column, scalar};

/// Every object of the stream, in order.
pub(super) fn read(text: &str) -> Result<Vec<Document>, ObjectsError> {
    let stream = serde_json::Deserializer::from_str(text).into_iter::<Strict>();
    let documents = (0..).zip(stream).map(|(document, value)| match value {
        Ok(Strict(value)) => Ok(Document {
            number: document,
            value,
            node: None,
        }),
        Err(error) => {
            let line = (error.line() > 0).then_some((error.line() as u64, error.column() as u64));
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or(&message);
            let reason = format!("not JSON, though the file begins with '{{': {reason}");
            Err(ObjectsError::malformed(
                Location { document, line },
                &reason,
            ))
        }
    });
    let documents = documents.collect::<Result<Vec<_>, _>>()?;
    check_numbers(text)?;
    Ok(documents)
}

/// Refuses numbers that readers round in different ways. The text is known to be JSON.
fn check_numbers(text: &str) -> Result<(), ObjectsError> {
    let (mut document, mut depth) = (0, 0_u32);
    let (mut quoted, mut escaped) = (false, false);
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
        } else if matches!(byte, b'-' | b'0'..=b'9') {
            let rest = &text[at..];
            let ends = |c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
            let number = &rest[..rest.find(ends).unwrap_or(rest.len())];
            if let Err(reason) = check_number(number) {
                let location = Location {
                    document,
                    line: Some(line_and_column(&text[..at])),
                };
                return Err(ObjectsError::malformed(location, &reason));
            }
            at += number.len();
            continue;
        } else {
            match byte {
                b'"' => quoted = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            document += u32::from(byte == b'}' && depth == 0);
        }
        at += 1;
    }
    Ok(())
}

fn check_number(number: &str) -> Result<(), String> {
    let exact = scalar::resolve(number)?;
    match serde_json::from_str::<Strict>(number) {
        Ok(Strict(read)) if read == exact => Ok(()),
        _ => Err(format!(
            "{number} has more digits than all readers keep; write fewer, or put it in quotes"
        )),
    }
}
