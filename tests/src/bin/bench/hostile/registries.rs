/*!
What a hostile registry can cost: memory, connections and time of the program that talks to it.

The registry here is a few threads that say whatever bytes they are told to, since no library sends an endless header or
two thousand pages of nothing. Each case is one kind of malice against one
build.
*/

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;
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

/// What is said to a request.
#[derive(Clone)]
enum Say {
    /// Status, header lines, body.
    Answer(u16, String, Arc<[u8]>),
    /// This head, then these bytes again and again for as long as somebody reads.
    Endless(&'static str, Arc<[u8]>),
    /// This head, then a byte every 50 ms: 20 bytes a second.
    Drip(&'static str),
}

type Script = dyn Fn(&str) -> Say + Send + Sync;

/// A registry that says anything.
struct Hostile {
    host: String,
    most: Arc<AtomicUsize>,
}

impl Hostile {
    fn start(script: Arc<Script>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let host = listener.local_addr()?.to_string();
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let highest = most.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                highest.fetch_max(now, Ordering::SeqCst);
                let (script, open) = (script.clone(), open.clone());
                thread::spawn(move || {
                    // It ends when the other side has had enough.
                    converse(stream, &*script).ok();
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(Self { host, most })
    }
}

fn converse(stream: TcpStream, script: &Script) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let header = header.trim_end().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if header.is_empty() {
                break;
            }
        }
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
        let mut words = line.split(' ');
        let head = words.next() == Some("HEAD");
        match script(words.next().unwrap_or_default()) {
            Say::Answer(status, headers, body) => {
                let length = body.len();
                write!(
                    writer,
                    "HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n{headers}\r\n"
                )?;
                if !head {
                    writer.write_all(&body)?;
                }
            }
            Say::Endless(start, block) => {
                writer.write_all(start.as_bytes())?;
                loop {
                    writer.write_all(&block)?;
                }
            }
            Say::Drip(start) => {
                writer.write_all(start.as_bytes())?;
                loop {
                    writer.write_all(b" ")?;
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }
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
    fn serve(self, first: impl Fn(&str) -> Option<Say> + Send + Sync + 'static) -> Arc<Script> {
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
                Some((kind, body)) => Say::Answer(
                    200,
                    format!(
                        "Content-Type: {kind}\r\nDocker-Content-Digest: {}\r\n",
                        Digest::of(body)
                    ),
                    body.clone(),
                ),
                None => Say::Answer(404, String::new(), Arc::default()),
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
    let list = |link: String, entries: &[serde_json::Value]| {
        let body = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        let headers = format!("Content-Type: {INDEX}\r\n{link}");
        Say::Answer(200, headers, body.into_bytes().into())
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
                let link = format!("Link: </v2/shop/app/referrers/x?p={page}>; rel=\"next\"\r\n");
                asking(path).then(|| list(link, &[]))
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
                asking(path).then(|| list(String::new(), &entries))
            }),
        ),
        (
            "redirects in a circle",
            Arc::new(|path| {
                let to = format!("Location: {path}\r\n");
                Say::Answer(307, to, Arc::default())
            }),
        ),
        (
            "a manifest without end",
            Arc::new(|_| {
                Say::Endless(
                    "HTTP/1.1 200 Said\r\nContent-Type: application/json\r\n\r\n",
                    vec![b' '; 1 << 16].into(),
                )
            }),
        ),
        (
            "an error without end",
            Arc::new(|_| Say::Endless("HTTP/1.1 400 Said\r\n\r\n", vec![b' '; 1 << 16].into())),
        ),
        (
            "a header without end",
            Arc::new(|_| Say::Endless("HTTP/1.1 200 Said\r\nX: ", vec![b'x'; 1 << 16].into())),
        ),
        (
            "headers without end",
            Arc::new(|_| Say::Endless("HTTP/1.1 200 Said\r\n", b"X: y\r\n".repeat(10_000).into())),
        ),
        (
            "a body of 20 bytes a second",
            Arc::new(|_| {
                Say::Drip(
                    "HTTP/1.1 200 Said\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
                )
            }),
        ),
    ]
}

/// Runs a build against each, and holds it to its bounds.
pub fn run(work: &Path, cases: &mut Cases<'_>) -> Result<()> {
    for (what, script) in malices() {
        let registry = Hostile::start(script)?;
        let build = Program::bundler()?
            .args(["build", "--plain-http", "--retries=0", "-o"])
            .args([work.join("hostile.tar")]);
        let build = build.args([format!("--image={}/shop/app:v1", registry.host)]);
        let build = build.args([
            format!("--concurrency={CONCURRENCY}"),
            "--dry-run".to_owned(),
        ]);
        cases.case(what, LIMITS, false, [Ok(build)])?;
        let connections = registry.most.load(Ordering::SeqCst);
        if connections > CONNECTIONS {
            let (shown, bound) = (connections.to_string(), format!("<= {CONNECTIONS}"));
            cases
                .report
                .bound(&format!("connections, {what}"), &shown, &bound, false);
        }
    }
    Ok(())
}
