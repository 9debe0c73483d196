/*!
`bundler split`: cuts a bundle that exists into volumes, in one pass over it.

Every byte is verified as it passes, so that what is damaged is not cut and signed, and found out only inside.
*/

use std::{
    fs,
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use cli::Format;
use media::volumes::{Cutter, VolumeList, VolumeSize, companions};
use schema::{
    Progress,
    bundle::{self, Contents, Opened, PublicKey, SigningKey, TrustedKeys, read_key_file},
    output,
    text::{Align, Page, Table, counted, human_bytes},
};

use crate::{Error, args::SplitArgs, keygen};

/// A split, ready to be carried out.
#[derive(Debug)]
pub struct Split {
    /// The bundle, a file.
    pub bundle: PathBuf,
    /// The archive that the volumes are named after; its directory takes them.
    pub output: PathBuf,
    /// How large they are.
    pub size: VolumeSize,
    /// Who signs the list of volumes; a bundle signed with it is taken.
    pub key: SigningKey,
    /// Whose bundles are taken besides.
    pub trusted: Vec<PublicKey>,
}

impl Split {
    /// Reads what the flags name.
    pub fn from_args(args: SplitArgs) -> Result<Self, Error> {
        let keys = args.keys.iter().map(|path| public_key(path));
        Ok(Self {
            key: keygen::load(&args.signing_key, args.passphrase_file.as_deref())?,
            trusted: keys.collect::<Result<_, _>>()?,
            output: args.output.unwrap_or_else(|| args.bundle.clone()),
            bundle: args.bundle,
            size: args.volume_size,
        })
    }

    /// Does it. Volumes that an earlier try left are written again.
    pub fn run(self, progress: &dyn Progress) -> Result<VolumeList, Error> {
        let failed = |source| Error::Io {
            path: self.bundle.clone(),
            source,
        };
        let file = fs::File::open(&self.bundle).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::Usage(format!(
                "{}: only a bundle in one file can be cut; `bundler build --volume-size` makes volumes at once",
                self.bundle.display()
            )));
        }
        let mut cutter = Cutter::new(&self.output, self.size, metadata.len(), 0o666)?;
        let unfinished = cutter.unfinished()?;
        cutter.keep(unfinished, 0)?;
        let cutter = Arc::new(Mutex::new(cutter));
        let tee = Tee {
            inner: file,
            cutter: Arc::clone(&cutter),
            path: self.output.clone(),
        };
        let mut keys = self.trusted;
        keys.push(self.key.public());
        let keys = TrustedKeys::new(keys).map_err(media::Error::from)?;
        let verified = Opened::pipe(Box::new(tee), &self.bundle)?.verify(&keys)?;
        let id = verified.id();
        progress.begin("Cutting", verified.length());
        let read = cut(verified.into_contents(), progress);
        progress.end();
        read?;
        let cutter = Arc::into_inner(cutter).map(Mutex::into_inner);
        let cutter = cutter.map(|cutter| cutter.unwrap_or_else(PoisonError::into_inner));
        let cutter = cutter.ok_or_else(|| failed(io::ErrorKind::ResourceBusy.into()))?;
        let list = cutter.finish(id)?;
        companions(&self.output, &list, &self.key)?;
        Ok(list)
    }
}

fn cut(contents: Contents, progress: &dyn Progress) -> Result<(), Error> {
    contents.visit(|entry| {
        entry.body.drain()?;
        progress.advance(entry.file.stored());
        Ok(())
    })
}

/// Reads a public key of a producer.
fn public_key(path: &Path) -> Result<PublicKey, Error> {
    let key = read_key_file(path).and_then(|text| PublicKey::from_pem(&text));
    key.map_err(|source| Error::Key {
        path: path.to_owned(),
        source,
    })
}

/// The volumes that there are now, for people.
pub(crate) fn table(list: &VolumeList) -> Page {
    let mut table = Table::new([
        ("VOLUME", Align::Left),
        ("BYTES", Align::Right),
        ("SHA256", Align::Left),
    ]);
    for volume in &list.volumes {
        table.row([
            volume.name.as_str(),
            &volume.length.to_string(),
            &volume.digest.hex(),
        ]);
    }
    let mut page = Page::new();
    page.table(&table);
    page.gap();
    page.line(format_args!(
        "{}, {}, of bundle {}",
        counted(list.volumes.len(), "volume"),
        human_bytes(list.length),
        list.bundle
    ));
    page
}

/// Prints the list in the wanted form.
pub(crate) fn show(list: &VolumeList, format: Format) -> Result<(), Error> {
    match format {
        Format::Table => cli::print_page(&table(list))?,
        Format::Json => cli::print_json(list)?,
    }
    Ok(())
}

/// Hands on what it reads, and cuts it.
struct Tee {
    inner: fs::File,
    cutter: Arc<Mutex<Cutter>>,
    path: PathBuf,
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let mut cutter = self.cutter.lock().unwrap_or_else(PoisonError::into_inner);
        let written = cutter.write_all(&buffer[..count]);
        // It is the output's fault, not that of the entry that is just being read.
        written
            .map_err(|error| bundle::Error::from(output::Error::of(&self.path, error)).into_io())?;
        Ok(count)
    }
}
