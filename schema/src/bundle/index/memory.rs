/*!
What an index would come to in memory, found out before any of it is kept.

An index of 32 MiB may come from anybody, and a list of the shortest texts takes thirty times its own length once it is parsed.
So it is read once without keeping anything, each value counted at no less than what the [`Index`](crate::bundle::Index) will need for
it, and what is too heavy is refused then. Texts are bounded too: each may stand in an error.
*/

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::bundle::Error;

/// The most that an index may come to: 72 MiB. 150,000 blobs come to 50.
const LIMIT: usize = 72 << 20;

/// The most bytes of one text: as long as the longest path of a file system.
const TEXT_LIMIT: usize = 4096;

/// Of a field with a text in it: the fields of a `String`, a small allocation, and its share of what is empty beside it.
const TEXT: usize = 64;

/// Bytes of a text that are in that already.
const SHORT: usize = 24;

/// More for a text that is an item of a list: the largest of those, a platform, is three texts.
const ITEM: usize = 88;

/// Of an object, besides its fields.
const OBJECT: usize = 72;

/// Refuses an index that is too heavy, and anything that is not JSON.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Error> {
    let weighed = serde_json::from_slice::<Weight>(bytes)
        .and_then(|weight| within(weight.bytes).map_err(serde_json::Error::custom));
    match weighed {
        Ok(()) => Ok(()),
        Err(error) => Err(Error::Invalid(error.to_string())),
    }
}

/// Told as soon as it is known: what comes after it need not be looked at.
fn within(bytes: usize) -> Result<(), String> {
    if bytes > LIMIT {
        return Err(format!(
            "it lists more than fits: it would take more than {} MiB of memory; part it over several bundles",
            LIMIT >> 20
        ));
    }
    Ok(())
}

/// What a value comes to.
struct Weight {
    bytes: usize,
    text: bool,
}

impl Weight {
    fn of(bytes: usize) -> Self {
        Self { bytes, text: false }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Weighing)
    }
}

struct Weighing;

impl<'de> Visitor<'de> for Weighing {
    type Value = Weight;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Weight, E> {
        Ok(Weight::of(0))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Weight, E> {
        Ok(Weight::of(0))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Weight, E> {
        Ok(Weight::of(0))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Weight, E> {
        Ok(Weight::of(0))
    }

    fn visit_unit<E>(self) -> Result<Weight, E> {
        Ok(Weight::of(0))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Weight, E> {
        if text.len() > TEXT_LIMIT {
            return Err(E::custom(format_args!(
                "a text of {} bytes, at most {TEXT_LIMIT} are allowed",
                text.len()
            )));
        }
        Ok(Weight {
            bytes: TEXT + text.len().saturating_sub(SHORT),
            text: true,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Weight, A::Error> {
        let mut bytes = 0;
        while let Some(item) = items.next_element::<Weight>()? {
            bytes += item.bytes + if item.text { ITEM } else { 0 };
            within(bytes).map_err(A::Error::custom)?;
        }
        Ok(Weight::of(bytes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Weight, A::Error> {
        let mut bytes = OBJECT;
        while let Some(name) = fields.next_key::<Name<'de>>()? {
            if name.0.len() > TEXT_LIMIT {
                fields.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom("a field with an endless name"));
            }
            bytes += fields.next_value::<Weight>()?.bytes;
        }
        Ok(Weight::of(bytes))
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{File, Image, Index, ObjectRecord};

    fn refused(text: &str) -> bool {
        check(text.as_bytes()).is_err()
    }

    /// Each of these once took between half a gigabyte and eight.
    #[test]
    fn lists_of_next_to_nothing_and_endless_texts_are_refused() {
        for item in [
            "\"a/b\"",
            "\"a\"",
            "\"\"",
            "{}",
            "{\"path\":\"config/a\",\"kind\":\"\"}",
        ] {
            let one = format!("{{\"images\":[{{\"platforms\":[{item}]}}]}}");
            let count = LIMIT / 64 + 1;
            let many = format!(
                "{{\"images\":[{{\"platforms\":[{item}{}]}}]}}",
                format!(",{item}").repeat(count)
            );
            assert!(!refused(&one) && refused(&many), "{item}");
        }
        let long = "x".repeat(TEXT_LIMIT + 1);
        assert!(refused(&format!("{{\"creator\":\"{long}\"}}")));
        assert!(refused(&format!("{{\"{long}\":1}}")));
        assert!(!refused(&format!("{{\"creator\":\"{}\"}}", &long[1..])));
    }

    /// What is counted is no less than what the types take, so that the limit on the one is a limit on the other.
    #[test]
    fn nothing_is_heavier_than_it_is_counted() {
        let allocated = 32;
        let text = |length: usize| TEXT + length.saturating_sub(SHORT);
        let (digest, path) = (text(71), text(8));
        assert!(size_of::<File>() + allocated <= OBJECT + digest + path);
        assert!(size_of::<ObjectRecord>() + 4 * allocated <= OBJECT + 3 * text(1) + path);
        assert!(size_of::<Image>() + allocated <= OBJECT + digest + 2 * text(1));
        assert!(size_of::<crate::Platform>() + 2 * allocated <= ITEM + text(3));
    }

    #[test]
    fn many_files_fit() -> Result<(), Error> {
        let files = |count: usize| {
            (0..count).map(|number| format!("{{\"path\":\"v2/team/application-{number:06}/blobs/sha256:{0}\",\"size\":1,\"digest\":\"sha256:{0}\"}},", "0".repeat(64)))
        };
        let text = format!("{{\"files\":[{}{{}}]}}", files(150_000).collect::<String>());
        assert!(text.len() > 28 << 20);
        check(text.as_bytes())?;
        drop(Index::parse(text.as_bytes()));
        Ok(())
    }
}
