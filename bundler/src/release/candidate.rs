/*!
A release image before and after its verification: read, and its digest checked against the signatures that can be found.
*/

use schema::{Digest, Repository, Selector, Tag};

use super::{
    Inputs, configmap,
    payload::{self, Payload},
    verifier::{self, Verdict},
};
use crate::{Error, source::Source};

/// A release image that is not verified yet.
pub(super) struct Candidate {
    pub source: Source,
    pub selector: Selector,
    pub display_ref: String,
    pub repository: Repository,
    /// The tag it has in a source directory, and the version it is labelled with.
    pub found: Option<(Tag, String)>,
}

/// A release image that is verified, or that is taken all the same.
pub(super) struct AcceptedRelease {
    pub candidate: Candidate,
    pub digest: Digest,
    /// None for what counts as plain images.
    pub payload: Option<Payload>,
    pub verdict: Verdict,
}

/// The releases that were named.
pub(super) fn named(inputs: &Inputs<'_>) -> Vec<Candidate> {
    let releases = inputs.releases.iter().cloned();
    releases
        .map(|release| Candidate {
            source: release.source,
            selector: release.selector,
            display_ref: release.display_ref,
            repository: inputs.rules.repository.clone(),
            found: None,
        })
        .collect()
}

impl Candidate {
    /// Reads its payload and looks for signatures. What no trusted key signed is an error, unless that is allowed.
    pub(super) async fn verify(self, inputs: &Inputs<'_>) -> Result<AcceptedRelease, Error> {
        let rules = inputs.rules;
        let top = self.source.manifest(&self.selector).await?;
        let digest = top.digest;
        if let Some((tag, _)) = self.found.as_ref().filter(|_| !rules.keys_given) {
            tracing::warn!(
                "{}:{tag} is an OpenShift release that is taken as plain images, unverified; give --release-key to verify it",
                self.repository
            );
            return Ok(AcceptedRelease {
                candidate: self,
                digest,
                payload: None,
                verdict: Verdict::default(),
            });
        }
        let payload = payload::read(&self.source, &top, &self.display_ref).await?;
        let at_hand = inputs.config.iter().flat_map(|file| {
            let signatures = file
                .objects
                .iter()
                .flat_map(|object| configmap::signatures(object, &digest));
            signatures.map(|signature| (file.path.to_string(), signature))
        });
        let verdict = verifier::verify(
            &digest,
            &rules.trust,
            payload.trust.as_ref(),
            at_hand.collect(),
            inputs.web,
        )
        .await;
        let shown = format!(
            "release {} ({}, {digest})",
            payload.version, self.display_ref
        );
        if let Some(disagreement) = &verdict.cluster {
            tracing::warn!("{shown}: {disagreement}");
        }
        if verdict.is_verified() {
            let signers: Vec<_> = verdict.signers.iter().map(String::as_str).collect();
            tracing::info!("{shown} is signed by {}", signers.join(" and "));
        } else if rules.allow_unverified {
            tracing::warn!(
                "{}; taken all the same (--allow-unverified-release)",
                verdict.refusal(&shown)
            );
        } else {
            return Err(Error::Unverified(verdict.refusal(&shown)));
        }
        Ok(AcceptedRelease {
            candidate: self,
            digest,
            payload: Some(payload),
            verdict,
        })
    }
}
