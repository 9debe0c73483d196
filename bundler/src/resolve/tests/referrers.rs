/*!
The list of referrers under the tag `sha256-<hex>`: a list that is not there means no referrers, one that is damaged does not.

Both were one error once, so that a damaged list lost all referrers of its image without a word.
*/

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::symlink,
    path::PathBuf,
    sync::Arc,
};

use registry::web::Web;
use schema::{Digest, Selector};
use serde_json::{Value, json};

use crate::{
    Error,
    resolve::{self, Options, ReferrerPolicy, Resolved},
    source::{Disk, Source},
    wanted::Wanted,
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A directory as `oc image mirror --dir` writes it, with one image and one referrer of it.
struct Mirror {
    root: tempfile::TempDir,
    image: Digest,
    list: Digest,
}

impl Mirror {
    fn new() -> io::Result<Self> {
        let root = tempfile::tempdir()?;
        let repository = root.path().join("v2/app");
        fs::create_dir_all(repository.join("blobs"))?;
        fs::create_dir_all(repository.join("manifests"))?;
        let add = |content: &Value| -> io::Result<Value> {
            let bytes = content.to_string();
            let digest = Digest::of(bytes.as_bytes());
            fs::write(repository.join("blobs").join(digest.to_string()), &bytes)?;
            Ok(json!({ "mediaType": MANIFEST, "digest": digest, "size": bytes.len() }))
        };
        let digest = |descriptor: &Value| -> io::Result<Digest> {
            let text = descriptor["digest"].as_str().unwrap_or_default();
            text.parse().map_err(io::Error::other)
        };
        let manifest = |platform: Value, subject: Option<&Value>| -> io::Result<Value> {
            let mut config = add(&platform)?;
            config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
            let mut body = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [] });
            if let Some(subject) = subject {
                body["subject"] = subject.clone();
            }
            add(&body)
        };
        let image = manifest(json!({ "os": "linux", "architecture": "amd64" }), None)?;
        let referrer = manifest(json!({}), Some(&image))?;
        let index = "application/vnd.oci.image.index.v1+json";
        let list =
            add(&json!({ "schemaVersion": 2, "mediaType": index, "manifests": [referrer] }))?;
        let mirror = Self {
            image: digest(&image)?,
            list: digest(&list)?,
            root,
        };
        symlink(mirror.list.to_string(), mirror.tag())?;
        Ok(mirror)
    }

    /// The tag of the list.
    fn tag(&self) -> PathBuf {
        let name = format!("sha256-{}", self.image.hex());
        self.root.path().join("v2/app/manifests").join(name)
    }

    /// The file of the list.
    fn list(&self) -> PathBuf {
        let blobs = self.root.path().join("v2/app/blobs");
        blobs.join(self.list.to_string())
    }

    async fn resolve(&self) -> Result<Resolved, Error> {
        let repository: schema::Repository = "app"
            .parse()
            .map_err(|error| Error::Usage(format!("{error}")))?;
        let disk = Arc::new(Disk::open(self.root.path())?);
        let wanted = Wanted {
            source: Source::Disk(disk, repository.clone()),
            selector: Selector::Digest(self.image),
            repository,
            tags: Vec::new(),
            display_ref: "file://app".to_owned(),
            component: None,
            releases: Vec::new(),
        };
        let options = Options {
            platforms: Vec::new(),
            sparse_index: false,
            referrers: ReferrerPolicy::Take,
            skip_foreign_layers: false,
            allow_foreign_hosts: Vec::new(),
            concurrency: 2,
        };
        let outcomes = resolve::all(&options, &Web::new(None)?, &[&wanted]).await;
        let outcome = outcomes.into_iter().next();
        outcome.unwrap_or_else(|| Err(Error::Usage("no outcome".to_owned())))
    }
}

#[tokio::test]
async fn a_list_gives_referrers_and_no_list_gives_none() -> Outcome {
    let mirror = Mirror::new()?;
    assert_eq!(mirror.resolve().await?.image.attached.len(), 1);
    fs::remove_file(mirror.tag())?;
    assert_eq!(mirror.resolve().await?.image.attached.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_list_that_is_damaged_or_lost_is_an_error() -> Outcome {
    let mirror = Mirror::new()?;
    let mut list = fs::OpenOptions::new().append(true).open(mirror.list())?;
    list.write_all(b" ")?;
    let refused = mirror.resolve().await.map_err(|error| error.to_string());
    let path = mirror.list().display().to_string();
    let names = |text: &String, reason: &str| text.contains(&path) && text.contains(reason);
    assert!(
        matches!(&refused, Err(text) if names(text, "was altered or damaged")),
        "{refused:?}"
    );
    fs::remove_file(mirror.list())?;
    let refused = mirror.resolve().await.map_err(|error| error.to_string());
    assert!(
        matches!(&refused, Err(text) if names(text, "it is missing")),
        "{refused:?}"
    );
    Ok(())
}
