/*!
What people audit is what is applied.

The list of Kubernetes objects in the index is what a security officer reads. It is derived again here from the
verified bytes, by the same reader that made it, and any difference is a reason to refuse.
*/

use schema::bundle::{self, BundlePath, File, Index, ObjectRecord};

/// Whether a file is one to audit.
pub fn concerns(file: &File) -> bool {
    matches!(file.path, BundlePath::Config(_))
}

/// Compares the objects in a configuration file with those the index lists for it.
pub fn check(index: &Index, path: &BundlePath, bytes: &[u8]) -> Result<(), bundle::Error> {
    let read = manifests::read(bytes).map_err(|error| bundle::Error::Unfit {
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

#[cfg(test)]
mod tests {
    use schema::bundle::{Blame, FORMAT};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn index(path: &BundlePath) -> Index {
        Index {
            format: FORMAT.to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            creator: "an older bundler".to_owned(),
            files: Vec::new(),
            images: Vec::new(),
            manifests: Vec::new(),
            objects: vec![ObjectRecord {
                path: path.clone(),
                document: 0,
                api_version: "v1".to_owned(),
                kind: "ConfigMap".to_owned(),
                namespace: None,
                name: "harmless".to_owned(),
            }],
            assumes: Vec::new(),
            releases: Vec::new(),
            update_graph: None,
            missing: Vec::new(),
        }
    }

    /// Older bundlers listed one ConfigMap for such a file, of which `kubectl` applies something else.
    #[test]
    fn what_an_older_bundler_took_is_refused_with_what_to_do() -> Outcome {
        let path: BundlePath = "config/a.yaml".parse()?;
        let index = index(&path);
        let head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: harmless\n";
        check(&index, &path, head.as_bytes())?;
        for rest in [
            "items:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}}\n",
            "<<: {kind: Secret}\n",
            "#\u{2028}kind: Secret\n",
            "data: {port: 8080}\n",
        ] {
            let refused = check(&index, &path, format!("{head}{rest}").as_bytes());
            let Err(error) = refused else {
                return Err(format!("taken: {rest}").into());
            };
            assert_eq!(error.blame(), Blame::Integrity, "{rest}");
            let message = error.to_string();
            assert!(
                message.starts_with("config/a.yaml: document 1 (line "),
                "{message}"
            );
            assert!(message.ends_with("build the bundle again"), "{message}");
        }
        let renamed = head.replace("harmless", "other");
        let refused = check(&index, &path, renamed.as_bytes());
        let Err(bundle::Error::Invalid(reason)) = refused else {
            return Err(format!("{refused:?}").into());
        };
        assert_eq!(
            reason,
            "config/a.yaml holds ConfigMap other where the index lists ConfigMap harmless"
        );
        Ok(())
    }
}
