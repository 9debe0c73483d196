/*!
The file that crosses the gap, byte for byte as `schema/README.md` describes it.

A signed [`Index`] stands first and names every file that follows, with size and digest. Together they fix the whole
tarball: [`Tape`] computes every header and offset from the index, [`TapeWriter`] puts them down, and the readers
generate what they expect and compare, so that nothing but the index is ever interpreted.

Trust is a type. [`Opened`] has read the head and believes nothing; [`Opened::verify`] with [`TrustedKeys`] gives
[`Verified`], the only thing whose [`Contents`] can be read.
*/

mod error;
mod index;
mod reading;
mod signing;
mod tape;
mod unpack;

pub use error::{Blame, Error};
pub use index::{
    Assumed, Attached, CREATED_FORMAT, FORMAT, File, FileKind, Image, Index, ManifestRecord,
    Missing, ObjectRecord, Release, UpdateGraph,
    checksums::{CHECKSUMS, checksums},
    path::{BundlePath, ConfigPath, PathError},
};
pub use reading::{
    Contents, Entry, INDEX_LIMIT, Opened, Random, ReadAt, ReadFrom, Sequential, Unverified,
    Verified, Verifying, ZSTD_WINDOW_LOG,
};
pub use signing::{
    KeyError, KeyId, PublicKey, Signature, SigningKey, TrustedKeys, read_key_file, read_secret_file,
};
pub use tape::{Placement, SignError, Tape, TapeWriter};
pub use unpack::Unpacking;

/// The most a file below `config/` may hold: 16 MiB, ten times what a cluster takes as one object.
pub const CONFIG_LIMIT: u64 = 16 << 20;

/// The JSON Schema of `bundle.json`, as `schema/bundle.schema.json` holds it.
#[cfg(feature = "json-schema")]
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(Index)
}
