/*! Who we are at a registry, kept so that neither a message nor a log line can show it. */

use std::fmt;

use zeroize::Zeroize as _;

/// A text that neither `Debug` nor any error shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What to show a registry or its token service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// User name and password.
    Basic(String, Secret),
    /// An OAuth2 refresh token, which is exchanged for access tokens.
    Identity(Secret),
}

/// `<token>` as a user name marks an identity token, in files as in helpers' answers.
pub(crate) fn basic(user: &str, password: &str) -> Credentials {
    match user {
        "<token>" => Credentials::Identity(Secret(password.to_owned())),
        user => Credentials::Basic(user.to_owned(), Secret(password.to_owned())),
    }
}
