/*!
The bundle format: what both sides of the gap agree on, and the smallest thing that can verify a bundle.

- [`digest`], [`name`], [`mod@reference`], [`platform`]: the words, parsed once at the edge and safe to use from there on.
- [`manifest`]: what an OCI or Docker manifest refers to; its bytes are never re-serialised.
- [`readings`], [`json`], [`spelling`]: documents that could be read in two ways.
- [`bundle`]: the file that is carried across (described byte by byte in `schema/README.md`).
- [`output`]: everything that is written, on machines that others use too.
- [`text`]: what is shown to people, safe for terminals; [`progress`]: how far the work is.

No network, no async runtime and no command line: whoever only wants to know what a bundle is reads this crate alone.
*/

pub mod bundle;
pub mod digest;
pub mod json;
pub mod manifest;
pub mod name;
pub mod output;
pub mod platform;
pub mod progress;
pub mod readings;
pub mod reference;
pub mod spelling;
pub mod text;

/// The product, as servers, clusters and files on a machine know it. The programs are `bundler` and `importer`.
pub const PRODUCT: &str = "offline-bundle";

pub use digest::Digest;
pub use manifest::{Manifest, MediaType};
pub use name::{Repository, Tag};
pub use platform::Platform;
pub use progress::Progress;
pub use reference::{Reference, Selector};
