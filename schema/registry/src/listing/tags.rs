/*!
The tags of a repository in one request, where that saves many (distribution-spec, "Listing Tags").

A list is only ever believed in what it lacks, and only if it is whole on its face: one page, of bounded size, within a few
seconds. Repositories with a hundred thousand tags, registries that refuse lists, and lists that were cut count as unknown:
single tags are asked for then.
*/

use std::{sync::Arc, time::Duration};

use reqwest::{Method, header::LINK};
use serde::Deserialize;

use crate::{
    Error, Remote, TagList,
    transport::{
        clients::Traffic,
        refusal,
        send::{self, Call, Limit},
    },
};

/// Tags asked for in the one page.
const PAGE: usize = 1000;

/// A list with more bytes is given up: 256 KiB.
const LIMIT: u64 = 256 << 10;

/// A list with more tags than this is no saving.
const MOST: usize = 10_000;

/// A registry that needs longer than this for a list is better asked for single tags.
const PATIENCE: Duration = Duration::from_secs(5);

impl Remote {
    /// The repository's tags, asked for once; what goes wrong makes it [`TagList::Unknown`].
    pub async fn tags(&self) -> Arc<TagList> {
        let cell = self.shared.tags.of(&self.repository);
        let ask = async || {
            let listed = tokio::time::timeout(PATIENCE, self.ask_for_tags()).await;
            let list = match listed {
                Ok(Ok(list)) => list,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "no list of tags");
                    TagList::Unknown
                }
                Err(_) => TagList::Unknown,
            };
            Arc::new(list)
        };
        Arc::clone(cell.get_or_init(ask).await)
    }

    /// The list was found to lack a tag that is there (caches list only what they hold): it is not believed any more.
    pub fn distrust_tags(&self) {
        tracing::debug!(repository = %self.repository, "the list of tags is not whole");
        self.shared.tags.replace(&self.repository, TagList::Unknown);
    }

    async fn ask_for_tags(&self) -> Result<TagList, Error> {
        #[derive(Deserialize)]
        struct TagsBody {
            tags: Option<Vec<String>>,
        }
        let mut url = self.url("tags/list");
        url.set_query(Some(&format!("n={PAGE}")));
        let call = Call {
            traffic: Traffic::Api,
            method: Method::GET,
            url,
            access: self.pull(),
            target: self.target(&"tags/list"),
            fill: &|request| request,
        };
        let response = self.call_once(&call, &[404]).await?;
        let (status, more) = (response.status(), response.headers().contains_key(LINK));
        let limit = Limit(LIMIT);
        let body = send::read(response, limit, &self.shared.host, &call.target).await?;
        if status == 404 {
            return Ok(match refusal::codes(&body).as_slice() {
                [code] if code == "NAME_UNKNOWN" => TagList::NoRepository,
                _ => TagList::Unknown,
            });
        }
        let listed = serde_json::from_slice::<TagsBody>(&body).ok();
        let tags = listed.and_then(|body| body.tags).unwrap_or_default();
        // Some registries cut lists without a word, at a round number.
        let perhaps_cut =
            more || tags.is_empty() || tags.len().is_multiple_of(50) || tags.len() > MOST;
        Ok(match perhaps_cut {
            true => TagList::Unknown,
            false => TagList::whole(&tags),
        })
    }
}
