/*!
Images into registries: an embedded one directly, any other by plain requests.

Not by the client under test: what it is fed must not depend on it.
*/

use std::{collections::BTreeSet, fs::File, io::Read};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::stream;
use reqwest::{
    Body, Client, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
};
use schema::{Digest, Repository};

use super::{Blob, Content, Image, Set};
use fakes::FakeRegistry;

/// A registry that images are pushed to over HTTP.
#[derive(Debug, Clone)]
pub struct Remote {
    /// `http://HOST:PORT`
    pub url: String,
    /// What talks to it; holds extra roots where needed.
    pub client: Client,
    /// User and password.
    pub login: Option<fakes::registry::Login>,
}

impl Remote {
    /// An open registry.
    pub fn new(url: &str) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Self {
            url: url.to_owned(),
            client,
            login: None,
        })
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        expected: StatusCode,
    ) -> Result<Response> {
        let request = match &self.login {
            Some(login) => request.basic_auth(&login.user, Some(&login.password)),
            None => request,
        };
        let response = request.send().await?;
        let (status, url) = (response.status(), response.url().clone());
        if status == expected {
            return Ok(response);
        }
        anyhow::bail!(
            "{url} answered {status}, expected {expected}: {}",
            response.text().await?
        )
    }

    async fn blob(&self, repository: &Repository, blob: &Blob) -> Result<()> {
        let start = format!("{}/v2/{repository}/blobs/uploads/", self.url);
        let response = self
            .send(self.client.post(&start), StatusCode::ACCEPTED)
            .await?;
        let location = response
            .headers()
            .get(LOCATION)
            .context("an upload without Location")?;
        let mut target = Url::parse(&start)?.join(location.to_str()?)?;
        target
            .query_pairs_mut()
            .append_pair("digest", &blob.digest.to_string());
        let request = self
            .client
            .put(target)
            .header(CONTENT_LENGTH, blob.size)
            .header(CONTENT_TYPE, "application/octet-stream");
        self.send(request.body(body(blob)?), StatusCode::CREATED)
            .await?;
        Ok(())
    }
}

impl Image {
    /// Places the image in an embedded registry, unlogged.
    pub fn place(&self, registry: &FakeRegistry) -> Result<()> {
        for blob in &self.blobs {
            match &blob.content {
                Content::File(path) => {
                    registry.put_blob_file(&self.repository, blob.digest, path)?
                }
                Content::Memory(bytes) => {
                    registry.put_blob(&self.repository, bytes.clone());
                }
            }
        }
        for child in &self.children {
            registry.put_manifest(
                &self.repository,
                None,
                child.media_type,
                child.bytes.clone(),
            );
        }
        registry.put_manifest(
            &self.repository,
            self.tag.as_ref(),
            self.root.media_type,
            self.root.bytes.clone(),
        );
        Ok(())
    }

    /// Pushes the image to any registry.
    pub async fn push(&self, remote: &Remote) -> Result<()> {
        let mut done: BTreeSet<Digest> = BTreeSet::new();
        for blob in self.blobs.iter().filter(|blob| done.insert(blob.digest)) {
            let pushed = remote.blob(&self.repository, blob).await;
            pushed
                .with_context(|| format!("cannot push {} to {}", blob.digest, self.repository))?;
        }
        for made in self.manifests() {
            let tag = self
                .tag
                .as_ref()
                .filter(|_| made.digest == self.root.digest);
            let name = tag.map_or_else(|| made.digest.to_string(), ToString::to_string);
            let url = format!("{}/v2/{}/manifests/{name}", remote.url, self.repository);
            let request = remote
                .client
                .put(url)
                .header(CONTENT_TYPE, made.media_type.as_str())
                .body(made.bytes.clone());
            let response = remote.send(request, StatusCode::CREATED).await?;
            let digest = response
                .headers()
                .get("docker-content-digest")
                .and_then(|value| value.to_str().ok());
            ensure!(
                digest.is_none_or(|digest| digest == made.digest.to_string()),
                "the registry took {} for {digest:?}",
                made.digest
            );
        }
        Ok(())
    }
}

impl Set {
    /// Places every image in an embedded registry, unlogged.
    pub fn place(&self, registry: &FakeRegistry) -> Result<()> {
        self.images
            .iter()
            .try_for_each(|image| image.place(registry))
    }

    /// Pushes every image to any registry.
    pub async fn push(&self, remote: &Remote) -> Result<()> {
        for image in &self.images {
            image.push(remote).await?;
        }
        Ok(())
    }
}

fn body(blob: &Blob) -> Result<Body> {
    match &blob.content {
        Content::Memory(bytes) => Ok(bytes.clone().into()),
        Content::File(path) => {
            let mut file = File::open(path)?;
            let blocks = std::iter::from_fn(move || {
                let mut block = vec![0; 256 << 10];
                let read = file.read(&mut block).map(|length| {
                    block.truncate(length);
                    Bytes::from(std::mem::take(&mut block))
                });
                read.map(|bytes| (!bytes.is_empty()).then_some(bytes))
                    .transpose()
            });
            Ok(Body::wrap_stream(stream::iter(blocks)))
        }
    }
}
