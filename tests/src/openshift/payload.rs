/*!
The payload: the files of the release image's top layer, as `oc adm release new` writes them.

`release-manifests/image-references` names every component by digest, `release-metadata` the versions this one can
follow, and one of the manifests is the ConfigMap from which a cluster takes the keys and stores for its next update.
*/

use std::collections::BTreeMap;

use schema::Digest;
use serde_json::{Value, json};

use super::{Oddity, ReleaseSpec};

const DIRECTORY: &str = "release-manifests";

/// All files in the order of the tar, the directory first, as paths and contents.
pub(super) fn files(
    spec: &ReleaseSpec,
    components: &BTreeMap<String, Digest>,
) -> Vec<(String, String)> {
    let mut files = vec![(format!("{DIRECTORY}/"), String::new())];
    let mut add = |name: &str, text: String| files.push((format!("{DIRECTORY}/{name}"), text));
    if !spec.is(&Oddity::NoReferences) {
        add("image-references", references(spec, components));
    }
    if !spec.is(&Oddity::NoMetadata) {
        add("release-metadata", pretty(&metadata(spec)));
    }
    for name in components.keys() {
        add(
            &format!("0000_50_{name}_00_namespace.yaml"),
            namespace(name),
        );
    }
    if !spec.is(&Oddity::NoVerification) {
        let name = "0000_90_cluster-update-keys_configmap.yaml";
        add(name, verification(spec));
    }
    files
}

/// The lower layer of [`Oddity::StaleBelow`].
pub(super) fn stale() -> [(&'static str, String); 1] {
    let text = pretty(&stream("0.0.1", &json!({}), &[]));
    [("release-manifests/image-references", text)]
}

/// The tag of a component that is referenced by tag.
pub(super) fn component_tag(spec: &ReleaseSpec, name: &str) -> String {
    format!("{}-{name}", spec.version)
}

/// The commit that a component claims to be built from.
pub(super) fn commit(name: &str) -> String {
    Digest::of(name.as_bytes()).hex().chars().take(40).collect()
}

fn references(spec: &ReleaseSpec, components: &BTreeMap<String, Digest>) -> String {
    let tags: Vec<Value> = components
        .iter()
        .map(|(name, digest)| tag(spec, name, digest))
        .collect();
    let mut annotations = json!({
        "release.openshift.io/from-image-stream": format!("ocp/{}-art-latest", spec.version),
    });
    if spec.is_multi() {
        annotations["release.openshift.io/architecture"] = json!("multi");
    }
    for oddity in &spec.oddities {
        if let Oddity::HugeReferences(length) = oddity {
            annotations["example.com/padding"] = json!("x".repeat(*length));
        }
    }
    let mut text = pretty(&stream(&spec.version, &annotations, &tags));
    if spec.is(&Oddity::MalformedReferences) {
        text.truncate(text.len() / 2);
    }
    text
}

fn stream(version: &str, annotations: &Value, tags: &[Value]) -> Value {
    json!({
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {
            "name": version,
            "creationTimestamp": "2024-01-01T00:00:00Z",
            "annotations": annotations,
        },
        "spec": {"lookupPolicy": {"local": false}, "tags": tags},
        "status": {"dockerImageRepository": ""},
    })
}

fn tag(spec: &ReleaseSpec, name: &str, digest: &Digest) -> Value {
    let repository = format!("{}/{}", spec.host, spec.component_repository);
    let from = if spec.is(&Oddity::OtherKind(name.to_owned())) {
        json!({"kind": "ImageStreamImage", "name": format!("{name}@{digest}")})
    } else if spec.is(&Oddity::ByTag(name.to_owned())) {
        json!({"kind": "DockerImage", "name": format!("{repository}:{}", component_tag(spec, name))})
    } else {
        json!({"kind": "DockerImage", "name": format!("{repository}@{digest}")})
    };
    json!({
        "name": name,
        "annotations": {
            "io.openshift.build.commit.id": commit(name),
            "io.openshift.build.commit.ref": "",
            "io.openshift.build.source-location": format!("https://github.com/openshift/{name}"),
        },
        "from": from,
        "generation": 2,
        "importPolicy": {},
        "referencePolicy": {"type": "Source"},
    })
}

fn metadata(spec: &ReleaseSpec) -> Value {
    let mut metadata = json!({
        "url": "https://access.redhat.com/errata/RHBA-2024:0001",
        "description": "",
    });
    if spec.is_multi() {
        metadata["release.openshift.io/architecture"] = json!("multi");
    }
    json!({
        "kind": "cincinnati-metadata-v0",
        "version": spec.version,
        "previous": spec.previous,
        "metadata": metadata,
    })
}

fn namespace(component: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: openshift-{component}\n  annotations:\n    \
         include.release.openshift.io/self-managed-high-availability: \"true\"\n"
    )
}

/// Keys and stores, in the words and the order of the real one (cluster-update-keys).
fn verification(spec: &ReleaseSpec) -> String {
    let mut text =
        "# Release verification against throw-away keys\napiVersion: v1\ndata:\n".to_owned();
    for (name, url) in &spec.stores {
        text += &format!("  store-{name}: {url}\n");
    }
    for (name, armored) in &spec.keys {
        text += &format!("  verifier-public-key-{name}: |\n");
        for line in armored.lines() {
            text += &format!("    {line}\n");
        }
    }
    text += "kind: ConfigMap\nmetadata:\n  annotations:\n    \
             include.release.openshift.io/self-managed-high-availability: \"true\"\n    \
             release.openshift.io/verification-config-map: \"\"\n  creationTimestamp: null\n  \
             name: release-verification\n  namespace: openshift-config-managed\n";
    text
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
