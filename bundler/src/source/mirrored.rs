/*!
A repository that may be had from several registries: the mirrors of `registries.conf` in their order, then the registry itself.

As for skopeo, the registry that gives the image's manifest gives everything else of it. What the bundle calls the image is what the
user typed, wherever it came from.
*/

use std::sync::Arc;

use registry::{Endpoint, Error, RawManifest, Remote};
use schema::Selector;
use tokio::sync::OnceCell;

use super::Registries;

/// Where an image is. Cloning shares the choice.
#[derive(Debug, Clone)]
pub struct MirroredRepository {
    inner: Arc<Inner>,
    lookup: bool,
}

#[derive(Debug)]
struct Inner {
    chosen: OnceCell<Remote>,
    candidates: Option<(Vec<Endpoint>, Registries)>,
}

impl MirroredRepository {
    /// One registry.
    pub(super) fn at(remote: Remote) -> Self {
        Self::new(Inner {
            chosen: OnceCell::new_with(Some(remote)),
            candidates: None,
        })
    }

    /// One of several, the registry itself last.
    pub(super) fn one_of(endpoints: Vec<Endpoint>, registries: Registries) -> Self {
        Self::new(Inner {
            chosen: OnceCell::new(),
            candidates: Some((endpoints, registries)),
        })
    }

    fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
            lookup: false,
        }
    }

    /// The same repository, for asking after what need not be there.
    pub fn lookup(&self) -> Self {
        Self {
            lookup: true,
            ..self.clone()
        }
    }

    /// A manifest's bytes, digest checked, and its type. The first one that is asked for decides on the registry.
    pub async fn manifest(&self, selector: &Selector) -> Result<RawManifest, Error> {
        if let (None, Some((endpoints, registries))) =
            (self.inner.chosen.get(), &self.inner.candidates)
            && let Some((_, mirrors)) = endpoints.split_last()
        {
            for mirror in mirrors {
                if !registries.answers(mirror).await? {
                    continue;
                }
                let remote = registries.open(mirror).await?;
                match remote.manifest(selector).await {
                    Ok(manifest) => {
                        tracing::debug!(
                            "{}/{} comes from a mirror",
                            mirror.host,
                            mirror.repository
                        );
                        let _ = self.inner.chosen.set(remote);
                        return Ok(manifest);
                    }
                    Err(error) => tracing::warn!("not from the mirror of registries.conf: {error}"),
                }
            }
        }
        self.remote().await?.manifest(selector).await
    }

    /// The registry that gave the manifest, once one did.
    pub fn chosen(&self) -> Option<&Remote> {
        self.inner.chosen.get()
    }

    /// The registry that was chosen; before any manifest came, the registry itself.
    pub async fn remote(&self) -> Result<Remote, Error> {
        let open = || async {
            let (endpoints, registries) = self.inner.candidates.as_ref().ok_or_else(nowhere)?;
            registries.open(endpoints.last().ok_or_else(nowhere)?).await
        };
        let remote = self.inner.chosen.get_or_try_init(open).await?;
        Ok(match self.lookup {
            true => remote.lookup(),
            false => remote.clone(),
        })
    }
}

fn nowhere() -> Error {
    Error::Config("registries.conf leads nowhere".to_owned())
}
