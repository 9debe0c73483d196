/*!
The two lists inside a release: `image-references`, which names every image of a cluster version, and `release-metadata`,
which names the versions it can follow.

Shapes as `oc adm release new` writes them. What a cluster would not run is refused: a component that is not named by
digest, or whose name cannot stand in a tag.
*/

use std::collections::HashSet;

use schema::{Digest, Reference};
use serde::Deserialize;

/// The most either file may hold: 4 MiB, ten times what a real one has.
pub const LIMIT: u64 = 4 << 20;

/// `release-manifests/image-references`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReferences {
    /// `metadata.name`.
    pub version: String,
    /// In the order of the file.
    pub components: Vec<Component>,
}

/// An image of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// What the release calls it.
    pub name: String,
    /// Where it is; its digest is always set, its tag never.
    pub reference: Reference,
    /// The digest of that reference.
    pub digest: Digest,
}

impl ImageReferences {
    /// Reads the file; the error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let stream: ImageStream = serde_json::from_slice(bytes)
            .map_err(|error| format!("its image-references are not an ImageStream: {error}"))?;
        if stream.kind != "ImageStream" || stream.api_version != "image.openshift.io/v1" {
            return Err(format!(
                "its image-references are {} {}, expected image.openshift.io/v1 ImageStream",
                stream.api_version, stream.kind
            ));
        }
        let version = version(stream.metadata.name)
            .map_err(|reason| format!("its image-references are for {reason}"))?;
        let (mut components, mut names) = (Vec::new(), HashSet::new());
        for tag in stream.spec.tags {
            // Other kinds point into a cluster's own streams; `oc` leaves them out too.
            let Some(from) = tag.from.filter(|from| from.kind == "DockerImage") else {
                continue;
            };
            let component = component(tag.name, &from.name)?;
            if !names.insert(component.name.clone()) {
                return Err(format!("it names component {:?} twice", component.name));
            }
            components.push(component);
        }
        if components.is_empty() {
            return Err("its image-references name no image".to_owned());
        }
        Ok(Self {
            version,
            components,
        })
    }
}

fn component(name: String, image: &str) -> Result<Component, String> {
    let refused = |reason: &dyn std::fmt::Display| {
        format!(
            "component {name:?} is {image:?}: {reason}; a release must name each image by digest, build it again with `oc adm release new`"
        )
    };
    let reference: Reference = image.parse().map_err(|error| refused(&error))?;
    let digest = match (reference.digest, &reference.tag) {
        (Some(digest), None) => digest,
        (Some(_), Some(_)) => return Err(refused(&"it has a tag besides its digest")),
        (None, _) => return Err(refused(&"it is not named by digest")),
    };
    Ok(Component {
        name,
        reference,
        digest,
    })
}

/// `previous` of `release-manifests/release-metadata`: the versions that can be updated to this one.
pub fn previous(bytes: &[u8]) -> Result<Vec<String>, String> {
    let metadata: Metadata = serde_json::from_slice(bytes)
        .map_err(|error| format!("its release-metadata are not readable: {error}"))?;
    if metadata.kind != "cincinnati-metadata-v0" {
        return Err(format!(
            "its release-metadata are of kind {:?}, expected cincinnati-metadata-v0",
            metadata.kind
        ));
    }
    let previous = metadata.previous.into_iter().map(version);
    previous
        .collect::<Result<_, _>>()
        .map_err(|reason| format!("its release-metadata follow {reason}"))
}

/// At most 128 characters of those that semantic versions are made of (Semantic Versioning 2.0.0, section 9 and 10), and `_`.
pub fn version(text: String) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".+-_".contains(&b);
    let plain = (1..=128).contains(&text.len()) && text.bytes().all(plain);
    match plain {
        true => Ok(text),
        false => Err(format!(
            "{:?}, and a version such as 4.15.12 was expected",
            text.chars().take(128).collect::<String>()
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageStream {
    kind: String,
    api_version: String,
    metadata: Named,
    #[serde(default)]
    spec: Spec,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize, Default)]
struct Spec {
    #[serde(default)]
    tags: Vec<TagReference>,
}

#[derive(Deserialize)]
struct TagReference {
    name: String,
    from: Option<From>,
}

#[derive(Deserialize)]
struct From {
    kind: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Metadata {
    kind: String,
    #[serde(default)]
    previous: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(tags: &str) -> String {
        format!(
            r#"{{"kind":"ImageStream","apiVersion":"image.openshift.io/v1","metadata":{{"name":"4.5.1"}},"spec":{{"tags":[{tags}]}}}}"#
        )
    }

    fn tag(name: &str, kind: &str, image: &str) -> String {
        format!(
            r#"{{"name":"{name}","annotations":{{"x":"y"}},"from":{{"kind":"{kind}","name":"{image}"}},"generation":2}}"#
        )
    }

    #[test]
    fn images_by_digest_are_components_and_other_kinds_are_left_out() -> Result<(), String> {
        let digest = Digest::of(b"a");
        let image = format!("quay.io/a/b@{digest}");
        let tags = [
            tag("thanos", "DockerImage", &image),
            tag("x", "ImageStreamTag", "b:c"),
        ];
        let read = ImageReferences::parse(stream(&tags.join(",")).as_bytes())?;
        assert_eq!(read.version, "4.5.1");
        let names: Vec<_> = read
            .components
            .iter()
            .map(|one| (one.name.as_str(), one.digest))
            .collect();
        assert_eq!(names, [("thanos", digest)]);
        Ok(())
    }

    #[test]
    fn what_no_cluster_would_run_is_refused() {
        let digest = Digest::of(b"a");
        let by_digest = tag("a", "DockerImage", &format!("q.io/a@{digest}"));
        for (text, expected) in [
            ("{}".to_owned(), "not an ImageStream"),
            (
                stream("").replace("/v1", "/v2"),
                "expected image.openshift.io/v1",
            ),
            (stream(""), "name no image"),
            (
                stream(&by_digest).replace("4.5.1", "4\\u001b[2J\\n5"),
                "for \"4\\u{1b}[2J\\n5\", and a version",
            ),
            (stream(&by_digest).replace("4.5.1", ""), "for \"\", and"),
            (
                stream(&by_digest).replace("4.5.1", &"4".repeat(129)),
                "and a version such as",
            ),
            (
                stream(&tag("a", "DockerImage", "q.io/a:v1")),
                "component \"a\" is \"q.io/a:v1\": it is not named by digest",
            ),
            (
                stream(&tag("a", "DockerImage", &format!("q.io/a:v1@{digest}"))),
                "it has a tag besides its digest",
            ),
            (stream(&tag("a", "DockerImage", "")), "component \"a\""),
            (
                stream(&format!("{by_digest},{by_digest}")),
                "component \"a\" twice",
            ),
        ] {
            let reason = ImageReferences::parse(text.as_bytes())
                .err()
                .unwrap_or_default();
            assert!(reason.contains(expected), "{text}: {reason}");
        }
        let other = previous(br#"{"kind":"other"}"#);
        assert!(
            other.is_err_and(|reason| reason.contains("of kind \"other\", expected cincinnati"))
        );
        let odd = previous(br#"{"kind":"cincinnati-metadata-v0","previous":["4.4.1",""]}"#);
        assert!(odd.is_err_and(|reason| reason.contains("follow \"\", and a version")));
        assert_eq!(
            previous(br#"{"kind":"cincinnati-metadata-v0","previous":["4.4.1"]}"#),
            Ok(vec!["4.4.1".to_owned()])
        );
    }
}
