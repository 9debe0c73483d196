/*! Who vouches for a bundle: keys, the files that hold them, and the signature over the index. */

mod error;
mod key_file;
pub(crate) mod keys;
mod passphrase;

pub use error::KeyError;
pub use key_file::{read_key_file, read_secret_file};
pub use keys::{KeyId, PublicKey, Signature, SigningKey, TrustedKeys};
