/*!
What people audit is what is applied.

The list of Kubernetes objects in the index is what a security officer reads. It is derived again here from the
verified bytes, by the same reader that made it, and any difference is a reason to refuse.
*/

use schema::{
    bundle::{self, BundlePath, File, Index, ObjectRecord},
    objects,
};

/// Whether a file is one to audit.
pub fn concerns(file: &File) -> bool {
    matches!(file.path, BundlePath::Config(_))
}

/// Compares the objects in a configuration file with those the index lists for it.
pub fn check(index: &Index, path: &BundlePath, bytes: &[u8]) -> Result<(), bundle::Error> {
    let read = objects::read(bytes).map_err(|error| bundle::Error::Unfit {
        path: path.to_string(),
        reason: error.to_string(),
    })?;
    let mut found = read.into_iter().map(|object| ObjectRecord {
        path: path.clone(),
        document: object.document,
        api_version: object.api_version,
        kind: object.kind,
        namespace: object.namespace,
        name: object.name,
    });
    // The objects of an index stand in the order of their files, and those in the order of their paths.
    let first = index.objects.partition_point(|object| object.path < *path);
    let rest = index.objects.get(first..).unwrap_or_default().iter();
    let mut listed = rest.take_while(|object| object.path == *path);
    loop {
        match (listed.next(), found.next()) {
            (None, None) => return Ok(()),
            (Some(listed), Some(found)) if *listed == found => {}
            (listed, found) => {
                let name = |object: Option<&ObjectRecord>| {
                    object.map_or("nothing".to_owned(), |object| {
                        format!("{} {}", object.kind, object.name)
                    })
                };
                let (listed, found) = (name(listed), name(found.as_ref()));
                return Err(bundle::Error::Invalid(format!(
                    "{path} holds {found} where the index lists {listed}"
                )));
            }
        }
    }
}
