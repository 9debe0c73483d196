/*!
Layers: real gzip tars with made-up content, the same in every run.

Content is pseudo-random, since layers hardly compress, and gzip blocks are stored rather than deflated: half a gigabyte
takes seconds, and no change of a compression library can move a digest that a test knows by heart.
*/

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use schema::{Digest, digest::Hasher};

/// A stream of numbers that depends on nothing but its seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream for a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        for block in bytes.chunks_mut(8) {
            let number = self.number().to_le_bytes();
            block.copy_from_slice(&number[..block.len()]);
        }
        bytes
    }
}

/// A blob's bytes.
#[derive(Debug, Clone)]
pub enum Content {
    /// In a file that must stay.
    File(Arc<Path>),
    /// In memory.
    Memory(Bytes),
}

/// A blob of an image; clones share the bytes.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Digest of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// The bytes.
    pub content: Content,
}

impl Blob {
    /// Bytes at hand.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            content: Content::Memory(bytes),
        }
    }

    /// Moves the bytes into a file of `directory`, named by the digest.
    pub fn spill(self, directory: &Path) -> Result<Self> {
        let path = directory.join(self.digest.hex());
        self.write_to(&path)?;
        Ok(Self {
            content: Content::File(path.into()),
            ..self
        })
    }

    /// Writes the bytes to a new file.
    pub fn write_to(&self, path: &Path) -> Result<()> {
        let written = match &self.content {
            Content::File(from) if from.as_ref() == path => Ok(()),
            Content::File(from) => std::fs::copy(from, path).map(drop),
            Content::Memory(bytes) => std::fs::write(path, bytes),
        };
        written.with_context(|| format!("cannot write {}", path.display()))
    }
}

/// A layer: the blob and the digest of the tar inside, which the image's config names.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The blob as registries hold it.
    pub blob: Blob,
    /// Digest of the uncompressed tar (image-spec, "Layer DiffID").
    pub diff_id: Digest,
    /// What the tar was made smaller with.
    pub compression: Compression,
}

/// How a layer's tar is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    #[default]
    Gzip,
    /// Not at all: the blob is the tar.
    None,
    /// RFC 8878; only OCI images have a media type for it.
    Zstd,
}

impl Layer {
    /// A layer of about `size` bytes. Same seed and size, same bytes.
    pub fn new(seed: u64, size: usize) -> Result<Self> {
        let mut random = Random::new(seed);
        let mut tar = tar::Builder::new(Vec::with_capacity(size + 8192));
        let mut left = size;
        for number in 0.. {
            let most = (random.number() % (1 << 20)) as usize + 512;
            let length = left.min(most);
            let path = format!("usr/lib/part-{seed:x}/{number:04}.so");
            tar.append_data(
                &mut header(length as u64),
                path,
                random.bytes(length).as_slice(),
            )?;
            left -= length;
            if left == 0 {
                break;
            }
        }
        Self::from_tar(&tar.into_inner()?, Compression::Gzip)
    }

    /// A layer of these files, given as paths and contents, in this order. A path that ends in `/` is a directory.
    pub fn of_files<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        compression: Compression,
    ) -> Result<Self> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = header(content.len() as u64);
            if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            } else {
                header.set_mode(0o644);
            }
            tar.append_data(&mut header, path, content)?;
        }
        Self::from_tar(&tar.into_inner()?, compression)
    }

    fn from_tar(tar: &[u8], compression: Compression) -> Result<Self> {
        let bytes = match compression {
            Compression::Gzip => gzip_stored(tar),
            Compression::None => tar.to_vec(),
            Compression::Zstd => zstd::bulk::compress(tar, zstd::DEFAULT_COMPRESSION_LEVEL)?,
        };
        Ok(Self {
            diff_id: Digest::of(tar),
            blob: Blob::new(bytes),
            compression,
        })
    }

    /// Moves the bytes into a file of `directory`, which must exist.
    pub fn spill(self, directory: &Path) -> Result<Self> {
        let blob = self.blob.spill(directory)?;
        Ok(Self { blob, ..self })
    }

    /// An uncompressed layer holding one sparse file of `size` zero bytes; made on disk, never in memory.
    pub fn huge(size: u64, directory: &Path) -> Result<Self> {
        let path: PathBuf = directory.join(format!("huge-{size}.tar"));
        let mut head = header(size);
        head.set_path("var/lib/huge.img")?;
        head.set_cksum();
        let mut file = File::create(&path)?;
        file.write_all(head.as_bytes())?;
        let whole = 512 + size.next_multiple_of(512) + 1024;
        file.set_len(whole)?;
        let mut hasher = Hasher::default();
        io::copy(&mut File::open(&path)?, &mut hasher)?;
        let digest = hasher.finish();
        let blob = Blob {
            digest,
            size: whole,
            content: Content::File(path.into()),
        };
        Ok(Self {
            diff_id: digest,
            blob,
            compression: Compression::None,
        })
    }
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// RFC 1952 around stored blocks of RFC 1951.
fn gzip_stored(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + plain.len() / 8192 + 64);
    out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    let mut blocks = plain.chunks(u16::MAX as usize).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&crc.amount().to_le_bytes());
    out
}
