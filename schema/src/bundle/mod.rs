/*!
The file that crosses the gap, byte for byte as `schema/README.md` describes it.

A signed [`Index`] stands first and names every file that follows, with size and digest. Together they fix the whole
tarball: [`Tape`] computes every header and offset from the index, [`TapeWriter`] puts them down, and the readers
generate what they expect and compare, so that nothing but the index is ever interpreted.

Trust is a type. [`Opened`] has read the head and believes nothing; [`Opened::verify`] with [`TrustedKeys`] gives
[`Verified`], the only thing whose [`Contents`] can be read.
*/

mod canonical;
mod decompress;
mod directory;
mod error;
mod header;
mod index;
mod index_bytes;
mod key_error;
mod keys;
mod open;
mod passphrase;
mod path;
mod random;
mod sequential;
mod sums;
mod tape;
mod unpack;
mod validate;
mod verifying;
mod weight;
mod writer;

pub use decompress::ZSTD_WINDOW_LOG;
pub use error::{Blame, Error};
pub use index::{
    Assumed, Attached, CREATED_FORMAT, FORMAT, File, Image, Index, Kind, ManifestRecord, Missing,
    ObjectRecord, Release, UpdateGraph,
};
pub use key_error::KeyError;
pub use keys::{KeyId, PublicKey, Signature, SigningKey, TrustedKeys};
pub use open::{Contents, INDEX_LIMIT, Opened, Unverified, Verified};
pub use passphrase::{read_key_file, read_secret_file};
pub use path::{BundlePath, ConfigPath, PathError};
pub use random::Random;
pub use sequential::{Entry, Sequential};
pub use tape::{Placement, SignError, Tape};
pub use unpack::Unpacking;
pub use verifying::Verifying;
pub use writer::TapeWriter;

/// The most a file below `config/` may hold: 16 MiB, ten times what a cluster takes as one object.
pub const CONFIG_LIMIT: u64 = 16 << 20;

/// The JSON Schema of `bundle.json`, as `schema/bundle.schema.json` holds it.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(Index)
}
