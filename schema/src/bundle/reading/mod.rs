/*! From bytes to belief, and from there to contents: whatever the medium, nothing but the signed index is interpreted. */

mod at;
mod decompress;
mod directory;
pub(crate) mod head;
mod open;
mod random;
mod sequential;
mod verifying;

pub use at::{ReadAt, ReadFrom};
pub use decompress::ZSTD_WINDOW_LOG;
pub use head::INDEX_LIMIT;
pub use open::{Contents, Opened, Unverified, Verified};
pub use random::Random;
pub use sequential::{Entry, Sequential};
pub use verifying::Verifying;
