/*!
The ConfigMap that brings the signatures of a release to a cluster: what the cluster-version operator looks for before it
asks any store (library-go, `verify/store/configmap`), and what `oc adm release mirror` writes.
*/

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schema::Digest;
use serde_json::{Value, json};

use crate::{
    Error,
    config::{ConfigError, ConfigFile},
};

/// The namespace in which clusters look.
pub const NAMESPACE: &str = "openshift-config-managed";

/// The label by which clusters find it, whatever its value.
const LABEL: &str = "release.openshift.io/verification-signatures";

/// The file for `config/`: `signature/sha256/<first 16 hex digits>.yaml`, with the signatures numbered from 1.
pub fn file(digest: &Digest, signatures: &[Vec<u8>]) -> Result<ConfigFile, Error> {
    let name = name(digest);
    let data: serde_json::Map<String, Value> = (1..)
        .zip(signatures)
        .map(|(number, signature)| {
            (
                format!("{name}-{number}"),
                STANDARD.encode(signature).into(),
            )
        })
        .collect();
    let object = json!({
        "apiVersion": "v1",
        "binaryData": data,
        "kind": "ConfigMap",
        "metadata": {
            // As the typed client of Go writes an object that no server has seen yet.
            "creationTimestamp": null,
            "labels": {LABEL: ""},
            "name": name,
            "namespace": NAMESPACE,
        },
    });
    let path = format!("signature/sha256/{}.yaml", &digest.hex()[..16]);
    let bytes = serde_yaml::to_string(&object).map_err(|error| Error::Io {
        path: path.as_str().into(),
        source: io::Error::other(error),
    })?;
    let bytes = bytes.into_bytes();
    let objects = manifests::read(&bytes)
        .map_err(|error| ConfigError::Broken(path.as_str().into(), error.into()))?;
    let path = path
        .parse()
        .map_err(|_| ConfigError::Name(path.as_str().into()))?;
    Ok(ConfigFile {
        path,
        bytes,
        objects,
    })
}

/// `sha256-<hex>`: the name of the object, and what the keys of its signatures begin with.
pub fn name(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

/// The signatures of a digest in an object of whatever name: under every key that begins with `sha256-<hex>`, as the operator reads them.
pub fn signatures(object: &manifests::Object, digest: &Digest) -> Vec<Vec<u8>> {
    let data = object.value.get("binaryData").and_then(Value::as_object);
    let data = data.filter(|_| object.api_version == "v1" && object.kind == "ConfigMap");
    let name = name(digest);
    data.into_iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(&name))
        .filter_map(|(_, text)| STANDARD.decode(text.as_str()?).ok())
        .collect()
}

/// Whether clusters find this object at all.
pub fn is_found(object: &manifests::Object) -> bool {
    object.value["metadata"]["labels"].get(LABEL).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_operator_reads_and_is_read_back() -> Result<(), Box<dyn std::error::Error>> {
        let digest = Digest::of(b"a release");
        let hex = digest.hex();
        let file = file(&digest, &[b"one".to_vec(), b"two".to_vec()])?;
        assert_eq!(
            file.path.as_str(),
            format!("signature/sha256/{}.yaml", &hex[..16])
        );
        let expected = format!(
            "apiVersion: v1\nbinaryData:\n  sha256-{hex}-1: b25l\n  sha256-{hex}-2: dHdv\nkind: ConfigMap\nmetadata:\n  \
             creationTimestamp: null\n  labels:\n    release.openshift.io/verification-signatures: ''\n  name: sha256-{hex}\n  \
             namespace: openshift-config-managed\n"
        );
        assert_eq!(String::from_utf8(file.bytes)?, expected);
        let [object] = file.objects.as_slice() else {
            return Err("not one object".into());
        };
        assert_eq!(
            signatures(object, &digest),
            [b"one".to_vec(), b"two".to_vec()]
        );
        assert!(signatures(object, &Digest::of(b"another")).is_empty());
        Ok(())
    }
}
