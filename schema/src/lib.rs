/*!
The bundle format: what both sides of the gap agree on, and the smallest thing that can verify a bundle.

- [`digest`], [`name`], [`mod@reference`], [`platform`]: the words, parsed once at the edge and safe to use from there on.
- [`manifest`]: what an OCI or Docker manifest refers to; its bytes are never re-serialised.
- [`readings`], [`json`], [`spelling`]: documents that could be read in two ways; [`canonical`]: those that can be written in one only.
- [`bundle`]: the file that is carried across (described byte by byte in `schema/README.md`).
- [`output`]: everything that is written, on machines that others use too.
- [`text`]: what is shown to people, safe for terminals; [`progress`]: how far the work is.

No network, no async runtime and no command line: whoever only wants to know what a bundle is reads this crate alone.

# Verifying a bundle

The whole of it: the key that the producer handed over, the signature, then every byte against the signed list.

```
use std::{error::Error, fs, path::Path};

use schema::bundle::{self, Opened, PublicKey, TrustedKeys};

/// What is in the bundle, once every byte of it was checked.
fn verify(bundle: &Path, key: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let key = PublicKey::from_pem(&fs::read_to_string(key)?)?;
    // Without a signature by this very key there is no `Verified`, and nothing is read any further.
    let verified = Opened::path(bundle)?.verify(&TrustedKeys::new(vec![key])?)?;
    let mut listed = vec![format!("signed by key {}", verified.signer())];
    verified.into_contents().visit(|entry| {
        listed.push(format!("{} {}", entry.file.digest, entry.file.path));
        Ok::<(), bundle::Error>(())
    })?;
    Ok(listed)
}
# // A bundle of nothing but checksums, as the writer makes it.
# fn main() -> Result<(), Box<dyn Error>> {
#     use schema::bundle::{FORMAT, Index, SigningKey, Tape, TapeWriter};
#     let directory = tempfile::tempdir()?;
#     let (bundle, public) = (directory.path().join("a.tar"), directory.path().join("key.pub.pem"));
#     let index = serde_json::json!({
#         "format": FORMAT, "created": "2026-11-23T00:00:00Z", "creator": "an example",
#         "files": [], "images": [], "manifests": [], "objects": [], "assumes": [],
#     });
#     let (index, sums) = serde_json::from_value::<Index>(index)?.seal()?;
#     let key = SigningKey::generate()?;
#     fs::write(&public, key.public().to_pem()?)?;
#     let tape = Tape::sign(index, &key)?;
#     let mut writer = TapeWriter::create(fs::File::create(&bundle)?, &tape)?;
#     let placed = tape.placement(0).ok_or("no file")?;
#     writer.begin(&placed)?;
#     writer.write(&placed, &sums)?;
#     writer.end(&placed)?;
#     writer.finish()?;
#     let listed = verify(&bundle, &public)?;
#     assert!(listed[1].ends_with(" SHA256SUMS"), "{listed:?}");
#     // A byte behind the end, and nothing is listed.
#     fs::OpenOptions::new().append(true).open(&bundle).and_then(|mut file| std::io::Write::write_all(&mut file, b"x"))?;
#     assert!(verify(&bundle, &public).is_err());
#     Ok(())
# }
```
*/

pub mod bundle;
pub mod canonical;
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
