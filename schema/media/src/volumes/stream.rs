/*!
Volumes that come one after the other, as discs into one drive: read once, front to back, as the one stream they are parts of.
*/

use std::{
    fmt, fs,
    io::{self, Read},
    path::PathBuf,
};

use schema::digest::Hasher;

use super::list::VolumeList;
use crate::Error;

/// Whoever puts in the next disc.
pub trait NextVolume: Send {
    /// Waits until a volume, by its place in the list, can be read.
    fn next(&mut self, list: &VolumeList, index: usize) -> Result<(PathBuf, fs::File), Error>;
}

/// The volumes of a list as one stream. Each is compared with its digest as it ends, so that a damaged disc is named while it is
/// still in the drive.
pub struct VolumeStream<N> {
    list: VolumeList,
    next: N,
    index: usize,
    current: Option<Current>,
}

struct Current {
    path: PathBuf,
    file: fs::File,
    left: u64,
    hasher: Hasher,
}

impl<N: NextVolume> VolumeStream<N> {
    /// Asks for the first volume when it is read.
    pub fn new(list: VolumeList, next: N) -> Self {
        Self {
            list,
            next,
            index: 0,
            current: None,
        }
    }

    fn end(&mut self, current: Current) -> Result<(), Error> {
        let Some(volume) = self.list.volumes.get(self.index) else {
            return Ok(());
        };
        self.index += 1;
        let found = current.hasher.finish();
        let path = current.path.display();
        let line = if current.left > 0 {
            format!(
                "{path}: it ends {} bytes too early; copy this volume again",
                current.left
            )
        } else if found != volume.digest {
            format!(
                "{path}: damaged, or of another bundle: expected {}, found {found}; copy this volume again",
                volume.digest
            )
        } else {
            return Ok(());
        };
        Err(Error::Faulty(vec![line]))
    }
}

impl<N: NextVolume> Read for VolumeStream<N> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(volume) = self.list.volumes.get(self.index) else {
                return Ok(0);
            };
            let mut current = match self.current.take() {
                Some(current) => current,
                None => {
                    let next = self.next.next(&self.list, self.index);
                    let (path, file) = next.map_err(io::Error::other)?;
                    Current {
                        path,
                        file,
                        left: volume.length,
                        hasher: Hasher::default(),
                    }
                }
            };
            let most = buffer
                .len()
                .min(usize::try_from(current.left).unwrap_or(usize::MAX));
            let count = current.file.read(&mut buffer[..most])?;
            current.hasher.update(&buffer[..count]);
            current.left -= count as u64;
            if count > 0 && current.left > 0 {
                self.current = Some(current);
                return Ok(count);
            }
            self.end(current).map_err(io::Error::other)?;
            if count > 0 {
                return Ok(count);
            }
        }
    }
}

impl<N> fmt::Debug for VolumeStream<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VolumeStream({}, {})", self.list.archive, self.index)
    }
}
