/*!
Whom to believe about releases, and where signatures are to be found: by the operator's word, and by the payload's own.
*/

use std::{collections::BTreeMap, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    openpgp::{Keyring, KeyringError},
    store::{Store, StoreError},
};

/// The key file that is trusted where no other is given and it exists: Red Hat's, as RHEL installs it.
pub const DEFAULT_KEY_FILE: &str = "/etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release";

/// Whom the operator trusts, and where they say signatures are.
#[derive(Debug, Clone, Default)]
pub struct OperatorTrust {
    /// Keyrings and the files they came from. A valid signature by any key of any of them decides.
    pub keyrings: Vec<(PathBuf, Keyring)>,
    /// `--signature-store`, in the order given.
    pub stores: Vec<Store>,
    /// `--no-payload-stores`: what a payload names is not asked.
    pub no_payload_stores: bool,
}

impl OperatorTrust {
    /// Reads the key files, or [`DEFAULT_KEY_FILE`] where none is given and that exists. Without either there are no keyrings.
    pub fn read(
        files: &[PathBuf],
        stores: Vec<Store>,
        no_payload_stores: bool,
    ) -> Result<Self, TrustError> {
        let fallback = [PathBuf::from(DEFAULT_KEY_FILE)];
        let files = match files {
            [] if fallback[0].exists() => &fallback,
            files => files,
        };
        let read = |file: &PathBuf| match Keyring::read(file) {
            Ok(keyring) => Ok((file.clone(), keyring)),
            Err(source) => Err(TrustError::KeyFile {
                path: file.clone(),
                source,
            }),
        };
        let keyrings = files.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            keyrings,
            stores,
            no_payload_stores,
        })
    }
}

/// Whom the payload says to trust, and where it says signatures are.
#[derive(Debug, Clone)]
pub struct PayloadTrust {
    /// Each `verifier-public-key-…` and its keyring, sorted by name. Each needs a valid signature by one of its keys.
    pub keyrings: Vec<(String, Keyring)>,
    /// Each `store-…` and its address, sorted by name.
    pub stores: Vec<(String, Store)>,
}

/// The annotation that makes a ConfigMap of a payload its verification ConfigMap. Its value does not matter.
pub const VERIFICATION_ANNOTATION: &str = "release.openshift.io/verification-config-map";

/// The most entries of a verification ConfigMap, since each store is asked: clusters take 32 stores, real ones name two.
const ENTRIES_LIMIT: usize = 64;

impl PayloadTrust {
    /// Whether this manifest of a payload is the one that [`PayloadTrust::from_config_map`] reads: a ConfigMap with the
    /// [`VERIFICATION_ANNOTATION`]. The first one in the order of file names counts.
    pub fn is_config_map(object: &Value) -> bool {
        let annotations = &object["metadata"]["annotations"];
        object["apiVersion"] == "v1"
            && object["kind"] == "ConfigMap"
            && annotations.get(VERIFICATION_ANNOTATION).is_some()
    }

    /// Reads a verification ConfigMap: `verifier-public-key-*` and `store-*` of `data` and `binaryData`, at least one of each.
    /// Other keys are left out with a warning.
    pub fn from_config_map(object: &Value) -> Result<Self, TrustError> {
        if !Self::is_config_map(object) {
            return Err(TrustError::NoConfigMap);
        }
        let (mut keyrings, mut stores) = (BTreeMap::new(), BTreeMap::new());
        let entries = entries(object)?;
        if entries.len() > ENTRIES_LIMIT {
            return Err(TrustError::TooMany(entries.len()));
        }
        for (name, value) in entries {
            if !is_key(&name) {
                tracing::warn!(
                    "{name:?} of the payload's verification ConfigMap is no valid key and left out"
                );
            } else if name.starts_with("verifier-public-key-") {
                let keyring = Keyring::from_bytes(&value).map_err(|source| TrustError::Key {
                    name: name.clone(),
                    source,
                })?;
                keyrings.insert(name, keyring);
            } else if name.starts_with("store-") {
                let address = String::from_utf8_lossy(&value);
                let store = address.trim().parse().map_err(|source| TrustError::Store {
                    name: name.clone(),
                    source,
                })?;
                stores.insert(name, store);
            } else {
                tracing::warn!(
                    "{name} of the payload's verification ConfigMap is not understood and left out"
                );
            }
        }
        if keyrings.is_empty() {
            return Err(TrustError::NoKeys);
        }
        if stores.is_empty() {
            return Err(TrustError::NoStores);
        }
        Ok(Self {
            keyrings: keyrings.into_iter().collect(),
            stores: stores.into_iter().collect(),
        })
    }
}

/// Names of entries as Kubernetes allows them; others could not stand in messages as they are.
fn is_key(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    name.len() <= 253 && name.bytes().all(allowed)
}

/// Text and binary entries alike, as bytes.
fn entries(object: &Value) -> Result<Vec<(String, Vec<u8>)>, TrustError> {
    let none = Map::new();
    let map = |field: &str| object[field].as_object().unwrap_or(&none).clone();
    let mut entries = Vec::new();
    for (name, value) in map("data") {
        let text = value.as_str().ok_or(TrustError::Value(name.clone()))?;
        entries.push((name, text.as_bytes().to_vec()));
    }
    for (name, value) in map("binaryData") {
        let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.ok_or(TrustError::Value(name.clone()))?;
        entries.push((name, bytes));
    }
    Ok(entries)
}

/// Why keys or stores cannot be used. The operator's to mend, or the payload is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A key of the payload's.
    #[error("{name} of the payload's verification ConfigMap: {source}")]
    Key {
        /// The entry.
        name: String,
        /// What is wrong with it.
        source: KeyringError,
    },
    /// A key file of the operator's.
    #[error("{path}: {source}", path = path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyringError,
    },
    /// Something else.
    #[error(
        "not a verification ConfigMap: expected a ConfigMap with the annotation {VERIFICATION_ANNOTATION}"
    )]
    NoConfigMap,
    /// Clusters would refuse that.
    #[error(
        "the payload's verification ConfigMap has no verifier-public-key-… entry; the payload is not fit for clusters"
    )]
    NoKeys,
    /// Clusters would refuse that too.
    #[error(
        "the payload's verification ConfigMap has no store-… entry; the payload is not fit for clusters"
    )]
    NoStores,
    /// A store of the payload's.
    #[error("{name} of the payload's verification ConfigMap: {source}")]
    Store {
        /// The entry.
        name: String,
        /// What is wrong with it.
        source: StoreError,
    },
    /// A payload that would have half the world asked.
    #[error(
        "the payload's verification ConfigMap has {0} entries, more than {ENTRIES_LIMIT}; the payload is not fit for clusters"
    )]
    TooMany(usize),
    /// No text, or no base64.
    #[error(
        "{0:?} of the payload's verification ConfigMap is not text, or not base64 in binaryData"
    )]
    Value(String),
}
