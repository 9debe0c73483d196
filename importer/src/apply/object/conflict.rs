/*!
Why an API server refuses an object, in one sentence that quotes nothing of a Secret.
*/

use cluster::{Answer, refusal};
use serde_json::Value;

use super::diff::is_secret;
use crate::apply::manifests::Manifest;

/// The server's words about an object; of a Secret only as far as they quote nothing of it.
pub fn refusal_text(manifest: &Manifest, answer: &Answer) -> String {
    let mut text = refusal::text(answer);
    if !is_secret(&manifest.value) {
        return text;
    }
    if let Some(at) = QUOTES.iter().filter_map(|quote| text.find(quote)).min() {
        text.truncate(at);
        text.push_str(HIDDEN);
    }
    match quotes(&text, &manifest.value) {
        true => format!("the server answered {}{HIDDEN}", answer.status),
        false => text,
    }
}

/// After which words a server quotes what it was sent (structured-merge-diff's and apimachinery's errors).
const QUOTES: [&str; 4] = [
    ", got ",
    "Invalid value: ",
    "Unsupported value: ",
    "error found in ",
];

/// In the place of such a quotation.
const HIDDEN: &str = " (the rest is not shown, since it may quote the Secret)";

/// Whether a text repeats any text that a Secret holds.
fn quotes(text: &str, secret: &Value) -> bool {
    match secret {
        Value::String(secret) => secret.len() >= 4 && text.contains(secret.as_str()),
        Value::Array(items) => items.iter().any(|item| quotes(text, item)),
        Value::Object(fields) => {
            let mut held = fields
                .iter()
                .filter(|(name, _)| !OPEN.contains(&name.as_str()));
            held.any(|(_, value)| quotes(text, value))
        }
        _ => false,
    }
}

/// Fields of a Secret that hold nothing secret.
const OPEN: [&str; 4] = ["apiVersion", "kind", "metadata", "type"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_servers_words_do_not_give_a_secret_away() -> Result<(), Box<dyn std::error::Error>> {
        let file = br#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"a": "pass\\word", "b": "1234"}}"#;
        let secret = Manifest::read("a.json", file)?.remove(0);
        let message = |message: &str| Answer::of(422, json!({"message": message}));
        let quoting = message(r#"bad: .data: expected map, got &{pass\\word}"#);
        assert_eq!(
            refusal_text(&secret, &quoting),
            format!("the server refuses it: bad: .data: expected map{HIDDEN}")
        );
        let repeating = message("cannot read 1234");
        assert_eq!(
            refusal_text(&secret, &repeating),
            format!("the server answered 422{HIDDEN}")
        );
        let plain = message("secrets \"token\" is forbidden");
        assert_eq!(refusal_text(&secret, &plain), refusal::text(&plain));
        let other = file.as_slice();
        let other = String::from_utf8_lossy(other).replace("Secret", "Other");
        let other = Manifest::read("a.json", other.as_bytes())?.remove(0);
        assert_eq!(refusal_text(&other, &quoting), refusal::text(&quoting));
        Ok(())
    }
}
