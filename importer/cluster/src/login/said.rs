/*!
What a plugin said on standard error, for whoever has to find out why it gave no credentials: its end, on one line, without anything that
may be a secret.
*/

use kube::config::ExecConfig;
use net::process::Printed;

use crate::classify::clean;

/// The most characters that are shown, from the end: that is where programs say why they failed.
const SHOWN: usize = 380;

/// In the place of what may be a secret.
const HIDDEN: &str = "[hidden]";

/// Words of at least this length with letters and digits in them are taken for secrets.
const LONG: usize = 16;

/// What secrets are called.
const SECRETS: [&str; 5] = ["token", "password", "passwd", "secret", "key"];

/// `; it said: …`, or nothing.
pub(super) fn said(exec: &ExecConfig, printed: &Printed) -> String {
    let mut text = String::from_utf8_lossy(&printed.stderr).into_owned();
    let stdout = String::from_utf8_lossy(&printed.stdout);
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
    let mut secrets: Vec<&str> = stdout.split(ends).filter(|word| word.len() >= 4).collect();
    secrets.extend(given(exec));
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        text = text.replace(secret, HIDDEN);
    }
    let text = without_secrets(&text);
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(SHOWN);
    let end: String = text.chars().skip(skipped).collect();
    match (end.is_empty(), skipped) {
        (true, _) => String::new(),
        (false, 0) => format!("; it said: {}", clean(&end)),
        (false, _) => format!("; it said: …{}", clean(&end)),
    }
}

/// Secrets that the kubeconfig gives the plugin, in variables and arguments.
fn given(exec: &ExecConfig) -> impl Iterator<Item = &str> {
    let variables = exec.env.iter().flatten();
    let variables = variables.filter_map(|entry| Some((entry.get("name")?, entry.get("value")?)));
    let variables = variables.map(|(name, value)| (name.as_str(), value.as_str()));
    let arguments = exec.args.iter().flatten().map(String::as_str);
    let joined = arguments
        .clone()
        .filter_map(|argument| argument.split_once('='));
    let separate = arguments.clone().zip(arguments.skip(1));
    let separate = separate.filter(|(flag, _)| flag.starts_with('-'));
    let all = variables.chain(joined).chain(separate);
    all.filter(|(name, value)| is_secret(name) && value.len() >= 4)
        .map(|(_, value)| value)
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret))
}

/// The text without words that look like secrets: long ones of letters and digits, and what is called one.
fn without_secrets(text: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || "_+~-./=".contains(c);
    let mut shown = String::new();
    let mut rest = text;
    let (mut name, mut between) = ("", "");
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !in_word(c)).unwrap_or(rest.len()));
        shown.push_str(match hides(name, between, word) {
            true => HIDDEN,
            false => word,
        });
        let (separator, next) = after.split_at(after.find(in_word).unwrap_or(after.len()));
        shown.push_str(separator);
        if !word.is_empty() {
            name = word;
        }
        (between, rest) = (separator, next);
    }
    shown
}

/// Whether a word may be a secret, by itself or by the name before it.
fn hides(name: &str, between: &str, word: &str) -> bool {
    let digit = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
    let letter = |text: &str| text.bytes().any(|b| b.is_ascii_alphabetic());
    let long = |part: &str| part.len() >= LONG && digit(part) && letter(part);
    let assigned = word
        .split_once('=')
        .is_some_and(|(name, _)| is_secret(name));
    let named =
        is_secret(name) && (between.contains('=') || (between.contains(':') && digit(word)));
    let bearer = name.eq_ignore_ascii_case("bearer") || name.eq_ignore_ascii_case("basic");
    word.split(['.', '/', '=']).any(long) || assigned || named || (bearer && word.len() >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stay_and_secrets_go() {
        let table = [
            (
                "Unable to locate credentials. Run \"aws sso login\" for /home/u/.aws/config",
                "",
            ),
            (
                "dial tcp 10.0.0.7:443: connect: connection refused at 2024-01-01T00:00:00Z",
                "",
            ),
            ("refused: Authorization: Bearer abcdef", "abcdef"),
            ("token=abcd is bad", "abcd"),
            ("password: hunter2", "hunter2"),
            (
                "got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
                "eyJ",
            ),
            ("sha256~Q3JlZGVudGlhbHMxMjM0NTY3ODkw was revoked", "Q3Jl"),
            (
                "https://idp.example/login?code=0123456789abcdef0123",
                "0123456789",
            ),
        ];
        for (text, secret) in table {
            let shown = without_secrets(text);
            match secret {
                "" => assert_eq!(shown, text),
                secret => assert!(!shown.contains(secret) && shown.contains(HIDDEN), "{shown}"),
            }
        }
    }
}
