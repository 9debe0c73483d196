/*!
Who refers to a manifest: signatures, SBOMs, attestations (distribution-spec, "Listing Referrers").

The list is not content: it has no digest of its own and may come in pages, which are joined here. Whoever answers may
go on for ever, so pages and referrers are counted while they come.
*/

use reqwest::{
    Method,
    header::{ACCEPT, LINK},
};
use schema::{Digest, Manifest, MediaType, manifest::MANIFEST_LIMIT};
use url::Url;

use crate::{
    Error, Remote, manifests,
    transport::{
        clients::Traffic,
        origin, refusal,
        reply::Reply,
        send::{self, Call, Limit},
    },
};

/// The most referrers of one manifest that are taken in, and the most pages that are asked for.
pub const REFERRERS_LIMIT: usize = 1000;

/// Most bytes read of an answer that is no list.
const ANSWER_LIMIT: u64 = 64 << 10;

/// One answer of several.
struct Page {
    entries: Vec<Digest>,
    next: Option<Url>,
}

impl Remote {
    /// The manifests that name `subject` as theirs, or `None` where the registry keeps no such lists (then the tag
    /// `sha256-<hex>` is the place to look). More than [`REFERRERS_LIMIT`] are [`Error::TooMuch`], and an answer that is
    /// no such list is [`Error::Protocol`].
    pub async fn referrers(&self, subject: &Digest) -> Result<Option<Vec<Digest>>, Error> {
        let known = &self.shared.capabilities.referrers;
        let Some(mut turn) = known.turn(&self.repository).await else {
            return Ok(None);
        };
        let mut url = self.url(&format!("referrers/{subject}"));
        let mut found = Vec::new();
        for number in 0..REFERRERS_LIMIT {
            let page = match self.referrers_page(url, subject).await? {
                Some(page) => page,
                None if number == 0 => return Ok(None),
                None => return Err(self.unlisted(subject, "a page of the list is not there")),
            };
            known.lists();
            turn.take();
            found.extend(page.entries);
            if found.len() > REFERRERS_LIMIT {
                return Err(self.too_much(subject, "referrers"));
            }
            match page.next {
                Some(next) => url = next,
                None => return Ok(Some(found)),
            }
        }
        Err(self.too_much(subject, "pages of referrers"))
    }

    /// Whether the registry keeps the list of those that refer to `subject` itself.
    pub async fn keeps_referrers(&self, subject: &Digest) -> Result<bool, Error> {
        let known = &self.shared.capabilities.referrers;
        let Some(_turn) = known.turn(&self.repository).await else {
            return Ok(false);
        };
        let url = self.url(&format!("referrers/{subject}"));
        let kept = self.referrers_page(url, subject).await?.is_some();
        if kept {
            known.lists();
        }
        Ok(kept)
    }

    async fn referrers_page(&self, url: Url, subject: &Digest) -> Result<Option<Page>, Error> {
        let call = Call {
            traffic: Traffic::Api,
            method: Method::GET,
            url,
            access: self.pull(),
            target: self.referrers_path(subject),
            fill: &|request| request.header(ACCEPT, MediaType::OciIndex.as_str()),
        };
        // Registries from before the referrers API have many ways of not knowing the path.
        let response = self.call(&call, &[400, 404, 405, 406, 501]).await?;
        if !response.status().is_success() {
            self.learn(response, &call.target).await;
            return Ok(None);
        }
        let kind = manifests::content_type(&response);
        let json = kind.starts_with("application/json");
        if MediaType::from_header(&kind) != Some(MediaType::OciIndex) && !json {
            let detail = format!("the answer is {kind:?} content and no list of referrers");
            return Err(self.unlisted(subject, &detail));
        }
        let next = response
            .headers()
            .get_all(LINK)
            .iter()
            .find_map(|line| next_link(line.to_str().ok()?).map(str::to_owned));
        let (limit, host) = (Limit(MANIFEST_LIMIT), &self.shared.host);
        let body = send::read(response, limit, host, &call.target).await?;
        // Some registries take any path with a digest for a way to name that manifest.
        if Digest::of(&body) == *subject {
            return Ok(None);
        }
        let list = Manifest::parse(&body, MediaType::OciIndex)
            .map_err(|error| self.unlisted(subject, &format!("no list of referrers: {error}")))?;
        let next = match next {
            None => None,
            Some(link) => Some(
                origin::resolve(&call.url, &link)
                    .filter(|next| origin::same_origin(next, &self.shared.base))
                    .ok_or_else(|| {
                        self.unlisted(subject, "the list goes on at another place; refused")
                    })?,
            ),
        };
        if next.as_ref() == Some(&call.url) {
            return Err(self.unlisted(subject, "the list names a page as its own next one"));
        }
        Ok(Some(Page {
            entries: list.children.iter().map(|child| child.digest).collect(),
            next,
        }))
    }

    /// Takes in that there is no list, unless the answer is about the name: then others may have one.
    async fn learn(&self, response: Reply, target: &str) {
        let (status, host) = (response.status().as_u16(), &self.shared.host);
        let body = send::read(response, Limit(ANSWER_LIMIT), host, target).await;
        let codes = refusal::codes(&body.unwrap_or_default());
        let of_the_name = |code: &String| code.starts_with("NAME_") || code == "MANIFEST_UNKNOWN";
        let unsupported = codes.iter().any(|code| code == "UNSUPPORTED");
        if unsupported || (matches!(status, 404 | 405 | 501) && !codes.iter().any(of_the_name)) {
            self.shared.capabilities.referrers.lacks(&self.repository);
        }
    }

    /// The path that is asked, as errors show it.
    fn referrers_path(&self, subject: &Digest) -> String {
        let Self { repository, .. } = self;
        format!("{}/v2/{repository}/referrers/{subject}", self.shared.host)
    }

    fn unlisted(&self, subject: &Digest, detail: &str) -> Error {
        Error::Protocol {
            target: self.referrers_path(subject),
            detail: detail.to_owned(),
        }
    }

    fn too_much(&self, subject: &Digest, what: &str) -> Error {
        Error::TooMuch {
            target: self.referrers_path(subject),
            detail: format!("the registry has more than {REFERRERS_LIMIT} {what}"),
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
    use fakes::{Reply, ScriptedServer};

    use super::*;
    use crate::testing::{Outcome, remote};

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

    const LIST: (&str, &str) = ("Content-Type", "application/vnd.oci.image.index.v1+json");

    /// A page with so many entries.
    fn page(entries: usize, link: Option<&str>) -> Reply {
        let entry = |n: usize| {
            let digest = Digest::of(&n.to_le_bytes());
            serde_json::json!({"mediaType": MediaType::OciManifest, "digest": digest, "size": 7})
        };
        let entries: Vec<_> = (0..entries).map(entry).collect();
        let body = serde_json::json!({"schemaVersion": 2, "manifests": entries}).to_string();
        let link = link.map(|link| format!("<{link}>; rel=\"next\""));
        let mut headers = vec![LIST];
        headers.extend(link.as_deref().map(|link| ("Link", link)));
        Reply::status(200, &headers, body.as_bytes())
    }

    #[tokio::test]
    async fn pages_are_joined_and_end_somewhere() -> Outcome {
        let subject = Digest::of(b"subject");
        let server = ScriptedServer::start(|_, before| match before {
            0 => page(2, Some("/v2/a/b/referrers/x?page=1")),
            _ => page(1, None),
        })?;
        let found = remote(&server)?.referrers(&subject).await?;
        assert_eq!(found.map(|list| list.len()), Some(3));
        let endless = ScriptedServer::start(|_, before| {
            page(0, Some(&format!("/v2/a/b/referrers/x?page={before}")))
        })?;
        let told = remote(&endless)?.referrers(&subject).await;
        assert!(matches!(told, Err(Error::TooMuch { .. })), "{told:?}");
        assert_eq!(endless.requests().len(), 1000);
        let many = ScriptedServer::start(|_, _| page(1001, None))?;
        let told = remote(&many)?.referrers(&subject).await;
        assert!(matches!(told, Err(Error::TooMuch { .. })), "{told:?}");
        Ok(())
    }

    #[tokio::test]
    async fn what_is_no_list_is_a_refusal_and_no_list_is_none() -> Outcome {
        let subject = Digest::of(b"subject");
        for (what, answer) in [
            (
                "a web page",
                Reply::status(200, &[("Content-Type", "text/html")], b"<html>"),
            ),
            ("no JSON", Reply::status(200, &[LIST], b"<html>")),
            ("no index", Reply::status(200, &[LIST], b"{}")),
            ("elsewhere", page(1, Some("http://127.0.0.2/next"))),
        ] {
            let server = ScriptedServer::start(move |_, _| answer.clone())?;
            let told = remote(&server)?.referrers(&subject).await;
            assert!(
                told.as_ref().is_err_and(Error::is_refusal),
                "{what}: {told:?}"
            );
        }
        for status in [400, 404, 405, 501] {
            let server = ScriptedServer::start(move |_, _| Reply::status(status, &[], b"<html>"))?;
            assert_eq!(remote(&server)?.referrers(&subject).await?, None);
            assert!(!remote(&server)?.keeps_referrers(&subject).await?);
        }
        let itself = ScriptedServer::start(|_, _| page(2, None))?;
        let Reply::Raw(answer) = page(2, None) else {
            return Err("no page".into());
        };
        let text = String::from_utf8(answer)?;
        let body = text.split_once("\r\n\r\n").ok_or("no body")?.1;
        let found = remote(&itself)?
            .referrers(&Digest::of(body.as_bytes()))
            .await?;
        assert_eq!(found, None, "a list that is the subject is none");
        Ok(())
    }

    #[tokio::test]
    async fn a_lookup_does_not_wait_long_for_a_server_that_fails() -> Outcome {
        let server = ScriptedServer::start(|_, _| Reply::status(503, &[], b""))?;
        let lookup = remote(&server)?.lookup();
        let told = lookup.referrers(&Digest::of(b"subject")).await;
        assert!(
            matches!(told, Err(Error::Http { status: 503, .. })),
            "{told:?}"
        );
        assert_eq!(server.requests().len(), 3);
        Ok(())
    }
}
