/*!
The values that `kubectl` would send, from JSON or from what another reader makes of YAML.

Keys become strings by the *meaning* of the key, an integral float becomes an integer. A repeated key is an error here, and so is
a number that readers would round.
*/

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

/// A JSON value, read as described above: for what stands in a file of another kind, a patch for example.
#[derive(Debug, Clone, PartialEq)]
pub struct Strict(pub Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can hold")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        whole(value)
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Value, E> {
        whole(value)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Value, E> {
        whole(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        from_float(value).ok_or_else(|| match value {
            0.0 => E::custom("a negative zero, which readers keep or drop; write 0"),
            _ => E::invalid_value(Unexpected::Float(value), &self),
        })
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        let text = std::str::from_utf8(value)
            .map_err(|_| E::invalid_value(Unexpected::Bytes(value), &self))?;
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Key(key)) = access.next_key()? {
            let Strict(value) = access.next_value()?;
            match map.entry(key) {
                Entry::Vacant(entry) => entry.insert(value),
                Entry::Occupied(entry) => {
                    return Err(A::Error::custom(format!(
                        "the key {:?} is there twice; keep one of them",
                        entry.key()
                    )));
                }
            };
        }
        Ok(Value::Object(map))
    }
}

/// A float as `kubectl` sends it: integral ones that fit are integers. None for a negative zero, and what is not finite.
pub fn from_float(value: f64) -> Option<Value> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if value == 0.0 && value.is_sign_negative() {
        return None;
    }
    if value.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&value) {
        return Some((value as i64).into());
    }
    Number::from_f64(value).map(Value::Number)
}

fn whole<E: Error, N: TryInto<i64> + Copy + fmt::Display>(value: N) -> Result<Value, E> {
    value.try_into().map(Value::from).map_err(|_| {
        E::custom(format!(
            "{value} is beyond what readers can hold exactly (64 bits); put it in quotes"
        ))
    })
}

/// The key of a mapping, by meaning.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(ValueVisitor)? {
            Value::String(text) => Ok(Self(text)),
            Value::Bool(value) => Ok(Self(value.to_string())),
            Value::Number(number) if number.is_i64() => Ok(Self(number.to_string())),
            other => Err(D::Error::custom(format!(
                "{other} cannot be a key; put it in quotes"
            ))),
        }
    }
}
