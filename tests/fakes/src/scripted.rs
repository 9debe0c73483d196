/*!
A server that sends exactly what a test writes down, broken answers included, and remembers what it was asked. Real
servers and HTTP libraries are too well-behaved for this.

```
use fakes::{Reply, ScriptedServer};

let server = ScriptedServer::start(|request, _| match request.path() {
    "/v2/" => Reply::status(200, &[], b"{}"),
    _ => Reply::Silence,
})?;
assert!(server.requests().is_empty());
# anyhow::Ok(())
```
*/

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    runtime::Runtime,
};

use crate::{faults::Gate, server::listen};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// `GET /v2/…?query`
    pub line: String,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// As long as `Content-Length` says, or as much as came.
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    /// The value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `GET`
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// `/v2/…?query`
    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// What is sent to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, head and all, then the next request is read.
    Raw(Vec<u8>),
    /// These bytes, then the end of the connection.
    Cut(Vec<u8>),
    /// These bytes, then this block again and again for as long as somebody reads.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes, then one space after each pause.
    Drip(Vec<u8>, Duration),
    /// Nothing: only so many bytes of the request's body are read, and the connection ends.
    CutUpload(usize),
    /// Nothing, after the request's body was read, and the connection stays.
    Silence,
    /// Another reply, once a gate is open.
    After(Gate, Box<Reply>),
}

impl Reply {
    /// An answer with a right `Content-Length`. To a HEAD, send [`head`] alone.
    pub fn status(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut bytes = head(status, headers, body.len());
        bytes.extend_from_slice(body);
        Self::Raw(bytes)
    }

    /// 200 with a body.
    pub fn ok(body: &[u8]) -> Self {
        Self::status(200, &[], body)
    }
}

/// The head of an answer that announces `length` bytes.
pub fn head(status: u16, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\n{lines}\r\n").into_bytes()
}

type Script = dyn Fn(&ReceivedRequest, usize) -> Reply + Send + Sync;

/// A running server; ended when dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    /// `127.0.0.1:PORT`
    pub host: String,
    log: Arc<Log>,
    runtime: Option<Runtime>,
}

#[derive(Debug, Default)]
struct Log {
    requests: Mutex<Vec<ReceivedRequest>>,
    changed: Condvar,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl ScriptedServer {
    /// Serves on a free port, on a runtime of its own. The script gets each request, before its body is read, and how
    /// many came before it.
    pub fn start(
        script: impl Fn(&ReceivedRequest, usize) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = listen(false)?;
        let host = listener.local_addr()?.to_string();
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::<Log>::default());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let shared = log.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (script.clone(), shared.clone());
                log.connections.fetch_add(1, Ordering::SeqCst);
                let open = log.open.fetch_add(1, Ordering::SeqCst) + 1;
                log.most_open.fetch_max(open, Ordering::SeqCst);
                tokio::spawn(async move {
                    // It ends when the other side has had enough.
                    converse(stream, &*script, &log).await.ok();
                    log.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(Self {
            host,
            log,
            runtime: Some(runtime),
        })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Connections that were made so far.
    pub fn connections(&self) -> usize {
        self.log.connections.load(Ordering::SeqCst)
    }

    /// The most connections that were open at a time.
    pub fn most_open(&self) -> usize {
        self.log.most_open.load(Ordering::SeqCst)
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        let requests = self.log.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The request lines so far that hold a text.
    pub fn lines(&self, part: &str) -> Vec<String> {
        let requests = self.requests().into_iter();
        requests
            .map(|request| request.line)
            .filter(|line| line.contains(part))
            .collect()
    }

    /// Blocks until the requests so far fulfil a condition; an error after a minute.
    pub fn wait_for(&self, condition: impl Fn(&[ReceivedRequest]) -> bool) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let requests = self.log.requests.lock();
        let mut requests = requests.unwrap_or_else(PoisonError::into_inner);
        while !condition(&requests) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("the scripted server waited in vain; it got {requests:#?}");
            }
            let waited = self.log.changed.wait_timeout(requests, left);
            (requests, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        // Allowed inside async code too, where a blocking shutdown would panic.
        self.runtime
            .take()
            .into_iter()
            .for_each(Runtime::shutdown_background);
    }
}

async fn converse(stream: TcpStream, script: &Script, log: &Log) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_head(&mut stream).await? {
        let length = request.header("content-length");
        let length = length.map_or(Ok(0), str::parse::<usize>)?;
        let (mut reply, place) = {
            let requests = log.requests.lock();
            let mut requests = requests.unwrap_or_else(PoisonError::into_inner);
            requests.push(request.clone());
            log.changed.notify_all();
            (script(&request, requests.len() - 1), requests.len() - 1)
        };
        while let Reply::After(gate, then) = reply {
            gate.pass().await;
            reply = *then;
        }
        let wanted = match reply {
            Reply::CutUpload(most) => length.min(most),
            _ => length,
        };
        let mut body = vec![0; wanted];
        stream.read_exact(&mut body).await?;
        {
            let requests = log.requests.lock();
            let mut requests = requests.unwrap_or_else(PoisonError::into_inner);
            requests.get_mut(place).context("no such request")?.body = body;
            log.changed.notify_all();
        }
        let writer = stream.get_mut();
        match reply {
            Reply::Raw(bytes) => writer.write_all(&bytes).await?,
            Reply::Cut(bytes) => return Ok(writer.write_all(&bytes).await?),
            Reply::CutUpload(_) => return Ok(()),
            Reply::Silence | Reply::After(..) => std::future::pending().await,
            Reply::Drip(head, pause) => {
                writer.write_all(&head).await?;
                loop {
                    writer.write_all(b" ").await?;
                    tokio::time::sleep(pause).await;
                }
            }
            Reply::Endless(head, block) => {
                writer.write_all(&head).await?;
                loop {
                    writer.write_all(&block).await?;
                }
            }
        }
    }
    Ok(())
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<ReceivedRequest>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => {
                return Ok(Some(ReceivedRequest {
                    line,
                    headers,
                    body: Vec::new(),
                }));
            }
        }
    }
}
