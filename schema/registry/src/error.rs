/*!
What can go wrong with a registry, sorted by who has to act: the user, the network, the registry, or the caller's bytes.

Whether another attempt can help is a property of the error ([`Error::is_transient`]), never read off its text.
*/

use std::{io, time::Duration};

use net::wait;
use schema::{Digest, text::excerpt};

/// The longest wait a `Retry-After` can impose; what asks for more is named to the user instead of being waited for.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// Why a registry could not be used. Each message names the host, and the repository and selector where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No way to log in was found, or the login was refused. The user's to mend.
    #[error("cannot log in to {host}: {detail}")]
    Auth {
        /// Registry host.
        host: String,
        /// What happened and what to do.
        detail: String,
    },
    /// A refusal that holds for every blob or manifest there, so that no more of them are sent in this run. The registry's
    /// operator's to mend.
    #[error("{target}: {detail}")]
    Closed {
        /// The host, or `HOST/REPOSITORY` if others there may still be written to.
        target: String,
        /// The reason that the registry gave, and what to do.
        detail: String,
    },
    /// A flag, a certificate file or a credentials file is wrong. The user's to mend.
    #[error("{0}")]
    Config(String),
    /// The connection broke or stalled. Another attempt may help.
    #[error(
        "{target}: the connection to {host} was cut or stalled ({detail}); check the network and run again"
    )]
    Cut {
        /// Registry host.
        host: String,
        /// What was being moved.
        target: String,
        /// The reason that the transport gave.
        detail: String,
    },
    /// 401 or 403 with what credentials there are. The user's to mend.
    #[error("{target}: access denied ({status}{detail}); {hint}")]
    Denied {
        /// What was asked for.
        target: String,
        /// 401 or 403.
        status: u16,
        /// The reason that the registry gave, empty or opening with `: `.
        detail: String,
        /// What to check.
        hint: &'static str,
    },
    /// The registry gave other content than was named. The registry's fault.
    #[error(
        "{target}: expected content {expected}, the registry gave {found}; the registry or a proxy altered it"
    )]
    Digest {
        /// What was asked for.
        target: String,
        /// The digest it must have.
        expected: Digest,
        /// The digest it has.
        found: Digest,
    },
    /// Any other refusal. The registry's; 408, 429 and 5xx may pass.
    #[error("{target}: the registry answered {status}{detail}{}", too_long(*retry_after))]
    Http {
        /// What was asked for.
        target: String,
        /// The status code.
        status: u16,
        /// The reason that the registry gave, empty or opening with `: `.
        detail: String,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// A tag exists with other content, and the registry does not let it move. The registry's operator's to decide.
    #[error(
        "{target}: the tag exists there as {found}, is to be {expected}, and the registry does not let it change ({reason}); \
         remove the tag there, let it be changed, or give the image another name with --map"
    )]
    Immutable {
        /// The tag.
        target: String,
        /// What it points to.
        found: Digest,
        /// What it should point to.
        expected: Digest,
        /// What the registry answered.
        reason: String,
    },
    /// 404 for something that has to be there. The user's to check.
    #[error("{target}: not found{detail}; {hint}")]
    NotFound {
        /// What was asked for.
        target: String,
        /// The reason that the registry gave, empty or opening with `: `.
        detail: String,
        /// What to check.
        hint: &'static str,
    },
    /// The answer is not what the distribution spec allows. The registry's fault, or it is no registry.
    #[error("{target}: {detail}")]
    Protocol {
        /// What was asked for.
        target: String,
        /// What was expected and found.
        detail: String,
    },
    /// The bytes to upload could not be read. The caller's own error, as it came out of its [`crate::BlobSource`].
    #[error(transparent)]
    Source(io::Error),
    /// The two sides do not trust each other. The user's to mend.
    #[error("no trusted connection to {host}: {detail}")]
    Tls {
        /// Host of the connection.
        host: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// More than anything real has. The registry's fault.
    #[error("{target}: {detail}")]
    TooMuch {
        /// What was asked for.
        target: String,
        /// What there is too much of, and how much would be taken.
        detail: String,
    },
    /// The registry wants an upload at another host, which was not allowed. The user's to decide.
    #[error(
        "{target}: the registry sends the upload to another host, {host}; if the image may go there, give --allow-upload-host {host}"
    )]
    UploadElsewhere {
        /// What was to be uploaded.
        target: String,
        /// `HOST[:PORT]` of the place.
        host: String,
    },
    /// Nobody answers there. The network's, or a wrong name.
    #[error("cannot reach {host}: {detail}")]
    Unreachable {
        /// Host of the connection.
        host: String,
        /// What is wrong and what to do.
        detail: String,
        /// Whether it may pass by itself.
        transient: bool,
    },
}

impl Error {
    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Cut { .. } => true,
            Self::Http {
                status,
                retry_after,
                ..
            } => {
                matches!(status, 408 | 429 | 500..=599)
                    && !matches!(status, 501 | 505 | 507)
                    && retry_after.is_none_or(|wait| wait <= LONGEST_WAIT)
            }
            Self::Unreachable { transient, .. } => *transient,
            _ => false,
        }
    }

    /// Whether there was an answer, and it did not give what was asked for. Where something else could be had from the
    /// same registry, neither the network nor the user's flags are to blame.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Auth { .. }
                | Self::Closed { .. }
                | Self::Denied { .. }
                | Self::Digest { .. }
                | Self::Http { .. }
                | Self::NotFound { .. }
                | Self::Protocol { .. }
        )
    }

    /// Whether the registry wants another login, or none that there is: 401 or 403.
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Auth { .. } | Self::Denied { .. } => true,
            Self::Http { status, .. } => matches!(status, 401 | 403),
            _ => false,
        }
    }

    /// Whether the server failed at it.
    pub(crate) fn is_server_error(&self) -> bool {
        matches!(
            self,
            Self::Http {
                status: 500..=599,
                ..
            }
        )
    }

    /// Says more where a request was refused.
    pub(crate) fn with_hint(mut self, hint: Option<&str>) -> Self {
        if let (Self::Http { detail, .. } | Self::Denied { detail, .. }, Some(hint)) =
            (&mut self, hint)
        {
            detail.push_str(hint);
        }
        self
    }

    /// The status of an answer that is a refusal.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Http { status, .. } | Self::Denied { status, .. } => Some(*status),
            Self::NotFound { .. } => Some(404),
            _ => None,
        }
    }

    /// How long the registry asked to wait, where it did.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Text from elsewhere, made fit for a message: one line of at most 200 characters.
pub(crate) fn clean(text: &str) -> String {
    excerpt(text, 200)
}

/// What to do where a registry wants to be left alone for longer than anybody waits.
pub(crate) fn too_long(retry_after: Option<Duration>) -> String {
    match retry_after.filter(|wait| *wait > LONGEST_WAIT) {
        Some(wait) => format!(
            "; it asks to be left alone for {}, and this program waits for {} at most: run it again after that",
            wait::spelled(wait),
            wait::spelled(LONGEST_WAIT)
        ),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let http = |status| Error::Http {
            target: String::new(),
            status,
            detail: String::new(),
            retry_after: None,
        };
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(http(status).is_transient(), "{status}");
        }
        for status in [400, 405, 409, 413, 501, 507] {
            assert!(!http(status).is_transient(), "{status}");
        }
    }
}
