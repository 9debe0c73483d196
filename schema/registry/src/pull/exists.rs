/*!
Whether a blob is there.

HEAD is the question to ask, and not every answer to it can be believed: proxies drop its length or say 0, storage that
a registry redirects to refuses HEAD because the address was signed for GET, some gateways know no HEAD at all. What is in
doubt is asked for again by its first byte.
*/

use reqwest::{Method, Response, StatusCode};
use schema::manifest::Blob;

use crate::{
    Error, Remote, manifests,
    pull::length,
    transport::{clients::Traffic, origin},
};

impl Remote {
    /// Whether the blob is there (distribution-spec, "Checking if content exists in the registry"). Where GET, too, shows
    /// another size, it is [`Error::Protocol`].
    pub async fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        let mut budget = self.retry_budget();
        loop {
            match self.probe(blob).await {
                Err(error) => budget.wait(error).await?,
                found => return found,
            }
        }
    }

    async fn probe(&self, blob: &Blob) -> Result<bool, Error> {
        let call = self.blob_call(Traffic::Api, Method::HEAD, blob, None);
        let redirected = match self.call_once(&call, &[400, 401, 403, 404, 405, 501]).await {
            Ok(answer) if confirms(&answer, blob) => return Ok(true),
            Ok(answer) => {
                let ours = origin::same_origin(answer.url(), &self.shared.base);
                if ours && answer.status() == StatusCode::NOT_FOUND {
                    return Ok(false);
                }
                !ours
            }
            Err(error) if self.came_from_elsewhere(&error) => true,
            Err(error) => return Err(error),
        };
        match self.get(blob, 0, blob.size.min(1)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error @ Error::Protocol { .. }) => Err(error),
            // The registry itself named the place; that its storage does not answer us is another matter.
            Err(error) if redirected => {
                tracing::debug!(%error, "the registry redirects to the blob, so it is there");
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it was not the registry that could not be reached but storage that it redirected to.
    fn came_from_elsewhere(&self, error: &Error) -> bool {
        let (Error::Unreachable { host, .. } | Error::Tls { host, .. } | Error::Cut { host, .. }) =
            error
        else {
            return false;
        };
        let own = origin::authority(&self.shared.base);
        *host != own && *host != self.shared.host
    }
}

/// The size is right, or there is none (0 counts as none) and the digest is right.
fn confirms(answer: &Response, blob: &Blob) -> bool {
    let sure = match length(answer.headers()) {
        Some(length) if length == blob.size => true,
        None | Some(0) => manifests::declared(answer) == Some(blob.digest),
        Some(_) => false,
    };
    answer.status().is_success() && sure
}
