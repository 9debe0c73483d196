/*!
The entries of an index, as tools really write them.

The image-index spec wants a platform with words in it, or none. What is found besides is an empty architecture, `{}`,
`unknown/unknown` for attestations, a list: none of it names a machine, and none of it is a reason to refuse an image. An
entry may also be a blob, as in the caches that BuildKit exports.
*/

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::ManifestError;
use crate::{MediaType, Platform};

/// A descriptor in an index.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    #[serde(default)]
    media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default)]
    platform: Loose<Words>,
}

impl Entry {
    /// Its type, where that is a manifest type we know.
    pub(super) fn media_type(&self) -> Result<Option<MediaType>, ManifestError> {
        MediaType::written(&self.media_type)
    }

    /// Whether it is a layer, a config or another blob. What is called a manifest or an index, of whatever kind, is asked
    /// for as one, and so is what is called nothing.
    pub(super) fn is_blob(&self) -> bool {
        let kind = self.media_type.to_ascii_lowercase();
        !kind.is_empty() && !kind.contains("manifest") && !kind.contains("index")
    }

    /// The machine, where words say which.
    pub(super) fn platform(&self) -> Option<Platform> {
        let Words {
            os,
            architecture,
            variant,
        } = self.platform.0.as_ref()?;
        let (os, architecture) = (os.0.as_deref()?, architecture.0.as_deref()?);
        if os == "unknown" || architecture == "unknown" {
            return None;
        }
        let variant = variant.0.as_deref().filter(|variant| !variant.is_empty());
        let parts: Vec<&str> = [os, architecture].into_iter().chain(variant).collect();
        // A slash inside one of them would be read as two.
        if parts.iter().any(|part| part.contains('/')) {
            return None;
        }
        parts.join("/").parse().ok()
    }
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    os: Loose<String>,
    #[serde(default)]
    architecture: Loose<String>,
    #[serde(default)]
    variant: Loose<String>,
}

/// A value, if it is of the kind that belongs there; another kind is passed over without being held.
struct Loose<T>(Option<T>);

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de> Deserialize<'de> for Loose<String> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Reader for Text {
            type Value = String;

            fn text(text: &str) -> Option<String> {
                Some(text.to_owned())
            }
        }

        deserializer.deserialize_any(Any(PhantomData::<Text>))
    }
}

impl<'de> Deserialize<'de> for Loose<Words> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl Reader for Object {
            type Value = Words;

            fn object<'de, A: MapAccess<'de>>(map: A) -> Result<Option<Words>, A::Error> {
                Words::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
            }
        }

        deserializer.deserialize_any(Any(PhantomData::<Object>))
    }
}

/// What is taken; everything else is read to its end and dropped.
trait Reader {
    type Value;

    fn text(_: &str) -> Option<Self::Value> {
        None
    }

    fn object<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self::Value>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

struct Any<R>(PhantomData<R>);

impl<'de, R: Reader> Visitor<'de> for Any<R> {
    type Value = Loose<R::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose(R::text(text)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        R::object(map).map(Loose)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Loose(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Result<Option<String>, serde_json::Error> {
        let entry: Entry =
            serde_json::from_str(&format!(r#"{{"digest":"x","size":1,"platform":{text}}}"#))?;
        Ok(entry.platform().map(|platform| platform.to_string()))
    }

    #[test]
    fn only_words_that_name_a_machine_are_a_platform() -> Result<(), serde_json::Error> {
        for (text, expected) in [
            (r#"{"os":"linux","architecture":"arm64"}"#, "linux/arm64"),
            (
                r#"{"os":"linux","architecture":"arm","variant":"v7","os.features":["x"]}"#,
                "linux/arm/v7",
            ),
            (
                r#"{"os":"linux","architecture":"amd64","variant":""}"#,
                "linux/amd64",
            ),
            (
                r#"{"os":"linux","architecture":"amd64","variant":3}"#,
                "linux/amd64",
            ),
        ] {
            assert_eq!(platform(text)?.as_deref(), Some(expected), "{text}");
        }
        for text in [
            "null",
            "{}",
            "[]",
            "3",
            "-1.5",
            "true",
            r#""linux/amd64""#,
            r#"{"os":"linux"}"#,
            r#"{"architecture":"amd64"}"#,
            r#"{"os":"linux","architecture":""}"#,
            r#"{"os":"","architecture":""}"#,
            r#"{"os":"unknown","architecture":"unknown"}"#,
            r#"{"os":"linux","architecture":"unknown"}"#,
            r#"{"os":"linux","architecture":"amd64/evil"}"#,
            r#"{"os":"linux","architecture":"amd\u001b[2J"}"#,
            r#"{"os":"linux","architecture":"amd64","variant":"v 7"}"#,
            r#"{"os":["linux"],"architecture":{"a":[1,{"b":null}]}}"#,
            r#"{"os":"linux\n","architecture":"amd64"}"#,
        ] {
            assert_eq!(platform(text)?, None, "{text}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_manifest_by_its_type_is_a_blob() -> Result<(), serde_json::Error> {
        for (kind, blob) in [
            ("application/vnd.oci.image.layer.v1.tar+gzip", true),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", true),
            ("application/vnd.oci.image.config.v1+json", true),
            ("application/vnd.buildkit.cacheconfig.v0", true),
            ("application/vnd.oci.image.manifest.v1+json", false),
            ("application/vnd.oci.image.index.v1+json", false),
            (
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                false,
            ),
            ("", false),
        ] {
            let entry: Entry = serde_json::from_str(&format!(
                r#"{{"digest":"x","size":1,"mediaType":"{kind}"}}"#
            ))?;
            assert_eq!(entry.is_blob(), blob, "{kind}");
        }
        Ok(())
    }
}
