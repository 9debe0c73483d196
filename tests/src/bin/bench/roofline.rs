/*!
What the machine can do at all: the same blobs over plain sockets with six connections, hashed and written once, or put
from their files. No TLS, no login, no retry, no order, no signature: nothing a product could leave out.
*/

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use schema::digest::Hasher;

/// As many as the programs use unless told otherwise.
const CONNECTIONS: usize = 6;

/// Fetches each line of `list`, `HOST REPOSITORY DIGEST SIZE OFFSET`, into its place of `out`, and syncs that.
pub fn fetch(list: &Path, out: &Path) -> Result<()> {
    let file = File::create(out)?;
    in_parallel(list, |connection, words| {
        let [_, repository, digest, size, offset] = words else {
            return Err(anyhow!("not a line of five words"));
        };
        let path = format!("/v2/{repository}/blobs/{digest}");
        let (mut left, mut at): (u64, u64) = (size.parse()?, offset.parse()?);
        connection.request("GET", &path, 0, "")?;
        let answer = connection.answer()?;
        ensure!(
            answer.status == 200 && answer.length == left,
            "{path}: {answer:?}"
        );
        let (mut hasher, mut buffer) = (Hasher::default(), vec![0; 256 << 10]);
        while left > 0 {
            let want = buffer.len().min(usize::try_from(left)?);
            let count = connection.stream.read(&mut buffer[..want])?;
            ensure!(count > 0, "{path}: cut");
            hasher.update(&buffer[..count]);
            file.write_all_at(&buffer[..count], at)?;
            left -= count as u64;
            at += count as u64;
        }
        ensure!(hasher.finish().to_string() == *digest, "{path}: altered");
        Ok(())
    })?;
    Ok(file.sync_all()?)
}

/// Puts each line of `list`, `HOST REPOSITORY DIGEST FILE`.
pub fn put(list: &Path) -> Result<()> {
    in_parallel(list, |connection, words| {
        let [_, repository, digest, path] = words else {
            return Err(anyhow!("not a line of four words"));
        };
        connection.request("POST", &format!("/v2/{repository}/blobs/uploads/"), 0, "")?;
        let answer = connection.answer()?;
        ensure!(answer.status == 202, "no session: {answer:?}");
        let place = answer
            .location
            .splitn(4, '/')
            .nth(3)
            .context("no usable Location")?;
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let kind = "Content-Type: application/octet-stream\r\n";
        connection.request("PUT", &format!("/{place}&digest={digest}"), size, kind)?;
        io::copy(&mut file, connection.stream.get_mut())?;
        let answer = connection.answer()?;
        ensure!(answer.status == 201, "{digest} was not taken: {answer:?}");
        Ok(())
    })
}

fn in_parallel(
    list: &Path,
    job: impl Fn(&mut Connection, &[&str]) -> Result<()> + Sync,
) -> Result<()> {
    let text = fs::read_to_string(list)?;
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let host = lines
        .first()
        .and_then(|line| line.first())
        .context("nothing to do")?;
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut connection = Connection::new(host)?;
            while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                job(&mut connection, line)?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_| anyhow!("a connection panicked"))?
        })
    })
}

/// A kept-alive HTTP/1.1 connection.
struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

/// The part of an answer's head that matters here.
#[derive(Debug, Default)]
struct ResponseHead {
    status: u16,
    length: u64,
    location: String,
}

impl Connection {
    fn new(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            host: host.to_owned(),
            stream: BufReader::with_capacity(64 << 10, stream),
        })
    }

    fn request(&mut self, method: &str, path: &str, length: u64, more: &str) -> Result<()> {
        let host = &self.host;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{more}\r\n"
        );
        Ok(self.stream.get_mut().write_all(head.as_bytes())?)
    }

    fn answer(&mut self) -> Result<ResponseHead> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).context("not HTTP")?.parse()?;
        let mut answer = ResponseHead {
            status,
            ..ResponseHead::default()
        };
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                return Ok(answer);
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => answer.length = value.parse()?,
                "location" => value.clone_into(&mut answer.location),
                _ => {}
            }
        }
    }
}
