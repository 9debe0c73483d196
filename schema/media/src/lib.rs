/*!
A bundle on media that are smaller than it is: cut into volumes, carried in any order, and joined without copying.

```text
size → cut → NAME.tar.001 …, NAME.volumes.json → find → set or stream → the tape
```

A volume is a contiguous part of the archive and nothing else, so that `cat` joins them. All that is known about them stands in
the [`volumes::VolumeList`], which whoever cut the archive has signed. The layers above read a [`volumes::VolumeSet`] as one
file, or a [`volumes::VolumeStream`] as one pipe, and cannot tell them apart from either.
*/

mod error;
pub mod recovery;
pub mod volumes;

pub use error::Error;
