/*!
Who refers to a manifest: signatures, SBOMs, attestations (distribution-spec, "Listing Referrers").

The list is not content: it has no digest of its own and may come in pages, which are joined here.
*/

use reqwest::{
    Method,
    header::{ACCEPT, LINK},
};
use serde_json::Value;
use url::Url;

use super::{
    Error, RawManifest, Remote, location, manifests,
    send::{self, Call, Limit},
};
use crate::{Digest, MediaType, manifest::MANIFEST_LIMIT};

impl Remote {
    /// The registry's referrers list as an OCI index, or `None` where it keeps none (then the tag `sha256-<hex>` is the
    /// place to look). A list in several pages comes as one; only then are the bytes not the registry's own.
    pub async fn referrers(&self, digest: &Digest) -> Result<Option<RawManifest>, Error> {
        let mut url = self.url(&format!("referrers/{digest}"));
        let Some((first, mut next)) = self.referrers_page(url.clone(), digest).await? else {
            return Ok(None);
        };
        let mut bytes = first;
        let mut joined: Option<Value> = None;
        while let Some(page) = next {
            let unreadable = || {
                self.referrers_error(digest, "the referrers list has a page that is no OCI index")
            };
            if page == url {
                return Err(self.referrers_error(
                    digest,
                    "the referrers list names a page as its own next one",
                ));
            }
            url = page;
            let Some((more, after)) = self.referrers_page(url.clone(), digest).await? else {
                return Err(unreadable());
            };
            let mut whole = match joined.take() {
                Some(whole) => whole,
                None => serde_json::from_slice(&bytes).map_err(|_| unreadable())?,
            };
            let mut more: Value = serde_json::from_slice(&more).map_err(|_| unreadable())?;
            let entries = more
                .get_mut("manifests")
                .and_then(Value::as_array_mut)
                .map(std::mem::take);
            let list = whole.get_mut("manifests").and_then(Value::as_array_mut);
            list.ok_or_else(unreadable)?.extend(
                entries
                    .filter(|entries| !entries.is_empty())
                    .ok_or_else(unreadable)?,
            );
            bytes = serde_json::to_vec(&whole).map_err(|_| unreadable())?;
            if bytes.len() as u64 > MANIFEST_LIMIT {
                return Err(self
                    .referrers_error(digest, "the referrers list is larger than 4 MiB; refused"));
            }
            joined = Some(whole);
            next = after;
        }
        let digest = Digest::of(&bytes);
        Ok(Some(RawManifest {
            bytes: bytes.into(),
            media_type: MediaType::OciIndex,
            digest,
        }))
    }

    async fn referrers_page(
        &self,
        url: Url,
        digest: &Digest,
    ) -> Result<Option<(Vec<u8>, Option<Url>)>, Error> {
        let call = Call {
            client: &self.shared.clients.api,
            method: Method::GET,
            url,
            access: self.pull(),
            target: self.target(digest),
            fill: &|request| request.header(ACCEPT, MediaType::OciIndex.as_str()),
        };
        // Registries from before the referrers API have many ways of not knowing the path.
        let response = self.call(&call, &[400, 404, 405, 406, 501]).await?;
        let kind = manifests::content_type(&response);
        if !response.status().is_success()
            || MediaType::from_header(&kind) != Some(MediaType::OciIndex)
        {
            return Ok(None);
        }
        let next = response
            .headers()
            .get_all(LINK)
            .iter()
            .find_map(|line| next_link(line.to_str().ok()?));
        let next = next.and_then(|link| location::resolve(&call.url, link));
        let next = next.filter(|next| location::same_origin(next, &self.shared.base));
        let body = send::read(
            response,
            Limit(MANIFEST_LIMIT),
            &self.shared.host,
            &call.target,
        )
        .await?;
        Ok(Some((body, next)))
    }

    fn referrers_error(&self, digest: &Digest, detail: &str) -> Error {
        Error::Protocol {
            target: self.target(digest),
            detail: detail.to_owned(),
        }
    }
}

/// The target of `<TARGET>; rel="next"`.
fn next_link(line: &str) -> Option<&str> {
    let (target, parameters) = line.trim().strip_prefix('<')?.split_once('>')?;
    let mut parameters = parameters.split(';').map(str::trim);
    parameters
        .any(|parameter| matches!(parameter, "rel=next" | "rel=\"next\""))
        .then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_next_link_is_followed() {
        assert_eq!(
            next_link(r#"</v2/a/referrers/x?n=2>; rel="next""#),
            Some("/v2/a/referrers/x?n=2")
        );
        assert_eq!(next_link("</x>; title=y; rel=next"), Some("/x"));
        for bad in ["", "</x>", r#"</x>; rel="prev""#, r#"/x; rel="next""#] {
            assert_eq!(next_link(bad), None, "{bad:?}");
        }
    }
}
