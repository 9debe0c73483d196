/*!
Sockets for fakes: a runtime of its own, so that tests may block, and an end when it is dropped.

Plain hyper on HTTP/1.1, because a fault must reach the bytes on the wire: the helpful layers of a framework would mend
what is to be broken.
*/

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
    sync::Arc,
};

use anyhow::{Context, Result};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

use crate::{log::Log, message::Body};

/// What serves connections.
#[derive(Debug)]
pub(crate) struct Server(Option<Runtime>);

impl Server {
    pub fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Hands what a listener accepts to a service, until the server is dropped. An error of the service breaks the connection.
    pub fn serve<S, F>(
        &self,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        log: Arc<Log>,
        service: S,
    ) -> Result<()>
    where
        S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
    {
        let runtime = self.0.as_ref().context("the server has ended")?;
        let _inside = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        runtime.spawn(accept(listener, tls, log, service));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What hangs must not hold the end up; allowed inside async code too, where a blocking shutdown would panic.
        self.0
            .take()
            .into_iter()
            .for_each(Runtime::shutdown_background);
    }
}

/// A free port of 127.0.0.1 or `::1`.
pub(crate) fn listen(ipv6: bool) -> Result<TcpListener> {
    let address = match ipv6 {
        true => IpAddr::from(Ipv6Addr::LOCALHOST),
        false => IpAddr::from(Ipv4Addr::LOCALHOST),
    };
    let listener =
        TcpListener::bind((address, 0)).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn accept<S, F>(
    listener: tokio::net::TcpListener,
    tls: Option<TlsAcceptor>,
    log: Arc<Log>,
    service: S,
) where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, log, service) = (tls.clone(), log.clone(), service.clone());
        tokio::spawn(async move {
            let _open = log.connect();
            // Small answers must not wait for the peer's delayed acknowledgement. Where it fails, tests are slower.
            stream.set_nodelay(true).ok();
            match tls {
                None => connection(stream, service).await,
                Some(tls) => {
                    // A handshake fails when a client distrusts the certificate: that is for the client to tell.
                    if let Ok(stream) = tls.accept(stream).await {
                        connection(stream, service).await;
                    }
                }
            }
        });
    }
}

async fn connection<S, F>(stream: impl AsyncRead + AsyncWrite + Unpin, service: S)
where
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = io::Result<Response<Body>>>,
{
    // An error here is a connection that a client or a fault broke; the log has what matters of it.
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(service))
        .await
        .ok();
}
