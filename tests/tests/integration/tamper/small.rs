/*! The bundle that is altered: as small as one with everything in it can be, since every bit of it is tried. */

use std::{fs, io::Cursor, path::Path, sync::Arc};

use anyhow::{Result, ensure};
use schema::{
    Digest, MediaType, Repository,
    bundle::{
        Blame, BundlePath, Contents, Error, FORMAT, File, Image, Index, ManifestRecord,
        ObjectRecord, Opened, PublicKey, SigningKey, Tape, TrustedKeys,
    },
};

use crate::tape::written;

/// What errors call the place after the last file.
pub const END: &str = "end of the bundle";

/// A small whole bundle: two repositories, a shared blob, two images, two tags, a manifest.
pub struct Small {
    /// The bundle.
    pub bytes: Arc<[u8]>,
    /// Who signed it.
    pub key: SigningKey,
    trusted: TrustedKeys,
    /// Where the head ends, then where each entry begins, with its name; the end blocks are the last.
    pub regions: Vec<(usize, String)>,
}

impl Small {
    pub fn new() -> Result<Self> {
        let key = SigningKey::generate()?;
        let (index, contents) = small_index()?;
        let tape = Tape::sign(index, &key)?;
        let bytes: Arc<[u8]> = written(&tape, &contents)?.into();
        ensure!(
            bytes.len() as u64 == tape.length(),
            "the tape is not as long as it was computed"
        );
        let entries = tape.placements();
        let mut regions: Vec<(usize, String)> = entries
            .map(|placed| (placed.header as usize, placed.file.path.to_string()))
            .collect();
        regions.push((tape.end() as usize, END.to_owned()));
        let trusted = TrustedKeys::new(vec![PublicKey::from_pem(&key.public().to_pem()?)?])?;
        Ok(Self {
            bytes,
            key,
            trusted,
            regions,
        })
    }

    pub fn head(&self) -> usize {
        self.regions.first().map_or(0, |(start, _)| *start)
    }

    /// What an error about this byte has to name; none in the head.
    pub fn entry(&self, at: usize) -> Option<&str> {
        let before = self.regions.iter().rev().find(|(start, _)| *start <= at);
        before.map(|(_, name)| name.as_str())
    }

    /// The bytes of an entry, header and padding included.
    pub fn span(&self, number: usize) -> &[u8] {
        &self.bytes[self.regions[number].0..self.regions[number + 1].0]
    }

    /// Head, entries in the given order, end.
    pub fn rearranged(&self, order: &[usize]) -> Vec<u8> {
        let end = self.regions.last().map_or(0, |(start, _)| *start);
        let spans = order.iter().map(|&number| self.span(number));
        [&self.bytes[..self.head()]]
            .into_iter()
            .chain(spans)
            .chain([&self.bytes[end..]])
            .collect::<Vec<_>>()
            .concat()
    }

    /// Reads all of it from a stream.
    pub fn read_pipe(&self, bytes: Arc<[u8]>) -> Result<(), Error> {
        self.read(Opened::pipe(Box::new(Cursor::new(bytes)), "pipe")?)
    }

    pub fn read_file(&self, path: &Path) -> Result<(), Error> {
        self.read(Opened::path(path)?)
    }

    /// Verifies the signature of a file now; what is given reads all the rest, as often as it is called.
    pub fn open_file(&self, path: &Path) -> Result<impl Fn() -> Result<(), Error> + use<>> {
        let contents = Opened::path(path)?.verify(&self.trusted)?.into_contents();
        let Contents::Random(random) = contents else {
            anyhow::bail!("a file cannot be read in any order");
        };
        Ok(move || Contents::Random(random.clone()).visit(|_| Ok(())))
    }

    fn read(&self, opened: Opened) -> Result<(), Error> {
        opened
            .verify(&self.trusted)?
            .into_contents()
            .visit(|_| Ok(()))
    }

    /// Whether the bytes are refused as altered, with the entry named, from a stream and from a file.
    pub fn refused(
        &self,
        what: &str,
        bytes: &[u8],
        entry: Option<&str>,
        path: &Path,
    ) -> Result<()> {
        fs::write(path, bytes)?;
        self.right(what, entry, self.read_pipe(bytes.into()))?;
        self.right(what, entry, self.read_file(path))
    }

    pub fn right(&self, what: &str, entry: Option<&str>, read: Result<(), Error>) -> Result<()> {
        let Err(error) = read else {
            anyhow::bail!("{what} was accepted");
        };
        let blamed = match entry {
            Some(entry) => {
                error.blame() == Blame::Integrity
                    && error.to_string().starts_with(&format!("{entry}: "))
            }
            None => matches!(error, Error::Head { .. } | Error::Untrusted { .. }),
        };
        ensure!(
            blamed,
            "{what}, which should name {}: {error}",
            entry.unwrap_or("the head")
        );
        Ok(())
    }
}

fn small_index() -> Result<(Index, Vec<Vec<u8>>)> {
    let (config, layer) = (b"{}".to_vec(), b"a layer".to_vec());
    let manifest = |note: &str| {
        let of = |bytes: &[u8]| {
            format!(
                r#"{{"mediaType":"application/octet-stream","digest":"{}","size":{}}}"#,
                Digest::of(bytes),
                bytes.len()
            )
        };
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","artifactType":"{note}","config":{},"layers":[{}]}}"#, of(&config), of(&layer)).into_bytes()
    };
    let object = b"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n".to_vec();
    let (repositories, manifests) = (
        [("a".parse()?), ("b/c".parse()?)],
        [manifest("x/one"), manifest("x/two")],
    );
    let [a, b]: &[Repository; 2] = &repositories;
    let mut files = Vec::new();
    for bytes in [&config, &layer] {
        let (size, digest) = (bytes.len() as u64, Digest::of(bytes));
        let first = BundlePath::Blob(a.clone(), digest);
        files.push(File::regular(first.clone(), size, digest));
        files.push(File::hard_link(
            BundlePath::Blob(b.clone(), digest),
            first,
            size,
            digest,
        ));
    }
    let (mut tags, mut images, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for (repository, bytes) in repositories.iter().zip(&manifests) {
        let (size, digest) = (bytes.len() as u64, Digest::of(bytes));
        let blob = BundlePath::Blob(repository.clone(), digest);
        files.push(File::regular(blob.clone(), size, digest));
        files.push(File::hard_link(
            BundlePath::Manifest(repository.clone(), digest),
            blob,
            size,
            digest,
        ));
        tags.push(File::tag(repository.clone(), "v1".parse()?, size, digest));
        records.push(ManifestRecord {
            digest,
            media_type: MediaType::OciManifest,
        });
        images.push(Image {
            repository: repository.clone(),
            digest,
            tags: vec!["v1".parse()?],
            source: "made here".to_owned(),
            platforms: Vec::new(),
            selected_from: None,
            attached: Vec::new(),
        });
    }
    files.append(&mut tags);
    let path: BundlePath = "config/shop.yaml".parse()?;
    files.push(File::regular(
        path.clone(),
        object.len() as u64,
        Digest::of(&object),
    ));
    let objects = vec![ObjectRecord {
        path,
        document: 0,
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: "shop".to_owned(),
    }];
    let index = Index {
        format: FORMAT.to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        creator: "a test".to_owned(),
        files,
        images,
        manifests: records,
        objects,
        assumes: Vec::new(),
        releases: Vec::new(),
        update_graph: None,
        missing: Vec::new(),
    };
    let (index, sums) = index.seal()?;
    let [one, two] = manifests;
    Ok((index, vec![sums, config, layer, one, two, object]))
}
