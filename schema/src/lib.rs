/*!
What both sides of the gap agree on.

- [`digest`], [`name`], [`mod@reference`], [`platform`]: the words, parsed once at the edge and safe to use from there on.
- [`manifest`]: what an OCI or Docker manifest refers to; its bytes are never re-serialised.
- [`objects`]: Kubernetes documents, read as `kubectl` and any other program reads them.
- [`readings`]: documents of registries that could be read in two ways.
- [`output`]: everything that is written, on machines that others use too.
- [`bundle`]: the file that is carried across (described byte by byte in `schema/README.md`).
- [`causes`]: what is behind an error of a library.
- `proxy` (feature `registry`): which proxy the environment asks for.
- [`text`]: what is shown to people, safe for terminals.
- `registry` (feature `registry`): the OCI distribution client; `process`: programs that are asked for credentials.
- `cli` (feature `cli`): the flags, logging and exit codes that both programs share by contract.
*/

pub mod bundle;
pub mod causes;
#[cfg(feature = "cli")]
pub mod cli;
pub mod digest;
pub mod manifest;
pub mod name;
pub mod objects;
pub mod output;
pub mod platform;
#[cfg(feature = "registry")]
pub mod process;
pub mod progress;
#[cfg(feature = "registry")]
pub mod proxy;
pub mod readings;
pub mod reference;
#[cfg(feature = "registry")]
pub mod registry;
mod spelling;
pub mod text;

pub use digest::Digest;
pub use manifest::{Manifest, MediaType};
pub use name::{Repository, Tag};
pub use platform::Platform;
pub use progress::Progress;
pub use reference::{Reference, Selector};
