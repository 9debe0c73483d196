/*! A web server of a few lines that behaves as badly as it is meant to. */

use std::{future::Future, io, pin::Pin, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What to do for a path.
pub(super) enum Reply {
    /// Say nothing and keep the connection.
    Hang,
    /// A status line, header lines, and a body.
    Send(&'static str, String, Vec<u8>),
    /// A body without end or length.
    Endless(Vec<u8>),
}

impl Reply {
    pub(super) fn found(body: &[u8]) -> Self {
        Self::Send("200 OK", String::new(), body.to_vec())
    }

    pub(super) fn missing() -> Self {
        Self::status("404 Not Found")
    }

    pub(super) fn status(status: &'static str) -> Self {
        Self::Send(status, String::new(), Vec::new())
    }
}

type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Runs until it is dropped.
pub(super) struct Server {
    /// `http://127.0.0.1:PORT`
    pub address: String,
    running: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Answers each path at once.
pub(super) async fn serve(
    reply: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> io::Result<Server> {
    let reply = Arc::new(reply);
    serve_slowly(move |path| {
        let reply = Arc::clone(&reply);
        Box::pin(async move { reply(&path) })
    })
    .await
}

/// Answers each path when the reply is there.
pub(super) async fn serve_slowly(
    reply: impl Fn(String) -> Answering + Send + Sync + 'static,
) -> io::Result<Server> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let reply = Arc::new(reply);
    let running = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let reply = Arc::clone(&reply);
            // Who hangs up early is no fault of the server's.
            tokio::spawn(async move { drop(answer(stream, &*reply).await) });
        }
    });
    Ok(Server { address, running })
}

async fn answer(
    mut stream: TcpStream,
    reply: &(impl Fn(String) -> Answering + Send + Sync),
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    match reply(path).await {
        Reply::Hang => std::future::pending().await,
        Reply::Send(status, headers, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await
        }
        Reply::Endless(piece) => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                .await?;
            loop {
                stream.write_all(&piece).await?;
            }
        }
    }
}
