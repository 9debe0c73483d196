/*!
A server for the tests that answers exactly what a test writes down, broken answers included, and remembers what it was
asked. Real registries and HTTP libraries are too well-behaved for this.
*/

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use schema::{Digest, Selector, manifest::Blob};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{Options, Registry, Remote};

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

pub(crate) const MANIFEST: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;
pub(crate) const INDEX: (&str, &str) = ("Content-Type", "application/vnd.oci.image.index.v1+json");

pub(crate) fn remote_with(
    host: &str,
    authfile: Option<&std::path::Path>,
) -> Result<Remote, Box<dyn std::error::Error>> {
    let empty = tempfile::NamedTempFile::new()?;
    std::fs::write(empty.path(), "{}")?;
    let authfile = authfile.unwrap_or(empty.path()).to_owned();
    let options = Options {
        plain_http: crate::Hosts::all(),
        authfile: Some(authfile),
        retries: 3,
        ..Options::default()
    };
    Ok(Registry::new(host, &options)?.repository(&"a/b".parse()?))
}

pub(crate) fn remote(server: &Scripted) -> Result<Remote, Box<dyn std::error::Error>> {
    remote_with(&server.host, None)
}

pub(crate) fn content(size: usize) -> (Bytes, Blob) {
    let bytes: Bytes = (0..size).map(|n| (n * 7 % 251) as u8).collect();
    let blob = Blob {
        digest: Digest::of(&bytes),
        size: size as u64,
    };
    (bytes, blob)
}

pub(crate) fn tag() -> Result<Selector, schema::name::NameError> {
    Ok(Selector::Tag("v1".parse()?))
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `GET /v2/…?query`
    pub line: String,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// As long as `Content-Length` says, or as much as came.
    pub body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// These bytes, head and all, then the next request.
    Raw(Vec<u8>),
    /// These bytes, then the end of the connection.
    Cut(Vec<u8>),
    /// This head, then zeros in chunks for as long as somebody reads.
    Endless(&'static str),
    /// This head, then a byte every few milliseconds.
    Drip(&'static str),
    /// Reads only so many bytes of the request's body, then ends the connection.
    Hang(usize),
    /// Reads the request's body, and never answers.
    Silence,
}

/// An answer with a right `Content-Length`.
pub(crate) fn say(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Say {
    let mut bytes = head(status, headers, body.len());
    bytes.extend_from_slice(body);
    Say::Raw(bytes)
}

/// The head of an answer that announces `length` bytes.
pub(crate) fn head(status: u16, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n{lines}\r\n").into_bytes()
}

/// A running server and what it was asked.
pub(crate) struct Scripted {
    pub host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    /// Serves on a free port. The script gets each request and how many came before it.
    pub(crate) async fn serve(
        script: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let host = listener.local_addr()?.to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), asked.clone());
        let connections = Arc::new(AtomicUsize::new(0));
        let accepted = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::Relaxed);
                let (script, log) = (script.clone(), log.clone());
                tokio::spawn(async move { converse(stream, &*script, &log).await });
            }
        });
        Ok(Self {
            host,
            asked,
            connections,
        })
    }

    /// Connections that were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The request lines so far that hold a text.
    pub(crate) fn lines(&self, part: &str) -> Vec<String> {
        self.asked()
            .into_iter()
            .map(|asked| asked.line)
            .filter(|line| line.contains(part))
            .collect()
    }
}

async fn converse(
    stream: TcpStream,
    script: &(dyn Fn(&Asked, usize) -> Say + Send + Sync),
    log: &Mutex<Vec<Asked>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(mut asked) = request(&mut stream).await? else {
            return Ok(());
        };
        let answer = {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push(asked.clone());
            script(&asked, log.len() - 1)
        };
        let length = asked
            .header("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        asked.body.resize(
            if let Say::Hang(most) = answer {
                length.min(most)
            } else {
                length
            },
            0,
        );
        stream.read_exact(&mut asked.body).await?;
        if let Some(entry) = log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter_mut()
            .rfind(|a| a.line == asked.line)
        {
            entry.body = asked.body;
        }
        match answer {
            Say::Raw(bytes) => stream.get_mut().write_all(&bytes).await?,
            Say::Cut(bytes) => return stream.get_mut().write_all(&bytes).await,
            Say::Hang(_) => return Ok(()),
            Say::Silence => std::future::pending().await,
            Say::Drip(head) => {
                stream.get_mut().write_all(head.as_bytes()).await?;
                loop {
                    stream.get_mut().write_all(b" ").await?;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
            Say::Endless(head) => {
                stream.get_mut().write_all(head.as_bytes()).await?;
                let chunk = [b"1000\r\n".as_slice(), &[0; 4096], b"\r\n"].concat();
                loop {
                    stream.get_mut().write_all(&chunk).await?;
                }
            }
        }
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Asked>> {
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
                return Ok(Some(Asked {
                    line,
                    headers,
                    body: Vec::new(),
                }));
            }
        }
    }
}
