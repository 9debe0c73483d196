/*! Why a download gave nothing usable, as a short reason that reads on from the address. */

use std::time::Duration;

use net::{causes, proxy};
use schema::text::excerpt;

use super::NotPublic;

/// Why nothing usable came. The server's fault or the network's; where the user can mend it, the message says how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The connection broke.
    #[error("the connection was cut ({0})")]
    Cut(String),
    /// A stranger named it, and it is nothing to ask for a stranger.
    #[error(transparent)]
    NotPublic(#[from] NotPublic),
    /// HTML.
    #[error("answered with a web page")]
    Page,
    /// Round and round, or somewhere it must not go.
    #[error("{0}")]
    Redirect(&'static str),
    /// No byte for too long, or not all of them in time.
    #[error("no answer within {} seconds", .0.as_secs_f32())]
    Slow(Duration),
    /// Neither 200 nor 404.
    #[error("answered {0}")]
    Status(u16),
    /// Over the limit.
    #[error("has more than {}", size(*.0))]
    TooLarge(u64),
    /// No connection.
    #[error("cannot be reached ({0})")]
    Unreachable(String),
}

impl WebError {
    /// Whether the next request to the same server is not worth its wait.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::NotPublic(_) | Self::Slow(_) | Self::Unreachable(_)
        )
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
    }
}

/// Sorts what the HTTP library reports.
pub(super) fn failed(error: reqwest::Error) -> WebError {
    if let Some(reason) = causes::find::<NotPublic>(&error) {
        return reason.clone().into();
    }
    if let Some(reason) = error
        .url()
        .and_then(proxy::of)
        .and_then(|proxy| proxy.refusal(&error))
    {
        return WebError::Unreachable(reason);
    }
    let detail = excerpt(&causes::root(&error).to_string(), 200);
    match () {
        () if error.is_connect() && error.is_timeout() => WebError::Slow(super::CONNECT),
        () if error.is_connect() && detail.contains("certificate") => {
            let hint = "give the issuing CA with --ca-file, if it is to be trusted";
            WebError::Unreachable(format!("{detail}; {hint}"))
        }
        () if error.is_connect() => WebError::Unreachable(detail),
        () => WebError::Cut(detail),
    }
}
