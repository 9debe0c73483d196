/*! The UpdateService of a site: what its clusters ask which updates there are (OSUS, `updateservice.operator.openshift.io/v1`). */

use schema::bundle::Index;
use serde::Serialize;

use super::Rendered;
use crate::{Error, push::Target};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateService {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Serialize)]
struct Metadata {
    name: &'static str,
    namespace: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    replicas: u32,
    releases: String,
    graph_data_image: String,
}

/// The object, where the bundle brings the graph data that it needs.
pub fn object(index: &Index, target: &Target) -> Result<Option<Rendered>, Error> {
    let Some(graph) = &index.update_graph else {
        return Ok(None);
    };
    let data = target.named(&target.place(&graph.repository)?);
    let service = UpdateService {
        api_version: "updateservice.operator.openshift.io/v1",
        kind: "UpdateService",
        metadata: Metadata {
            name: "update-service",
            namespace: "openshift-update-service",
        },
        spec: Spec {
            replicas: 2,
            releases: target.named(&target.release_images()?),
            graph_data_image: format!("{data}@{}", graph.digest),
        },
    };
    Rendered::new(
        "update-service/update-service.yaml".to_owned(),
        "",
        &service,
    )
    .map(Some)
}
