/*!
The config of an image (image-spec, "Image Configuration"; Docker's is the same here), with one more layer and the
command that an update service runs. Everything else in it stays, known or not.
*/

use schema::{
    Digest,
    readings::{self, Shape},
};
use serde_json::{Value, json};

/// Copies the data to where the graph builder beside it reads.
const COMMAND: [&str; 3] = [
    "/bin/bash",
    "-c",
    "exec cp -rp /var/lib/cincinnati-graph-data/* /var/lib/cincinnati/graph-data",
];

/// The new config's bytes, or what is wrong with the base's. `layers` is how many its manifest has.
pub(super) fn with_layer(
    base: &[u8],
    layers: usize,
    diff_id: &Digest,
    version: &str,
) -> Result<Vec<u8>, String> {
    if let Some(reason) = readings::differ(base, Shape::ImageConfig) {
        return Err(format!(
            "two programs could read its config differently: {reason}"
        ));
    }
    let mut config: Value =
        serde_json::from_slice(base).map_err(|error| format!("its config is no JSON: {error}"))?;
    if config["config"]["Cmd"] == json!(COMMAND) {
        return Err("it brings an update graph already, which would shine through".to_owned());
    }
    let diff_ids = config
        .pointer_mut("/rootfs/diff_ids")
        .and_then(Value::as_array_mut)
        .ok_or("its config has no rootfs.diff_ids")?;
    if diff_ids.len() != layers {
        return Err(format!(
            "its config has {} layers, its manifest {layers}",
            diff_ids.len()
        ));
    }
    diff_ids.push(json!(diff_id));
    let created = config.get("created").cloned();
    if let Some(history) = config.get_mut("history").and_then(Value::as_array_mut) {
        let mut entry = json!({ "created_by": format!("update graph data {version}") });
        // The base's time: that of the build would make each build another image.
        if let Some(created) = created {
            entry["created"] = created;
        }
        history.push(entry);
    }
    let settings = &mut config["config"];
    if settings.is_null() {
        *settings = json!({});
    }
    let settings = settings
        .as_object_mut()
        .ok_or("its config's \"config\" is no object")?;
    settings.remove("Entrypoint");
    settings.insert("Cmd".to_owned(), json!(COMMAND));
    Ok(sorted(config))
}

/// JSON with sorted keys, whichever order `serde_json` was built to keep.
pub(super) fn sorted(mut value: Value) -> Vec<u8> {
    value.sort_all_objects();
    value.to_string().into_bytes()
}
