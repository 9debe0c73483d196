/*! One index, one sequence of bytes: the [canonical] ones. */

use std::fmt;

use serde::{
    Deserializer as _,
    de::{Error as _, MapAccess, Visitor},
};

use crate::{
    bundle::{
        Error,
        index::{FORMAT, Index, memory},
    },
    canonical,
    text::excerpt,
};

pub(crate) fn to_bytes(index: &Index) -> Result<Vec<u8>, Error> {
    canonical::to_bytes(index).map_err(|error| Error::Invalid(error.to_string()))
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Index, Error> {
    let other = |format: &str| Error::Version(excerpt(format, 100));
    // Read alone first, so that another version is named as such and not as an unknown field.
    if let Some(format) = first_field(bytes).filter(|format| format != FORMAT) {
        return Err(other(&format));
    }
    memory::check(bytes)?;
    let index: Index =
        serde_json::from_slice(bytes).map_err(|error| Error::Invalid(error.to_string()))?;
    if index.format != FORMAT {
        return Err(other(&index.format));
    }
    canonical::check(&index, bytes)
        .map_err(|at| Error::Invalid(format!("it is not in canonical form from byte {at} on")))?;
    Ok(index)
}

/// `format`, where it stands first, as it does in canonical form. Nothing after it is looked at.
fn first_field(bytes: &[u8]) -> Option<String> {
    struct First<'a>(&'a mut Option<String>);
    impl<'de> Visitor<'de> for First<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
            if fields.next_key::<String>()?.as_deref() == Some("format") {
                *self.0 = Some(fields.next_value()?);
            }
            Err(A::Error::custom("enough"))
        }
    }
    let mut format = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    // It always ends with an error, if only with our own.
    drop(reader.deserialize_map(First(&mut format)));
    format
}
