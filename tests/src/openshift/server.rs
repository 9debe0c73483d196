/*!
A signature store on the web, honest or not.

Stores are somebody else's servers: they hang, sit behind captive portals, fail, or answer with far more than anybody
asked for. A release must be refused or taken by what the other stores say, soon, and with the bad one named.
*/

use std::path::{Path, PathBuf};

use anyhow::Result;
use fakes::{Reply, ScriptedServer};

use super::SignatureStore;
use crate::images::Random;

/// Bytes of [`Behaviour::Garbage`].
const NOISE: usize = 10_000_000;

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

/// A running store; ended when dropped.
#[derive(Debug)]
pub struct StoreServer(ScriptedServer);

impl StoreServer {
    /// Starts serving a directory store. Signatures can be added to it later.
    pub fn start(store: &SignatureStore, behaviour: Behaviour) -> Result<Self> {
        let directory = store.path().to_owned();
        let server = ScriptedServer::start(move |request, _| match behaviour {
            Behaviour::Error500 => Reply::status(500, &[], b""),
            Behaviour::Garbage => Reply::ok(&Random::new(1).bytes(NOISE)),
            Behaviour::Good => match signature(&directory, request.path()) {
                Some(path) => std::fs::read(path)
                    .map_or(Reply::status(404, &[], b""), |bytes| Reply::ok(&bytes)),
                None => Reply::status(404, &[], b""),
            },
            Behaviour::Hangs => Reply::Silence,
            Behaviour::Html => {
                let page =
                    b"<!DOCTYPE html><html><body>Please log in to the guest network</body></html>";
                Reply::status(200, &[("Content-Type", "text/html")], page)
            }
            Behaviour::NotFound => Reply::status(404, &[], b""),
        })?;
        Ok(Self(server))
    }

    /// `http://127.0.0.1:PORT/signatures`, as payloads and `--signature-store` name it.
    pub fn url(&self) -> String {
        format!("{}/signatures", self.0.url())
    }

    /// How often it was asked for something.
    pub fn requests(&self) -> usize {
        self.0.requests().len()
    }
}

/// `/signatures/sha256=<hex>/signature-N` in the directory; nothing else is ever looked for.
fn signature(directory: &Path, path: &str) -> Option<PathBuf> {
    let (digest, name) = path.strip_prefix("/signatures/")?.split_once('/')?;
    let hex = digest.strip_prefix("sha256=")?;
    let number = name.strip_prefix("signature-")?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain(hex) && plain(number)).then(|| directory.join(digest).join(name))
}
