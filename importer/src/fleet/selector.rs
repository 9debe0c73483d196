/*!
Label selectors, as Kubernetes writes them (Kubernetes, "Labels and Selectors"): `tier=edge,region!=us`,
`region in (eu, us)`, `tier notin (lab)`, `canary`, `!canary`; or a mapping of labels that must be equal.
*/

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// Requirements on labels, all of which must hold; an empty one holds for every cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

/// What is asked of a label. One that is absent differs from every value, as in Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    /// Whether labels are such as it asks for.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::Absent => value.is_none(),
            }
        })
    }

    /// Labels that must all be equal.
    fn equal(labels: BTreeMap<String, String>) -> Result<Self, String> {
        let requirements = labels.into_iter().map(|(key, value)| {
            Ok(Requirement {
                key: checked_key(&key)?,
                operator: Operator::In(vec![checked_value(&value)?]),
            })
        });
        requirements.collect::<Result<_, _>>().map(Self)
    }
}

impl std::str::FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let requirements = split(text)?.into_iter().map(requirement);
        requirements.collect::<Result<_, _>>().map(Self)
    }
}

/// At commas that are not between parentheses; nothing for a text that is blank.
fn split(text: &str) -> Result<Vec<&str>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '(' if !inside => inside = true,
            ')' if inside => inside = false,
            '(' | ')' => return Err(format!("{text:?}: a parenthesis has no other half")),
            ',' if !inside => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if inside {
        return Err(format!("{text:?}: a parenthesis has no other half"));
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let text = text.trim();
    let (key, operator) = if let Some(set) = text.strip_suffix(')') {
        let (head, values) = set.split_once('(').unwrap_or((set, ""));
        let values = values.split(',').map(|value| checked_value(value.trim()));
        let values = values.collect::<Result<_, _>>()?;
        match head.split_whitespace().collect::<Vec<_>>()[..] {
            [key, "in"] => (key, Operator::In(values)),
            [key, "notin"] => (key, Operator::NotIn(values)),
            _ => return Err(unreadable(text)),
        }
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, Operator::NotIn(vec![checked_value(value.trim())?]))
    } else if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        (key, Operator::In(vec![checked_value(value.trim())?]))
    } else if let Some(key) = text.strip_prefix('!') {
        (key, Operator::Absent)
    } else {
        (text, Operator::Exists)
    };
    let key = checked_key(key.trim()).map_err(|reason| match text.is_empty() {
        true => unreadable(text),
        false => reason,
    })?;
    Ok(Requirement { key, operator })
}

fn unreadable(text: &str) -> String {
    format!(
        "{text:?} is no requirement of a label selector; expected KEY=VALUE, KEY!=VALUE, KEY in (A,B), KEY notin (A,B), KEY or !KEY"
    )
}

/// `[PREFIX/]NAME`.
pub(crate) fn checked_key(key: &str) -> Result<String, String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefixed = prefix.is_none_or(|prefix| {
        let inside = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-".contains(&c);
        (1..=253).contains(&prefix.len()) && prefix.bytes().all(inside)
    });
    if prefixed && !name.is_empty() && is_label_text(name) {
        return Ok(key.to_owned());
    }
    Err(format!("{key:?} is not the key of a label"))
}

/// Empty, or as a name of a label is.
pub(crate) fn checked_value(value: &str) -> Result<String, String> {
    if is_label_text(value) {
        return Ok(value.to_owned());
    }
    Err(format!(
        "{value:?} is not the value of a label: at most 63 letters, digits, '-', '_' and '.', first and last a letter or digit"
    ))
}

fn is_label_text(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.len() <= 63
        && text.chars().all(inside)
        && ends(text.chars().next())
        && ends(text.chars().next_back())
}

/// A mapping or a string, distinguished by hand so that errors keep their place.
impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Selector;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a label selector: a mapping of labels, or a string such as \"tier=edge,region!=us\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Selector, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Selector, A::Error> {
                let labels = BTreeMap::deserialize(MapAccessDeserializer::new(map))?;
                Selector::equal(labels).map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn selectors_choose_as_in_kubernetes() -> Result<(), String> {
        let labels = [("tier", "edge"), ("region", "eu"), ("example.com/x", "")];
        let labels = labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        for (selector, expected) in [
            ("", true),
            (" ", true),
            ("tier=edge", true),
            ("tier==edge", true),
            ("tier = edge , region != us", true),
            ("tier=core", false),
            ("tier!=edge", false),
            ("other!=edge", true),
            ("region in (us, eu)", true),
            ("region in (us)", false),
            ("region notin (us,ap),tier", true),
            ("region notin (eu)", false),
            ("other notin (eu)", true),
            ("example.com/x", true),
            ("example.com/x=", true),
            ("!tier", false),
            ("!other", true),
            ("other", false),
        ] {
            assert_eq!(
                selector.parse::<Selector>()?.matches(&labels),
                expected,
                "{selector}"
            );
        }
        for wrong in [
            "tier=edge,",
            "=edge",
            "tier in edge",
            "tier in (a",
            "tier)",
            "in (a)",
            "a b",
            "tier=a b",
            "a/b/c=d",
            "-x",
            "tier>3",
            "!",
        ] {
            assert!(wrong.parse::<Selector>().is_err(), "{wrong}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_selector_panics(text in "[a-z(),=! in]{0,24}") {
            let _ = text.parse::<Selector>();
        }

        #[test]
        fn in_and_notin_are_opposites(value in "[ab]{1,2}", label in proptest::option::of("[ab]{1,2}")) {
            let labels = label.map(|label| ("k".to_owned(), label)).into_iter().collect();
            let chosen = |selector: String| selector.parse::<Selector>().map(|selector| selector.matches(&labels));
            prop_assert_ne!(chosen(format!("k in ({value})")), chosen(format!("k notin ({value})")));
            prop_assert_eq!(chosen(format!("k={value}")), chosen(format!("k in ({value})")));
            prop_assert_eq!(chosen(format!("k!={value}")), chosen(format!("k notin ({value})")));
        }
    }
}
