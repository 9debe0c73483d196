/*! Parts of an archive, each as large as a medium takes. */

mod cut;
mod find;
mod list;
mod name;
mod set;
mod size;
mod stream;

pub use cut::{Cutter, companions};
pub use find::{Found, Source, is_whole};
pub use list::{FORMAT, Volume, VolumeList};
pub use name::{ArchiveName, VolumeName, width};
pub use set::VolumeSet;
pub use size::VolumeSize;
pub use stream::{NextVolume, VolumeStream};
