/*! The JSON Schema of the file that `--report` writes, whichever command did it. */

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};

use crate::{
    apply::outcome::Applied,
    rollback::RolledBack,
    rollout::{Detail, Report},
    upgrade::UpgradeDetail,
};

/// The JSON Schema of reports, as `importer/report.schema.json` holds it: `format` says which of its cases holds.
pub fn json_schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut generator = settings.into_generator();
    let cases = [
        case::<Applied>(&mut generator),
        case::<UpgradeDetail>(&mut generator),
        case::<RolledBack>(&mut generator),
    ];
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report",
        "description": "What `importer apply`, `import --apply-config`, `drift`, `upgrade` and `rollback` write with --report.",
        "oneOf": cases,
        "$defs": generator.take_definitions(true),
    })
}

/// The reports of one kind of work.
fn case<D: Detail + JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut case = generator.subschema_for::<Report<D>>();
    case.insert(
        "properties".to_owned(),
        serde_json::json!({"format": {"const": D::FORMAT}}),
    );
    case
}
