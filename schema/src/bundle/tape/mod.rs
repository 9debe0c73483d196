/*!
Where every byte of a bundle stands, computed from its signed index before the first blob is moved.

This is what lets an interrupted build go on, a file be read at any entry, and a reader know each header beforehand.
*/

pub(crate) mod header;
mod sign;
mod writer;

pub use sign::SignError;
pub use writer::TapeWriter;

use crate::{
    Digest,
    bundle::{
        Error,
        index::{File, Index},
        signing::keys::{KeyId, Signature},
    },
};

/// A whole bundle but for the contents: head, headers, offsets, length.
#[derive(Debug)]
pub struct Tape {
    index: Index,
    id: Digest,
    head: Vec<u8>,
    index_length: usize,
    signature: Signature,
    /// Offset of each file's header, and after them that of the end blocks.
    offsets: Vec<u64>,
}

/// Where one file stands.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    /// What the index says of it.
    pub file: &'a File,
    /// Offset of its header blocks, in bytes from the start of the bundle.
    pub header: u64,
    /// Offset of its content.
    pub content: u64,
    /// Zero bytes after the content.
    pub padding: u64,
}

impl Placement<'_> {
    /// The header blocks as they must stand.
    pub fn header_blocks(&self) -> Result<Vec<u8>, Error> {
        header::of(self.file)
    }
}

impl Tape {
    /// Lays out a bundle whose signature was verified.
    pub(crate) fn new(index: Index, bytes: Vec<u8>, signature: &Signature) -> Result<Self, Error> {
        let (index_length, id) = (bytes.len(), Digest::of(&bytes));
        // In place: up to 32 MiB need not be there twice.
        let mut head = bytes;
        head.splice(0..0, header::of_head(INDEX_NAME, index_length as u64)?);
        append(&mut head, &[]);
        head.extend(header::of_head(
            &signature_name(signature.key),
            signature.bytes.len() as u64,
        )?);
        append(&mut head, &signature.bytes);
        let mut offsets = Vec::with_capacity(index.files.len() + 1);
        let mut at = head.len() as u64;
        for file in &index.files {
            offsets.push(at);
            let stored = file.stored();
            at += header::of(file)?.len() as u64 + stored + header::padding(stored);
        }
        offsets.push(at);
        Ok(Self {
            index,
            id,
            head,
            index_length,
            signature: *signature,
            offsets,
        })
    }

    /// What the bundle holds.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The id of the bundle, by which everything that is made beside it names it: the digest of `bundle.json`.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Everything before the first listed file: `bundle.json` and its signature with their headers and padding.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The names and contents of the files in the head.
    pub fn head_files(&self) -> [(String, &[u8]); 2] {
        let index = &self.head[header::BLOCK as usize..][..self.index_length];
        [
            (INDEX_NAME.to_owned(), index),
            (signature_name(self.signature.key), &self.signature.bytes),
        ]
    }

    /// Length of the whole bundle in bytes.
    pub fn length(&self) -> u64 {
        self.end() + header::END
    }

    /// Offset of the two zero blocks that end it.
    pub fn end(&self) -> u64 {
        self.offsets.last().copied().unwrap_or_default()
    }

    /// The files in order.
    pub fn placements(&self) -> impl ExactSizeIterator<Item = Placement<'_>> {
        self.index
            .files
            .iter()
            .zip(self.offsets.windows(2))
            .map(|(file, span)| place(file, span[0], span[1]))
    }

    /// The file at a position of the index.
    pub fn placement(&self, position: usize) -> Option<Placement<'_>> {
        let (file, span) = (
            self.index.files.get(position)?,
            self.offsets.get(position..position + 2)?,
        );
        Some(place(file, span[0], span[1]))
    }
}

fn place(file: &File, header: u64, next: u64) -> Placement<'_> {
    let stored = file.stored();
    let padding = header::padding(stored);
    Placement {
        file,
        header,
        content: next - padding - stored,
        padding,
    }
}

/// Name of the index, the first file of every bundle.
pub(crate) const INDEX_NAME: &str = "bundle.json";

/// Name of the builder's signature, the second file.
pub(crate) fn signature_name(key: KeyId) -> String {
    format!("signatures/{key}.sig")
}

fn append(head: &mut Vec<u8>, content: &[u8]) {
    head.extend_from_slice(content);
    head.resize(head.len().next_multiple_of(header::BLOCK as usize), 0);
}
