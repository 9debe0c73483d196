/*!
`bundler protect`, and `--recovery` of a build: parity beside a bundle that exists, so that damage on the way is repaired inside.

It needs no key: what a recovery file restores is compared with the signed index as ever.
*/

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use media::{
    recovery::{self, Layout, Rate},
    volumes::{ArchiveName, Source, VolumeSet},
};
use schema::{
    Progress,
    bundle::{Opened, ReadAt},
    text::{Page, human_bytes},
};

use crate::{Error, args::ProtectArgs};

/// How much may be lost and come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// A share of the bundle, in one file.
    Share(Rate),
    /// So many whole volumes, by as many recovery volumes.
    Volumes(u64),
}

impl Recovery {
    /// What the two flags say, of which at most one is given.
    pub(crate) fn of(share: Option<Rate>, volumes: Option<u64>) -> Option<Self> {
        share.map(Self::Share).or(volumes.map(Self::Volumes))
    }
}

/// `bundler protect`.
pub(crate) fn run(args: &ProtectArgs, progress: &dyn Progress) -> Result<Page, Error> {
    let recovery = Recovery::of(args.recovery, args.recovery_volumes);
    let recovery = recovery.ok_or_else(|| {
        Error::Usage("--recovery SHARE or --recovery-volumes N is missing".to_owned())
    })?;
    let paths = bundle(&args.bundle, recovery, args.to_dir.as_deref(), progress)?;
    let mut page = Page::new();
    for path in paths {
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        page.line(format_args!(
            "Wrote {}, {}",
            path.display(),
            human_bytes(length)
        ));
    }
    Ok(page)
}

/// Makes the recovery files of a bundle, beside it or in a directory of their own, and gives their paths.
pub(crate) fn bundle(
    paths: &[PathBuf],
    recovery: Recovery,
    directory: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, Error> {
    let (archive, name, place, stride): (Arc<dyn ReadAt>, _, _, _) = match Source::of(paths, None)?
    {
        Source::Whole(path) => {
            let failed = |source| Error::Io {
                path: path.clone(),
                source,
            };
            let file = fs::File::open(&path).map_err(failed)?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let place = path.parent().unwrap_or(Path::new("")).to_owned();
            (Arc::new(file), name, place, None)
        }
        Source::Volumes(found) => {
            let place = found.directories.first().cloned().unwrap_or_default();
            let set = VolumeSet::open(*found)?;
            let (name, stride) = (set.list().archive.clone(), set.list().volumes.first());
            let stride = stride.map(|first| first.length);
            (Arc::new(set), name, place, stride)
        }
    };
    let name: ArchiveName = name.parse().map_err(Error::Usage)?;
    let shown = Path::new(name.as_str());
    let id = Opened::seekable(Arc::clone(&archive), shown)?.id();
    let length = archive.length().map_err(|source| Error::Io {
        path: shown.to_owned(),
        source,
    })?;
    let (layout, names) = match (recovery, stride) {
        (Recovery::Share(rate), _) => (Layout::of(id, length, rate), recovery::names(&name, None)),
        (Recovery::Volumes(count), Some(stride)) => (
            Layout::of_volumes(id, length, stride, count).map_err(Error::Usage)?,
            recovery::names(&name, Some(count)),
        ),
        (Recovery::Volumes(_), None) => {
            return Err(Error::Usage(format!(
                "{name}: recovery volumes are for bundles in volumes, and this is one file; choose --recovery SHARE, or cut it with `bundler split`"
            )));
        }
    };
    let place = directory.unwrap_or(&place);
    let paths: Vec<_> = names.iter().map(|name| place.join(name)).collect();
    recovery::make(archive.as_ref(), &layout, &paths, progress)?;
    Ok(paths)
}
