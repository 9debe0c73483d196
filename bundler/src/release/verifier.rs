/*!
Decides whether a release is what it claims to be: asks every store, and checks what they hold against the keys of two parties.

The *operator's* keys decide: one valid signature for the digest by any of them. The *payload's* own keyrings decide
nothing here, since a forged payload brings its own, but the clusters will check by such keyrings (one valid signature for
each of them), so a disagreement is reported.

Two people who build the same bundle must end up with the same signatures. So the stores are asked at once, but what they hold is
checked in a fixed order (what is at hand, the operator's stores, the payload's), and checking stops at the first signature with which both
parties are content: which store was quickest changes how long it takes, never the outcome.
*/

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use registry::web::Web;
use schema::Digest;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    claim::Claim,
    openpgp::{Keyring, Message, SignatureError},
    store::{REQUEST_TIMEOUT, Store},
    trust::{DEFAULT_KEY_FILE, OperatorTrust, PayloadTrust},
};

/// What came of asking for signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Signatures for the digest that are valid by a key of the operator's or the payload's, as they came, each once, in the
    /// order of checking.
    pub signatures: Vec<Vec<u8>>,
    /// The names under which the operator's keys signed the digest.
    pub references: BTreeSet<String>,
    /// Fingerprints (upper-case hex) of the operator's keys with a valid signature. Empty: not verified.
    pub signers: BTreeSet<String>,
    /// What was asked and why it did not do, one line for each origin and reason, in the order of checking.
    pub tried: Vec<String>,
    /// What clusters will object to, where the payload's own keyrings disagree: one sentence.
    pub cluster: Option<String>,
    /// The operator's key files, for [`Verdict::refusal`].
    keys: Vec<String>,
}

impl Verdict {
    /// Whether a key of the operator's signed the digest.
    pub fn is_verified(&self) -> bool {
        !self.signers.is_empty()
    }

    /// Why `release` (as the user named it) is refused: one sentence with every key and store that was tried.
    pub fn refusal(&self, release: &str) -> String {
        if self.keys.is_empty() {
            return format!(
                "{release}: not verified, because no key to verify it with was given; give --release-key FILE \
                 (by default {DEFAULT_KEY_FILE}, which does not exist here)"
            );
        }
        let keys = self.keys.join(", ");
        let tried = match self.tried.as_slice() {
            [] => "no signature store was given; give --signature-store".to_owned(),
            tried => tried.join("; "),
        };
        format!(
            "{release}: not verified, no valid signature by a key in {keys} was found ({tried})"
        )
    }
}

/// Checks the signatures of `digest`: those `at_hand` (with where they are from), then those of all stores, each of which has
/// 15 seconds per request. Everything still on its way is dropped once the outcome is settled. Never fails: what goes wrong is
/// in [`Verdict::tried`].
pub async fn verify(
    digest: &Digest,
    operator: &OperatorTrust,
    payload: Option<&PayloadTrust>,
    at_hand: Vec<(String, Vec<u8>)>,
    web: &Web,
) -> Verdict {
    verify_within(REQUEST_TIMEOUT, digest, operator, payload, at_hand, web).await
}

/// [`verify`] with another time limit for one request to a store.
pub async fn verify_within(
    time_limit: Duration,
    digest: &Digest,
    operator: &OperatorTrust,
    payload: Option<&PayloadTrust>,
    at_hand: Vec<(String, Vec<u8>)>,
    web: &Web,
) -> Verdict {
    let mut verifier = Verifier::new(*digest, operator, payload);
    for (origin, bytes) in at_hand {
        if verifier.is_content() {
            break;
        }
        verifier.add(Origin::Named(&origin), bytes);
    }
    if !verifier.is_content() {
        ask_stores(time_limit, &mut verifier, operator, payload, web).await;
    }
    verifier.verdict()
}

/// Asks all stores at once, and checks what they hold one store after the other.
async fn ask_stores(
    time_limit: Duration,
    verifier: &mut Verifier<'_>,
    operator: &OperatorTrust,
    payload: Option<&PayloadTrust>,
    web: &Web,
) {
    let (payload_stores, skipped) = payload_stores(operator, payload, web);
    let own = operator.stores.iter().map(|store| (store, web.clone()));
    let mut asked: Vec<(&Store, mpsc::Receiver<_>)> = Vec::new();
    // Dropped on return, which ends what is still on its way.
    let mut tasks = JoinSet::new();
    for (store, web) in own.chain(payload_stores) {
        if asked.iter().any(|(other, _)| *other == store) {
            continue;
        }
        let (sender, receiver) = mpsc::channel(1);
        let store_asked = store.clone();
        tasks.spawn(store_asked.ask(verifier.digest, web, time_limit, sender));
        asked.push((store, receiver));
    }
    for (store, mut replies) in asked {
        let mut silent = true;
        while let Some(reply) = replies.recv().await {
            silent = false;
            let origin = Origin::Store(store, reply.number);
            match reply.outcome {
                Ok(bytes) => verifier.add(origin, bytes),
                Err(reason) => verifier.note(origin, reason),
            }
            if verifier.is_content() {
                return;
            }
        }
        if silent {
            let reason = "has no signature for it".to_owned();
            verifier.note(Origin::Named(&store.to_string()), reason);
        }
    }
    for (store, reason) in skipped {
        verifier.note(Origin::Named(&store.to_string()), reason);
    }
}

/// Stores that are asked, with what asks them; and those that are not, with why.
type StoresToAsk<'p> = (Vec<(&'p Store, Web)>, Vec<(&'p Store, String)>);

/// The payload's stores that are asked, each in the way that is fit for it; and those that are not, with why. Nothing that
/// an unverified payload says leads into this network, unless the operator named the same server.
fn payload_stores<'p>(
    operator: &OperatorTrust,
    payload: Option<&'p PayloadTrust>,
    web: &Web,
) -> StoresToAsk<'p> {
    let (mut asked, mut skipped) = StoresToAsk::default();
    let mut strangers = None;
    for (_, store) in payload.into_iter().flat_map(|payload| &payload.stores) {
        if operator.stores.contains(store) {
            continue;
        }
        if operator.no_payload_stores {
            skipped.push((store, "not asked (--no-payload-stores)".to_owned()));
        } else if operator.stores.iter().any(|own| own.is_beside(store)) {
            asked.push((store, web.clone()));
        } else if !store.may_be_named_by_payload() {
            let reason = "not asked, since only the payload names it and it is not https; if it is meant, give it with --signature-store";
            skipped.push((store, reason.to_owned()));
        } else {
            match strangers.get_or_insert_with(|| web.for_strangers()) {
                Ok(web) => asked.push((store, web.clone())),
                Err(error) => skipped.push((store, error.to_string())),
            }
        }
    }
    (asked, skipped)
}

/// Where a candidate is from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Named(&'a str),
    Store(&'a Store, u32),
}

struct Verifier<'a> {
    digest: Digest,
    now: Timestamp,
    operator: &'a OperatorTrust,
    payload: Option<&'a PayloadTrust>,
    /// The payload's keyrings that still lack a signature.
    lacking: BTreeSet<&'a str>,
    seen: BTreeSet<Vec<u8>>,
    /// Of the last line: the first signature it is about, and the store with the reason.
    run: Option<(u32, String)>,
    verdict: Verdict,
}

impl<'a> Verifier<'a> {
    fn new(digest: Digest, operator: &'a OperatorTrust, payload: Option<&'a PayloadTrust>) -> Self {
        let keyrings = payload.into_iter().flat_map(|payload| &payload.keyrings);
        let named = |(path, keyring): &(PathBuf, Keyring)| described(path, keyring);
        Self {
            digest,
            now: Timestamp::now(),
            operator,
            payload,
            lacking: keyrings.map(|(name, _)| name.as_str()).collect(),
            seen: BTreeSet::new(),
            run: None,
            verdict: Verdict {
                keys: operator.keyrings.iter().map(named).collect(),
                ..Verdict::default()
            },
        }
    }

    /// Whether more signatures would change nothing: both parties have what they need, or have no keys.
    fn is_content(&self) -> bool {
        let verified = self.verdict.is_verified() || self.operator.keyrings.is_empty();
        verified && self.lacking.is_empty()
    }

    /// Adds one candidate: checks it, and keeps it or the reason against it.
    fn add(&mut self, origin: Origin<'_>, bytes: Vec<u8>) {
        if self.seen.contains(&bytes) {
            return self.note(origin, "the same signature as before".to_owned());
        }
        match self.check(&bytes) {
            Ok(objection) => {
                self.run = None;
                self.verdict.signatures.push(bytes.clone());
                if let Some(objection) = objection {
                    self.note(origin, objection);
                }
            }
            Err(reason) => self.note(origin, reason),
        }
        self.seen.insert(bytes);
    }

    /// Checks a candidate, and counts it for everyone with a key that made it; the reason where nobody has. `Ok` with an objection: only the
    /// payload has.
    fn check(&mut self, bytes: &[u8]) -> Result<Option<String>, String> {
        let message = Message::open(bytes).map_err(|error| error.to_string())?;
        let operators = self.operator.keyrings.iter().map(|(_, keyring)| keyring);
        let (signers, refusal) = self.ask(&message, operators);
        let payload = self.payload.map_or(&[][..], |payload| &payload.keyrings);
        let accepting = payload.iter().filter(|(_, keyring)| {
            let (signers, _) = self.ask(&message, [keyring]);
            !signers.is_empty()
        });
        let accepting: Vec<&str> = accepting.map(|(name, _)| name.as_str()).collect();
        let refusal = refusal.map(|error| error.to_string());
        if signers.is_empty() && accepting.is_empty() {
            return Err(
                refusal.unwrap_or_else(|| "it is signed by none of the payload's keys".to_owned())
            );
        }
        // Only now is what it states worth reading.
        let claim = Claim::parse(&message.body).map_err(|error| error.to_string())?;
        if claim.digest != self.digest {
            return Err(format!("it is for {}, another release", claim.digest));
        }
        for name in accepting {
            self.lacking.remove(name);
        }
        if signers.is_empty() {
            return Ok(
                refusal.map(|reason| format!("{reason}; only the payload's own keys accept it"))
            );
        }
        self.verdict.references.insert(claim.reference);
        self.verdict.signers.extend(signers);
        Ok(None)
    }

    /// Who signed, by these keyrings; where nobody of them did, the most specific reason.
    fn ask<'k>(
        &self,
        message: &Message,
        keyrings: impl IntoIterator<Item = &'k Keyring>,
    ) -> (Vec<String>, Option<SignatureError>) {
        let mut signers = Vec::new();
        let mut refusal = None;
        for keyring in keyrings {
            match keyring.check(message, self.now) {
                Ok(signed) => signers.push(signed.fingerprint),
                // That a keyring lacks the key says less than that one has it, and the signature is bad.
                Err(SignatureError::Stranger(_)) if refusal.is_some() => {}
                Err(error) => refusal = Some(error),
            }
        }
        let refusal = refusal.filter(|_| signers.is_empty());
        (signers, refusal)
    }

    /// Adds a line; one line for all signatures of a store in a row that fail for the same reason.
    fn note(&mut self, origin: Origin<'_>, reason: String) {
        let (line, run) = match (origin, self.run.take()) {
            (Origin::Named(name), _) => (format!("{name}: {reason}"), None),
            (Origin::Store(store, last), Some((first, repeated)))
                if last > first && repeated == format!("{store} {reason}") =>
            {
                self.verdict.tried.pop();
                let line = format!("{store}: signature-{first} to signature-{last}: {reason}");
                (line, Some((first, repeated)))
            }
            (Origin::Store(store, number), _) => {
                let line = format!("{store}: signature-{number}: {reason}");
                (line, Some((number, format!("{store} {reason}"))))
            }
        };
        self.verdict.tried.push(line);
        self.run = run;
    }

    fn verdict(mut self) -> Verdict {
        if !self.lacking.is_empty() {
            let names: Vec<&str> = self.lacking.iter().copied().collect();
            self.verdict.cluster = Some(format!(
                "clusters that trust the keys of this release will refuse it: no valid signature for {} of its verification ConfigMap was found",
                names.join(", ")
            ));
        }
        self.verdict
    }
}

fn described(path: &Path, keyring: &Keyring) -> String {
    format!("{} ({})", path.display(), keyring.fingerprints().join(", "))
}
