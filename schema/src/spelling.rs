/*!
Keys that are almost a known one.

Go's JSON matches the fields of a struct without regard to case (`encoding/json`, `Unmarshal`), so `Layers` beside `layers` is one field
or two, by the reader. Its folding of case also takes the Kelvin sign for `k` and the long s for `s`.
*/

/// The first key that equals a known one but for case, and that one.
pub fn nearly<'a, 'k>(
    keys: impl IntoIterator<Item = &'a String>,
    known: &[&'k str],
) -> Option<(&'a str, &'k str)> {
    keys.into_iter().find_map(|key| {
        let known = known.iter().find(|known| folds(key, known));
        known
            .filter(|known| **known != key)
            .map(|known| (key.as_str(), *known))
    })
}

/// Whether two keys are one for Go.
fn folds(one: &str, other: &str) -> bool {
    one.chars().map(fold).eq(other.chars().map(fold))
}

fn fold(c: char) -> char {
    match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        c => c.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_takes_for_a_field_is_nearly_it() {
        let nearly =
            |key: &str| nearly([&key.to_owned()], &["kind", "items"]).map(|(_, known)| known);
        assert_eq!(nearly("kind"), None);
        assert_eq!(nearly("kinds"), None);
        assert_eq!(nearly("Kind"), Some("kind"));
        assert_eq!(nearly("\u{212a}ind"), Some("kind"));
        assert_eq!(nearly("item\u{17f}"), Some("items"));
    }
}
