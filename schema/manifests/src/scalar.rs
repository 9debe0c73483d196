/*!
What a scalar without quotes means.

`kubectl` reads YAML 1.1 in Go's way: `yes` is true, `0644` is 420, `1_000` is 1000. Readers of YAML 1.2 and of JSON see texts there,
and Go itself sees a text in `yEs`, a number in `1_`. What all of them take alike is read; the rest is refused, with
what to write instead. One exception: `0644` and its like, three or four octal digits behind a zero, are the modes of files in
half of all manifests, and every program that applies manifests reads them as octal.
*/

use serde_json::Value;

/// The value, or what is wrong and what to write instead.
pub(super) fn resolve(text: &str) -> Result<Value, String> {
    if let Some(value) = word(text)? {
        return Ok(value);
    }
    match text.as_bytes() {
        [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => number(text),
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// The text of a key: only texts and plain decimal numbers are the same key for everybody.
pub(super) fn key(text: &str) -> Result<String, String> {
    match resolve(text) {
        Ok(Value::String(text)) => Ok(text),
        Ok(Value::Number(number)) if number.is_i64() && number.to_string() == text => {
            Ok(text.to_owned())
        }
        _ if text.is_empty() => Err("a mapping has an entry without a key".to_owned()),
        _ => Err(format!(
            "the key {text} is no text for every reader; put it in quotes: {}",
            quoted(text)
        )),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// The words with a meaning, in the spellings that mean the same to all.
fn word(text: &str) -> Result<Option<Value>, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Some(Value::Null)),
        "true" | "True" | "TRUE" => return Ok(Some(true.into())),
        "false" | "False" | "FALSE" => return Ok(Some(false.into())),
        "<<" => return Err("put \"<<\" in quotes, if the text is meant".to_owned()),
        _ => {}
    }
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let plain = if is(&["true", "yes", "on", "y"]) {
        "true"
    } else if is(&["false", "no", "off", "n"]) {
        "false"
    } else if is(&["null"]) {
        "null"
    } else {
        return Ok(None);
    };
    Err(format!(
        "{text} is {plain} for some readers and a text for others; write {plain} or {}",
        quoted(text)
    ))
}

fn number(text: &str) -> Result<Value, String> {
    let both = |meant: &str| {
        Err(format!(
            "{text} is a number for some readers and a text, or another number, for others; write {meant}{}",
            quoted(text)
        ))
    };
    let bare = text.replace('_', "");
    if !is_numeric(&bare) {
        return Ok(Value::String(text.to_owned()));
    }
    if bare != text {
        return both(&format!("{bare} or "));
    }
    let (sign, digits) = match text.as_bytes() {
        [b'+', ..] => return both(&format!("{} or ", &text[1..])),
        [b'-', ..] => ("-", &text[1..]),
        _ => ("", text),
    };
    if let Some(radix) = digits.get(..2).and_then(prefix_radix) {
        let plain = sign.is_empty() && ["0x", "0o"].contains(&&digits[..2]);
        return match i64::from_str_radix(&digits[2..], radix) {
            Ok(value) if plain => Ok(value.into()),
            Ok(value) => both(&format!("{sign}{value} or ")),
            Err(_) => too_large(text),
        };
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return whole(text, sign, digits).unwrap_or_else(both);
    }
    if digits.starts_with('0') && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit) {
        return both("it without the leading zero or ");
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let lost = |value: f64| value == 0.0 && mantissa.contains(|c: char| ('1'..='9').contains(&c));
    match text.parse::<f64>() {
        Ok(_) | Err(_) if !text.contains(|c: char| c.is_ascii_digit()) => Err(format!(
            "{text} is no finite number, so JSON cannot carry it; put it in quotes if the text is meant: {}",
            quoted(text)
        )),
        Ok(value) if value.is_finite() && !lost(value) => schema::json::from_float(value)
            .ok_or_else(|| {
                format!("{text} is a negative zero, which readers keep or drop; write 0")
            }),
        _ => too_large(text),
    }
}

/// Decimal digits, or octal ones behind a zero. An error is what to write beside the quotes.
fn whole(text: &str, sign: &str, digits: &str) -> Result<Result<Value, String>, &'static str> {
    if digits.len() > 1 && digits.starts_with('0') {
        let octal = digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
        return match i64::from_str_radix(digits, 8) {
            Ok(value) if octal && sign.is_empty() && (4..=5).contains(&digits.len()) => {
                Ok(Ok(value.into()))
            }
            _ => Err("it without the leading zero or "),
        };
    }
    if sign == "-" && digits == "0" {
        return Err("0 or ");
    }
    Ok(text
        .parse::<i64>()
        .map_or_else(|_| too_large(text), |value| Ok(value.into())))
}

fn too_large(text: &str) -> Result<Value, String> {
    Err(format!(
        "{text} is beyond what readers can hold exactly (64 bits), so they round it or take it for a text; put it in quotes: {}",
        quoted(text)
    ))
}

fn prefix_radix(prefix: &str) -> Option<u32> {
    match prefix {
        "0x" | "0X" => Some(16),
        "0o" | "0O" => Some(8),
        "0b" | "0B" => Some(2),
        _ => None,
    }
}

/// Whether any reader takes this for a number; underscores are gone already.
fn is_numeric(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(radix) = digits.get(..2).and_then(prefix_radix) {
        let rest = &digits[2..];
        return !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix));
    }
    let special = digits.strip_prefix('.').unwrap_or(digits);
    if special.len() < text.len()
        && ["inf", "infinity", "nan"]
            .iter()
            .any(|word| special.eq_ignore_ascii_case(word))
    {
        return true;
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent && all_digits(whole) && all_digits(part) && whole.len() + part.len() > 0
}
