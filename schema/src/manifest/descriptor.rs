/*! A blob as an image or artifact names it (image-spec, "OCI Content Descriptors"), in the fields that are used here. */

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    pub urls: Option<Vec<String>>,
}

impl Descriptor {
    /// Whether its makers do not let others distribute it, by its media type.
    pub(super) fn is_foreign(&self) -> bool {
        self.media_type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
            || self
                .media_type
                .starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
    }
}
