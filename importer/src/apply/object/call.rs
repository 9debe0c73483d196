/*!
The request that makes an object what it should be. Of an object that is the cluster's own only some fields are sent, and what is sent
depends on what is there: a later run that says less takes nothing away.
*/

use cluster::{Answer, Call, openshift::items, refusal};
use serde_json::{Map, Value};

use super::{path::ObjectPath, takeover::MANAGERS};
use crate::{
    apply::{FIELD_MANAGER, manifests::Manifest},
    configuration::Share,
};

/// The request, given the answer to a read of the object, which is none where nothing is there. The error says what keeps it
/// from being made.
pub fn call(
    manifest: &Manifest,
    place: &ObjectPath,
    live: Option<&Answer>,
    overwrite: bool,
    dry_run: bool,
) -> Result<Call, String> {
    if manifest.share.is_whole() {
        return Ok(place.apply(&manifest.wanted(), overwrite, dry_run));
    }
    if let Some(answer) = live.filter(|answer| !answer.is_success()) {
        return Err(format!(
            "it cannot be read, and what it gets depends on what it holds: {}",
            refusal::text(answer)
        ));
    }
    match (&manifest.share, live) {
        (Share::Credentials(secret), Some(live)) => {
            Ok(place.merge(&secret.patch(&live.body)?, dry_run))
        }
        (Share::Credentials(_), None) => Err(
            "it is not there, so there is nothing to merge credentials into; OpenShift creates it when it is installed"
                .to_owned(),
        ),
        (_, None) => Ok(place.apply(&manifest.value, overwrite, dry_run)),
        (_, Some(live)) => {
            let wanted = beside_ours(&live.body, &manifest.value);
            Ok(place.apply(&wanted, overwrite, dry_run))
        }
    }
}

/// The fields with those that we have applied there before, as long as the object is what it is.
fn beside_ours(live: &Value, fields: &Value) -> Value {
    let ours = items(live, MANAGERS).iter().find(|entry| {
        entry.get("manager") == Some(&FIELD_MANAGER.into())
            && entry.get("operation") == Some(&"Apply".into())
    });
    let ours = ours.and_then(|entry| entry.get("fieldsV1")?.as_object());
    let mut wanted = ours.map_or_else(|| Value::Object(Map::new()), |ours| held(ours, live));
    join(&mut wanted, fields);
    if let (Some(metadata), Some(version)) = (
        wanted.get_mut("metadata").and_then(Value::as_object_mut),
        live.pointer("/metadata/resourceVersion"),
    ) {
        metadata.insert("resourceVersion".to_owned(), version.clone());
    }
    wanted
}

/// The part of a value that a set of fields names (structured-merge-diff: `f:NAME` for members; lists are taken whole).
fn held(fields: &Map<String, Value>, live: &Value) -> Value {
    let members = fields.iter().filter_map(|(field, below)| {
        let name = field.strip_prefix("f:")?;
        let value = live.get(name)?;
        let below = below.as_object().filter(|below| !below.is_empty());
        let value = match below {
            Some(below) if value.is_object() => held(below, value),
            _ => value.clone(),
        };
        Some((name.to_owned(), value))
    });
    Value::Object(members.collect())
}

/// Puts fields in place of others; mappings are joined.
fn join(into: &mut Value, fields: &Value) {
    match (into, fields) {
        (Value::Object(into), Value::Object(fields)) => {
            for (name, value) in fields {
                join(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, value) => *into = value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_earlier_run_has_set_stays_and_what_others_have_is_not_sent() {
        let live = json!({
            "metadata": {"name": "admin-acks", "resourceVersion": "7", "labels": {"theirs": "1"}, "managedFields": [
                {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:data": {"f:theirs": {}}}},
                {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:data": {"f:before": {}, "f:changed": {}}}},
                {"manager": FIELD_MANAGER, "operation": "Update", "fieldsV1": {"f:spec": {"f:desiredUpdate": {}}}},
            ]},
            "data": {"theirs": "x", "before": "true", "changed": "old"},
            "spec": {"desiredUpdate": {"image": "i"}},
        });
        let fields = json!({"kind": "ConfigMap", "metadata": {"name": "admin-acks"}, "data": {"changed": "new", "now": "true"}});
        assert_eq!(
            beside_ours(&live, &fields),
            json!({
                "kind": "ConfigMap", "metadata": {"name": "admin-acks", "resourceVersion": "7"},
                "data": {"before": "true", "changed": "new", "now": "true"},
            })
        );
    }
}
