/*!
Heads of bundles that nobody would make in good faith, and some of the largest that somebody might.

A head is `bundle.json` and a signature over it, all that a reader has before it trusts anything. Each shape here is one way to
make 32 MiB cost more than they weigh.
*/

use anyhow::{Context, Result};
use schema::{
    Digest,
    bundle::{CREATED_FORMAT, FORMAT, File, INDEX_LIMIT, Index, ObjectRecord, SigningKey},
};

/// A way to be large.
#[derive(Debug)]
pub struct Shape {
    /// What there is much of.
    pub name: &'static str,
    /// Whether a reader is to take it.
    pub honest: bool,
    make: fn() -> Result<Vec<u8>>,
}

impl Shape {
    /// The bytes of `bundle.json`.
    pub fn index(&self) -> Result<Vec<u8>> {
        (self.make)()
    }
}

/// All shapes.
pub const SHAPES: &[Shape] = &[
    hostile("platforms of one image", || {
        Ok(list("platforms", "\"a/b\""))
    }),
    hostile("tags of one image", || Ok(list("tags", "\"a\""))),
    hostile("attachments of one image", || {
        Ok(list(
            "attached",
            &format!("{{\"digest\":\"sha256:{}\"}}", "0".repeat(64)),
        ))
    }),
    hostile("platforms of many images", || Ok(many_images())),
    hostile("empty values", || Ok(list("platforms", "{}"))),
    hostile("objects", || {
        Ok(top(
            "objects",
            "{\"path\":\"config/a\",\"document\":0,\"apiVersion\":\"v\",\"kind\":\"k\",\"name\":\"n\"}",
        ))
    }),
    hostile("configuration files", || {
        Ok(top(
            "files",
            &format!(
                "{{\"path\":\"config/a\",\"size\":1,\"digest\":\"sha256:{}\"}}",
                "0".repeat(64)
            ),
        ))
    }),
    hostile("one long text", || Ok(text("creator", "x"))),
    hostile("one long text of marks of direction", || {
        Ok(text("creator", "\u{202e}"))
    }),
    hostile("one long text of escapes", || {
        Ok(text("creator", "\\u001b"))
    }),
    hostile("a cell of 70,000 characters", || {
        Ok(format!(
            "{{\n\"format\":\"{FORMAT}\",\n\"creator\":\"{}\"}}",
            "x".repeat(70_000)
        )
        .into_bytes())
    }),
    hostile("the name of a format", || {
        Ok(format!("{{\n\"format\":\"{}\"}}", "\u{202e}".repeat(room() / 3)).into_bytes())
    }),
    hostile("the name of a field", || {
        Ok(format!(
            "{{\n\"format\":\"{FORMAT}\",\n\"{}\":1}}",
            "x".repeat(room())
        )
        .into_bytes())
    }),
    hostile("brackets", || Ok("[".repeat(room()).into_bytes())),
    hostile("paths of many segments", deep),
    honest("150,000 blobs", blobs),
    honest("100,000 manifests of one object", configuration),
    honest("objects in one file", objects),
];

const fn hostile(name: &'static str, make: fn() -> Result<Vec<u8>>) -> Shape {
    Shape {
        name,
        honest: false,
        make,
    }
}

const fn honest(name: &'static str, make: fn() -> Result<Vec<u8>>) -> Shape {
    Shape {
        name,
        honest: true,
        make,
    }
}

/// What an index may have, less a little for what stands around the bulk of it.
fn room() -> usize {
    INDEX_LIMIT as usize - 4096
}

fn fill(start: &str, item: &str, end: &str) -> Vec<u8> {
    let mut text = String::with_capacity(INDEX_LIMIT as usize);
    text.push_str(start);
    text.push_str(item);
    while text.len() + item.len() + 1 < room() {
        text.push(',');
        text.push_str(item);
    }
    text.push_str(end);
    text.into_bytes()
}

fn top(field: &str, item: &str) -> Vec<u8> {
    fill(
        &format!("{{\n\"format\":\"{FORMAT}\",\n\"{field}\":[\n"),
        item,
        "\n]}\n",
    )
}

fn list(field: &str, item: &str) -> Vec<u8> {
    let digest = "0".repeat(64);
    fill(
        &format!(
            "{{\n\"format\":\"{FORMAT}\",\n\"images\":[\n{{\"repository\":\"a\",\"digest\":\"sha256:{digest}\",\"{field}\":["
        ),
        item,
        "]}\n]}\n",
    )
}

fn many_images() -> Vec<u8> {
    let platforms: Vec<String> = (0..64).map(|n| format!("\"a/{n}\"")).collect();
    let (digest, platforms) = ("0".repeat(64), platforms.join(","));
    top(
        "images",
        &format!(
            "{{\"repository\":\"a\",\"digest\":\"sha256:{digest}\",\"tags\":[],\"source\":\"\",\"platforms\":[{platforms}],\"attached\":[]}}"
        ),
    )
}

fn text(field: &str, piece: &str) -> Vec<u8> {
    format!(
        "{{\n\"format\":\"{FORMAT}\",\n\"{field}\":\"{}\"}}",
        piece.repeat(room() / piece.len())
    )
    .into_bytes()
}

fn empty() -> Index {
    Index {
        format: FORMAT.to_owned(),
        created: "2023-11-14T22:13:20Z".to_owned(),
        creator: "harness".to_owned(),
        files: Vec::new(),
        images: Vec::new(),
        manifests: Vec::new(),
        objects: Vec::new(),
        assumes: Vec::new(),
        releases: Vec::new(),
        update_graph: None,
        missing: Vec::new(),
    }
}

fn sealed(index: Index) -> Result<Vec<u8>> {
    debug_assert_eq!(CREATED_FORMAT.len(), "%Y-%m-%dT%H:%M:%SZ".len());
    let (index, _) = index.seal()?;
    Ok(index.to_bytes()?)
}

fn blobs() -> Result<Vec<u8>> {
    let mut digests: Vec<Digest> = (0..150_000_u32)
        .map(|n| Digest::of(&n.to_be_bytes()))
        .collect();
    digests.sort_unstable();
    let mut index = empty();
    for digest in digests {
        let path = format!("v2/team/an-application/blobs/{digest}").parse()?;
        index.files.push(File::regular(path, 1 << 20, digest));
    }
    sealed(index)
}

fn manifest(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

fn record(path: &str, document: u32, name: &str) -> Result<ObjectRecord> {
    Ok(ObjectRecord {
        path: path.parse()?,
        document,
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: None,
        name: name.to_owned(),
    })
}

fn configuration() -> Result<Vec<u8>> {
    let mut index = empty();
    for number in 0..100_000 {
        let name = format!("m{number:06}");
        let path = format!("config/{name}.yaml");
        let content = manifest(&name);
        let file = File::regular(
            path.parse()?,
            content.len() as u64,
            Digest::of(content.as_bytes()),
        );
        index.files.push(file);
        index.objects.push(record(&path, 0, &name)?);
    }
    sealed(index)
}

/// As many as fit, all of one file: the longest table that there is.
fn objects() -> Result<Vec<u8>> {
    let mut index = empty();
    let path = "config/all.yaml";
    index.files.push(File::regular(
        path.parse()?,
        16 << 20,
        Digest::of(b"all of them"),
    ));
    for number in 0..150_000 {
        index
            .objects
            .push(record(path, number, &format!("m{number:06}"))?);
    }
    sealed(index)
}

/// A check of every directory of every path once took a time that grew with the square of their depth. All is right with
/// these files, but that no object is listed for them.
fn deep() -> Result<Vec<u8>> {
    let mut index = empty();
    let digest = Digest::of(b"x");
    index
        .files
        .push(File::regular("SHA256SUMS".parse()?, 1, digest));
    for number in 0..27_000 {
        let path = format!("config/{number:06}{}", "/a".repeat(500));
        index.files.push(File::regular(path.parse()?, 1, digest));
    }
    let sums = index.sums();
    if let Some(first) = index.files.first_mut() {
        (first.size, first.digest) = (sums.len() as u64, Digest::of(&sums));
    }
    Ok(index.to_bytes()?)
}

/// A head with these bytes as its index, signed by the key: what they are, nobody has looked at. `template` is a bundle that
/// the key signed.
pub fn signed(template: &[u8], index: &[u8], key: &SigningKey) -> Result<Vec<u8>> {
    const BLOCK: usize = 512;
    let of = |at: usize| {
        template
            .get(at..at + BLOCK)
            .context("the template has no head")
    };
    let first = tar::Header::from_byte_slice(of(0)?);
    let length = usize::try_from(first.size()?)?;
    let second = BLOCK + length.next_multiple_of(BLOCK);
    let mut header = first.clone();
    header.set_size(index.len() as u64);
    header.set_cksum();
    let mut head = header.as_bytes().to_vec();
    head.extend_from_slice(index);
    head.resize(BLOCK + index.len().next_multiple_of(BLOCK), 0);
    head.extend_from_slice(of(second)?);
    let signature = key.sign(index)?;
    head.extend_from_slice(&signature.bytes);
    head.resize(head.len().next_multiple_of(BLOCK), 0);
    Ok(head)
}
