/*!
OpenPGP, as far as release signatures need it: public keys, and messages signed inline.

The form of packets and messages is checked here, more narrowly than OpenPGP allows; parsing what is in them and all cryptography is
rPGP's.
*/

mod certificate;
mod error;
mod keyring;
mod message;
mod packets;

pub use error::{KeyringError, SignatureError};
pub use keyring::{Keyring, Signed};

pub use message::{MESSAGE_LIMIT, Message};
