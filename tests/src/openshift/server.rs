/*!
A signature store on the web, honest or not.

Stores are somebody else's servers: they hang, sit behind captive portals, fail, or answer with far more than anybody
asked for. A release must be refused or taken by what the other stores say, soon, and with the bad one named.
*/

use std::{
    future, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Runtime};

use super::SignatureStore;
use crate::{
    images::Random,
    registry::{
        Log, LoggedRequest,
        message::{Answer, Content},
        serve,
    },
};

/// How long [`StoreServer::wait_for`] waits before it calls the test failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of [`Behaviour::Garbage`].
const NOISE: u64 = 10_000_000;

/// What a store does with every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers 500.
    Error500,
    /// Answers 200 with 10 MB of noise.
    Garbage,
    /// Serves what its directory holds, and 404 for the rest.
    Good,
    /// Takes the request and never answers.
    Hangs,
    /// Answers 200 with the page of a captive portal.
    Html,
    /// Answers 404.
    NotFound,
}

/// A running store on a free port of 127.0.0.1; ended when dropped.
#[derive(Debug)]
pub struct StoreServer {
    addr: SocketAddr,
    log: Arc<Log>,
    runtime: Option<Runtime>,
}

impl StoreServer {
    /// Starts serving a directory store. Signatures can be added to it later.
    pub fn start(store: &SignatureStore, behaviour: Behaviour) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on 127.0.0.1")?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let log = Arc::<Log>::default();
        let shared = Arc::new(Shared {
            directory: store.path().to_owned(),
            behaviour,
            log: log.clone(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let inside = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(inside);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, shared.clone()));
            }
        });
        Ok(Self {
            addr,
            log,
            runtime: Some(runtime),
        })
    }

    /// `http://127.0.0.1:PORT/signatures`, as payloads and `--signature-store` name it.
    pub fn url(&self) -> String {
        format!("http://{}/signatures", self.addr)
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.log.all()
    }

    /// Blocks until the requests so far fulfil a condition; an error after a minute.
    pub fn wait_for(&self, condition: impl Fn(&[LoggedRequest]) -> bool) -> Result<()> {
        self.log.wait(PATIENCE, condition)
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        // Allowed inside async code too, where a blocking shutdown would panic.
        self.runtime
            .take()
            .into_iter()
            .for_each(Runtime::shutdown_background);
    }
}

/// What all connections share.
struct Shared {
    directory: PathBuf,
    behaviour: Behaviour,
    log: Arc<Log>,
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(shared.clone(), request));
    // An error here is a client that went away, as it should when a store hangs.
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> io::Result<Response<impl hyper::body::Body<Data = Bytes, Error = io::Error>>> {
    let (parts, _) = request.into_parts();
    let place = shared.log.add(LoggedRequest::new(&parts));
    let failed = |status: StatusCode| Answer::bytes(status, status.to_string());
    let answer = match shared.behaviour {
        Behaviour::Error500 => failed(StatusCode::INTERNAL_SERVER_ERROR),
        Behaviour::Garbage => {
            let noise = Content::Memory(Random::new(1).bytes(NOISE as usize).into());
            Answer::stream(StatusCode::OK, noise.slice(0, NOISE)?, NOISE)
        }
        Behaviour::Good => match read(&shared.directory, parts.uri.path()) {
            Some(bytes) => Answer::bytes(StatusCode::OK, bytes),
            None => failed(StatusCode::NOT_FOUND),
        },
        Behaviour::Hangs => future::pending().await,
        Behaviour::Html => {
            let page =
                "<!DOCTYPE html><html><body>Please log in to the guest network</body></html>";
            Answer::bytes(StatusCode::OK, page).with(CONTENT_TYPE, "text/html")
        }
        Behaviour::NotFound => failed(StatusCode::NOT_FOUND),
    };
    Ok(serve::response(shared.log.clone(), place, answer))
}

/// `/signatures/sha256=<hex>/signature-N` out of the directory; nothing else is ever looked for.
fn read(directory: &Path, path: &str) -> Option<Vec<u8>> {
    let (digest, name) = path.strip_prefix("/signatures/")?.split_once('/')?;
    let hex = digest.strip_prefix("sha256=")?;
    let number = name.strip_prefix("signature-")?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !plain(hex) || !plain(number) {
        return None;
    }
    std::fs::read(directory.join(digest).join(name)).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        error::Error,
        io::{ErrorKind, Read, Write},
    };

    use schema::Digest;

    use super::*;
    use crate::block_on;

    type Tested = Result<(), Box<dyn Error>>;

    #[test]
    fn stores_serve_or_misbehave() -> Tested {
        let directory = tempfile::tempdir()?;
        let store = SignatureStore::new(directory.path().join("store"))?;
        let digest = Digest::of(b"a release");
        assert_eq!(
            (store.add(&digest, b"one")?, store.add(&digest, b"two")?),
            (1, 2)
        );
        let get = |behaviour, number: usize| -> Result<(u16, Vec<u8>), Box<dyn Error>> {
            let server = StoreServer::start(&store, behaviour)?;
            let url = format!(
                "{}/sha256={}/signature-{number}",
                server.url(),
                digest.hex()
            );
            let answer = block_on(async {
                let client = reqwest::Client::builder().no_proxy().build()?;
                let response = client.get(url).send().await?;
                let status = response.status().as_u16();
                reqwest::Result::Ok((status, response.bytes().await?.to_vec()))
            })??;
            let logged = server.requests();
            assert_eq!((logged.len(), logged[0].status), (1, Some(answer.0)));
            Ok(answer)
        };
        assert_eq!(get(Behaviour::Good, 2)?, (200, b"two".to_vec()));
        assert_eq!(get(Behaviour::Good, 3)?.0, 404);
        assert_eq!(get(Behaviour::NotFound, 1)?.0, 404);
        assert_eq!(get(Behaviour::Error500, 1)?.0, 500);
        assert!(get(Behaviour::Html, 1)?.1.starts_with(b"<!DOCTYPE html>"));
        let (status, noise) = get(Behaviour::Garbage, 1)?;
        assert_eq!((status, noise.len()), (200, 10_000_000));
        Ok(())
    }

    #[test]
    fn a_store_that_hangs_takes_the_request_and_says_nothing() -> Tested {
        let directory = tempfile::tempdir()?;
        let store = SignatureStore::new(directory.path())?;
        let server = StoreServer::start(&store, Behaviour::Hangs)?;
        let mut stream = std::net::TcpStream::connect(server.addr)?;
        stream.write_all(b"GET /signatures/x HTTP/1.1\r\nhost: x\r\n\r\n")?;
        server.wait_for(|requests| requests.len() == 1)?;
        stream.set_nonblocking(true)?;
        let nothing = stream.read(&mut [0]).err().map(|error| error.kind());
        assert_eq!(nothing, Some(ErrorKind::WouldBlock));
        assert_eq!(server.requests()[0].status, None);
        Ok(())
    }
}
