/*!
What a ConfigMap or a Secret holds, and how much any object may (core `validation`; etcd's default limit of a request).
*/

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

use super::{Fault, map_at, texts};
use crate::Object;

/// The most data of a ConfigMap or Secret: 1 MiB.
const BAG_LIMIT: usize = 1 << 20;

/// The most that etcd takes in one request, unless it is configured otherwise: 1.5 MiB.
const OBJECT_LIMIT: usize = 3 << 19;

/// Standard base64 as Go reads it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

pub(super) fn check(object: &Object) -> Result<(), Fault> {
    let bag = object.api_version == "v1" && matches!(object.kind.as_str(), "ConfigMap" | "Secret");
    let immutable = object.value.get("immutable");
    if bag && immutable.is_some_and(|value| !value.is_boolean() && !value.is_null()) {
        return Err(Fault::invalid(&["immutable"], "is neither true nor false"));
    }
    let size = match (object.api_version.as_str(), object.kind.as_str()) {
        ("v1", "ConfigMap") => config_map(object)?,
        ("v1", "Secret") => secret(object)?,
        _ => 0,
    };
    if size > BAG_LIMIT {
        let reason = format!(
            "holds {size} bytes, more than the 1 MiB that a cluster takes; split the {} into several",
            object.kind
        );
        let field = if object.value.get("data").is_some() {
            "data"
        } else {
            "binaryData"
        };
        return Err(Fault::invalid(&[field], reason));
    }
    let size = content(&object.value);
    if size > OBJECT_LIMIT {
        let reason = format!(
            "has {size} bytes in all, more than the 1.5 MiB that a cluster stores as one object"
        );
        return Err(Fault::invalid(&[], reason));
    }
    Ok(())
}

/// Bytes of its data.
fn config_map(object: &Object) -> Result<usize, Fault> {
    let mut size = 0;
    let data = map_at(object, &["data"])?;
    let binary = map_at(object, &["binaryData"])?;
    if let Some(data) = data {
        for pair in texts(data, &["data"]) {
            let (key, text) = pair?;
            bag_key("data", key)?;
            size += text.len();
        }
    }
    if let Some(binary) = binary {
        if let Some(key) = binary
            .keys()
            .find(|key| data.is_some_and(|data| data.contains_key(*key)))
        {
            return Err(Fault::invalid(
                &["binaryData", key],
                "is in data as well; keep one of them",
            ));
        }
        size += encoded(binary, "binaryData", |_| true)?;
    }
    Ok(size)
}

/// Bytes of its data; what `stringData` says replaces `data`.
fn secret(object: &Object) -> Result<usize, Fault> {
    let mut size = 0;
    let plain = map_at(object, &["stringData"])?;
    if let Some(plain) = plain {
        for pair in texts(plain, &["stringData"]) {
            let (key, text) = pair?;
            bag_key("stringData", key)?;
            size += text.len();
        }
    }
    if let Some(data) = map_at(object, &["data"])? {
        size += encoded(data, "data", |key| {
            !plain.is_some_and(|plain| plain.contains_key(key))
        })?;
    }
    Ok(size)
}

/// Bytes of what stands in base64, of the keys that count.
fn encoded(
    map: &Map<String, Value>,
    field: &str,
    counts: impl Fn(&str) -> bool,
) -> Result<usize, Fault> {
    let mut size = 0;
    for pair in texts(map, &[field]) {
        let (key, text) = pair?;
        bag_key(field, key)?;
        let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let bytes = BASE64.decode(text).map_err(|_| {
            Fault::invalid(
                &[field, key],
                "is not base64; encode it, or use data or stringData for plain text",
            )
        })?;
        size += if counts(key) { bytes.len() } else { 0 };
    }
    Ok(size)
}

fn bag_key(field: &str, key: &str) -> Result<(), Fault> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=253).contains(&key.len())
        && key.bytes().all(allowed)
        && key != "."
        && !key.starts_with("..")
    {
        return Ok(());
    }
    Err(Fault::invalid(
        &[field, key],
        "is no key that is taken: expected at most 253 letters, digits, '-', '_' and '.', and neither '.' nor '..' in front",
    ))
}

/// Bytes of all texts and keys: what no encoding makes smaller.
fn content(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(content).sum(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| key.len() + content(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}
