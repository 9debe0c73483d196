/*!
What a release signature says: the JSON inside it, read strictly.

The format is containers-signature(5), "atomic container signature". It is read as the cluster-version operator reads it
(unknown fields refused, the reference present but never matched) and stricter in what nobody writes: names in another
case, the same field twice.
*/

use schema::{
    Digest,
    text::{excerpt, is_hidden},
};
use serde::Deserialize;

/// A claim about a manifest. Worth as much as the signature it came out of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The manifest it is about.
    pub digest: Digest,
    /// The name it was signed under, such as `quay.io/openshift-release-dev/ocp-release:4.15.0-x86_64`: printable, at most
    /// 1024 bytes, never empty. It says what the signer called the image, not where it has to come from.
    pub reference: String,
}

impl Claim {
    /// Reads the signed body; the caller compares the digest.
    pub fn parse(body: &[u8]) -> Result<Self, ClaimError> {
        let document: Document =
            serde_json::from_slice(body).map_err(|error| ClaimError::Malformed(words(&error)))?;
        let critical = document.critical;
        if critical.kind != KIND {
            return Err(ClaimError::Type(shown(&critical.kind)));
        }
        let digest = &critical.image.docker_manifest_digest;
        let digest = digest
            .parse()
            .map_err(|_| ClaimError::Digest(shown(digest)))?;
        let reference = critical.identity.docker_reference;
        if reference.is_empty() {
            return Err(ClaimError::NoReference);
        }
        if reference.len() > REFERENCE_LIMIT || reference.chars().any(is_hidden) {
            return Err(ClaimError::Reference(shown(&reference)));
        }
        Ok(Self { digest, reference })
    }
}

const KIND: &str = "atomic container signature";
const REFERENCE_LIMIT: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    critical: Critical,
    #[serde(rename = "optional", default)]
    _optional: Option<Optional>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
    identity: Identity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Identity {
    docker_reference: String,
}

/// Who signed with what, and when, as they say: checked for form, used for nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Optional {
    #[serde(rename = "creator", default)]
    _creator: Option<String>,
    #[serde(rename = "timestamp", default)]
    _timestamp: Option<i64>,
}

/// The parser quotes names from the body, which may hold anything.
fn words(error: &serde_json::Error) -> String {
    excerpt(&error.to_string(), 200)
}

/// Enough of a text from elsewhere to recognise it.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Why a signed body is no claim about an image. The signer's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Not a sha256 digest.
    #[error("what it signs is {0:?}, and a sha256 digest was expected")]
    Digest(String),
    /// Made for another purpose.
    #[error("it is a signature of type {0:?}, and \"atomic container signature\" was expected")]
    Type(String),
    /// Not the JSON that it must be.
    #[error("what it signs is not the JSON of a container signature ({0})")]
    Malformed(String),
    /// Signed under no name.
    #[error("it names no image (critical.identity.docker-reference is empty)")]
    NoReference,
    /// Not a name.
    #[error("the name it signs, {0:?}…, is too long or has control characters")]
    Reference(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"critical":{"type":"atomic container signature","image":{"docker-manifest-digest":"sha256:0da6316466d60a3a4535d5fed3589feb0391989982fba59d47d4c729912d6363"},"identity":{"docker-reference":"quay.io/openshift-release-dev/ocp-release:4.15.0-x86_64"}},"optional":{"creator":"x","timestamp":1555620000}}"#;

    #[test]
    fn a_claim_names_digest_and_reference() -> Result<(), Box<dyn std::error::Error>> {
        let claim = Claim::parse(GOOD.as_bytes())?;
        assert_eq!(claim.digest.to_string().split_at(10).0, "sha256:0da");
        assert!(claim.reference.ends_with("ocp-release:4.15.0-x86_64"));
        for optional in ["", r#","optional":{}"#, r#","optional":null"#] {
            let end = GOOD.find(r#","optional""#).ok_or("no optional")?;
            let text = format!("{}{optional}}}\n", &GOOD[..end]);
            assert_eq!(Claim::parse(text.as_bytes())?, claim, "{text}");
        }
        Ok(())
    }

    #[test]
    fn whatever_else_is_refused() {
        let changed = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            Claim::parse(GOOD.replacen(from, to, 1).as_bytes())
        };
        let malformed = [
            ("\"optional\"", "\"other\""),
            ("\"creator\"", "\"author\""),
            ("\"creator\":\"x\"", "\"creator\":1"),
            ("1555620000", "\"1555620000\""),
            ("1555620000", "1.5"),
            ("\"type\":", "\"Type\":"),
            ("\"type\":", "\"type\":\"x\",\"type\":"),
            ("\"identity\":", "\"extra\":{},\"identity\":"),
            ("\"image\":{", "\"image\":{\"size\":1,"),
            ("{\"critical\"", "[{\"critical\""),
        ];
        for (from, to) in malformed {
            let found = changed(from, to);
            assert!(
                matches!(found, Err(ClaimError::Malformed(_))),
                "{to}: {found:?}"
            );
        }
        for trailing in ["{}", "x", "\0"] {
            let found = Claim::parse(format!("{GOOD}{trailing}").as_bytes());
            assert!(
                matches!(found, Err(ClaimError::Malformed(_))),
                "{trailing:?}"
            );
        }
        assert!(matches!(
            changed("atomic", "Atomic"),
            Err(ClaimError::Type(_))
        ));
        assert!(matches!(
            changed("sha256:0", "sha512:0"),
            Err(ClaimError::Digest(_))
        ));
        assert!(matches!(
            changed("sha256:0d", "sha256:0D"),
            Err(ClaimError::Digest(_))
        ));
        assert!(matches!(
            changed("quay.io", "quay\\u001b.io"),
            Err(ClaimError::Reference(_))
        ));
        let nameless = changed(
            "quay.io/openshift-release-dev/ocp-release:4.15.0-x86_64",
            "",
        );
        assert_eq!(nameless, Err(ClaimError::NoReference));
        assert!(matches!(Claim::parse(b""), Err(ClaimError::Malformed(_))));
    }
}
