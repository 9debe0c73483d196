/*! What the tests of stores and of parties ask about: one release. */

use std::time::Duration;

use fakes::{Reply, ScriptedServer};
use registry::web::Web;
use schema::Digest;

use super::forge::{Made, Party};
use crate::release::{
    openpgp::Keyring,
    trust::{OperatorTrust, PayloadTrust},
    verifier::{self, Verdict},
};

pub(super) const SHORT: Duration = Duration::from_millis(300);
/// Longer than any test may take.
pub(super) const LONG: Duration = Duration::from_secs(600);

pub(super) fn release() -> Digest {
    Digest::of(b"a release")
}

pub(super) fn operator(party: &Party, stores: &[&str]) -> Made<OperatorTrust> {
    Ok(OperatorTrust {
        keyrings: vec![(
            "release.asc".into(),
            Keyring::from_bytes(&party.certificate()?)?,
        )],
        stores: stores
            .iter()
            .map(|store| store.parse())
            .collect::<Result<_, _>>()?,
        no_payload_stores: false,
    })
}

pub(super) async fn verify(
    patience: Duration,
    operator: &OperatorTrust,
    payload: Option<&PayloadTrust>,
) -> Made<Verdict> {
    let web = Web::new(None)?;
    Ok(verifier::verify_within(patience, &release(), operator, payload, Vec::new(), &web).await)
}

/// A store with these signatures for the release.
pub(super) fn store(signatures: Vec<Vec<u8>>) -> Made<ScriptedServer> {
    Ok(ScriptedServer::start(move |asked, _| {
        let expected = format!("/store/sha256={}/signature-", release().hex());
        let number = asked
            .path()
            .strip_prefix(&expected)
            .and_then(|number| number.parse::<usize>().ok());
        match number.and_then(|number| signatures.get(number - 1)) {
            Some(signature) => Reply::ok(signature),
            None => Reply::status(404, &[], b""),
        }
    })?)
}

pub(super) fn at(server: &ScriptedServer) -> String {
    format!("{}/store", server.url())
}
