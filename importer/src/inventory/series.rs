/*! The name of a series of bundles, of which each replaces the one before. */

use std::{fmt, str::FromStr};

use serde_json::{Value, json};

/// The label that every object of a series has.
pub const LABEL: &str = "offline-bundle/series";

/// The name of a series: a label value that can be part of an object's name (Kubernetes, "Object Names and IDs").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series(String);

/// No name of a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected up to 63 of a-z, 0-9 and -, beginning and ending with a letter or a digit; found {0:?}"
)]
pub struct NotASeries(String);

impl FromStr for Series {
    type Err = NotASeries;

    fn from_str(text: &str) -> Result<Self, NotASeries> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let framed = !text.starts_with('-') && !text.ends_with('-');
        match (1..=63).contains(&text.len()) && text.chars().all(allowed) && framed {
            true => Ok(Self(text.to_owned())),
            false => Err(NotASeries(text.to_owned())),
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Series {
    /// The name of the ConfigMap that lists its objects.
    pub fn config_map(&self) -> String {
        format!("offline-bundle-inventory-{self}")
    }

    /// Puts the label on an object.
    pub fn label(&self, object: &mut Value) {
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            return;
        };
        let labels = metadata.entry("labels").or_insert_with(|| json!({}));
        if labels.is_null() {
            *labels = json!({});
        }
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(LABEL.to_owned(), self.0.clone().into());
        }
    }

    /// Whether an object has the label.
    pub fn has(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let label = labels.and_then(|labels| labels.get(LABEL)?.as_str());
        label == Some(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_a_label_value_and_part_of_a_name() {
        for good in ["a", "shop-1", &"x".repeat(63)] {
            assert!(good.parse::<Series>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a b", &"x".repeat(64)] {
            assert!(bad.parse::<Series>().is_err(), "{bad}");
        }
    }

    #[test]
    fn other_labels_stay() -> Result<(), NotASeries> {
        let series: Series = "shop".parse()?;
        let mut object = json!({"metadata": {"labels": {"a": "b"}}});
        assert!(!series.has(&object));
        series.label(&mut object);
        assert!(series.has(&object));
        assert_eq!(object["metadata"]["labels"]["a"], "b");
        Ok(())
    }
}
