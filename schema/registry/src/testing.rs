/*! What the tests inside this crate share: a repository at a server that a test scripts, and what is asked of it. */

use std::path::Path;

use bytes::Bytes;
use fakes::{Reply, ScriptedServer};
use schema::{Digest, Selector, manifest::Blob};

use crate::{Hosts, Options, Registry, Remote};

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

/// An index without entries.
pub(crate) const MANIFEST: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;
/// Its type, as a header.
pub(crate) const INDEX: (&str, &str) = ("Content-Type", "application/vnd.oci.image.index.v1+json");

/// `a/b` at a host, over plain HTTP, with this file of credentials or none.
pub(crate) fn remote_with(
    host: &str,
    authfile: Option<&Path>,
) -> Result<Remote, Box<dyn std::error::Error>> {
    let empty = tempfile::NamedTempFile::new()?;
    std::fs::write(empty.path(), "{}")?;
    let authfile = authfile.unwrap_or(empty.path()).to_owned();
    let options = Options {
        plain_http: Hosts::all(),
        authfile: Some(authfile),
        retries: 3,
        ..Options::default()
    };
    Ok(Registry::new(host, &options)?.repository(&"a/b".parse()?))
}

/// `a/b` at a server.
pub(crate) fn remote(server: &ScriptedServer) -> Result<Remote, Box<dyn std::error::Error>> {
    remote_with(&server.host, None)
}

/// So many bytes, and what names them.
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

/// This head of an answer in chunks, then zeros for as long as somebody reads.
pub(crate) fn endless(head: &str) -> Reply {
    let chunk = [b"1000\r\n".as_slice(), &[0; 4096], b"\r\n"].concat();
    Reply::Endless(head.into(), chunk)
}
