/*! The UpdateService of a site: what its clusters ask which updates there are (OSUS, `updateservice.operator.openshift.io/v1`). */

use schema::bundle::Index;
use serde_json::json;

use super::Rendered;
use crate::{Error, target::Target};

/// The object, where the bundle brings the graph data that it needs.
pub fn object(index: &Index, target: &Target) -> Result<Option<Rendered>, Error> {
    let Some(graph) = &index.update_graph else {
        return Ok(None);
    };
    let data = target.named(&target.map_repository(&graph.repository)?);
    let object = json!({
        "apiVersion": "updateservice.operator.openshift.io/v1",
        "kind": "UpdateService",
        "metadata": {"name": "update-service", "namespace": "openshift-update-service"},
        "spec": {
            "graphDataImage": format!("{data}@{}", graph.digest),
            "releases": target.named(&target.release_images()?),
            "replicas": 2,
        },
    });
    let path = "update-service/update-service.yaml".to_owned();
    Ok(Some(Rendered::new(path, "", object)))
}
