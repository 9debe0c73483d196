/*!
Names that are safe to put in a path, a URL and a tar header.

The grammars are those of the OCI distribution spec ("Pulling manifests"): whatever holds a [`Repository`] or a [`Tag`]
holds something without `..`, without a leading `/`, and short enough for every registry.
*/

use std::{borrow::Borrow, fmt, str::FromStr};

/// A repository name without its registry: `openshift/release`. At most 255 bytes of
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(String);

impl Repository {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Path components, never empty.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// `prefix/self`, checked again: the joined name may be too long.
    pub fn under(&self, prefix: Option<&Repository>) -> Result<Repository, NameError> {
        match prefix {
            None => Ok(self.clone()),
            Some(prefix) => format!("{prefix}/{self}").parse(),
        }
    }
}

impl FromStr for Repository {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() <= 255 && text.split('/').all(is_path_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Repository(text.to_owned()))
        }
    }
}

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// What is meant where no tag is named.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut bytes = text.bytes();
        let first = bytes
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let rest = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if first && rest && text.len() <= 128 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Tag(text.to_owned()))
        }
    }
}

/// `[a-z0-9]+` runs joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let edges = bytes.first().zip(bytes.last());
    edges.is_some_and(|(&first, &last)| alphanumeric(first) && alphanumeric(last))
        && bytes.split(|&b| alphanumeric(b)).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|&b| b == b'-')
        })
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a repository name.
    #[error(
        "{0:?} is not a repository name: expected lower-case letters and digits joined by '.', '_', '-' or '/', at most 255 bytes"
    )]
    Repository(String),
    /// Not a tag.
    #[error(
        "{0:?} is not a tag: expected a letter, digit or '_', then up to 127 letters, digits, '.', '_' or '-'{plus}",
        plus = if .0.contains('+') { " (Helm writes '_' for the '+' of a chart's version)" } else { "" }
    )]
    Tag(String),
}

/// Display, borrow and serde for a newtype whose text form is its only form.
macro_rules! text_newtype {
    ($name:ident, $pattern:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        crate::name::text_serde!($name, $pattern);
    };
}

/// Serde through `Display` and `FromStr`, so that a value read from a file is as checked as one that was typed.
macro_rules! text_serde {
    ($name:ident, $pattern:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "json-schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    };
}
pub(crate) use text_serde;

text_newtype!(
    Repository,
    r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$"
);
text_newtype!(Tag, "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_follow_the_distribution_grammar() {
        for good in ["a", "library/nginx", "a.b/c_d/e__f/g--h/i---j", "0/1"] {
            assert!(good.parse::<Repository>().is_ok(), "{good:?}");
        }
        let long = "a".repeat(256);
        for bad in [
            "", "/a", "a/", "a//b", "A", "..", "a/../b", "a..b", "a___b", "-a", "a-", "a:b", "a b",
            "é", &long,
        ] {
            assert!(bad.parse::<Repository>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tags_follow_the_distribution_grammar() {
        for good in ["latest", "_", "v1.2-3_4", "4.3.0-x86_64", &"a".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good:?}");
        }
        for bad in ["", ".", "..", "-a", "a/b", "a:b", "a\n", &"a".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
        }
    }
}
