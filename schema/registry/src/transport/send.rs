/*!
Sending one request: with the login it needs, following redirects ourselves so that credentials stay with the registry,
and reading no more of an answer than was bargained for.
*/

use std::sync::atomic::Ordering;

use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue, LOCATION, WWW_AUTHENTICATE},
};
use tokio::sync::Semaphore;
use url::Url;

use crate::{
    Error,
    auth::{
        access::Access,
        challenge::{self, Challenge},
    },
    client::Remote,
    transport::{clients::Traffic, origin, refusal, reply::Reply},
};

/// Most redirects that are followed.
const REDIRECTS: usize = 10;

/// A body of up to this many bytes, 256 KiB, is read whenever it comes.
const SMALL: u64 = 256 << 10;

/// Of larger ones, so many are read at once: many connections must not mean much memory.
static LARGE: Semaphore = Semaphore::const_new(2);

/// Most bytes of a body that is taken whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub u64);

/// A request whose body, if any, is at hand: it can be sent again.
pub(crate) struct Call<'a> {
    pub traffic: Traffic,
    pub method: Method,
    pub url: Url,
    pub access: Access,
    pub target: String,
    /// Adds headers and body.
    pub fill: &'a (dyn Fn(RequestBuilder) -> RequestBuilder + Send + Sync),
}

impl Remote {
    /// Sends, logs in where asked, retries what may pass. The answer's status is 2xx or one of `expected`.
    pub(crate) async fn call(&self, call: &Call<'_>, expected: &[u16]) -> Result<Reply, Error> {
        let mut budget = self.retry_budget();
        loop {
            match self.call_once(call, expected).await {
                Ok(response) => return Ok(response),
                Err(error) => budget.wait(error).await?,
            }
        }
    }

    /// As [`Self::call`], but a single attempt, logins apart.
    pub(crate) async fn call_once(
        &self,
        call: &Call<'_>,
        expected: &[u16],
    ) -> Result<Reply, Error> {
        let mut logins = 0;
        loop {
            let place = self.permit().await;
            let known = self.shared.logins.are_known();
            let header = self.shared.logins.header(&call.access).await?;
            let response = self.follow(call, header.as_ref()).await?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED
                && origin::same_origin(response.url(), &self.shared.base)
                && logins < 2
                && self
                    .challenged(&response, &call.access, header.as_ref())
                    .await?
            {
                logins += 1;
                continue;
            }
            // Some registries say how to log in at `/v2/` alone, and deny or hide everything else until then.
            if matches!(status.as_u16(), 401 | 403 | 404)
                && !known
                && origin::same_origin(response.url(), &self.shared.base)
                && self.login_at_base(&call.access).await
            {
                continue;
            }
            if status.is_success() && header.is_none() {
                self.shared.is_open.store(true, Ordering::Relaxed);
            }
            if status.is_success() || expected.contains(&status.as_u16()) {
                return Ok(Reply::new(response, place));
            }
            let reply = Reply::new(response, place);
            return Err(refusal::refusal(&call.method, reply, call.target.clone()).await);
        }
    }

    /// Takes in a 401; whether to try again.
    pub(crate) async fn challenged(
        &self,
        response: &Response,
        access: &Access,
        shown: Option<&HeaderValue>,
    ) -> Result<bool, Error> {
        self.shared
            .logins
            .challenged(access, &challenges(response), shown)
            .await
    }

    async fn follow(
        &self,
        call: &Call<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Error> {
        let mut url = call.url.clone();
        for _ in 0..=REDIRECTS {
            let ours = origin::same_origin(&url, &self.shared.base);
            let client = self.client(call.traffic, &url, &call.target)?;
            let mut request = (call.fill)(client.request(call.method.clone(), url.clone()));
            if let Some(value) = authorization.filter(|_| ours) {
                request = request.header(AUTHORIZATION, value.clone());
            }
            let sent = request.send().await;
            let response =
                sent.map_err(|error| Error::transport(error, &self.shared.host, &call.target))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let place = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let next = place.and_then(|place| origin::resolve(&url, place));
            let Some(next) = next else {
                return Err(self.protocol(
                    call,
                    "the registry redirects to nowhere, or from https to http; refused",
                ));
            };
            let replayable = matches!(call.method, Method::GET | Method::HEAD)
                || (origin::same_origin(&next, &url)
                    && matches!(response.status().as_u16(), 307 | 308));
            if !replayable {
                return Err(self.protocol(
                    call,
                    "the registry redirects an upload to another place; refused",
                ));
            }
            url = next;
        }
        Err(self.protocol(call, "the registry redirects more than 10 times; refused"))
    }

    /// The connections for an address: without TLS only where that was asked for.
    pub(crate) fn client(
        &self,
        traffic: Traffic,
        url: &Url,
        target: &str,
    ) -> Result<Client, Error> {
        let clients = &self.shared.clients;
        if clients.may_be_plain(url) {
            return clients.to(traffic, url);
        }
        let host = origin::authority(url);
        Err(Error::Protocol {
            target: target.to_owned(),
            detail: format!(
                "the registry leads to {host} without TLS; refused, unless --plain-http={host} is given"
            ),
        })
    }

    /// Asks `/v2/` for a challenge, once for each registry. Whether a login is known now that was not before. Where requests
    /// are answered as they are, only who has credentials needs to know.
    async fn login_at_base(&self, access: &Access) -> bool {
        let open = self.shared.is_open.load(Ordering::Relaxed);
        if open && !self.shared.logins.has_credentials(access).await {
            return false;
        }
        let mut asked = self.shared.asked_base.lock().await;
        if !std::mem::replace(&mut *asked, true) {
            let base = &self.shared.base;
            let answer = match self.shared.clients.to(Traffic::Api, base) {
                Ok(client) => client.get(base.clone()).send().await.ok(),
                Err(_) => None,
            };
            if let Some(answer) =
                answer.filter(|answer| answer.status() == StatusCode::UNAUTHORIZED)
            {
                self.shared
                    .logins
                    .volunteer(access, &challenges(&answer))
                    .await;
            }
        }
        self.shared.logins.are_known()
    }

    fn protocol(&self, call: &Call<'_>, detail: &str) -> Error {
        Error::Protocol {
            target: call.target.clone(),
            detail: detail.to_owned(),
        }
    }
}

fn challenges(response: &Response) -> Vec<Challenge> {
    let lines = response.headers().get_all(WWW_AUTHENTICATE);
    let lines = lines.iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(challenge::parse).collect()
}

/// A body that is taken whole, if it is not larger than it may be.
pub(crate) async fn read(
    mut reply: Reply,
    Limit(limit): Limit,
    host: &str,
    target: &str,
) -> Result<Vec<u8>, Error> {
    let too_large = || Error::Protocol {
        target: target.to_owned(),
        detail: format!(
            "the answer has more than {limit} bytes, which nothing of its kind needs; refused"
        ),
    };
    if reply.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let (mut body, mut large) = (Vec::new(), None);
    while let Some(chunk) = reply.chunk(host, target).await? {
        let length = body.len() as u64 + chunk.len() as u64;
        if length > limit {
            return Err(too_large());
        }
        if length > SMALL && large.is_none() {
            large = Some(LARGE.acquire().await);
            body.reserve_exact(usize::try_from(limit).unwrap_or_default() - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
