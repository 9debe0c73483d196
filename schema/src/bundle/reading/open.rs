/*!
From bytes to belief.

[`Opened`] has taken three things from the medium: how long `bundle.json` is, which key claims to have signed it, and
how long the signature is. [`Opened::verify`] turns it into [`Verified`] if a trusted key made the signature over the
raw bytes; only then are they parsed.
*/

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Digest,
    bundle::{
        Error, INDEX_LIMIT,
        index::Index,
        reading::{
            at::{ReadAt, ReadFrom},
            decompress,
            directory::Directory,
            head::{SIGNATURES, read_head, signature_key, signature_length},
            random::Random,
            sequential::{Entry, Sequential},
        },
        signing::keys::{KeyId, Signature, TrustedKeys},
        tape::Tape,
    },
};

/// A bundle whose head was read and is not believed.
#[derive(Debug)]
pub struct Opened {
    index: Vec<u8>,
    signature: Signature,
    medium: Medium,
}

enum Medium {
    Directory(Directory),
    Seekable(Arc<dyn ReadAt>),
    Pipe(Box<dyn Read + Send>),
}

impl Opened {
    /// A file (plain or zstd), a named pipe or device, or a directory that a bundle was unpacked into.
    pub fn path(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        Self::file(fs::File::open(path).map_err(failed)?, path)
    }

    /// The same, opened already; `path` is what errors call it.
    pub fn file(file: fs::File, path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Self::directory(Directory::at(path, file));
        }
        if !metadata.is_file() {
            return Self::pipe(Box::new(file), path);
        }
        Self::seekable(Arc::new(file), path)
    }

    /// Bytes that can be read at any offset, plain or zstd; `name` is what errors call them.
    pub fn seekable(source: Arc<dyn ReadAt>, name: &Path) -> Result<Self, Error> {
        let head = ReadFrom::new(Arc::clone(&source), 0);
        let (compressed, mut plain) =
            decompress::plain(Box::new(head)).map_err(|error| Error::from_io(error, name))?;
        let (index, signature) = read_head(&mut plain)?;
        let medium = match compressed {
            true => Medium::Pipe(plain),
            false => Medium::Seekable(source),
        };
        Ok(Self {
            index,
            signature,
            medium,
        })
    }

    /// A stream, plain or zstd, that is read once; `name` is what errors call it.
    pub fn pipe(stream: Box<dyn Read + Send>, name: impl Into<PathBuf>) -> Result<Self, Error> {
        let (_, mut plain) =
            decompress::plain(stream).map_err(|error| Error::from_io(error, name))?;
        let (index, signature) = read_head(&mut plain)?;
        Ok(Self {
            index,
            signature,
            medium: Medium::Pipe(plain),
        })
    }

    fn directory(directory: Directory) -> Result<Self, Error> {
        let (index, name, signature) = directory.read_head(INDEX_LIMIT)?;
        let key = signature_key(&name)?;
        let bytes = signature
            .try_into()
            .map_err(|other: Vec<u8>| signature_length(other.len() as u64))?;
        Ok(Self {
            index,
            signature: Signature { key, bytes },
            medium: Medium::Directory(directory),
        })
    }

    /// The id of the bundle that it claims to be: the digest of `bundle.json`.
    pub fn id(&self) -> Digest {
        Digest::of(&self.index)
    }

    /// Believes the index if one of the keys made the signature over its bytes, and the signature is named after that key.
    pub fn verify(self, keys: &TrustedKeys) -> Result<Verified, Error> {
        let signer = keys.signer(&self.signature, &self.index);
        let signer = signer.ok_or_else(|| Error::Untrusted {
            claimed: self.signature.key,
            trusted: keys.ids(),
        })?;
        if signer != self.signature.key {
            return Err(Error::Head {
                entry: SIGNATURES,
                reason: format!(
                    "its name says that key {} signed it, and key {signer} did",
                    self.signature.key
                ),
            });
        }
        let index = Index::parse(&self.index)?;
        let tape = Arc::new(Tape::new(index, self.index, &self.signature)?);
        Ok(Verified {
            tape,
            signer,
            medium: self.medium,
        })
    }

    /// Parses an index that nobody vouches for. For showing only: nothing can be read through it.
    pub fn unverified(self) -> Result<Unverified, Error> {
        let Self {
            index,
            signature,
            medium,
        } = self;
        // A decoder's window is not needed any more, and its memory is.
        drop(medium);
        Ok(Unverified {
            index: Index::parse(&index)?,
            claimed: signature.key,
        })
    }
}

/// What an unsigned index claims.
#[derive(Debug)]
pub struct Unverified {
    /// The claim.
    pub index: Index,
    /// The key by whose id the signature is named.
    pub claimed: KeyId,
}

/// A bundle whose index a trusted key signed. Only this can be pushed, extracted or applied.
#[derive(Debug)]
pub struct Verified {
    tape: Arc<Tape>,
    signer: KeyId,
    medium: Medium,
}

impl Verified {
    /// What the bundle holds.
    pub fn index(&self) -> &Index {
        self.tape.index()
    }

    /// The id of the bundle: the digest of its `bundle.json`.
    pub fn id(&self) -> Digest {
        self.tape.id()
    }

    /// The trusted key that signed it.
    pub fn signer(&self) -> KeyId {
        self.signer
    }

    /// Length of the bundle in bytes, as the index fixes it.
    pub fn length(&self) -> u64 {
        self.tape.length()
    }

    /// The way to the contents, every byte still to be checked against the index.
    pub fn into_contents(self) -> Contents {
        match self.medium {
            Medium::Directory(directory) => {
                Contents::Random(Random::of_directory(self.tape, directory))
            }
            Medium::Seekable(source) => Contents::Random(Random::of_tape(self.tape, source)),
            Medium::Pipe(stream) => Contents::Sequential(Sequential::new(self.tape, stream)),
        }
    }
}

/// How the contents of a bundle can be read.
#[derive(Debug)]
pub enum Contents {
    /// In any order, in parallel.
    Random(Random),
    /// Once, front to back.
    Sequential(Sequential),
}

impl Contents {
    /// The layout of the bundle.
    pub fn tape(&self) -> &Tape {
        match self {
            Self::Random(random) => random.tape(),
            Self::Sequential(sequential) => sequential.tape(),
        }
    }

    /// The layout, to be looked at while the contents are read.
    pub fn share(&self) -> Arc<Tape> {
        match self {
            Self::Random(random) => random.share(),
            Self::Sequential(sequential) => sequential.share(),
        }
    }

    /// Offers every entry in order and returns after all of it was verified, as [`Sequential::visit`] does.
    pub fn visit<E: From<Error>>(
        self,
        visitor: impl FnMut(&mut Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Random(random) => random.visit(visitor),
            Self::Sequential(sequential) => sequential.visit(visitor),
        }
    }
}

impl fmt::Debug for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory(_) => "Directory",
            Self::Seekable(_) => "Seekable",
            Self::Pipe(_) => "Pipe",
        })
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        error.into_io()
    }
}
