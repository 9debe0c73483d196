/*!
JSON that two readers could read differently: manifests, indexes, layouts and image configs.

Programs in Go match the fields of these documents without regard to case and let the last of several win; others see two fields, or the first. A list of
`Layers` beside `layers` would be checked here and ignored by what runs the image. Such documents are refused; keys that nobody knows
(annotations, labels, extensions) may be spelled as anybody likes.
*/

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{json::Strict, spelling};

/// What is known of a document.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// An image manifest or index, or the `index.json` of a layout (image-spec, "Image Manifest", "Image Index").
    Manifest,
    /// The config of an image (image-spec, "Image Configuration"), with what Docker adds.
    ImageConfig,
}

/// Why a document can be read in two ways; none where it cannot, or where it is no JSON at all.
pub fn differ(bytes: &[u8], shape: Shape) -> Option<String> {
    serde_json::from_slice::<IgnoredAny>(bytes).ok()?;
    match serde_json::from_slice::<Strict>(bytes) {
        Err(error) => Some(error.to_string()),
        Ok(Strict(value)) => misspelt(&value, shape.known()).map(|(key, known)| {
            format!("the key {key:?} is {known:?} for readers without regard to case, and unknown to the rest")
        }),
    }
}

impl Shape {
    fn known(self) -> &'static Known {
        match self {
            Self::Manifest => &MANIFEST,
            Self::ImageConfig => &IMAGE_CONFIG,
        }
    }
}

/// The keys of an object, and what is known of the objects (or lists of them) below.
struct Known {
    keys: &'static [&'static str],
    below: &'static [(&'static str, &'static Known)],
}

const MANIFEST: Known = Known {
    keys: &[
        "annotations",
        "artifactType",
        "blobs",
        "config",
        "fsLayers",
        "layers",
        "manifests",
        "mediaType",
        "schemaVersion",
        "subject",
    ],
    below: &[
        ("blobs", &DESCRIPTOR),
        ("config", &DESCRIPTOR),
        ("layers", &DESCRIPTOR),
        ("manifests", &DESCRIPTOR),
        ("subject", &DESCRIPTOR),
    ],
};

const DESCRIPTOR: Known = Known {
    keys: &[
        "annotations",
        "artifactType",
        "data",
        "digest",
        "mediaType",
        "platform",
        "size",
        "urls",
    ],
    below: &[("platform", &PLATFORM)],
};

const PLATFORM: Known = Known {
    keys: &[
        "architecture",
        "features",
        "os",
        "os.features",
        "os.version",
        "variant",
    ],
    below: &[],
};

const IMAGE_CONFIG: Known = Known {
    keys: &[
        "architecture",
        "author",
        "config",
        "created",
        "history",
        "os",
        "os.features",
        "os.version",
        "rootfs",
        "variant",
    ],
    below: &[
        ("config", &EXECUTION),
        ("history", &HISTORY),
        ("rootfs", &ROOTFS),
    ],
};

const EXECUTION: Known = Known {
    keys: &[
        "ArgsEscaped",
        "Cmd",
        "Entrypoint",
        "Env",
        "ExposedPorts",
        "Healthcheck",
        "Labels",
        "OnBuild",
        "Shell",
        "StopSignal",
        "User",
        "Volumes",
        "WorkingDir",
    ],
    below: &[("Healthcheck", &HEALTHCHECK)],
};

const HEALTHCHECK: Known = Known {
    keys: &[
        "Interval",
        "Retries",
        "StartInterval",
        "StartPeriod",
        "Test",
        "Timeout",
    ],
    below: &[],
};

const HISTORY: Known = Known {
    keys: &["author", "comment", "created", "created_by", "empty_layer"],
    below: &[],
};

const ROOTFS: Known = Known {
    keys: &["diff_ids", "type"],
    below: &[],
};

fn misspelt(value: &Value, known: &Known) -> Option<(String, &'static str)> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| misspelt(item, known)),
        Value::Object(map) => {
            let here = spelling::nearly(map.keys(), known.keys);
            here.map(|(key, known)| (key.to_owned(), known))
                .or_else(|| {
                    let mut below = known.below.iter();
                    below.find_map(|(key, known)| misspelt(map.get(*key)?, known))
                })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_go_takes_for_known_ones_are_found_at_every_level() {
        let found = |text: &str, shape| differ(text.as_bytes(), shape).unwrap_or_default();
        for (text, key) in [
            (r#"{"layers":[],"Layers":[]}"#, "Layers"),
            (r#"{"manifestS":[]}"#, "manifestS"),
            (r#"{"layer\u017f":[]}"#, "layerſ"),
            (r#"{"config":{"Digest":""}}"#, "Digest"),
            (r#"{"manifests":[{},{"platform":{"OS":"linux"}}]}"#, "OS"),
            (r#"{"subject":{"URLs":[]}}"#, "URLs"),
        ] {
            let found = found(text, Shape::Manifest);
            assert!(
                found.starts_with(&format!("the key {key:?} is ")),
                "{text}: {found}"
            );
        }
        for text in [
            r#"{"Architecture":"arm64"}"#,
            r#"{"config":{"cmd":[]}}"#,
            r#"{"config":{"Healthcheck":{"Test":[],"test":[]}}}"#,
            r#"{"rootfs":{"Diff_IDs":[]}}"#,
            r#"{"history":[{"Created":""}]}"#,
        ] {
            assert!(
                found(text, Shape::ImageConfig).contains("without regard to case"),
                "{text}"
            );
        }
        for (text, shape) in [
            (r#"{"size":1,"size":2}"#, Shape::Manifest),
            (r#"{"annotations":{"a":"1","a":"2"}}"#, Shape::Manifest),
            (
                r#"{"config":{"Labels":{"a":"1","a":"2"}}}"#,
                Shape::ImageConfig,
            ),
        ] {
            assert!(found(text, shape).contains("is there twice"), "{text}");
        }
    }

    #[test]
    fn keys_of_others_may_be_spelled_as_they_like() {
        for text in [
            r#"{"annotations":{"Kind":"a","kind":"b"},"layers":[{"annotations":{"Size":""}}]}"#,
            r#"{"config":{"Labels":{"A":"","a":""}},"container_config":{"cmd":[]}}"#,
            "no JSON",
        ] {
            for shape in [Shape::Manifest, Shape::ImageConfig] {
                if !text.contains("container") || matches!(shape, Shape::ImageConfig) {
                    assert_eq!(differ(text.as_bytes(), shape), None, "{text}");
                }
            }
        }
    }
}
