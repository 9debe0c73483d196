/*!
What a hostile registry can cost: memory, connections and time of the program that talks to it.

The registry here sends whatever bytes are written down, since no library sends an endless header or two thousand pages of
nothing. Each case is one kind of malice against one build.
*/

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use fakes::{Reply, ScriptedServer};
use schema::Digest;
use serde_json::json;
use tests::process::Program;

use super::{Cases, Limits};

/// What any hostile registry may cost. The longest to be found out is one that sends 20 bytes a second for a minute.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(90),
    memory: 256 << 20,
};

/// Connections that a build is asked to keep to.
const CONCURRENCY: usize = 6;

/// Connections at a time. A request that found none idle begins one, and may then get another that has just become idle: so
/// there may be some more than requests, and what is closed is counted until this side has noticed.
const CONNECTIONS: usize = 2 * CONCURRENCY;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What is sent for a method and a path.
type Script = dyn Fn(&str) -> Reply + Send + Sync;

/// A registry that says anything; to a HEAD, the head of it.
fn start(script: Arc<Script>) -> Result<ScriptedServer> {
    ScriptedServer::start(move |request, _| {
        let mut reply = script(request.path());
        if let Reply::Raw(bytes) = &mut reply
            && request.method() == "HEAD"
        {
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            bytes.truncate(end.map_or(bytes.len(), |end| end + 4));
        }
        reply
    })
}

/// Manifests by tag and digest, served honestly.
#[derive(Default)]
struct Shelf(HashMap<String, (String, Arc<[u8]>)>);

impl Shelf {
    fn put(&mut self, tag: Option<&str>, kind: &str, body: String) -> serde_json::Value {
        let (digest, size) = (Digest::of(body.as_bytes()), body.len());
        let body: Arc<[u8]> = body.into_bytes().into();
        for name in [Some(digest.to_string().as_str()), tag]
            .into_iter()
            .flatten()
        {
            self.0
                .insert(name.to_owned(), (kind.to_owned(), body.clone()));
        }
        json!({"mediaType": kind, "digest": digest, "size": size})
    }

    /// An index of these under `v1`, and the registry that has it.
    fn index(mut self, children: Vec<serde_json::Value>) -> Arc<Script> {
        let index = json!({"schemaVersion": 2, "manifests": children}).to_string();
        self.put(Some("v1"), INDEX, index);
        self.serve(|_| None)
    }

    /// What `first` does not answer comes from the shelf, or is not there.
    fn serve(self, first: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Arc<Script> {
        Arc::new(move |path| {
            if let Some(said) = first(path) {
                return said;
            }
            let named = path
                .rsplit('/')
                .next()
                .filter(|_| !path.contains("/referrers/"));
            let found = named.and_then(|name| self.0.get(name));
            match found {
                Some((kind, body)) => {
                    let digest = Digest::of(body).to_string();
                    let headers = [("Content-Type", kind), ("Docker-Content-Digest", &digest)];
                    Reply::status(
                        200,
                        &headers.map(|(name, value)| (name, value.as_str())),
                        body,
                    )
                }
                None => Reply::status(404, &[], b""),
            }
        })
    }
}

/// A small image under `v1`, its config empty.
fn small() -> Shelf {
    let mut shelf = Shelf::default();
    let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2});
    let body = json!({"schemaVersion": 2, "config": config, "layers": []}).to_string();
    shelf.put(Some("v1"), IMAGE, body);
    shelf.put(None, "application/octet-stream", "{}".to_owned());
    shelf
}

fn annotated(number: usize, annotations: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"n":"{number}",{annotations}}}}}"#
    )
}

/// Every malice, with what the build must come to.
fn malices() -> Vec<(&'static str, Arc<Script>)> {
    let list = |link: Option<String>, entries: &[serde_json::Value]| {
        let body = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        let mut headers = vec![("Content-Type", INDEX)];
        headers.extend(link.as_deref().map(|link| ("Link", link)));
        Reply::status(200, &headers, body.as_bytes())
    };
    let large = |count: usize, text: String| {
        let mut shelf = Shelf::default();
        let children = (0..count)
            .map(|number| shelf.put(None, INDEX, annotated(number, &text)))
            .collect();
        shelf.index(children)
    };
    let filler = format!(r#""x":"{}""#, "x".repeat(4_100_000));
    let tiny: Vec<String> = (0..380_000).map(|n| format!(r#""{n:x}":"""#)).collect();
    let mut wide = Shelf::default();
    let leaves = (0..5_000)
        .map(|number| wide.put(None, INDEX, annotated(number, r#""x":"""#)))
        .collect();
    let mut layered = Shelf::default();
    let images = (0..15).map(|image| {
        let layer = |number: usize| {
            let digest = Digest::of(format!("{image} {number}").as_bytes());
            json!({"mediaType": "a/b", "digest": digest, "size": 1})
        };
        let layers: Vec<_> = (0..32_000).map(layer).collect();
        let body = json!({"schemaVersion": 2, "config": layer(99_999), "layers": layers});
        layered.put(None, IMAGE, body.to_string())
    });
    let images: Vec<_> = images.collect();
    let pages = Arc::new(AtomicUsize::new(0));
    let asking = |path: &str| path.contains("/referrers/");
    vec![
        ("children of 4 MiB, a hundred", large(100, filler)),
        (
            "children of 380,000 annotations, twenty",
            large(20, tiny.join(",")),
        ),
        ("children, 5,000 of them", wide.index(leaves)),
        ("layers, 480,000 of them", layered.index(images)),
        (
            "pages of referrers without end",
            small().serve(move |path| {
                let page = pages.fetch_add(1, Ordering::SeqCst);
                let link = format!("</v2/shop/app/referrers/x?p={page}>; rel=\"next\"");
                asking(path).then(|| list(Some(link), &[]))
            }),
        ),
        (
            "referrers, 20,000 on a page",
            small().serve(move |path| {
                let entry = |n: usize| {
                    let digest = Digest::of(&n.to_le_bytes());
                    json!({"mediaType": IMAGE, "digest": digest, "size": 7})
                };
                let entries: Vec<_> = (0..20_000).map(entry).collect();
                asking(path).then(|| list(None, &entries))
            }),
        ),
        (
            "redirects in a circle",
            Arc::new(|path| Reply::status(307, &[("Location", path)], b"")),
        ),
        (
            "a manifest without end",
            Arc::new(|_| {
                Reply::Endless(
                    "HTTP/1.1 200 Said\r\nContent-Type: application/json\r\n\r\n".into(),
                    vec![b' '; 1 << 16],
                )
            }),
        ),
        (
            "an error without end",
            Arc::new(|_| Reply::Endless("HTTP/1.1 400 Said\r\n\r\n".into(), vec![b' '; 1 << 16])),
        ),
        (
            "a header without end",
            Arc::new(|_| Reply::Endless("HTTP/1.1 200 Said\r\nX: ".into(), vec![b'x'; 1 << 16])),
        ),
        (
            "headers without end",
            Arc::new(|_| {
                Reply::Endless("HTTP/1.1 200 Said\r\n".into(), b"X: y\r\n".repeat(10_000))
            }),
        ),
        (
            "a body of 20 bytes a second",
            Arc::new(|_| {
                Reply::Drip("HTTP/1.1 200 Said\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n".into(), Duration::from_millis(50))
            }),
        ),
    ]
}

/// Runs a build against each, and holds it to its bounds.
pub fn run(work: &Path, cases: &mut Cases<'_>) -> Result<()> {
    for (what, script) in malices() {
        let registry = start(script)?;
        let build = Program::bundler()?
            .args(["build", "--plain-http", "--retries=0", "-o"])
            .args([work.join("hostile.tar")]);
        let build = build.args([format!("--image={}/shop/app:v1", registry.host)]);
        let build = build.args([
            format!("--concurrency={CONCURRENCY}"),
            "--dry-run".to_owned(),
        ]);
        cases.case(what, LIMITS, false, [Ok(build)])?;
        let connections = registry.most_open();
        if connections > CONNECTIONS {
            let (shown, bound) = (connections.to_string(), format!("<= {CONNECTIONS}"));
            cases
                .report
                .bound(&format!("connections, {what}"), &shown, &bound, false);
        }
    }
    Ok(())
}
