/*!
An answer while it is read: it keeps its place among the requests under way until then, and must not trickle.

Whoever answers decides how long an answer takes. A body that never ends has a [limit](crate::send); one that never
comes has this one.
*/

use std::{ops::Deref, time::Duration};

use bytes::Bytes;
use reqwest::Response;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

use crate::Error;

/// How long a body is watched before it is judged: a minute.
const WINDOW: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 60 });

/// The least that has to come in that time: 1 KiB for each second of a minute.
const LEAST: u64 = 60 << 10;

/// The same for one second. What comes slower is no progress.
pub(crate) const FLOOR: u64 = 1 << 10;

/// An answer, its head read and its body not.
#[derive(Debug)]
pub(crate) struct Reply {
    response: Response,
    /// Among the requests under way.
    _place: Option<OwnedSemaphorePermit>,
    /// Time spent waiting for bytes in this window; not that in which nobody wanted any.
    waited: Duration,
    /// Bytes that came in it.
    came: u64,
}

impl Reply {
    /// An answer that takes a place, until this is dropped.
    pub(crate) fn new(response: Response, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            response,
            _place: place,
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// The next bytes of the body. `host` and `target` are for errors.
    pub(crate) async fn chunk(&mut self, host: &str, target: &str) -> Result<Option<Bytes>, Error> {
        loop {
            let begun = Instant::now();
            let left = WINDOW.saturating_sub(self.waited);
            let chunk = timeout(left, self.response.chunk()).await;
            self.waited += begun.elapsed();
            let chunk = match chunk {
                Ok(Ok(chunk)) => chunk,
                Ok(Err(error)) => return Err(Error::transport(error, host, target)),
                Err(_) => Some(Bytes::new()),
            };
            let length = chunk.as_ref().map_or(0, Bytes::len);
            self.came += length as u64;
            if self.waited >= WINDOW && chunk.is_some() {
                if self.came < LEAST {
                    return Err(Error::Cut {
                        host: host.to_owned(),
                        target: target.to_owned(),
                        detail: "it sent less than 1 KiB a second for a minute".to_owned(),
                    });
                }
                (self.waited, self.came) = (Duration::ZERO, 0);
            }
            if length > 0 || chunk.is_none() {
                return Ok(chunk);
            }
        }
    }
}

impl Deref for Reply {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fakes::{Reply, ScriptedServer};
    use futures_util::future::join_all;

    use crate::{
        Options, Registry, Remote,
        testing::{INDEX, MANIFEST, Outcome, content, remote, tag},
    };

    fn impatient(server: &ScriptedServer) -> Result<Remote, Box<dyn std::error::Error>> {
        let options = Options {
            plain_http: crate::Hosts::all(),
            retries: 0,
            ..Options::default()
        };
        Ok(Registry::new(&server.host, &options)?.repository(&"a/b".parse()?))
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_a_stall() -> Outcome {
        let dripping =
            "HTTP/1.1 200 Said\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
        let server = ScriptedServer::start(move |_, _| {
            Reply::Drip(dripping.into(), Duration::from_millis(20))
        })?;
        let remote = impatient(&server)?;
        let (_, blob) = content(100_000);
        let selector = tag()?;
        let (manifest, range) = tokio::join!(
            remote.manifest(&selector),
            remote.blob_range(&blob, 0, 100_000)
        );
        for told in [manifest.err(), range.err()] {
            let told = told.ok_or("it was taken")?;
            assert!(told.is_transient(), "{told:?}");
            assert!(
                told.to_string().contains("less than 1 KiB a second"),
                "{told}"
            );
        }
        Ok(())
    }

    #[tokio::test]
    async fn no_more_connections_are_made_than_requests_may_be_under_way() -> Outcome {
        let server = ScriptedServer::start(|_, _| Reply::status(200, &[INDEX], MANIFEST))?;
        let (remote, selector) = (remote(&server)?, tag()?);
        let all = join_all((0..200).map(|_| remote.manifest(&selector))).await;
        assert!(all.iter().all(Result::is_ok));
        let most = Options::default().concurrency;
        assert!(server.connections() <= most, "{}", server.connections());
        Ok(())
    }
}
